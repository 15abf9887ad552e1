//! Whether the manifest and `describe` tell the same.

use serde_json::Value;

use crate::description::Description;
use crate::manifest::WIT_VERSION;

/// Checks a manifest against the description; every registered provider gets a test that does.
///
/// # Panics
///
/// When the manifest is not JSON, lacks a member, or names another component than the description.
pub fn check_manifest(manifest: &str, description: &Description) {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_else(|error| panic!("manifest: {error}"));
    assert_eq!(manifest["name"], description.name.as_str(), "manifest: `name` is not what `describe` says");
    assert_eq!(manifest["version"], description.version.as_str(), "manifest: `version` is not what `describe` says");
    assert_eq!(manifest["wit"], WIT_VERSION, "manifest: `wit` is not the version this SDK speaks");
    let grants = manifest["grants"].as_array().expect("manifest: `grants` is an array, empty if nothing is wanted");
    for grant in grants {
        let capability = grant["capability"].as_str().expect("manifest: a grant names its `capability`");
        let reason = grant["reason"].as_str().unwrap_or_default();
        assert!(!reason.is_empty(), "manifest: the grant of {capability} has no `reason`, which the user is shown");
    }
}
