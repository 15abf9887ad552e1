//! Node selectors: one label for each kind of pod.

use nic_sdk::findings::Findings;
use nic_sdk::kit::{child, unread_keys, wrong_type};
use serde::Serialize;
use serde_json::{Map, Value};

/// The kinds of pods that later stages place.
pub const NAMES: [&str; 3] = ["general", "user", "worker"];

/// One node label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selector {
    pub key: String,
    pub value: String,
}

impl Default for Selector {
    /// A label that every Linux node bears.
    fn default() -> Self {
        Self { key: "kubernetes.io/os".to_owned(), value: "linux".to_owned() }
    }
}

/// Where each kind of pod runs.
#[derive(Debug, Default, Serialize)]
pub struct NodeSelectors {
    general: Selector,
    user: Selector,
    worker: Selector,
}

impl NodeSelectors {
    /// Reads the map at `pointer`; what is absent or wrong has its default.
    pub fn read(pointer: &str, value: Option<&Value>, found: &mut Findings) -> Self {
        let selectors = match value {
            None | Some(Value::Null) => return Self::default(),
            Some(Value::Object(selectors)) => selectors,
            Some(_) => {
                wrong_type(pointer, "a map of `general`, `user` and `worker`", found);
                return Self::default();
            }
        };
        unread_keys(selectors.keys(), pointer, &NAMES, found);
        let mut read = |name: &str| match selectors.get(name) {
            None | Some(Value::Null) => Selector::default(),
            Some(selector) => Selector::read(selector).unwrap_or_else(|| {
                let expected = "one label, `{key: <key>, value: <value>}` or `{<key>: <value>}`";
                wrong_type(&child(pointer, name), expected, found);
                Selector::default()
            }),
        };
        Self { general: read("general"), user: read("user"), worker: read("worker") }
    }
}

impl Selector {
    fn read(value: &Value) -> Option<Self> {
        let label = value.as_object()?;
        let (key, value) = if label.contains_key("key") || label.contains_key("value") {
            spelled_out(label)?
        } else {
            let mut pairs = label.iter();
            let (key, value) = pairs.next()?;
            if pairs.next().is_some() {
                // Later stages take one label; taking the first of several would be a guess.
                return None;
            }
            (key.as_str(), value.as_str()?)
        };
        Some(Self { key: key.to_owned(), value: value.to_owned() }).filter(|selector| !selector.key.is_empty())
    }
}

/// `{key: <key>, value: <value>}`, the form of real Nebari configs.
fn spelled_out(label: &Map<String, Value>) -> Option<(&str, &str)> {
    let (key, value) = (label.get("key")?.as_str()?, label.get("value")?.as_str()?);
    (label.len() == 2).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> (NodeSelectors, Vec<Option<String>>) {
        let mut found = Findings::default();
        let selectors = NodeSelectors::read("/s", Some(value), &mut found);
        (selectors, found.into_inner().into_iter().map(|one| one.pointer).collect())
    }

    #[test]
    fn both_spellings_mean_the_same() {
        let (selectors, found) = read(&json!({ "general": { "key": "a", "value": "b" }, "user": { "a": "b" } }));
        assert_eq!(selectors.general, selectors.user);
        assert_eq!(selectors.worker, Selector::default());
        assert_eq!(found, []);
    }

    #[test]
    fn what_is_not_one_label_is_told_where_it_stands() {
        for wrong in [json!({}), json!({ "a": "b", "c": "d" }), json!({ "key": "a" }), json!({ "a": 1 }), json!("a=b")]
        {
            let (selectors, found) = read(&json!({ "user": wrong }));
            assert_eq!(found, [Some("/s/user".to_owned())], "{wrong}");
            assert_eq!(selectors.user, Selector::default());
        }
    }

    #[test]
    fn another_name_is_told() {
        let (_, found) = read(&json!({ "gpu": { "a": "b" } }));
        assert_eq!(found, [Some("/s/gpu".to_owned())]);
    }
}
