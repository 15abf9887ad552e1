//! What becomes of each attribute of each kind when it is edited, taken out of the config, or changed by somebody else: the schemas'
//! annotations decide it, the host's diff reads them, and the golden table shows it.

use std::fmt::Write as _;

use nic_core::diff::{Truths, differences};
use nic_provider_aws::Aws;
use nic_sdk::description::Kind;
use nic_sdk::provider::Provider;
use serde_json::{Map, Value, json};

/// One attribute that the config can decide, and the two values it is given.
struct Attribute {
    /// Members from the root of the document.
    path: Vec<String>,
    required: bool,
    before: Value,
    after: Value,
}

impl Attribute {
    fn pointer(&self) -> String {
        self.path.iter().fold(String::new(), |pointer, member| pointer + "/" + member)
    }
}

/// The attributes of an object's schema that are not the cloud's to fill in; those of an object within it one by one.
fn attributes(schema: &Value, above: &[String]) -> Vec<Attribute> {
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let properties = schema["properties"].as_object().expect("a document is an object with properties");
    let mut found = Vec::new();
    for (name, property) in properties.iter().filter(|(_, property)| property["x-nic"]["computed"] != true) {
        let path = [above, std::slice::from_ref(name)].concat();
        if property["properties"].is_object() {
            found.extend(attributes(property, &path));
        } else {
            let (before, after) = values(property);
            found.push(Attribute { path, required: required(name), before, after });
        }
    }
    found
}

/// Two values that are different to the schema.
fn values(schema: &Value) -> (Value, Value) {
    if let Some([before, after, ..]) = schema["enum"].as_array().map(Vec::as_slice) {
        return (before.clone(), after.clone());
    }
    match (schema["type"].as_str(), schema["x-nic"]["normalise"].as_str()) {
        (_, Some("cidr")) => (json!("10.0.0.0/16"), json!("10.1.0.0/16")),
        (_, Some("policy")) => (json!(r#"{"a": 1}"#), json!(r#"{"a": 2}"#)),
        (_, Some("at-least")) => (json!("v1.12.4-eksbuild.9"), json!("v1.12.4-eksbuild.10")),
        (_, Some("version")) => (json!("1.33"), json!("1.34")),
        (Some("string"), None) => (json!("before"), json!("after")),
        (Some("integer"), None) => (json!(1), json!(2)),
        (Some("boolean"), None) => (json!(false), json!(true)),
        (Some("array"), None) => {
            let (before, after) = values(&schema["items"]);
            (json!([before]), json!([after]))
        }
        (Some("object"), None) if schema["properties"].is_object() => {
            let all = attributes(schema, &[]);
            let one = |pick: fn(&Attribute) -> &Value| -> Value {
                all.iter().map(|a| (a.path.join("/"), pick(a).clone())).collect::<Map<_, _>>().into()
            };
            (one(|a| &a.before), one(|a| &a.after))
        }
        (Some("object"), None) => {
            let (before, after) = values(&schema["additionalProperties"]);
            (json!({ "key": before }), json!({ "key": after }))
        }
        other => panic!("no values for {other:?}: {schema}"),
    }
}

/// The document with every attribute before it is changed.
fn whole(attributes: &[Attribute]) -> Value {
    let mut document = json!({});
    for attribute in attributes {
        put(&mut document, attribute, Some(&attribute.before));
    }
    document
}

/// Sets the attribute, or takes it out.
fn put(document: &mut Value, attribute: &Attribute, value: Option<&Value>) {
    let (last, above) = attribute.path.split_last().expect("a path has a member");
    let mut place = document;
    for member in above {
        let members = place.as_object_mut().expect("an object");
        place = members.entry(member).or_insert_with(|| json!({}));
    }
    let members = place.as_object_mut().expect("an object");
    match value {
        Some(value) => drop(members.insert(last.clone(), value.clone())),
        None => drop(members.remove(last)),
    }
}

/// What a plan does about it.
fn action(kind: &Kind, truths: Truths<'_>) -> &'static str {
    let changes = differences(&kind.schema, truths);
    assert!(changes.len() <= 1, "{}: one attribute is changed, and these differ: {changes:?}", kind.kind);
    match changes.first() {
        None => "left alone",
        Some(change) if !change.forces_replace => "updated",
        // Unless it is confirmed by name, the plan is refused.
        Some(_) if kind.protected => "replaced once confirmed",
        Some(_) => "replaced",
    }
}

#[test]
fn every_attribute_of_every_kind_changed_once() {
    let mut table = String::new();
    for kind in Aws::describe().kinds {
        let _ = writeln!(table, "{}", kind.kind);
        let attributes = attributes(&kind.schema, &[]);
        let plain = whole(&attributes);
        for attribute in &attributes {
            let with = |value: Option<&Value>| {
                let mut document = plain.clone();
                put(&mut document, attribute, value);
                document
            };
            let (changed, without) = (with(Some(&attribute.after)), with(None));
            let edited = action(&kind, Truths { desired: &changed, baseline: &plain, observed: &plain });
            let drifted = action(&kind, Truths { desired: &plain, baseline: &plain, observed: &changed });
            let removed = if attribute.required {
                "required"
            } else {
                action(&kind, Truths { desired: &without, baseline: &plain, observed: &plain })
            };
            let _ = writeln!(
                table,
                "  {:<28} edited: {edited:<24} removed: {removed:<24} changed by others: {drifted}",
                attribute.pointer()
            );
        }
    }
    insta::assert_snapshot!(table);
}
