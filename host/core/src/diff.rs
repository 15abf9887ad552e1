//! The three-way difference between desired, baseline and observed.
//!
//! Desired against baseline is what the user edited; baseline against observed is drift; in the baseline but no longer desired
//! is a removal; what is in neither is not ours and is ignored.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::document::{
    canonical, child_pointer, has_unknown, hidden, hidden_words, holds_secret, is_mark, secret_name, secret_names,
};
use crate::kind::{Normalise, SchemaNode};
use crate::secret::{SecretChange, SecretChanges};

/// Where a difference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceCause {
    /// The config asks for something else than it did.
    Edited,
    /// The cloud shows something else than was accepted.
    Drift,
    /// The config no longer asks for it.
    Removed,
}

/// What is said of a secret that differs, in place of its value.
pub const SECRET_CHANGED: &str = "secret value changed";

/// The same where nobody can tell.
const SECRET_UNCLEAR: &str = "secret value may have changed";

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeChange {
    /// RFC 6901 pointer.
    pub pointer: String,
    /// Where the difference comes from.
    pub origin: DifferenceCause,
    /// What the cloud shows; null when it shows nothing.
    pub old: Value,
    /// What is wanted; null for a removal; a `$unknown` marker when it is known after apply; a `$hidden` marker that says what can be
    /// said of a secret whose value differs.
    pub new: Value,
    /// Cannot be changed in place.
    pub forces_replace: bool,
    /// Not to be shown.
    pub sensitive: bool,
}

/// What is not to be shown is not written either.
impl Serialize for AttributeChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = |value: &Value| {
            if self.sensitive && !value.is_null() && !is_mark(value) { hidden("sensitive") } else { value.clone() }
        };
        let mut members = serializer.serialize_struct("AttributeChange", 6)?;
        members.serialize_field("pointer", &self.pointer)?;
        members.serialize_field("origin", &self.origin)?;
        members.serialize_field("old", &shown(&self.old))?;
        members.serialize_field("new", &shown(&self.new))?;
        members.serialize_field("forces_replace", &self.forces_replace)?;
        members.serialize_field("sensitive", &self.sensitive)?;
        members.end()
    }
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
    differences_since(schema, truths, &SecretChanges::new())
}

/// The same, where secrets may stand for other values than were accepted.
pub fn differences_since(schema: &Value, truths: Truths<'_>, secrets: &SecretChanges) -> Vec<AttributeChange> {
    let mut walk = Walk { secrets, changes: Vec::new() };
    let there = |value| Some(value).filter(|value: &&Value| !value.is_null());
    let place =
        Place { desired: there(truths.desired), baseline: there(truths.baseline), observed: there(truths.observed) };
    walk.compare(SchemaNode::root_for(schema, truths.desired), "", false, place);
    walk.changes
}

/// The three truths at one pointer.
#[derive(Clone, Copy)]
struct Place<'a> {
    desired: Option<&'a Value>,
    baseline: Option<&'a Value>,
    observed: Option<&'a Value>,
}

struct Walk<'a> {
    secrets: &'a SecretChanges,
    changes: Vec<AttributeChange>,
}

impl Walk<'_> {
    fn compare(&mut self, schema: SchemaNode<'_>, pointer: &str, within_immutable: bool, place: Place<'_>) {
        let Place { desired, baseline, observed } = place;
        let annotations = schema.annotations();
        if annotations.computed {
            return;
        }
        let forces_replace = within_immutable || annotations.immutable;
        let secret = || [desired, baseline].into_iter().flatten().any(holds_secret);
        let mut push = |origin, new: Value| {
            let secret = secret();
            self.changes.push(AttributeChange {
                pointer: pointer.to_owned(),
                origin,
                // A cloud may show secrets all the same.
                old: observed.filter(|o| !secret && (new.is_null() || !is_mark(o))).cloned().unwrap_or(Value::Null),
                new,
                forces_replace,
                sensitive: annotations.sensitive || secret || observed.is_some_and(is_mark),
            });
        };
        let Some(desired) = desired else {
            // In the baseline but no longer desired: a removal, if it is still there.
            if baseline.is_some_and(|b| !b.is_null())
                && observed.is_some_and(|o| !is_empty(o))
                && !annotations.left_to_cloud
                && !annotations.left_when_unset
            {
                push(DifferenceCause::Removed, Value::Null);
            }
            return;
        };
        let edited = baseline.is_none_or(|b| !same(schema, desired, b));
        if let Some(name) = secret_name(desired) {
            // The host itself has compared them: clouds cannot show a reference.
            if observed == Some(desired) {
                return;
            }
            let differs = observed.is_some_and(|o| hidden_words(o).is_some());
            match self.secrets.get(name) {
                _ if edited => push(DifferenceCause::Edited, desired.clone()),
                Some(SecretChange::Changed) => push(DifferenceCause::Edited, hidden(SECRET_CHANGED)),
                _ if differs => push(DifferenceCause::Drift, hidden(SECRET_CHANGED)),
                // Nothing is given up on a doubt.
                Some(SecretChange::Unclear) if !forces_replace => push(DifferenceCause::Edited, hidden(SECRET_UNCLEAR)),
                // The cloud does not show secrets: only an edit tells.
                _ => {}
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
            let before = baseline.filter(|b| !is_mark(b)).and_then(Value::as_object).unwrap_or(&empty);
            let shown = observed.filter(|o| !is_mark(o)).and_then(Value::as_object);
            if shown.is_none() && members.is_empty() && before.is_empty() {
                return;
            }
            let removed = before.keys().filter(|key| !members.contains_key(*key));
            for key in members.keys().chain(removed) {
                let place = Place {
                    desired: members.get(key),
                    baseline: before.get(key),
                    observed: shown.and_then(|o| o.get(key)),
                };
                self.compare(schema.member(key), &child_pointer(pointer, key), forces_replace, place);
            }
            return;
        }
        if desired.is_null() && observed.is_none() {
            return;
        }
        // Secrets in a list are compared with it.
        let names = secret_names(desired);
        let changed = names.iter().any(|name| self.secrets.get(*name) == Some(&SecretChange::Changed));
        let untold = !names.is_empty() && (edited || changed) && !observed.is_some_and(holds_secret);
        if !untold && observed.is_some_and(|o| alike(schema, desired, o, true)) {
            return;
        }
        let origin = if edited || changed { DifferenceCause::Edited } else { DifferenceCause::Drift };
        let may_show = observed.is_none_or(|o| hidden_words(o).is_none()) && (names.is_empty() || edited);
        push(origin, if may_show { desired.clone() } else { hidden(SECRET_CHANGED) });
    }
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
    alike(schema, a, b, false)
}

/// With `shown`, `b` is what the cloud shows: whatever stands where `a` has a secret may be that.
fn alike(schema: SchemaNode<'_>, a: &Value, b: &Value, shown: bool) -> bool {
    if has_unknown(a) || has_unknown(b) {
        return false;
    }
    if a == b {
        return true;
    }
    if shown && secret_name(a).is_some() {
        return !is_mark(b);
    }
    let annotations = schema.annotations();
    match annotations.normalise {
        Some(Normalise::Cidr) => return cidr(a).is_some_and(|a| Some(a) == cidr(b)),
        Some(Normalise::Policy) => return policy(a) == policy(b),
        Some(Normalise::Quantity) => {
            return quantity(a).zip(quantity(b)).is_some_and(|(a, b)| (a - b).abs() <= a.abs().max(b.abs()) * 1e-9);
        }
        Some(Normalise::Version) => return text(a) == text(b),
        Some(Normalise::AtLeast) => return numbers(a) <= numbers(b),
        None => {}
    }
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            left.keys().chain(right.keys()).filter(|key| !schema.member(key).annotations().computed).all(|key| {
                match (left.get(key), right.get(key)) {
                    (Some(a), Some(b)) => alike(schema.member(key), a, b, shown),
                    (Some(only), None) | (None, Some(only)) => only.is_null(),
                    (None, None) => true,
                }
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let items = schema.items();
            if annotations.set {
                let mut left: Vec<&Value> = left.iter().collect();
                // What may be anything comes last, so that it takes nobody's place.
                left.sort_by_key(|a| shown && holds_secret(a));
                right.iter().all(|b| {
                    left.iter().position(|a| alike(items, a, b, shown)).map(|index| left.remove(index)).is_some()
                })
            } else {
                left.iter().zip(right).all(|(a, b)| alike(items, a, b, shown))
            }
        }
        _ => false,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// 1, 12, 4 and 2 of `v1.12.4-eksbuild.2`.
fn numbers(version: &Value) -> Vec<u64> {
    text(version).split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
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
            "addon": {"type": "string", "x-nic": {"normalise": "at-least"}},
            "zones": {"type": "array", "x-nic": {"set": true}},
            "scaling": {"type": "object", "properties": {
                "max": {"type": "integer"},
                "desired": {"type": "integer", "x-nic": {"left-to-cloud": true}},
                "held": {"type": "integer", "x-nic": {"left-when-unset": true}},
            }},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        }})
    }

    #[expect(clippy::needless_pass_by_value, reason = "the tests write the documents where they pass them")]
    fn diff(desired: Value, baseline: Value, observed: Value) -> Vec<(String, DifferenceCause)> {
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
    fn a_later_version_is_as_good_as_the_one_that_is_asked_for() {
        let at = |version: &str| json!({"addon": version});
        let (older, wanted, newer) = (at("v1.9.4-eksbuild.2"), at("v1.12.1-eksbuild.2"), at("v1.12.1-eksbuild.10"));
        let what = |origin| vec![("/addon".to_owned(), origin)];
        assert_eq!(diff(wanted.clone(), older.clone(), older.clone()), what(DifferenceCause::Edited));
        assert_eq!(diff(wanted.clone(), json!({}), older.clone()), what(DifferenceCause::Edited));
        assert_eq!(diff(wanted.clone(), wanted.clone(), older.clone()), what(DifferenceCause::Drift));
        assert_eq!(diff(wanted.clone(), wanted.clone(), newer.clone()), []);
        assert_eq!(diff(wanted.clone(), older, newer), []);
        assert_eq!(diff(wanted.clone(), wanted, json!({})).len(), 1);
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
                ("/scaling/max".to_owned(), DifferenceCause::Edited),
                ("/tags/a".to_owned(), DifferenceCause::Drift),
                ("/tags/b".to_owned(), DifferenceCause::Removed),
            ]
        );
    }

    #[test]
    fn what_is_left_when_unset_is_the_configs_as_long_as_it_says_so() {
        let with = |held: i64| json!({"scaling": {"held": held}});
        let without = json!({"scaling": {}});
        assert_eq!(diff(without.clone(), without.clone(), with(4)), []);
        assert_eq!(diff(without, with(3), with(3)), []);
        assert_eq!(diff(with(3), with(3), with(4)), [("/scaling/held".to_owned(), DifferenceCause::Drift)]);
        assert_eq!(diff(with(3), with(2), with(2)), [("/scaling/held".to_owned(), DifferenceCause::Edited)]);
    }

    #[test]
    fn what_is_left_to_the_cloud_changes_only_by_an_edit() {
        let observed = json!({"scaling": {"max": 5, "desired": 4}});
        let one = json!({"scaling": {"max": 5, "desired": 1}});
        let two = json!({"scaling": {"max": 5, "desired": 2}});
        assert_eq!(diff(one.clone(), one.clone(), observed.clone()), []);
        assert_eq!(diff(one.clone(), Value::Null, observed.clone()), []);
        assert_eq!(diff(two, one, observed), [("/scaling/desired".to_owned(), DifferenceCause::Edited)]);
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

    fn since(desired: &Value, observed: &Value, change: SecretChange) -> Vec<AttributeChange> {
        let secrets = SecretChanges::from([("x".to_owned(), change)]);
        differences_since(&schema(), Truths { desired, baseline: desired, observed }, &secrets)
    }

    #[test]
    fn an_edited_secret_is_told_without_its_values() {
        let tags = json!({"tags": {"password": {"$secret": "x"}, "other": {"$secret": "y"}}});
        // A cloud that shows secrets is not repeated.
        let observed = json!({"tags": {"password": "hunter2", "other": "hunter2"}});
        let told = since(&tags, &observed, SecretChange::Changed);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].pointer.as_str(), told[0].origin), ("/tags/password", DifferenceCause::Edited));
        let text = serde_json::to_value(&told[0]).unwrap();
        assert_eq!((&text["old"], &text["new"]), (&json!(null), &json!({"$hidden": "secret value changed"})));
        // Who can compare says that it is in place already.
        assert_eq!(since(&tags, &tags, SecretChange::Changed), []);
    }

    #[test]
    fn a_doubt_is_acted_on_in_place_and_replaces_nothing() {
        let (tags, name) = (json!({"tags": {"a": {"$secret": "x"}}}), json!({"name": {"$secret": "x"}}));
        let told = since(&tags, &json!({"tags": {"a": "1"}}), SecretChange::Unclear);
        assert_eq!(hidden_words(&told[0].new), Some("secret value may have changed"));
        assert_eq!(since(&name, &json!({"name": "a"}), SecretChange::Unclear), []);
        let told = since(&name, &json!({"name": "a"}), SecretChange::Changed);
        assert!(told[0].forces_replace && told[0].sensitive);
    }

    #[test]
    fn drift_of_a_secret_is_told_by_who_can_compare() {
        let tags = json!({"tags": {"a": {"$secret": "x"}}});
        let told = since(&tags, &json!({"tags": {"a": hidden("differs")}}), SecretChange::Unclear);
        assert_eq!(
            (told[0].origin, hidden_words(&told[0].new)),
            (DifferenceCause::Drift, Some("secret value changed"))
        );
        assert_eq!(told[0].old, Value::Null);
    }

    #[test]
    fn secrets_in_lists_are_edited_and_are_no_drift() {
        let zones = json!({"zones": [{"$secret": "x"}, "b"]});
        let observed = json!({"zones": ["b", "hunter2"]});
        assert_eq!(diff(zones.clone(), zones.clone(), observed.clone()), []);
        let told = since(&zones, &observed, SecretChange::Changed);
        assert_eq!((told.len(), told[0].origin), (1, DifferenceCause::Edited));
        assert!(!serde_json::to_string(&told).unwrap().contains("hunter2"));
        let drifted = json!({"zones": ["c", "hunter2"]});
        assert_eq!(diff(zones.clone(), zones.clone(), drifted), [("/zones".to_owned(), DifferenceCause::Drift)]);
        let renamed = json!({"zones": [{"$secret": "y"}, "b"]});
        assert_eq!(diff(renamed, zones, observed), [("/zones".to_owned(), DifferenceCause::Edited)]);
    }

    #[test]
    fn what_is_sensitive_is_not_written() {
        let change = AttributeChange {
            pointer: "/a".to_owned(),
            origin: DifferenceCause::Drift,
            old: json!("hunter2"),
            new: Value::Null,
            forces_replace: false,
            sensitive: true,
        };
        let text = serde_json::to_value(&change).unwrap();
        assert_eq!((&text["old"], &text["new"]), (&json!({"$hidden": "sensitive"}), &json!(null)));
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
