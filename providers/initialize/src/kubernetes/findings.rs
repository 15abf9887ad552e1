//! What is found while the section is read.

use nic_sdk::findings::Findings;
use nic_sdk::kit::wrong_type;
use serde_json::{Map, Value};

/// The members of a map; none when it is absent, or something else, which is told.
pub(super) fn map<'a>(value: Option<&'a Value>, at: &str, found: &mut Findings) -> Option<&'a Map<String, Value>> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) => Some(members),
        Some(_) => {
            wrong_type(at, "a map", found);
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
            wrong_type(at, "text", found);
            None
        }
    }
}
