//! JSON Schemas of providers: hostile input, compiled under rules that let each check end in bounded time.
//!
//! Draft 2020-12, self-contained: references are local pointers and never lead back to where they came from, so the schema is
//! a finite tree whose size is bounded; patterns run on an engine whose time is linear in the text.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use nic_core::document::{canonical, child_pointer};
use serde_json::{Map, Value};

use super::guest_text::line;

/// The text of one schema.
pub const MAX_SCHEMA_BYTES: usize = 256 * 1024;
/// Subschemas once all references are followed. Without this bound, thirty references can mean a billion checks.
pub const MAX_SUBSCHEMAS: usize = 20_000;
/// How deep subschemas stand in each other once references are followed; each level takes stack here and in the validator.
const MAX_WALK_DEPTH: usize = 96;
/// Patterns are compiled into automata; a repetition count can make a short one huge.
const MAX_PATTERN_PROGRAM_BYTES: usize = 1024 * 1024;
/// Told violations of one document.
const MAX_VIOLATIONS: usize = 50;

/// Keywords that reach outside, or change what a reference means.
const FORBIDDEN: &[&str] =
    &["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"];

/// A schema that may be used.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
}

impl Schema {
    /// Checks the rules and compiles.
    ///
    /// # Errors
    /// A sentence on what is wrong.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        let bytes = canonical(schema).len();
        if bytes > MAX_SCHEMA_BYTES {
            return Err(format!("it has {bytes} bytes; at most {MAX_SCHEMA_BYTES} are allowed"));
        }
        if nic_core::document::too_deep(schema) {
            return Err("it nests too deep".to_owned());
        }
        let mut left = MAX_SUBSCHEMAS;
        walk(schema, schema, &mut Vec::new(), &mut left, MAX_WALK_DEPTH)?;
        let patterns =
            PatternOptions::regex().size_limit(MAX_PATTERN_PROGRAM_BYTES).dfa_size_limit(MAX_PATTERN_PROGRAM_BYTES);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(patterns)
            .offline()
            .build(schema)
            .map_err(|error| line(&error.masked().to_string()))?;
        Ok(Self { validator })
    }

    /// What is wrong with a document in escaped form: a pointer and a sentence each.
    ///
    /// Secret references always stand for values that are not here; with `partial`, so do references and unknown values. What
    /// such a place can be to blame for is not told.
    pub fn violations(&self, document: &Value, partial: bool) -> Vec<(String, String)> {
        let mut wildcards = Vec::new();
        let plain = plain(document, "", partial, &mut wildcards);
        self.validator
            .iter_errors(&plain)
            .filter(|error| !excused(error, &wildcards))
            .take(MAX_VIOLATIONS)
            .map(|error| (error.instance_path().as_str().to_owned(), line(&error.masked_with("the value").to_string())))
            .collect()
    }
}

/// Where schemas stand within a schema: by name, in a list, or alone.
const MAPS: &[&str] = &["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
const SINGLE: &[&str] = &[
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "unevaluatedItems",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];

/// Follows everything once, as validation would at worst. `open` holds the references that are being followed.
fn walk<'a>(
    root: &'a Value,
    schema: &'a Value,
    open: &mut Vec<&'a str>,
    left: &mut usize,
    depth: usize,
) -> Result<(), String> {
    let depth = depth.checked_sub(1).ok_or("with references followed it nests too deep")?;
    *left = left
        .checked_sub(1)
        .ok_or_else(|| format!("with references followed it has more than {MAX_SUBSCHEMAS} subschemas"))?;
    let members = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(members) => members,
        _ => return Err("a subschema is neither an object nor a boolean".to_owned()),
    };
    if let Some(keyword) = FORBIDDEN.iter().find(|keyword| members.contains_key(**keyword)) {
        return Err(format!("`{keyword}` is not allowed"));
    }
    if let Some(dialect) = members.get("$schema")
        && dialect != "https://json-schema.org/draft/2020-12/schema"
    {
        return Err("`$schema` is not JSON Schema 2020-12".to_owned());
    }
    if let Some(reference) = members.get("$ref") {
        let reference = reference.as_str().ok_or("`$ref` is not a string")?;
        let target = reference
            .strip_prefix('#')
            .filter(|pointer| !pointer.contains('%'))
            .and_then(|pointer| root.pointer(pointer))
            .ok_or_else(|| line(&format!("the reference `{reference}` is not a pointer into this schema")))?;
        if open.contains(&reference) {
            return Err(line(&format!("the reference `{reference}` leads back to itself")));
        }
        open.push(reference);
        walk(root, target, open, left, depth)?;
        open.pop();
    }
    for (keyword, member) in members {
        let keyword = keyword.as_str();
        if MAPS.contains(&keyword) {
            // Definitions count where they are referenced; here they are only looked at.
            let named = member.as_object().ok_or_else(|| format!("`{keyword}` is not an object"))?;
            named.values().try_for_each(|schema| walk(root, schema, open, left, depth))?;
        } else if LISTS.contains(&keyword) {
            let listed = member.as_array().ok_or_else(|| format!("`{keyword}` is not an array"))?;
            listed.iter().try_for_each(|schema| walk(root, schema, open, left, depth))?;
        } else if SINGLE.contains(&keyword) {
            walk(root, member, open, left, depth)?;
        }
    }
    Ok(())
}

/// The document as plain data, and the places whose values are not here.
fn plain(value: &Value, pointer: &str, partial: bool, wildcards: &mut Vec<String>) -> Value {
    match value {
        Value::Object(members) => {
            let marker = |key: &str| members.contains_key(key);
            if marker("$secret") || (partial && (marker("$ref") || marker("$join") || marker("$unknown"))) {
                wildcards.push(pointer.to_owned());
                return Value::Null;
            }
            let member = |(key, value): (&String, &Value)| {
                let key = if key.starts_with("$$") { key[1..].to_owned() } else { key.clone() };
                let value = plain(value, &child_pointer(pointer, &key), partial, wildcards);
                (key, value)
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        Value::Array(elements) => {
            let element =
                |(index, value)| plain(value, &child_pointer(pointer, &format!("{index}")), partial, wildcards);
            Value::Array(elements.iter().enumerate().map(element).collect())
        }
        leaf => leaf.clone(),
    }
}

fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a value that is not here can be to blame.
fn excused(error: &jsonschema::ValidationError<'_>, wildcards: &[String]) -> bool {
    let place = error.instance_path().as_str();
    if wildcards.is_empty() {
        return false;
    }
    if conditional(error) || wildcards.iter().any(|wildcard| within(place, wildcard)) {
        return true;
    }
    // At a place above, only what the shape alone decides is told.
    let shape = matches!(
        error.kind(),
        ValidationErrorKind::Required { .. }
            | ValidationErrorKind::AdditionalProperties { .. }
            | ValidationErrorKind::AdditionalItems { .. }
            | ValidationErrorKind::Type { .. }
            | ValidationErrorKind::MinItems { .. }
            | ValidationErrorKind::MaxItems { .. }
            | ValidationErrorKind::MinProperties { .. }
            | ValidationErrorKind::MaxProperties { .. }
            | ValidationErrorKind::PropertyNames { .. }
    );
    !shape && wildcards.iter().any(|wildcard| within(wildcard, place))
}

/// Whether a condition chose the rule that was broken: it may have looked at a value that is not here.
fn conditional(error: &jsonschema::ValidationError<'_>) -> bool {
    const CHOOSING: &[&str] = &["then", "else", "anyOf", "oneOf", "not", "dependentSchemas"];
    error.evaluation_path().as_str().split('/').any(|segment| CHOOSING.contains(&segment))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subnet() -> Schema {
        Schema::compile(&json!({
            "type": "object",
            "required": ["vpc_id", "zone"],
            "additionalProperties": false,
            "properties": {
                "vpc_id": {"type": "string", "pattern": "^vpc-"},
                "zone": {"type": "string"},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                "routes": {"type": "array", "uniqueItems": true, "minItems": 1, "items": {"type": "string"}},
                "password": {"type": "string", "minLength": 8},
                "$weird": {"type": "integer"},
            },
        }))
        .unwrap()
    }

    fn pointers(document: &Value, partial: bool) -> Vec<String> {
        subnet().violations(document, partial).into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn references_are_wildcards_while_partial_and_secrets_always_are() {
        let document = json!({
            "vpc_id": {"$ref": "aws.vpc.main", "path": "/id"},
            "zone": {"$join": ["a", "b"]},
            "tags": {"a": {"$unknown": "aws.vpc.main#/id"}},
            "routes": [{"$ref": "aws.x.y"}, {"$ref": "aws.x.y"}],
            "password": {"$secret": "p"},
        });
        assert_eq!(pointers(&document, true), Vec::<String>::new());
        assert_eq!(pointers(&document, false), ["/routes", "/routes/0", "/routes/1", "/tags/a", "/vpc_id", "/zone"]);
    }

    #[test]
    fn what_no_wildcard_can_explain_is_told() {
        let reference = json!({"$ref": "aws.vpc.main", "path": "/id"});
        assert_eq!(pointers(&json!({"vpc_id": reference}), true), [""]);
        assert_eq!(pointers(&json!({"vpc_id": reference, "zone": "a", "other": 1}), true), [""]);
        assert_eq!(pointers(&json!({"vpc_id": reference, "zone": 1}), true), ["/zone"]);
        assert_eq!(pointers(&json!({"vpc_id": "x", "zone": "a"}), true), ["/vpc_id"]);
        assert_eq!(pointers(&json!({"vpc_id": reference, "zone": "a", "routes": []}), true), ["/routes"]);
    }

    #[test]
    fn literal_dollar_keys_are_checked_as_what_they_are() {
        assert_eq!(pointers(&json!({"vpc_id": "vpc-1", "zone": "a", "$$weird": "x"}), false), ["/$weird"]);
        assert_eq!(pointers(&json!({"vpc_id": "vpc-1", "zone": "a", "$$weird": 1}), false), Vec::<String>::new());
    }

    #[test]
    fn values_are_not_told() {
        let told = subnet().violations(&json!({"vpc_id": "hunter2", "zone": "a"}), false);
        assert!(!told[0].1.contains("hunter2"), "{told:?}");
    }

    #[test]
    fn a_condition_that_may_have_seen_a_wildcard_is_not_told() {
        let schema = Schema::compile(&json!({
            "if": {"properties": {"kind": {"const": "a"}}},
            "then": {"required": ["x"]},
            "else": {"required": ["y"]},
        }))
        .unwrap();
        assert!(schema.violations(&json!({"kind": {"$ref": "a.b.c"}}), true).is_empty());
        assert_eq!(schema.violations(&json!({"kind": "a"}), true).len(), 1);
    }

    #[test]
    fn hostile_schemas_are_refused() {
        let doubling: Map<String, Value> = (0..40)
            .map(|n| (format!("d{n}"), json!({"allOf": [{"$ref": format!("#/$defs/d{}", n + 1)}, {"$ref": format!("#/$defs/d{}", n + 1)}]})))
            .chain([("d40".to_owned(), json!(true))])
            .collect();
        for schema in [
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$ref": "other.json"}),
            json!({"$ref": "#/nowhere"}),
            json!({"$ref": "#"}),
            json!({"properties": {"a": {"$ref": "#"}}}),
            json!({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}),
            json!({"$defs": doubling, "$ref": "#/$defs/d0"}),
            json!({"$id": "https://example.com/x"}),
            json!({"$dynamicRef": "#x"}),
            json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
            json!({"pattern": "(a+)+\\1"}),
            json!({"pattern": "a(?=b)"}),
            json!({"pattern": "((a{1000}){1000}){1000}"}),
            json!({"patternProperties": {"(?<!a)b": true}}),
            json!({"type": "nonsense"}),
            json!({"properties": []}),
            json!([]),
            json!({"description": "x".repeat(MAX_SCHEMA_BYTES)}),
        ] {
            assert!(Schema::compile(&schema).is_err(), "{schema:.120}");
        }
    }
}
