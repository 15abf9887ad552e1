//! JSON documents: canonical text, references between resources, values not known yet.
//!
//! Inside the host a document is kept in *escaped* form: a literal member whose name starts with `$` is written `$$...`, so
//! that `$ref`, `$join`, `$secret` and the host's own `$unknown` and `$hidden` can never be confused with data. [`escape`] is applied to
//! everything that comes from outside as plain data, [`unescape`] to everything that leaves.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::address::Address;

const REF: &str = "$ref";
const JOIN: &str = "$join";
const SECRET: &str = "$secret";
const UNKNOWN: &str = "$unknown";
const HIDDEN: &str = "$hidden";

/// How deep a document may nest. Deeper ones would let a component exhaust the host's stack.
pub const MAX_DEPTH: usize = 64;

/// What is wrong with a document's references.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A `$ref`, `$join` or `$secret` of the wrong shape, or another `$` member.
    #[error("at `{pointer}`: {why}")]
    Malformed {
        /// Where, an RFC 6901 pointer.
        pointer: String,
        /// What is wrong.
        why: String,
    },
    /// A reference to an attribute that the resource does not have.
    #[error("`{address}` has no attribute at `{pointer}`")]
    Dangling {
        /// The resource that is referenced.
        address: Address,
        /// The attribute that is missing.
        pointer: String,
    },
}

/// What a reference leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// The value.
    Known(Value),
    /// Known after apply.
    Unknown,
    /// The resource is there, the attribute is not.
    Missing,
}

/// RFC 8785 text: members sorted by their UTF-16 code units, no white space, fractions as ECMAScript writes them. Whole numbers that
/// no fraction can hold stay as they are: RFC 8785 has none of those.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::String(key.clone()));
                write_canonical(&members[key], out);
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(element, out);
            }
            out.push(']');
        }
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(fraction) => out.push_str(ryu_js::Buffer::new().format(fraction)),
            None => {
                let _ = write!(out, "{number}");
            }
        },
        leaf => {
            let _ = write!(out, "{leaf}");
        }
    }
}

/// Lower-case hexadecimal SHA-256 of the canonical text.
pub fn digest(value: &Value) -> String {
    hex(&Sha256::digest(canonical(value).as_bytes()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Appends one token to an RFC 6901 pointer.
pub fn child_pointer(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// What a token of a pointer names: [`child_pointer`] backwards.
pub fn pointer_token(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Whether the document nests deeper than [`MAX_DEPTH`].
pub fn too_deep(value: &Value) -> bool {
    fn within(value: &Value, left: usize) -> bool {
        left > 0
            && match value {
                Value::Object(members) => members.values().all(|v| within(v, left - 1)),
                Value::Array(elements) => elements.iter().all(|v| within(v, left - 1)),
                _ => true,
            }
    }
    !within(value, MAX_DEPTH)
}

fn map_keys(value: Value, rename: fn(String) -> String) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(k, v)| (rename(k), map_keys(v, rename))).collect())
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(|v| map_keys(v, rename)).collect()),
        leaf => leaf,
    }
}

/// Plain data to escaped form.
pub fn escape(value: Value) -> Value {
    map_keys(value, |key| if key.starts_with('$') { format!("${key}") } else { key })
}

/// Escaped form to plain data. `$secret` members stay: they are resolved where they leave the host.
pub fn unescape(value: Value) -> Value {
    map_keys(value, |key| unescape_key(&key).to_owned())
}

/// The same of one key.
pub fn unescape_key(key: &str) -> &str {
    key.strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(key)
}

/// The marker of a value that is known after apply.
pub fn unknown(address: &Address, pointer: &str) -> Value {
    serde_json::json!({ UNKNOWN: format!("{address}#{pointer}") })
}

/// Whether the value is, or holds, something known only after apply.
pub fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(UNKNOWN) || members.values().any(has_unknown),
        Value::Array(elements) => elements.iter().any(has_unknown),
        _ => false,
    }
}

/// Whether the value itself is known only after apply.
pub fn is_unknown(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.contains_key(UNKNOWN))
}

/// The name of the secret, when the value is a `$secret` reference.
pub fn secret_name(value: &Value) -> Option<&str> {
    value.as_object()?.get(SECRET)?.as_str()
}

/// The names of all secrets that the value refers to.
pub fn secret_names(value: &Value) -> BTreeSet<&str> {
    fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => match secret_name(value) {
                Some(name) => drop(found.insert(name)),
                None => members.values().for_each(|member| collect(member, found)),
            },
            Value::Array(elements) => elements.iter().for_each(|element| collect(element, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

/// Whether the value is, or holds, a reference to a secret.
pub fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Object(members) => secret_name(value).is_some() || members.values().any(holds_secret),
        Value::Array(elements) => elements.iter().any(holds_secret),
        _ => false,
    }
}

/// What is shown of a document, without what stands where the document has a secret: a cloud may show it all the same.
pub fn without_secrets(shown: Value, document: &Value) -> Value {
    let Value::Object(there) = shown else { return shown };
    let Value::Object(wanted) = document else { return Value::Object(there) };
    let shown = there.into_iter().filter_map(|(key, value)| match wanted.get(&key) {
        Some(secret) if secret_name(secret).is_some() => None,
        Some(Value::Array(elements)) if elements.iter().any(holds_secret) => None,
        Some(wanted) => Some((key, without_secrets(value, wanted))),
        None => Some((key, value)),
    });
    Value::Object(shown.collect())
}

/// In place of a value that may not be shown; the words say what can be said of it. Only the host makes it.
pub fn hidden(words: &str) -> Value {
    serde_json::json!({ HIDDEN: words })
}

/// What can be said of a value that may not be shown.
pub fn hidden_words(value: &Value) -> Option<&str> {
    value.as_object()?.get(HIDDEN)?.as_str()
}

/// Whether the value is a reference or one of the host's marks: then its members are no attributes.
pub fn is_mark(value: &Value) -> bool {
    let mark = |key: &String| [REF, JOIN, SECRET, UNKNOWN, HIDDEN].contains(&key.as_str());
    value.as_object().is_some_and(|members| members.keys().any(mark))
}

/// A reference to a secret; the host alone knows what it stands for.
pub fn secret(name: &str) -> Value {
    serde_json::json!({ SECRET: name })
}

/// The document without the members that are not known yet, for look-ups by what is known.
pub fn without_unknown(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.iter().filter(|(_, v)| !has_unknown(v)).map(|(k, v)| (k.clone(), without_unknown(v))).collect(),
        ),
        other => other.clone(),
    }
}

/// Every address the document references, with the shape of every `$` member checked.
///
/// # Errors
/// [`DocumentError::Malformed`] with the place.
pub fn references(document: &Value) -> Result<BTreeSet<Address>, DocumentError> {
    let mut found = BTreeSet::new();
    collect(document, &At::Root, &mut found)?;
    Ok(found)
}

/// A place in a document, written out when it is told.
#[derive(Clone, Copy)]
enum At<'a> {
    Root,
    Member(&'a At<'a>, &'a str),
    Element(&'a At<'a>, usize),
}

impl At<'_> {
    fn pointer(&self) -> String {
        match self {
            At::Root => String::new(),
            At::Member(above, key) => child_pointer(&above.pointer(), key),
            At::Element(above, index) => format!("{}/{index}", above.pointer()),
        }
    }
}

fn malformed(at: &At<'_>, why: impl Into<String>) -> DocumentError {
    DocumentError::Malformed { pointer: at.pointer(), why: why.into() }
}

fn parse_ref(members: &Map<String, Value>, at: &At<'_>) -> Result<(Address, String), DocumentError> {
    let address = members.get(REF).and_then(Value::as_str).ok_or_else(|| malformed(at, "`$ref` is not a string"))?;
    let address = address.parse().map_err(|e| malformed(at, format!("{e}")))?;
    let path = match members.get("path") {
        None => String::new(),
        Some(Value::String(path)) if path.is_empty() || path.starts_with('/') => path.clone(),
        Some(_) => return Err(malformed(at, "`path` is not an RFC 6901 pointer")),
    };
    if members.keys().any(|key| key != REF && key != "path") {
        return Err(malformed(at, "a `$ref` has only `path` beside it"));
    }
    Ok((address, path))
}

fn collect(value: &Value, at: &At<'_>, found: &mut BTreeSet<Address>) -> Result<(), DocumentError> {
    match value {
        Value::Object(members) => {
            if members.contains_key(REF) {
                found.insert(parse_ref(members, at)?.0);
                return Ok(());
            }
            if let Some(parts) = members.get(JOIN) {
                let parts = parts.as_array().filter(|_| members.len() == 1);
                let parts = parts.ok_or_else(|| malformed(at, "`$join` holds one array and stands alone"))?;
                return parts.iter().try_for_each(|part| collect(part, at, found));
            }
            if members.contains_key(SECRET) {
                return if secret_name(value).is_some() && members.len() == 1 {
                    Ok(())
                } else {
                    Err(malformed(at, "`$secret` holds a name and stands alone"))
                };
            }
            for (key, member) in members {
                if key.starts_with('$') && !key.starts_with("$$") {
                    return Err(malformed(at, format!("unknown member `{key}`; a literal one is written `${key}`")));
                }
                collect(member, &At::Member(at, key), found)?;
            }
            Ok(())
        }
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .try_for_each(|(index, element)| collect(element, &At::Element(at, index), found)),
        _ => Ok(()),
    }
}

/// The document with every reference replaced by its value, or by a marker where it is known after apply.
///
/// # Errors
/// [`DocumentError::Dangling`] for an attribute that is not there, [`DocumentError::Malformed`] for a bad shape.
pub fn resolve(document: &Value, lookup: &dyn Fn(&Address, &str) -> Resolution) -> Result<Value, DocumentError> {
    resolve_at(document, &At::Root, lookup)
}

fn resolve_at(
    value: &Value,
    at: &At<'_>,
    lookup: &dyn Fn(&Address, &str) -> Resolution,
) -> Result<Value, DocumentError> {
    match value {
        Value::Object(members) if members.contains_key(REF) => {
            let (address, path) = parse_ref(members, at)?;
            match lookup(&address, &path) {
                Resolution::Known(value) => Ok(value),
                Resolution::Unknown => Ok(unknown(&address, &path)),
                Resolution::Missing => Err(DocumentError::Dangling { address, pointer: path }),
            }
        }
        Value::Object(members) if members.contains_key(JOIN) => {
            let parts = members[JOIN].as_array().ok_or_else(|| malformed(at, "`$join` holds an array"))?;
            let mut text = String::new();
            for part in parts {
                match resolve_at(part, at, lookup)? {
                    Value::String(part) => text.push_str(&part),
                    unknown if is_unknown(&unknown) => return Ok(unknown),
                    Value::Number(part) => text.push_str(&part.to_string()),
                    _ => return Err(malformed(at, "a part of `$join` is neither text nor number")),
                }
            }
            Ok(Value::String(text))
        }
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| Ok((key.clone(), resolve_at(member, &At::Member(at, key), lookup)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, element)| resolve_at(element, &At::Element(at, index), lookup))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        leaf => Ok(leaf.clone()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z$~/]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map("[$]{0,3}[a-z~/]{0,4}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn numbers_are_written_as_rfc_8785_has_them() {
        for (read, written) in [
            ("1.0", "1"),
            ("-0.0", "0"),
            ("1.2345678901234567e+20", "123456789012345670000"),
            ("1222222222222222222222222222", "1.2222222222222222e+27"),
            ("1e21", "1e+21"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("5e-324", "5e-324"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            assert_eq!(canonical(&serde_json::from_str(read).unwrap()), written);
        }
    }

    proptest! {
        #[test]
        fn canonical_text_is_stable(bits in any::<u64>(), exponent in -30_i32..30, value in any_json()) {
            let numbers = [f64::from_bits(bits), f64::from_bits(bits) * 10_f64.powi(exponent), 10_f64.powi(exponent)];
            let numbers = numbers.into_iter().filter(|number| number.is_finite()).map(Value::from);
            for value in numbers.chain([value]) {
                let text = canonical(&value);
                let again: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(canonical(&again), text);
                prop_assert_eq!(again.as_f64(), value.as_f64());
            }
        }

        #[test]
        fn escaping_is_reversible_and_leaves_nothing_that_looks_like_a_reference(value in any_json()) {
            let escaped = escape(value.clone());
            prop_assert_eq!(references(&escaped).unwrap(), BTreeSet::new());
            prop_assert_eq!(unescape(escaped), value);
        }

        #[test]
        fn canonical_text_parses_back_and_does_not_depend_on_member_order(value in any_json()) {
            let text = canonical(&value);
            let parsed: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(canonical(&parsed), text);
            prop_assert_eq!(parsed, value);
        }
    }

    #[test]
    fn references_resolve_join_and_stay_unknown() {
        let document = json!({
            "vpc": {"$ref": "aws.vpc.main", "path": "/id"},
            "arn": {"$join": ["arn:", {"$ref": "aws.vpc.main", "path": "/id"}, "/x"]},
            "later": {"$join": ["a", {"$ref": "aws.subnet.0", "path": "/id"}]},
            "literal": {"$$ref": "kept"},
        });
        let resolved = resolve(&document, &|address, pointer| match address.as_str() {
            "aws.vpc.main" if pointer == "/id" => Resolution::Known(json!("vpc-1")),
            _ => Resolution::Unknown,
        })
        .unwrap();
        assert_eq!(resolved["vpc"], "vpc-1");
        assert_eq!(resolved["arn"], "arn:vpc-1/x");
        assert!(is_unknown(&resolved["later"]));
        assert_eq!(unescape(resolved)["literal"], json!({"$ref": "kept"}));
    }

    #[test]
    fn what_stands_where_a_secret_is_wanted_is_left_out() {
        let wanted = json!({"a": {"p": {"$secret": "x"}, "q": 1}, "l": [{"$secret": "x"}], "m": [1]});
        let shown = json!({"a": {"p": "hunter2", "q": 2, "r": 3}, "l": ["hunter2"], "m": [2], "n": 4});
        assert_eq!(without_secrets(shown, &wanted), json!({"a": {"q": 2, "r": 3}, "m": [2], "n": 4}));
        assert_eq!(without_secrets(json!([1]), &wanted), json!([1]));
        assert_eq!(secret_names(&wanted), BTreeSet::from(["x"]));
        assert!(holds_secret(&wanted) && !holds_secret(&json!({"a": [{"$$secret": "x"}]})));
    }

    #[test]
    fn bad_shapes_are_refused_with_their_place() {
        for bad in [
            json!({"a": {"$ref": 1}}),
            json!({"a": {"$ref": "aws.vpc.main", "path": "id"}}),
            json!({"a": {"$unknown": "x"}}),
            json!({"a": {"$join": "x"}}),
            json!({"a": {"$secret": "x", "b": 1}}),
        ] {
            let error = references(&bad).unwrap_err();
            assert!(error.to_string().contains("`/a`"), "{error}");
        }
    }
}
