//! Keys of the config that say what cannot be changed while a platform stands.

use std::collections::BTreeMap;

use nic_core::document::child_pointer;
use nic_core::kind::SchemaNode;
use serde_json::Value;

/// What the immutable keys of these sections say, by RFC 6901 pointer. An absent key says what its schema has as the default.
pub fn immutable(schemas: &BTreeMap<String, Value>, sections: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (name, schema) in schemas {
        walk(SchemaNode::root(schema), sections.get(name), &child_pointer("", name), &mut found);
    }
    found
}

fn walk(schema: SchemaNode<'_>, said: Option<&Value>, pointer: &str, found: &mut BTreeMap<String, Value>) {
    let said = said.filter(|value| !value.is_null());
    if schema.annotations().immutable {
        found.insert(pointer.to_owned(), said.or(schema.default()).cloned().unwrap_or_default());
        return;
    }
    for (key, member) in schema.members() {
        walk(member, said.and_then(|value| value.get(key)), &child_pointer(pointer, key), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_is_the_default() {
        let kind = json!({"type": ["string", "null"], "default": "efs", "x-nic": {"immutable": true}});
        let size = json!({"type": "string"});
        let disk = json!({"properties": {"sort": {"$ref": "#/$defs/sort"}}});
        let schemas = BTreeMap::from([(
            "storage".to_owned(),
            json!({"properties": {"type": kind, "size": size, "disk": disk}, "$defs": {"sort": {"x-nic": {"immutable": true}}}}),
        )]);
        let said = |sections: Value| serde_json::to_value(immutable(&schemas, &sections)).unwrap();
        let defaults = json!({"/storage/type": "efs", "/storage/disk/sort": null});
        assert_eq!(said(json!({})), defaults);
        assert_eq!(said(json!({"storage": null})), defaults);
        assert_eq!(said(json!({"storage": {"type": null, "size": "1Gi", "disk": "what?"}})), defaults);
        let all = json!({"storage": {"type": "nfs", "disk": {"sort": {"$secret": "a"}}}});
        assert_eq!(said(all), json!({"/storage/type": "nfs", "/storage/disk/sort": {"$secret": "a"}}));
    }
}
