//! What a resource is going to be, as far as that may be shown.

use serde_json::Value;

use crate::document::{hidden, is_mark};
use crate::kind::{Kind, SchemaNode};

/// Schemas of one place that are asked whether it is sensitive. They are hostile input, and each may have alternatives of its own.
const MAX_PLACES: usize = 64;

/// The document with a mark in the place of whatever its schema calls sensitive. References to secrets are marks already.
pub(super) fn shown(kind: &Kind, document: &Value) -> Value {
    masked(&alternatives([SchemaNode::root_for(&kind.schema, document)]), document)
}

fn alternatives<'a>(places: impl IntoIterator<Item = SchemaNode<'a>>) -> Vec<SchemaNode<'a>> {
    // A place that the schema itself does not name may be one that a condition adds.
    let all = |place: SchemaNode<'a>| {
        let found = place.alternatives();
        if found.is_empty() { vec![place] } else { found }
    };
    places.into_iter().flat_map(all).take(MAX_PLACES).collect()
}

fn masked(places: &[SchemaNode<'_>], value: &Value) -> Value {
    if value.is_null() || is_mark(value) {
        return value.clone();
    }
    if places.iter().any(|place| place.annotations().sensitive) {
        return hidden("sensitive");
    }
    match value {
        Value::Object(members) => {
            let member = |(key, member): (&String, &Value)| {
                (key.clone(), masked(&alternatives(places.iter().map(|place| place.member(key))), member))
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(elements) => {
            let places = alternatives(places.iter().map(|place| place.items()));
            Value::Array(elements.iter().map(|element| masked(&places, element)).collect())
        }
        leaf => leaf.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_sensitive_by_any_of_its_schemas_is_not_shown() {
        let sensitive = json!({ "x-nic": { "sensitive": true } });
        let kind: Kind = serde_json::from_value(json!({
            "kind": "x.thing", "title": "Thing", "schema_version": 1, "state_path": "cloud.things[]",
            "time_limits": { "create": 1, "update": 1, "delete": 1 }, "create": "named",
            "schema": {
                "properties": {
                    "password": sensitive,
                    "users": { "items": { "anyOf": [
                        { "type": "string" },
                        { "properties": { "key": { "$ref": "#/$defs/key" } } },
                    ] } },
                    "login": { "x-nic": { "sensitive": true }, "properties": { "name": {} } },
                    "by_name": { "additionalProperties": sensitive },
                },
                "$defs": { "key": sensitive },
                "allOf": [{
                    "if": { "properties": { "sort": { "const": "secret" } } },
                    "then": { "properties": { "data": sensitive } },
                }],
            },
        }))
        .unwrap();
        let document = json!({
            "sort": "secret", "size": 1, "password": "PLANTED", "login": { "name": "PLANTED" }, "by_name": { "a": "PLANTED" },
            "users": ["me", { "name": "you", "key": "PLANTED" }], "data": { "a": "PLANTED" },
            "later": { "$unknown": "x.thing.a#/id" }, "token": { "$secret": "section/token" },
        });
        let hidden = json!({ "$hidden": "sensitive" });
        assert_eq!(
            shown(&kind, &document),
            json!({
                "sort": "secret", "size": 1, "password": hidden, "login": hidden, "by_name": { "a": hidden },
                "users": ["me", { "name": "you", "key": hidden }], "data": hidden,
                "later": { "$unknown": "x.thing.a#/id" }, "token": { "$secret": "section/token" },
            })
        );
        assert_eq!(shown(&kind, &json!({ "password": null }))["password"], json!(null));
    }

    #[test]
    fn a_schema_that_branches_at_every_step_ends() {
        let branches: Vec<Value> = (0..64).map(|_| json!({ "$ref": "#" })).collect();
        let schema = json!({ "properties": { "a": { "anyOf": branches } }, "anyOf": branches });
        let kind: Kind = serde_json::from_value(json!({
            "kind": "x.thing", "title": "Thing", "schema_version": 1, "state_path": "cloud.things[]", "schema": schema,
            "time_limits": { "create": 1, "update": 1, "delete": 1 }, "create": "named",
        }))
        .unwrap();
        let deep = (0..60).fold(json!(1), |within, _| json!({ "a": within }));
        assert_eq!(shown(&kind, &deep), deep);
    }
}
