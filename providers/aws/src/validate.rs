//! What is wrong with the config, and what of Classic is not built yet.

use nic_sdk::types::{Diagnostic, Severity};
use serde_json::Value;

use crate::config::{self, Config, SECTION};

/// Every finding about the section.
pub fn validate(config: &Value) -> Vec<Diagnostic> {
    let (parsed, mut diagnostics) = config::parse(config);
    diagnostics.push(incomplete(parsed.as_ref(), &config[SECTION]));
    diagnostics
}

/// Says which parts of Nebari Classic a deploy does not create yet, so that nobody finds out by their absence.
fn incomplete(config: Option<&Config>, section: &Value) -> Diagnostic {
    let mut missing = vec![
        "the EFS file system and its mount targets",
        "the ECR repository",
        "the resource group",
        "the Auto Scaling group tags",
    ];
    if section.get("storage").is_some_and(|storage| !storage.is_null()) {
        missing.push("the storage of the section");
    }
    Diagnostic {
        severity: Severity::Info,
        code: "CLASSIC_INCOMPLETE".to_owned(),
        summary: "Some of Nebari Classic is not created yet".to_owned(),
        detail: format!("Not created: {}.", missing.join("; ")),
        pointer: Some(format!("/{SECTION}")),
        hints: Vec::new(),
    }
}
