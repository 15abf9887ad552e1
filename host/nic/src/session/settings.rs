//! What a component's description picks out of its sections for every call: a project, a subscription.

use std::collections::BTreeMap;

use nic_core::kind::Description;
use serde_json::Value;

/// The settings that the config says. A secret is none: it stands there as a reference, and no call has a use for it.
pub(super) fn picked(description: &Description, sections: &Value) -> BTreeMap<String, Value> {
    let said = |pointer: &String| sections.pointer(pointer).filter(|value| !value.is_null());
    let scalar = |value: &&Value| !value.is_object() && !value.is_array();
    let picked = description.settings.iter();
    picked.filter_map(|(name, pointer)| Some((name.clone(), said(pointer).filter(scalar)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_is_a_plain_value_that_the_config_says() {
        let description = serde_json::from_value(json!({
            "name": "x", "version": "1", "settings":
                {"project": "/x/project", "zones": "/x/zones", "token": "/x/token", "none": "/x/none", "left": "/x/left"},
        }));
        let sections = json!({"x": {"project": "p-1", "zones": ["a"], "token": {"$secret": "x/token"}, "none": null}});
        let picked = picked(&description.unwrap(), &sections);
        assert_eq!(picked, BTreeMap::from([("project".to_owned(), json!("p-1"))]));
    }
}
