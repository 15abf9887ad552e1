//! Whether a desired document fits the schema of its kind.

use serde_json::Value;

/// No member too many, none that is required missing, none that is the cloud's.
pub fn fits(schema: &Value, document: &Value, place: &str) {
    let (Some(properties), Some(members)) = (schema["properties"].as_object(), document.as_object()) else { return };
    if members.contains_key("$ref") {
        return;
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(members.contains_key(key), "{place} lacks `{key}`");
    }
    for (key, value) in members {
        let place = format!("{place}/{key}");
        let property = properties.get(key).unwrap_or_else(|| panic!("{place} is not in the schema"));
        assert_ne!(property["x-nic"]["computed"], true, "{place} is the cloud's to fill in");
        for element in value.as_array().into_iter().flatten() {
            fits(&property["items"], element, &place);
        }
        fits(property, value, &place);
    }
}
