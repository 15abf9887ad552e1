//! What is wrong with the config, and what of Classic is not built yet.

use nic_sdk::types::{Context, Diagnostic, Severity};
use serde_json::Value;

use crate::config::{self, Config, SECTION};
use crate::names::Topology;

/// Every finding about the section.
pub fn validate(context: &Context, config: &Value) -> Vec<Diagnostic> {
    let topology = Topology::of(context);
    let (parsed, mut diagnostics) = config::parse(config, topology);
    if topology == Topology::Classic {
        diagnostics.push(incomplete(parsed.as_ref()));
    }
    diagnostics
}

/// Says which parts of Nebari Classic a deploy does not create yet, so that nobody finds out by their absence.
fn incomplete(config: Option<&Config>) -> Diagnostic {
    let mut missing = vec![
        "the EFS file system and its mount targets",
        "the ECR repository",
        "the resource group",
        "the Auto Scaling group tags and the cluster autoscaler",
        "the Traefik custom resource definitions",
    ];
    if config.is_some_and(|c| c.node_groups.iter().any(|group| group.gpu)) {
        missing.push("the NVIDIA device plugin");
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
