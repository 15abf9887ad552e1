//! What a component's description picks out of its sections for every call: a project, a subscription.

use std::collections::BTreeMap;

use nic_core::document::pointer_token;
use nic_core::kind::{Description, SchemaNode};
use nic_core::state::State;
use serde_json::Value;

/// What holds in this run, which the first write records. While anything stands it is what is recorded: with another word for it, what
/// stands would be looked for where it is not.
pub(super) fn held(state: &mut State, description: &Description, sections: &Value) -> BTreeMap<String, Value> {
    let standing = !state.records.is_empty();
    let (said, says) = (picked(description, sections), immutable(description, sections));
    let kept = state.settings.entry(description.name.clone()).or_default();
    if !standing {
        kept.clear();
    }
    let fixed = &mut state.metadata.immutable_configuration;
    for (name, pointer) in &description.settings {
        let Some(says) = says.get(pointer) else { continue };
        let recorded = fixed.get(pointer).or(kept.get(name)).filter(|_| standing);
        let holds = recorded.unwrap_or(says).clone();
        if let Some(value) = said.get(name).filter(|_| holds == *says) {
            kept.insert(name.clone(), value.clone());
        }
        fixed.insert(pointer.clone(), holds);
    }
    kept.clone()
}

/// What the settings say, by pointer, as keys that cannot be changed while a platform stands. An absent one says its schema's default; of
/// what is no plain value, or a secret, nothing is said.
pub(super) fn immutable(description: &Description, sections: &Value) -> BTreeMap<String, Value> {
    let says = |pointer: &String| match sections.pointer(pointer) {
        None | Some(Value::Null) => Some(default(description, pointer).cloned().unwrap_or_default()),
        Some(Value::Object(_) | Value::Array(_)) => None,
        Some(value) => Some(value.clone()),
    };
    description.settings.values().filter_map(|pointer| Some((pointer.clone(), says(pointer)?))).collect()
}

fn default<'a>(description: &'a Description, pointer: &str) -> Option<&'a Value> {
    let mut keys = pointer.split('/').skip(1).map(pointer_token);
    let section = SchemaNode::root(description.config_sections.get(&keys.next()?)?);
    keys.fold(section, |node, key| node.member(&key)).default()
}

/// The settings that the config says. A secret is none: it stands there as a reference, and no call has a use for it.
fn picked(description: &Description, sections: &Value) -> BTreeMap<String, Value> {
    let said = |pointer: &String| sections.pointer(pointer).filter(|value| !value.is_null());
    let scalar = |value: &&Value| !value.is_object() && !value.is_array();
    let picked = description.settings.iter();
    picked.filter_map(|(name, pointer)| Some((name.clone(), said(pointer).filter(scalar)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use nic_core::resource::Record;
    use serde_json::json;

    use super::*;

    fn described() -> Description {
        let section =
            json!({"properties": {"project": {}, "zones": {}, "token": {}, "none": {}, "left": {"default": "l"}}});
        let description = serde_json::from_value(json!({
            "name": "x", "version": "1", "config_sections": {"x": section}, "settings":
                {"project": "/x/project", "zones": "/x/zones", "token": "/x/token", "none": "/x/none", "left": "/x/left"},
        }));
        description.unwrap()
    }

    fn state(standing: bool) -> State {
        let mut state = State::empty("x", "p", "dev", "classic", "lineage", "");
        if standing {
            let record = Record::unmade("x.thing.a".parse().unwrap(), "x.thing".to_owned());
            state.records.insert(record.address.clone(), record);
        }
        state
    }

    #[test]
    fn a_setting_is_a_plain_value_that_the_config_says() {
        let sections = json!({"x": {"project": "p-1", "zones": ["a"], "token": {"$secret": "x/token"}, "none": null}});
        let expected = BTreeMap::from([("project".to_owned(), json!("p-1"))]);
        assert_eq!(held(&mut state(false), &described(), &sections), expected);
    }

    #[test]
    fn while_anything_stands_what_is_recorded_holds() {
        let says = |project: &str| json!({"x": {"project": project, "left": "l"}});
        let mut first = state(false);
        assert_eq!(held(&mut first, &described(), &says("one"))["project"], "one");
        assert_eq!(first.metadata.immutable_configuration["/x/project"], "one");
        // Nothing was made yet.
        assert_eq!(held(&mut first, &described(), &says("two"))["project"], "two");
        first.records = state(true).records;
        for edited in [says("three"), json!({})] {
            assert_eq!(held(&mut first, &described(), &edited)["project"], "two");
            assert_eq!(first.metadata.immutable_configuration["/x/project"], "two");
        }
        // What was left out stands for its default, and cannot become anything else either.
        let mut left = state(false);
        assert!(!held(&mut left, &described(), &json!({})).contains_key("left"));
        left.records = state(true).records;
        assert_eq!(held(&mut left, &described(), &json!({"x": {"left": "l"}}))["left"], "l");
        assert_eq!(held(&mut left, &described(), &json!({"x": {"left": "r", "project": "p"}}))["left"], "l");
        assert!(!left.settings["x"].contains_key("project"));
    }

    #[test]
    fn what_an_older_state_does_not_know_is_what_the_config_says_and_what_it_knows_holds() {
        let says = json!({"x": {"project": "now", "left": "r"}});
        let mut older = state(true);
        older.settings = BTreeMap::from([("x".to_owned(), BTreeMap::from([("project".to_owned(), json!("then"))]))]);
        let settings = held(&mut older, &described(), &says);
        assert_eq!((&settings["project"], &settings["left"]), (&json!("then"), &json!("r")));
        assert_eq!(older.metadata.immutable_configuration["/x/project"], "then");
    }
}
