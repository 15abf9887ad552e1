//! The three-way difference between desired, baseline and observed.
//!
//! Desired against baseline is what the user edited; baseline against observed is drift; in the baseline but no longer desired
//! is a removal; what is in neither is not ours and is ignored.

use serde::Serialize;
use serde_json::Value;

use crate::document::{canonical, child_pointer, has_unknown, secret_name};
use crate::kind::{Normalise, SchemaNode};

/// Where a difference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The config asks for something else than it did.
    Edited,
    /// The cloud shows something else than was accepted.
    Drift,
    /// The config no longer asks for it.
    Removed,
}

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttributeChange {
    /// RFC 6901 pointer.
    pub pointer: String,
    /// Where the difference comes from.
    pub origin: Origin,
    /// What the cloud shows; null when it shows nothing.
    pub old: Value,
    /// What is wanted; null for a removal; a `$unknown` marker when it is known after apply.
    pub new: Value,
    /// Cannot be changed in place.
    pub forces_replace: bool,
    /// Not to be shown.
    pub sensitive: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Truths<'a> {
    /// What the config asks for, references resolved as far as they are known.
    pub desired: &'a Value,
    /// What was last accepted; null when nothing was.
    pub baseline: &'a Value,
    /// What the cloud shows.
    pub observed: &'a Value,
}

/// Every difference that deploy would act on, in document order.
pub fn differences(schema: &Value, truths: Truths<'_>) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    let desired = Some(truths.desired).filter(|d| !d.is_null());
    let baseline = Some(truths.baseline).filter(|b| !b.is_null());
    let observed = Some(truths.observed).filter(|o| !o.is_null());
    walk(SchemaNode::root_for(schema, truths.desired), "", false, desired, baseline, observed, &mut changes);
    changes
}

fn walk(
    schema: SchemaNode<'_>,
    pointer: &str,
    within_immutable: bool,
    desired: Option<&Value>,
    baseline: Option<&Value>,
    observed: Option<&Value>,
    changes: &mut Vec<AttributeChange>,
) {
    let annotations = schema.annotations();
    if annotations.computed {
        return;
    }
    let forces_replace = within_immutable || annotations.immutable;
    let mut push = |origin, new: Value| {
        changes.push(AttributeChange {
            pointer: pointer.to_owned(),
            origin,
            old: observed.cloned().unwrap_or(Value::Null),
            new,
            forces_replace,
            sensitive: annotations.sensitive,
        });
    };
    let Some(desired) = desired else {
        // In the baseline but no longer desired: a removal, if it is still there.
        if baseline.is_some_and(|b| !b.is_null())
            && observed.is_some_and(|o| !is_empty(o))
            && !annotations.left_to_cloud
        {
            push(Origin::Removed, Value::Null);
        }
        return;
    };
    let edited = baseline.is_none_or(|b| !same(schema, desired, b));
    if secret_name(desired).is_some() {
        // The cloud does not show secrets: only an edit tells.
        if edited {
            push(Origin::Edited, desired.clone());
        }
        return;
    }
    if annotations.left_to_cloud && (baseline.is_none() || !edited) {
        return;
    }
    let object =
        desired.as_object().filter(|_| annotations.normalise.is_none() && !crate::document::is_unknown(desired));
    if let Some(members) = object {
        let empty = serde_json::Map::new();
        let before = baseline.and_then(Value::as_object).unwrap_or(&empty);
        let shown = observed.and_then(Value::as_object);
        if shown.is_none() && members.is_empty() && before.is_empty() {
            return;
        }
        let removed = before.keys().filter(|key| !members.contains_key(*key));
        for key in members.keys().chain(removed) {
            walk(
                schema.member(key),
                &child_pointer(pointer, key),
                forces_replace,
                members.get(key),
                before.get(key),
                shown.and_then(|o| o.get(key)),
                changes,
            );
        }
        return;
    }
    if observed.is_some_and(|o| same(schema, desired, o)) || (desired.is_null() && observed.is_none()) {
        return;
    }
    push(if edited { Origin::Edited } else { Origin::Drift }, desired.clone());
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Whether two values mean the same under the schema's annotations. Unknown is never the same as anything.
pub fn same(schema: SchemaNode<'_>, a: &Value, b: &Value) -> bool {
    if has_unknown(a) || has_unknown(b) {
        return false;
    }
    if a == b {
        return true;
    }
    let annotations = schema.annotations();
    match annotations.normalise {
        Some(Normalise::Cidr) => return cidr(a).is_some_and(|a| Some(a) == cidr(b)),
        Some(Normalise::Policy) => return policy(a) == policy(b),
        Some(Normalise::Quantity) => {
            return quantity(a).zip(quantity(b)).is_some_and(|(a, b)| (a - b).abs() <= a.abs().max(b.abs()) * 1e-9);
        }
        Some(Normalise::Version) => return text(a) == text(b),
        None => {}
    }
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            left.keys().chain(right.keys()).filter(|key| !schema.member(key).annotations().computed).all(|key| {
                match (left.get(key), right.get(key)) {
                    (Some(a), Some(b)) => same(schema.member(key), a, b),
                    (Some(only), None) | (None, Some(only)) => only.is_null(),
                    (None, None) => true,
                }
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let items = schema.items();
            if annotations.set {
                let mut left: Vec<&Value> = left.iter().collect();
                right
                    .iter()
                    .all(|b| left.iter().position(|a| same(items, a, b)).map(|index| left.swap_remove(index)).is_some())
            } else {
                left.iter().zip(right).all(|(a, b)| same(items, a, b))
            }
        }
        _ => false,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cidr(value: &Value) -> Option<(std::net::IpAddr, u8)> {
    let (address, prefix) = value.as_str()?.split_once('/')?;
    let (address, prefix): (std::net::IpAddr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
    let masked = match address {
        std::net::IpAddr::V4(v4) if prefix <= 32 => std::net::IpAddr::from(
            (u32::from(v4) & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)).to_be_bytes(),
        ),
        std::net::IpAddr::V6(v6) if prefix <= 128 => std::net::IpAddr::from(
            (u128::from(v6) & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)).to_be_bytes(),
        ),
        _ => return None,
    };
    Some((masked, prefix))
}

/// A policy with white space, member order and one-element lists settled.
fn policy(value: &Value) -> String {
    fn settle(value: Value) -> Value {
        match value {
            Value::Array(mut elements) if elements.len() == 1 => settle(elements.remove(0)),
            Value::Array(elements) => {
                let mut elements: Vec<Value> = elements.into_iter().map(settle).collect();
                elements.sort_by_key(canonical);
                Value::Array(elements)
            }
            Value::Object(members) => Value::Object(members.into_iter().map(|(k, v)| (k, settle(v))).collect()),
            leaf => leaf,
        }
    }
    let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone());
    canonical(&settle(parsed))
}

/// A Kubernetes quantity as a number.
fn quantity(value: &Value) -> Option<f64> {
    let text = text(value);
    let split = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0_f64.powi(2),
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        _ => suffix.strip_prefix(['e', 'E']).and_then(|exponent| exponent.parse().ok()).map(|e: i32| 10_f64.powi(e))?,
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "properties": {
            "name": {"type": "string", "x-nic": {"immutable": true}},
            "id": {"type": "string", "x-nic": {"computed": true}},
            "cidr": {"type": "string", "x-nic": {"normalise": "cidr", "immutable": true}},
            "policy": {"x-nic": {"normalise": "policy"}},
            "memory": {"x-nic": {"normalise": "quantity"}},
            "version": {"x-nic": {"normalise": "version"}},
            "zones": {"type": "array", "x-nic": {"set": true}},
            "scaling": {"type": "object", "properties": {
                "max": {"type": "integer"},
                "desired": {"type": "integer", "x-nic": {"left-to-cloud": true}},
            }},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        }})
    }

    #[expect(clippy::needless_pass_by_value, reason = "the tests write the documents where they pass them")]
    fn diff(desired: Value, baseline: Value, observed: Value) -> Vec<(String, Origin)> {
        let truths = Truths { desired: &desired, baseline: &baseline, observed: &observed };
        differences(&schema(), truths).into_iter().map(|c| (c.pointer, c.origin)).collect()
    }

    #[test]
    fn look_alikes_are_no_change() {
        let desired = json!({"cidr": "10.0.0.0/16", "zones": ["a", "b"], "memory": "1000m", "version": "1.30",
            "policy": "{\"Action\": [\"x\"], \"Effect\": \"Allow\"}"});
        let observed = json!({"cidr": "10.0.3.0/16", "zones": ["b", "a"], "memory": "1", "version": "1.30", "id": "new",
            "policy": {"Effect": "Allow", "Action": "x"}});
        assert_eq!(diff(desired.clone(), desired, observed), []);
    }

    #[test]
    fn an_edit_is_told_from_drift_and_from_removal() {
        let changes = diff(
            json!({"scaling": {"max": 10}, "tags": {"a": "1"}}),
            json!({"scaling": {"max": 5}, "tags": {"a": "1", "b": "2"}}),
            json!({"scaling": {"max": 5, "desired": 3}, "tags": {"a": "9", "b": "2", "theirs": "x"}}),
        );
        assert_eq!(
            changes,
            [
                ("/scaling/max".to_owned(), Origin::Edited),
                ("/tags/a".to_owned(), Origin::Drift),
                ("/tags/b".to_owned(), Origin::Removed),
            ]
        );
    }

    #[test]
    fn what_is_left_to_the_cloud_changes_only_by_an_edit() {
        let observed = json!({"scaling": {"max": 5, "desired": 4}});
        let one = json!({"scaling": {"max": 5, "desired": 1}});
        let two = json!({"scaling": {"max": 5, "desired": 2}});
        assert_eq!(diff(one.clone(), one.clone(), observed.clone()), []);
        assert_eq!(diff(one.clone(), Value::Null, observed.clone()), []);
        assert_eq!(diff(two, one, observed), [("/scaling/desired".to_owned(), Origin::Edited)]);
    }

    #[test]
    fn unknown_is_a_change_and_immutable_forces_replacement() {
        let unknown = json!({"name": {"$unknown": "aws.vpc.main#/id"}});
        let truths = Truths { desired: &unknown, baseline: &json!({"name": "a"}), observed: &json!({"name": "a"}) };
        let changes = differences(&schema(), truths);
        assert!(changes.len() == 1 && changes[0].forces_replace);
    }

    #[test]
    fn a_secret_is_compared_by_its_reference_alone() {
        let a = json!({"tags": {"password": {"$secret": "x"}}});
        let b = json!({"tags": {"password": {"$secret": "y"}}});
        assert_eq!(diff(a.clone(), a.clone(), json!({"tags": {}})), []);
        assert_eq!(diff(b, a, json!({"tags": {}})).len(), 1);
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself(max in 0..9_i64, zones in prop::collection::vec("[a-c]", 0..4), tags in prop::collection::hash_map("[a-c]", "[a-z]", 0..4)) {
            let document = json!({"scaling": {"max": max}, "zones": zones, "tags": tags});
            prop_assert_eq!(diff(document.clone(), document.clone(), document), []);
        }

        #[test]
        fn applying_the_desired_document_leaves_no_difference(a in 0..9_i64, b in 0..9_i64, tag in "[a-z]{1,3}") {
            let desired = json!({"scaling": {"max": a}, "tags": {"t": tag}});
            let before = json!({"scaling": {"max": b}, "tags": {"t": "old"}});
            let mut after = json!({"scaling": {"max": b}, "tags": {"t": "old", "theirs": "kept"}});
            after["scaling"]["max"] = json!(a);
            after["tags"]["t"] = desired["tags"]["t"].clone();
            prop_assert_eq!(diff(desired.clone(), before, after.clone()), []);
        }
    }
}
