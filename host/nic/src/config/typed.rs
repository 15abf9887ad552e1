//! Scalars typed by the section's schema: `1.30` is a version where the schema says string, a number where it says number. What each
//! then is, see [`scalar`].

use nic_core::document::child_pointer;
use nic_core::kind::SchemaNode;
use serde_json::{Map, Value};

use super::floor::{is_sealed, is_sealed_section};
use super::scalar::scalar;
use super::yaml::{Node, NodeValue};

/// How many schemas of one place are looked at. Schemas are hostile input.
const MAX_PLACES: usize = 64;

/// A secret that was taken out of a section: its name, and its value.
pub type Secret = (String, String);

/// The section as JSON. Secret leaves (marked so by the schema, known as such, or given by the environment where the schema says nothing) become
/// `$secret` references named by their pointer, and their values are added to `secrets`. A blank one hides nothing and stays as it is, so that whoever
/// needs it can tell that it is missing.
pub fn typed(node: &Node, schema: &Value, pointer: &str, trusted: bool, secrets: &mut Vec<Secret>) -> Value {
    walk(node, &SchemaNode::root(schema).alternatives(), pointer, (false, trusted), secrets)
}

/// `places` is what holds here by any alternative of the schema: which of them is meant shows only when the value is whole.
fn walk(
    node: &Node,
    places: &[SchemaNode<'_>],
    pointer: &str,
    (inherited, trusted): (bool, bool),
    secrets: &mut Vec<Secret>,
) -> Value {
    let types: Vec<&str> = places.iter().flat_map(|place| place.types()).collect();
    // A place that is known to be none for secrets takes a variable's value as if it stood in the file.
    let secret = inherited
        || places.iter().any(|place| place.annotations().sensitive)
        || is_sealed(pointer)
        || matches!(node.value, NodeValue::Scalar { .. }) && is_sealed_section(pointer)
        || node.secret && (!trusted || types.is_empty());
    match &node.value {
        NodeValue::Scalar { text, .. } if secret && !node.is_null() && !text.trim().is_empty() => {
            let name = pointer.trim_start_matches('/').to_owned();
            secrets.push((name.clone(), text.clone()));
            nic_core::document::secret(&name)
        }
        NodeValue::Scalar { text, plain } => scalar(text, *plain, &types),
        NodeValue::Sequence(elements) => {
            let places = below(places, SchemaNode::items);
            let elements = elements.iter().enumerate().map(|(i, element)| {
                walk(element, &places, &child_pointer(pointer, &i.to_string()), (secret, trusted), secrets)
            });
            Value::Array(elements.collect())
        }
        NodeValue::Mapping(entries) => {
            let members = entries.iter().map(|(key, member)| {
                let below_key = child_pointer(pointer, &key.text);
                // A literal `$` key of a user must not read as a reference.
                let name = if key.text.starts_with('$') { format!("${}", key.text) } else { key.text.clone() };
                let places = below(places, |place| place.member(&key.text));
                (name, walk(member, &places, &below_key, (secret, trusted), secrets))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

fn below<'a>(places: &[SchemaNode<'a>], step: impl Fn(SchemaNode<'a>) -> SchemaNode<'a>) -> Vec<SchemaNode<'a>> {
    places.iter().flat_map(|&place| step(place).alternatives()).take(MAX_PLACES).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::yaml::parse;
    use super::*;

    #[test]
    fn the_schema_decides_what_a_scalar_is() {
        let schema = json!({"properties": {
            "version": {"type": ["string", "null"]},
            "count": {"type": "integer"},
            "on": {"type": "boolean"},
            "password": {"type": "string", "x-nic": {"sensitive": true}},
        }});
        let node =
            parse("version: 1.30\ncount: 5\non: true\npassword: hunter2\nfree: 1.5\nquoted: '1'\nnothing:\n").unwrap();
        let mut secrets = Vec::new();
        let value = typed(&node, &schema, "/aws", true, &mut secrets);
        assert_eq!(
            value,
            json!({"version": "1.30", "count": 5, "on": true, "password": {"$secret": "aws/password"}, "free": 1.5,
                   "quoted": "1", "nothing": null})
        );
        assert_eq!(secrets, [("aws/password".to_owned(), "hunter2".to_owned())]);
    }

    #[test]
    fn text_stays_text_in_every_alternative() {
        let taint = json!({"type": "object", "properties": {"value": {"type": ["string", "null"]}}});
        let schema = json!({"properties": {
            "taints": {"items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/taint"}]}},
            "kind": {"enum": ["1.10", "1.20"]},
            "token": {"oneOf": [{"type": "null"}, {"type": "string", "x-nic": {"sensitive": true}}]},
        }, "$defs": {"taint": taint}});
        let text = "taints: [{key: 1.10, value: 1.10}, {value: 007}, {value: null}, {value: true}, a:NoSchedule]\nkind: 1.10\ntoken: 007\n";
        let mut secrets = Vec::new();
        let value = typed(&parse(text).unwrap(), &schema, "/a", true, &mut secrets);
        assert_eq!(
            value["taints"],
            json!([{"key": 1.1, "value": "1.10"}, {"value": "007"}, {"value": null}, {"value": "true"}, "a:NoSchedule"])
        );
        assert_eq!((&value["kind"], &value["token"]), (&json!("1.10"), &json!({"$secret": "a/token"})));
        assert_eq!(secrets, [("a/token".to_owned(), "007".to_owned())]);
    }

    #[test]
    fn a_blank_secret_is_none() {
        let schema = json!({"properties": {"key": {"type": ["string", "null"], "x-nic": {"sensitive": true}}}});
        for blank in ["key: ''\n", "key: '  '\n"] {
            let mut secrets = Vec::new();
            let value = typed(&parse(blank).unwrap(), &schema, "/a", true, &mut secrets);
            assert!(value["key"].as_str().is_some_and(|text| text.trim().is_empty()), "{value}");
            assert_eq!(secrets, []);
        }
    }

    #[test]
    fn no_schema_opens_what_is_known_to_be_secret() {
        let schema = json!({"properties": {"keycloak": {"properties": {"initial_root_password": {"type": "string"}}}}});
        let node = parse("keycloak:\n  initial_root_password: hunter2\n").unwrap();
        let mut secrets = Vec::new();
        let value = typed(&node, &schema, "/security", true, &mut secrets);
        let name = "security/keycloak/initial_root_password";
        assert_eq!(value, json!({"keycloak": {"initial_root_password": {"$secret": name}}}));
        assert_eq!(secrets, [(name.to_owned(), "hunter2".to_owned())]);
    }

    #[test]
    fn no_schema_of_a_stranger_opens_what_a_variable_set() {
        let mut node = parse("token: x\n").unwrap();
        if let NodeValue::Mapping(entries) = &mut node.value {
            entries[0].1.secret = true;
        }
        let schema = json!({"properties": {"token": {"type": "string"}}});
        let seen = |trusted| typed(&node, &schema, "/custom", trusted, &mut Vec::new());
        assert_eq!(seen(false), json!({"token": {"$secret": "custom/token"}}));
        assert_eq!(seen(true), json!({"token": "x"}));
    }

    #[test]
    fn everything_below_an_override_is_secret() {
        let mut node = parse("a:\n  b: 1\n").unwrap();
        if let NodeValue::Mapping(entries) = &mut node.value {
            entries[0].1.secret = true;
        }
        let mut secrets = Vec::new();
        assert_eq!(typed(&node, &json!({}), "", true, &mut secrets), json!({"a": {"b": {"$secret": "a/b"}}}));
    }
}
