//! What is wrong with the config, and what of Classic is not built yet.

use nic_sdk::types::{Context, Diagnostic, Severity};
use serde_json::Value;

use crate::config::{self, Config, SECTION};
use crate::names::Names;

/// Every finding about the section.
pub fn validate(context: &Context, config: &Value) -> Vec<Diagnostic> {
    let (parsed, mut diagnostics) = config::parse(config);
    diagnostics.extend(registry_name(&Names::new(context)));
    diagnostics.push(incomplete(parsed.as_ref(), &config[SECTION]));
    diagnostics
}

/// A repository's name holds no capitals, and is made of the project's and the namespace's.
fn registry_name(names: &Names) -> Option<Diagnostic> {
    let name = names.registry();
    name.chars().any(|c| c.is_ascii_uppercase()).then(|| Diagnostic {
        severity: Severity::Error,
        code: "REGISTRY_NAME_INVALID".to_owned(),
        summary: "A name is not allowed".to_owned(),
        detail: format!("ECR refuses capitals, as in the repository `{name}`"),
        pointer: None,
        hints: vec!["write `project_name` and `namespace` in small letters".to_owned()],
    })
}

/// Says which parts of Nebari Classic a deploy does not create yet, so that nobody finds out by their absence.
fn incomplete(config: Option<&Config>, section: &Value) -> Diagnostic {
    let mut missing = vec![
        "the OIDC provider and its roles",
        "the add-ons aws-ebs-csi-driver and coredns",
        "the worker autoscaling policy and the cluster autoscaler",
        "the Traefik custom resource definitions",
    ];
    if config.is_some_and(|c| c.kms_key_arn.is_some()) {
        missing.push("the key policy of the cluster role (the cluster itself is encrypted with the key)");
    }
    if config.is_some_and(|c| c.node_groups.iter().any(|group| group.gpu)) {
        missing.push("the NVIDIA device plugin");
    }
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
