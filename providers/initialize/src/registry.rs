//! The config section `external_container_reg`: a private registry on AWS that the pods of the platform pull from.

use nic_sdk::schema::{boolean, object, string};
use nic_sdk::types::{Diagnostic, Severity};
use serde_json::{Value, json};

/// The section.
pub const SECTION: &str = "external_container_reg";

/// Its keys beside `enabled`: needed together.
const VALUES: [&str; 4] = ["access_key_id", "secret_access_key", "extcr_account", "extcr_region"];

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
    let mut found = Vec::new();
    let section = match config.get(SECTION) {
        None | Some(Value::Null) => return (None, found),
        Some(Value::Object(section)) => section,
        Some(_) => return (None, vec![wrong_type("", "a map")]),
    };
    for key in section.keys().filter(|key| *key != "enabled" && !VALUES.contains(&key.as_str())) {
        found.push(unknown_key(key));
    }
    let enabled = match section.get("enabled") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(enabled)) => *enabled,
        Some(_) => {
            found.push(wrong_type("/enabled", "true or false"));
            false
        }
    };
    let mut values = VALUES.map(|key| match section.get(key) {
        // A secret is a reference here; a blank one is none, and the host hands it over as it is.
        Some(Value::Object(secret)) if secret.contains_key("$secret") => Some(section[key].clone()),
        Some(Value::String(text)) if !text.trim().is_empty() => Some(Value::from(text.as_str())),
        None | Some(Value::Null | Value::String(_)) => None,
        Some(_) => {
            found.push(wrong_type(&format!("/{key}"), "text"));
            None
        }
    });
    if !enabled {
        return (None, found);
    }
    let wrong: Vec<bool> =
        VALUES.iter().map(|key| found.iter().any(|one| one.pointer == Some(pointer(&format!("/{key}"))))).collect();
    let missing: Vec<&str> = VALUES
        .into_iter()
        .zip(&values)
        .zip(&wrong)
        .filter(|((_, value), wrong)| value.is_none() && !**wrong)
        .map(|((key, _), _)| key)
        .collect();
    if !missing.is_empty() {
        found.push(incomplete(&missing));
    }
    let [Some(access_key_id), Some(secret_access_key), Some(account), Some(region)] =
        values.each_mut().map(Option::take)
    else {
        return (None, found);
    };
    (Some(ExternalRegistry { access_key_id, secret_access_key, account, region }), found)
}

fn pointer(below: &str) -> String {
    format!("/{SECTION}{below}")
}

fn diagnostic(severity: Severity, code: &str, summary: &str, detail: String, at: &str) -> Diagnostic {
    Diagnostic {
        severity,
        code: code.to_owned(),
        summary: summary.to_owned(),
        detail,
        pointer: Some(pointer(at)),
        hints: Vec::new(),
    }
}

fn wrong_type(at: &str, expected: &str) -> Diagnostic {
    let detail = format!("`{}` is not {expected}", pointer(at));
    diagnostic(Severity::Error, "VALUE_TYPE", "A value has the wrong type", detail, at)
}

fn unknown_key(key: &str) -> Diagnostic {
    let at = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
    let detail = format!("`{key}` is not a key that is read here; it is ignored");
    Diagnostic {
        hints: vec![format!("keys read here: `enabled`, `{}`", VALUES.join("`, `"))],
        ..diagnostic(Severity::Warning, "UNKNOWN_KEY", "A key is unknown", detail, &at)
    }
}

fn incomplete(missing: &[&str]) -> Diagnostic {
    let detail = format!("`enabled` is true, and `{}` is not set or blank", missing.join("`, `"));
    Diagnostic {
        hints: vec![
            format!("set all of `{}`, or `enabled: false`", VALUES.join("`, `")),
            format!(
                "a value need not stand in the file: the environment variable NEBARI_SECRET__{SECTION}__{} sets it",
                missing[0]
            ),
        ],
        ..diagnostic(Severity::Error, "REGISTRY_INCOMPLETE", "The external registry is named by half", detail, "")
    }
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
