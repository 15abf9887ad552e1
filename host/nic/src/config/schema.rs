//! The JSON Schema of the keys that are the host's own.

use serde_json::{Value, json};

use crate::clouds;

/// Top-level keys of nebari-config.yaml that the host reads; provider sections are added by whoever knows the providers.
pub fn host_schema() -> Value {
    let [one, other] = clouds::EXAMPLE.examples.protected;
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nebari-config.yaml, as far as NIC reads it",
        "description": "Keys that are not named here belong to later stages, and are left alone.",
        "type": "object",
        "required": ["project_name"],
        "properties": {
            "project_name": {
                "type": "string",
                "pattern": "^[A-Za-z][A-Za-z0-9\\-_]{1,14}[A-Za-z0-9]$",
                "description": "3 to 16 letters, digits, - and _. Cannot be changed after the first deploy.",
            },
            "namespace": {
                "type": "string",
                "pattern": "^[A-Za-z][A-Za-z\\-_]*[A-Za-z]$",
                "default": "dev",
                "description": "The Nebari environment, and the namespace it lives in.",
            },
            "provider": {
                "enum": clouds::providers().collect::<Vec<_>>(),
                "description": "Inferred from the one provider section that is there. Cannot be changed after the first deploy.",
            },
            "retain": {
                "type": "array",
                "items": { "type": "string" },
                "description": format!("What `nic destroy` leaves: addresses, kinds, or the first word of protected kinds, such as {one} and {other}."),
            },
            "prevent_deploy": { "type": "boolean", "default": false, "description": "Forbids deploying." },
        },
        "additionalProperties": true,
    })
}
