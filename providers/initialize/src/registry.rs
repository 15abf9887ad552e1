//! The config section `external_container_reg`: a private registry on AWS that the pods of the platform pull from.

use nic_sdk::findings::Findings;
use nic_sdk::kit::{child, unread_keys, wrong_type};
use nic_sdk::schema::{boolean, object, string};
use nic_sdk::types::Diagnostic;
use serde_json::{Value, json};

/// The section.
pub const SECTION: &str = "external_container_reg";

/// Its keys beside `enabled`: needed together.
const VALUES: [&str; 4] = ["access_key_id", "secret_access_key", "extcr_account", "extcr_region"];

const KEYS: [&str; 5] = ["enabled", VALUES[0], VALUES[1], VALUES[2], VALUES[3]];

/// What the section says when it is enabled: four secrets, each as the host names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalRegistry {
    pub(crate) access_key_id: Value,
    pub(crate) secret_access_key: Value,
    pub(crate) account: Value,
    pub(crate) region: Value,
}

/// The JSON Schema of the section. All four values are secret, as Nebari holds them in a Secret.
pub fn schema() -> Value {
    let whole = object().optional("enabled", boolean().nullable().default(json!(false)));
    let whole = VALUES.iter().fold(whole, |schema, key| schema.optional(key, string().nullable().sensitive()));
    // Open, because an unknown key is worth a warning and no more.
    whole.with("additionalProperties", json!(true)).nullable().build()
}

/// What the section says, and everything that is wrong with it. None when it is absent, not enabled or wrong.
pub fn read(config: &Value) -> (Option<ExternalRegistry>, Vec<Diagnostic>) {
    let mut found = Findings::default();
    let registry = read_section(config.get(SECTION), &mut found);
    (registry, found.into_inner())
}

fn read_section(section: Option<&Value>, found: &mut Findings) -> Option<ExternalRegistry> {
    let root = format!("/{SECTION}");
    let section = match section {
        None | Some(Value::Null) => return None,
        Some(Value::Object(section)) => section,
        Some(_) => {
            wrong_type(&root, "a map", found);
            return None;
        }
    };
    unread_keys(section.keys(), &root, &KEYS, found);
    let enabled = match section.get("enabled") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(enabled)) => *enabled,
        Some(_) => {
            wrong_type(&pointer("enabled"), "true or false", found);
            false
        }
    };
    let mut missing = Vec::new();
    let mut values = VALUES.map(|key| match section.get(key) {
        // A secret is a reference here; a blank one is none, and the host hands it over as it is.
        Some(Value::Object(secret)) if secret.contains_key("$secret") => Some(section[key].clone()),
        Some(Value::String(text)) if !text.trim().is_empty() => Some(Value::from(text.as_str())),
        None | Some(Value::Null | Value::String(_)) => {
            missing.push(key);
            None
        }
        Some(_) => {
            wrong_type(&pointer(key), "text", found);
            None
        }
    });
    if !enabled {
        return None;
    }
    if !missing.is_empty() {
        incomplete(&missing, found);
    }
    let [Some(access_key_id), Some(secret_access_key), Some(account), Some(region)] =
        values.each_mut().map(Option::take)
    else {
        return None;
    };
    Some(ExternalRegistry { access_key_id, secret_access_key, account, region })
}

fn pointer(key: &str) -> String {
    child(&format!("/{SECTION}"), key)
}

fn incomplete(missing: &[&str], found: &mut Findings) {
    let detail = format!("`enabled` is true, and `{}` is not set or blank", missing.join("`, `"));
    let summary = "The external registry is named by half";
    let finding = found.error("REGISTRY_INCOMPLETE", summary, detail, &format!("/{SECTION}"));
    finding.hints.push(format!("set all of `{}`, or `enabled: false`", VALUES.join("`, `")));
    finding.hints.push(format!(
        "a value need not stand in the file: the environment variable NEBARI_SECRET__{SECTION}__{} sets it",
        missing[0]
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(section: &Value) -> Vec<(String, Option<String>)> {
        let (_, found) = read(&json!({ SECTION: section }));
        found.into_iter().map(|one| (one.code, one.pointer)).collect()
    }

    fn secret(key: &str) -> Value {
        json!({ "$secret": format!("{SECTION}/{key}") })
    }

    fn whole() -> Value {
        json!({ "enabled": true, "access_key_id": secret("access_key_id"), "secret_access_key": secret("secret_access_key"),
            "extcr_account": secret("extcr_account"), "extcr_region": secret("extcr_region") })
    }

    #[test]
    fn absent_and_disabled_ask_for_nothing() {
        for config in
            [json!({}), json!({ SECTION: null }), json!({ SECTION: {} }), json!({ SECTION: { "enabled": false } })]
        {
            assert_eq!(read(&config), (None, Vec::new()), "{config}");
        }
        let mut disabled = whole();
        disabled["enabled"] = json!(false);
        assert_eq!(read(&json!({ SECTION: disabled })), (None, Vec::new()));
    }

    #[test]
    fn secrets_stay_references() {
        let (registry, found) = read(&json!({ SECTION: whole() }));
        assert_eq!(found, []);
        assert_eq!(registry.expect("it is whole").account, secret("extcr_account"));
    }

    #[test]
    fn what_is_missing_or_blank_is_told_together() {
        let mut half = whole();
        half["extcr_region"] = json!("  ");
        half.as_object_mut().expect("a map").remove("access_key_id");
        let (registry, found) = read(&json!({ SECTION: half }));
        assert_eq!(registry, None);
        assert_eq!(found[0].code, "REGISTRY_INCOMPLETE");
        assert!(found[0].detail.contains("`access_key_id`, `extcr_region`"), "{}", found[0].detail);
        assert!(found[0].hints[1].ends_with("NEBARI_SECRET__external_container_reg__access_key_id sets it"));
    }

    #[test]
    fn what_is_of_another_kind_is_told_at_its_place() {
        let place = |code: &str, below: &str| (code.to_owned(), Some(format!("/{SECTION}{below}")));
        assert_eq!(told(&json!([])), [place("VALUE_TYPE", "")]);
        assert_eq!(told(&json!({ "enabled": "yes" })), [place("VALUE_TYPE", "/enabled")]);
        let mut listed = whole();
        listed["extcr_account"] = json!(["1"]);
        listed["x/y"] = json!(1);
        assert_eq!(told(&listed), [place("UNKNOWN_KEY", "/x~1y"), place("VALUE_TYPE", "/extcr_account")]);
    }
}
