//! What is wrong with the config.

use nic_sdk::types::{Context, Diagnostic, Severity};
use serde_json::Value;

use crate::config;
use crate::names::{Names, Topology};

/// Every finding about the section.
pub fn validate(context: &Context, config: &Value) -> Vec<Diagnostic> {
    let topology = Topology::of(context);
    let (_, mut diagnostics) = config::parse(config, topology);
    if topology == Topology::Classic {
        diagnostics.extend(registry_name(&Names::new(context)));
    }
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
