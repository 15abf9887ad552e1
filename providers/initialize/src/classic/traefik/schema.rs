//! Structural schemas in few words.

use serde_json::{Map, Value, json};

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// One of these texts.
pub(super) fn one_of(values: &[&str]) -> Value {
    json!({ "type": "string", "enum": values })
}

/// True or false.
pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// A whole number.
pub(super) fn whole() -> Value {
    json!({ "type": "integer" })
}

/// A port by number or name, a duration in seconds or with its unit.
pub(super) fn whole_or_text() -> Value {
    json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }], "x-kubernetes-int-or-string": true })
}

pub(super) fn list(items: Value) -> Value {
    let mut list = json!({ "type": "array" });
    list["items"] = items;
    list
}

/// Values by any key.
pub(super) fn map(values: Value) -> Value {
    let mut map = json!({ "type": "object" });
    map["additionalProperties"] = values;
    map
}

/// An object with whatever is in it, kept as it is.
pub(super) fn any_members() -> Value {
    json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// Whatever it is, kept as it is.
pub(super) fn anything() -> Value {
    json!({ "x-kubernetes-preserve-unknown-fields": true })
}

/// An object with these members.
pub(super) fn members(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let properties: Map<String, Value> = members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "properties": properties })
}

/// The same members, all of one type.
pub(super) fn alike(names: &[&'static str], schema: &Value) -> Vec<(&'static str, Value)> {
    names.iter().map(|&name| (name, schema.clone())).collect()
}

/// The object, whose members of these names must be there.
pub(super) fn required(mut object: Value, names: &[&str]) -> Value {
    object["required"] = json!(names);
    object
}

/// Another Traefik object by its name.
pub(super) fn reference() -> Value {
    required(members([("name", text()), ("namespace", text())]), &["name"])
}
