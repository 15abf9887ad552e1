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

trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}
