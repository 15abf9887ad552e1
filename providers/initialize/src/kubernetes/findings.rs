//! What is found while the section is read.

use nic_sdk::findings::Findings;
use serde_json::{Map, Value};

pub(super) fn wrong_type(found: &mut Findings, at: &str, expected: &str) {
    let detail = format!("`{at}` is not {expected}");
    found.error("VALUE_TYPE", "A value has the wrong type", detail, at);
}

/// A warning for every key that nobody reads.
pub(super) fn unknown_keys(found: &mut Findings, members: &Map<String, Value>, at: &str, known: &[&str]) {
    for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
        let detail = format!("`{key}` is not a key that is read here; it is ignored");
        let finding = found.warning("UNKNOWN_KEY", "A key is unknown", detail, &child(at, key));
        finding.hints.push(format!("keys read here: `{}`", known.join("`, `")));
    }
}

/// The pointer of a member.
pub(super) fn child(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The members of a map; none when it is absent, or something else, which is told.
pub(super) fn map<'a>(value: Option<&'a Value>, at: &str, found: &mut Findings) -> Option<&'a Map<String, Value>> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) => Some(members),
        Some(_) => {
            wrong_type(found, at, "a map");
            None
        }
    }
}

/// A text, as it was written or as YAML took it.
pub(super) fn text(value: &Value, at: &str, found: &mut Findings) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => {
            wrong_type(found, at, "text");
            None
        }
    }
}
