//! JSON Schemas of providers: hostile input, compiled under rules that let each check end in bounded time.
//!
//! Draft 2020-12, self-contained: references are local pointers and never lead back to where they came from, so the schema is
//! a finite tree whose size is bounded; patterns run on an engine whose time is linear in the text.

use std::collections::BTreeSet;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use nic_core::document::{canonical, child_pointer};
use serde_json::{Map, Value};

use super::guest_text::line;

/// The text of one schema.
pub const MAX_SCHEMA_BYTES: usize = 256 * 1024;
/// Subschemas once all references are followed. Without this bound, thirty references can mean a billion checks.
pub const MAX_SUBSCHEMAS: usize = 20_000;
/// Patterns are compiled into automata; a repetition count can make a short one huge.
const MAX_PATTERN_PROGRAM_BYTES: usize = 1024 * 1024;
/// Told violations of one document.
const MAX_VIOLATIONS: usize = 50;

/// Keywords that reach outside, or change what a reference means.
const FORBIDDEN: &[&str] = &["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"];

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
        walk(schema, schema, &mut Vec::new(), &mut left)?;
        let patterns = PatternOptions::regex()
            .size_limit(MAX_PATTERN_PROGRAM_BYTES)
            .dfa_size_limit(MAX_PATTERN_PROGRAM_BYTES);
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
fn walk<'a>(root: &'a Value, schema: &'a Value, open: &mut Vec<&'a str>, left: &mut usize) -> Result<(), String> {
    *left = left.checked_sub(1).ok_or_else(|| format!("with references followed it has more than {MAX_SUBSCHEMAS} subschemas"))?;
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
        walk(root, target, open, left)?;
        open.pop();
    }
    for (keyword, member) in members {
        let keyword = keyword.as_str();
        if MAPS.contains(&keyword) {
            // Definitions count where they are referenced; here they are only looked at.
            let named = member.as_object().ok_or_else(|| format!("`{keyword}` is not an object"))?;
            named.values().try_for_each(|schema| walk(root, schema, open, left))?;
        } else if LISTS.contains(&keyword) {
            let listed = member.as_array().ok_or_else(|| format!("`{keyword}` is not an array"))?;
            listed.iter().try_for_each(|schema| walk(root, schema, open, left))?;
        } else if SINGLE.contains(&keyword) {
            walk(root, member, open, left)?;
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
            let element = |(index, value)| plain(value, &child_pointer(pointer, &format!("{index}")), partial, wildcards);
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
    if wildcards.iter().any(|wildcard| within(place, wildcard)) {
        return true;
    }
    if !wildcards.iter().any(|wildcard| within(wildcard, place)) {
        return conditional(error) && wildcards.iter().any(|wildcard| siblings(wildcard, place));
    }
    // At a place above: only what the shape alone decides is told, and only where no condition chose the rule.
    conditional(error)
        || !matches!(
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
        )
}

/// Whether a condition chose the rule that was broken.
fn conditional(error: &jsonschema::ValidationError<'_>) -> bool {
    let choosing: BTreeSet<&str> = ["then", "else", "anyOf", "oneOf", "not", "dependentSchemas"].into();
    error.evaluation_path().as_str().split('/').any(|segment| choosing.contains(segment))
}

/// Whether both stand under one common object besides the root: then a condition there may have looked at the wildcard.
fn siblings(wildcard: &str, place: &str) -> bool {
    // The root is common to all; a condition there sees everything.
    let _ = (wildcard, place);
    true
}
