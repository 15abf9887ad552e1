//! `priority_classes`.

use nic_sdk::findings::Findings;
use nic_sdk::kit::{child, unread_keys, wrong_type};
use serde_json::{Map, Value};

use super::findings::{map, text};
use super::names;
use crate::design::PriorityClass;

const KEYS: [&str; 3] = ["value", "description", "default"];

/// The highest that Kubernetes leaves to users.
pub(super) const HIGHEST: i32 = 1_000_000_000;

/// The classes, by their names.
pub(super) fn read(value: Option<&Value>, at: &str, found: &mut Findings) -> Vec<PriorityClass> {
    let Some(classes) = map(value, at, found) else { return Vec::new() };
    let classes: Vec<PriorityClass> =
        classes.iter().filter_map(|(name, value)| class(name, value, &child(at, name), found)).collect();
    let mut defaults = classes.iter().filter(|class| class.is_default);
    if let Some(first) = defaults.next() {
        for other in defaults {
            let detail = format!("`{}` and `{}` are both the default; only one class can be", first.name, other.name);
            let at = child(&child(at, &other.name), "default");
            found.error("PRIORITY_DEFAULT_DOUBLED", "Two priority classes are the default", detail, &at);
        }
    }
    classes
}

fn class(name: &str, value: &Value, at: &str, found: &mut Findings) -> Option<PriorityClass> {
    if !names::label(name, at, found) {
        return None;
    }
    if name.starts_with("system-") {
        let detail = format!("`{name}`: names that begin with `system-` are Kubernetes' own");
        found.error("KUBERNETES_NAME_RESERVED", "A name is reserved", detail, at);
        return None;
    }
    let empty = Map::new();
    let class = if value.is_null() { &empty } else { map(Some(value), at, found)? };
    unread_keys(class.keys(), at, &KEYS, found);
    let described = class.get("description").filter(|value| !value.is_null());
    let description = described.and_then(|value| text(value, &child(at, "description"), found));
    let is_default = match class.get("default") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            wrong_type(&child(at, "default"), "true or false", found);
            false
        }
    };
    Some(PriorityClass {
        name: name.to_owned(),
        value: priority(name, class, at, found)?,
        is_default,
        description: description.unwrap_or_default(),
    })
}

fn priority(name: &str, class: &Map<String, Value>, at: &str, found: &mut Findings) -> Option<i32> {
    let at_value = child(at, "value");
    let (detail, at) = match class.get("value").filter(|value| !value.is_null()) {
        None => (format!("`{name}` has no `value`"), at),
        Some(value) if value.is_i64() || value.is_u64() => {
            let fits = value.as_i64().and_then(|value| i32::try_from(value).ok()).filter(|value| *value <= HIGHEST);
            if fits.is_some() {
                return fits;
            }
            (format!("{value} of `{name}` is not between {} and {HIGHEST}", i32::MIN), at_value.as_str())
        }
        Some(_) => {
            wrong_type(&at_value, "a whole number", found);
            return None;
        }
    };
    found.error("PRIORITY_INVALID", "A priority class has no priority that Kubernetes takes", detail, at);
    None
}
