//! Whether the manifest and `describe` tell the same.

use serde_json::Value;

use crate::description::Description;
use crate::manifest::WIT_VERSION;

/// Checks a manifest against the description; every registered provider gets a test that does.
///
/// # Panics
///
/// When the manifest is not JSON, lacks a member, names another component than the description, or wants no grant for a kind or a config
/// section that the description has.
pub fn check_manifest(manifest: &str, description: &Description) {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_else(|error| panic!("manifest: {error}"));
    assert_eq!(manifest["name"], description.name.as_str(), "manifest: `name` is not what `describe` says");
    assert_eq!(manifest["version"], description.version.as_str(), "manifest: `version` is not what `describe` says");
    assert_eq!(manifest["wit"], WIT_VERSION, "manifest: `wit` is not the version this SDK speaks");
    assert_eq!(manifest["world"], "provider", "manifest: `world` is not `provider`");
    let grants = manifest["grants"].as_array().expect("manifest: `grants` is an array, empty if nothing is wanted");
    for grant in grants {
        let capability = grant["capability"].as_str().expect("manifest: a grant names its `capability`");
        let reason = grant["reason"].as_str().unwrap_or_default();
        assert!(!reason.is_empty(), "manifest: the grant of {capability} has no `reason`, which the user is shown");
    }
    let of = |capability: &'static str| grants.iter().filter(move |grant| grant["capability"] == capability);
    for kind in &description.kinds {
        let granted = of("kinds").any(|grant| grant["kinds"].get(&kind.kind).is_some());
        assert!(granted, "manifest: no grant of `kinds` names `{}`, which `describe` manages", kind.kind);
    }
    for section in description.config_sections.keys() {
        let granted = of("config")
            .any(|grant| grant["sections"].as_array().is_some_and(|own| own.iter().any(|own| own == section)));
        assert!(granted, "manifest: no grant of `config` names the section `{section}`, which `describe` reads");
    }
}
