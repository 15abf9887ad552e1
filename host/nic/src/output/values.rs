//! What resources are going to be, and what differs, in a terminal: values in words, cut to fit a line.

use std::fmt::Write as _;

use anstyle::Style;
use nic_core::diff::AttributeChange;
use nic_core::document::{canonical, child_pointer, hidden_words, is_mark, is_unknown, pointer_token, unescape_key};
use nic_sandbox::guest_text::line;
use serde_json::Value;

use super::wrap;

/// Longest value that is shown, in characters.
const MAX_VALUE: usize = 60;

/// Where values stand below the name of what they are of.
const INDENT: usize = 8;

/// Most lines of one resource among which people look for what matters.
const TELLING_LINES: usize = 3;

/// Most lines of one resource where all of it is asked for. The definition of a type in Kubernetes alone has thousands.
const MAX_LINES: usize = 60;

/// How deep a member may stand to be told without being asked for: `scaling_config.min_size`, `metadata.name`.
const TELLING_DEPTH: usize = 2;

/// Members that say what people want to know of a thing before they pay for it, in the order in which they are shown.
const TELLING: [&str; 19] = [
    "name",
    "region",
    "location",
    "cidr",
    "cidr_block",
    "availability_zone",
    "zone",
    "version",
    "instance_type",
    "instance_types",
    "machine_type",
    "vm_size",
    "capacity_type",
    "size",
    "disk_size",
    "min_size",
    "max_size",
    "throughput_mode",
    "replicas",
];

const DIM: Style = Style::new().dimmed();

/// `scaling_config.max_size` for `/scaling_config/max_size`.
pub(super) fn path(pointer: &str) -> String {
    // Documents are kept escaped.
    let tokens = pointer.split('/').skip(1).map(|token| unescape_key(&pointer_token(token)).to_owned());
    line(&tokens.collect::<Vec<_>>().join("."))
}

/// A value of a difference, cut to fit a line; secrets are not shown.
pub(super) fn shown(difference: &AttributeChange, value: &Value) -> String {
    let sensitive = difference.sensitive && !value.is_null() && hidden_words(value).is_none();
    if sensitive { "(sensitive)".to_owned() } else { text(value) }
}

/// A value, cut to fit a line. What may not be shown, and what is known only later, is told in words.
pub(super) fn text(value: &Value) -> String {
    let mut whole = String::new();
    match value {
        Value::Null => whole.push_str("(none)"),
        Value::String(text) if !text.is_empty() => whole.push_str(text),
        other => write(other, &mut whole),
    }
    // What comes from a guest or a cloud is shown, never obeyed.
    let safe = line(&whole);
    if safe.chars().count() > MAX_VALUE {
        let cut: String = safe.chars().take(MAX_VALUE - 1).collect();
        return format!("{cut}…");
    }
    safe
}

/// As JSON, with words in the place of marks.
fn write(value: &Value, out: &mut String) {
    match value {
        mark if is_mark(mark) => {
            let words = match (hidden_words(mark), is_unknown(mark)) {
                (Some(words), _) => words,
                (None, true) => "known after apply",
                (None, false) => "sensitive",
            };
            let _ = write!(out, "({words})");
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                let _ = write!(out, "{}{}:", if index > 0 { "," } else { "" }, Value::from(unescape_key(key)));
                write(member, out);
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(element, out);
            }
            out.push(']');
        }
        leaf => out.push_str(&canonical(leaf)),
    }
}

/// A member that tells much of what it is of.
struct Telling<'a> {
    /// Among [`TELLING`], and how deep it stands.
    place: (usize, usize),
    pointer: String,
    value: &'a Value,
}

/// The few values that say most of a resource, in few lines. A name that is that of its address says nothing new.
pub(super) fn telling(values: &Value, name: &str) -> String {
    let mut found = Vec::new();
    collect(values, "", 1, &mut found);
    found.sort_by_key(|telling| telling.place);
    // One of each: that which stands highest.
    found.dedup_by_key(|telling| telling.place.0);
    let mut lines = vec![String::new()];
    for Telling { pointer, value, .. } in found.iter().filter(|telling| telling.value.as_str() != Some(name)) {
        let pair = format!("{DIM}{}:{DIM:#} {}", path(pointer), text(value));
        let (last, taken) = (lines.len() - 1, lines.last().map_or(0, |line| wrap::width(line)));
        if taken == 0 {
            lines[last] = pair;
        } else if INDENT + taken + 2 + wrap::width(&pair) <= wrap::WIDTH {
            let _ = write!(lines[last], "  {pair}");
        } else if lines.len() < TELLING_LINES {
            lines.push(pair);
        }
    }
    let mut text = String::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "{:INDENT$}{line}", "");
    }
    text
}

fn collect<'a>(value: &'a Value, pointer: &str, depth: usize, found: &mut Vec<Telling<'a>>) {
    for (key, member) in value.as_object().filter(|_| !is_mark(value)).into_iter().flatten() {
        let pointer = child_pointer(pointer, key);
        let is_short = match member {
            Value::Null => false,
            Value::Object(_) => is_mark(member),
            Value::Array(elements) => !elements.is_empty() && !elements.iter().any(Value::is_object),
            _ => true,
        };
        match TELLING.iter().position(|telling| telling == key) {
            Some(order) if is_short => found.push(Telling { place: (order, depth), pointer, value: member }),
            _ if depth < TELLING_DEPTH => collect(member, &pointer, depth + 1, found),
            _ => {}
        }
    }
}

/// Every value, a line each.
pub(super) fn all(values: &Value) -> String {
    let mut lines = Vec::new();
    flatten(values, "", &mut lines);
    let left = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    let mut text: String = lines.concat();
    if left > 0 {
        let _ = writeln!(text, "{:INDENT$}{DIM}and {left} more, which `--format json` shows{DIM:#}", "");
    }
    text
}

/// What fits a line is one; anything else is taken apart.
fn flatten(value: &Value, pointer: &str, lines: &mut Vec<String>) {
    let fits = || {
        let mut whole = String::new();
        write(value, &mut whole);
        whole.chars().count() <= MAX_VALUE
    };
    match value {
        Value::Null => {}
        Value::Object(members) if pointer.is_empty() || !(is_mark(value) || fits()) => {
            members.iter().for_each(|(key, member)| flatten(member, &child_pointer(pointer, key), lines));
        }
        Value::Array(elements) if !fits() => {
            let place = |index: usize| child_pointer(pointer, &index.to_string());
            elements.iter().enumerate().for_each(|(index, element)| flatten(element, &place(index), lines));
        }
        _ => {
            let (path, text) = (path(pointer), text(value));
            let room = wrap::WIDTH.saturating_sub(INDENT + 2 + wrap::width(&path));
            let between = if wrap::width(&text) <= room { " ".to_owned() } else { format!("\n{:1$}", "", INDENT + 4) };
            lines.push(format!("{:INDENT$}{DIM}{path}:{DIM:#}{between}{text}\n", ""));
        }
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        strip_str(text).to_string().lines().map(|line| line.trim_start().to_owned()).collect()
    }

    #[test]
    fn a_few_values_say_most_of_a_resource() {
        let group = json!({
            "name": "general", "cluster_name": "my-nebari-dev", "version": { "$unknown": "aws.cluster.main#/version" },
            "instance_types": ["m5.2xlarge"], "capacity_type": "ON_DEMAND", "disk_size": 200,
            "scaling_config": { "min_size": 1, "max_size": 5 }, "labels": { "name": "no" }, "tags": { "Owner": "terraform" },
        });
        let shown = [
            "version: (known after apply)  instance_types: [\"m5.2xlarge\"]",
            "capacity_type: ON_DEMAND  disk_size: 200  scaling_config.min_size: 1",
            "scaling_config.max_size: 5",
        ];
        assert_eq!(lines(&telling(&group, "general")), shown);
        assert!(telling(&json!({ "vpc_id": { "$unknown": "a.b.c#/id" } }), "main").is_empty());
        let object = json!({ "metadata": { "name": "long", "labels": {} }, "roleRef": { "name": "other" } });
        assert_eq!(lines(&telling(&object, "short")), ["metadata.name: long"]);
    }

    #[test]
    fn every_value_has_a_line_and_what_is_long_is_cut() {
        let values = json!({
            "name": "a", "policy": "x".repeat(500), "id": { "$unknown": "a.b.c#/id" }, "key": { "$hidden": "sensitive" },
            "subnets": [{ "$unknown": "a.b.c#/id" }, "subnet-1"], "$$ref": "kept", "nothing": null, "tags": {}, "empty": "",
            "token": { "$secret": "section/token" },
            "ingress": [{ "protocol": "-1", "cidr": "10.0.0.0/16", "description": "from everywhere in the network, any port" }],
        });
        let shown = [
            "$ref: kept",
            "empty: \"\"",
            "id: (known after apply)",
            "ingress.0.cidr: 10.0.0.0/16",
            "ingress.0.description: from everywhere in the network, any port",
            "ingress.0.protocol: -1",
            "key: (sensitive)",
            "name: a",
            &format!("policy: {}…", "x".repeat(MAX_VALUE - 1)),
            "subnets: [(known after apply),\"subnet-1\"]",
            "tags: {}",
            "token: (sensitive)",
        ];
        assert_eq!(lines(&all(&values)), shown);
        let many: serde_json::Map<_, _> = (0..100).map(|index| (format!("k{index}"), json!(index))).collect();
        let shown = lines(&all(&many.into()));
        assert_eq!(shown.len(), MAX_LINES + 1);
        assert_eq!(shown[MAX_LINES], "and 40 more, which `--format json` shows");
    }

    proptest! {
        /// Whatever a guest writes, a terminal gets lines of our own.
        #[test]
        fn no_value_moves_a_cursor(
            key in "[ -~\u{1b}\u{7}\n\r\u{202e}é]{1,20}",
            value in "[ -~\u{1b}\u{9b}\n\r\u{202e}日]{0,100}",
        ) {
            let document = nic_core::document::escape(json!({ &key: value, "name": value, "in": { &key: [value] } }));
            for shown in [all(&document), telling(&document, "other")] {
                let shown = shown.replace(&DIM.to_string(), "").replace(&format!("{DIM:#}"), "");
                prop_assert!(shown.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{shown:?}");
                prop_assert!(shown.lines().all(|line| line.starts_with(&" ".repeat(INDENT))), "{shown:?}");
            }
        }
    }
}
