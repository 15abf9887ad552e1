//! Just enough XML: answers of form services as JSON values, and cutting items out of a set.

use anyhow::{Context, Result};
use roxmltree::{Document, Node};
use serde_json::{Map, Value};

/// The root element's children as a JSON value: `item` and `member` lists are arrays, leaves are strings.
pub(crate) fn to_json(text: &str) -> Result<Value> {
    let document = Document::parse(text).with_context(|| format!("read the emulator's XML: {text}"))?;
    Ok(value(document.root_element()))
}

fn value(node: Node<'_, '_>) -> Value {
    let children: Vec<Node<'_, '_>> = node.children().filter(Node::is_element).collect();
    if children.is_empty() {
        return Value::String(node.text().unwrap_or_default().to_owned());
    }
    if children.iter().all(|child| matches!(child.tag_name().name(), "item" | "member")) {
        return Value::Array(children.into_iter().map(value).collect());
    }
    let fields: Map<String, Value> =
        children.into_iter().map(|child| (child.tag_name().name().to_owned(), value(child))).collect();
    Value::Object(fields)
}

/// The text without those items of `set` whose `key` element is one of `gone`.
pub(crate) fn without_items(text: &str, set: &str, key: &str, gone: &[String]) -> Result<String> {
    let document = Document::parse(text).context("read the emulator's XML")?;
    let mut kept = text.to_owned();
    let items = document.descendants().filter(|node| {
        node.has_tag_name_local("item") && node.parent().is_some_and(|parent| parent.has_tag_name_local(set))
    });
    let mut ranges: Vec<_> = items
        .filter(|item| {
            item.children().any(|child| {
                child.has_tag_name_local(key)
                    && child.text().is_some_and(|id| gone.iter().any(|other| other == id.trim()))
            })
        })
        .map(|item| item.range())
        .collect();
    // From the end, so that the ranges before stay right.
    ranges.sort_by_key(|range| std::cmp::Reverse(range.start));
    for range in ranges {
        kept.replace_range(range, "");
    }
    Ok(kept)
}

/// The text with other members in the items of `set`: each replacement names an item by its `key` element, the member, and
/// what stands there instead.
pub(crate) fn with_members(
    text: &str,
    set: &str,
    key: &str,
    replacements: &[(String, &str, String)],
) -> Result<String> {
    let document = Document::parse(text).context("read the emulator's XML")?;
    let items = document.descendants().filter(|node| {
        node.has_tag_name_local("item") && node.parent().is_some_and(|parent| parent.has_tag_name_local(set))
    });
    let mut edits = Vec::new();
    for item in items {
        let member = |name: &str| item.children().find(|child| child.has_tag_name_local(name));
        let Some(id) = member(key).and_then(|node| node.text()).map(str::trim) else { continue };
        for (_, name, instead) in replacements.iter().filter(|(of, ..)| of == id) {
            if let Some(node) = member(name) {
                edits.push((node.range(), instead));
            }
        }
    }
    // From the end, so that the ranges before stay right.
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut changed = text.to_owned();
    for (range, instead) in edits {
        changed.replace_range(range, instead);
    }
    Ok(changed)
}

trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}
