//! What is wrong with the config.

use nic_sdk::types::{Context, Diagnostic, Severity};
use serde_json::Value;

use crate::config;
use crate::names::{Names, Topology};

/// Every finding about the section.
pub fn validate(context: &Context, config: &Value) -> Vec<Diagnostic> {
    let topology = Topology::of(context);
    let (_, mut diagnostics) = config::parse(config, topology);
    match topology {
        Topology::Classic => diagnostics.extend(registry_name(&Names::new(context))),
        Topology::Design => diagnostics.extend(of_classic(config)),
    }
    diagnostics
}

/// A file system that only the Classic topology makes.
fn of_classic(config: &Value) -> Option<Diagnostic> {
    let efs = config.pointer("/storage/type").is_some_and(|sort| sort == "efs");
    efs.then(|| Diagnostic {
        severity: Severity::Warning,
        code: "KEY_NOT_IN_TOPOLOGY".to_owned(),
        summary: "A key belongs to the other topology".to_owned(),
        detail: "this platform has the design document's topology, where no EFS file system is made: a later stage puts a file server \
                 into the cluster"
            .to_owned(),
        pointer: Some("/storage/type".to_owned()),
        hints: vec!["a platform's topology is set at its first deploy and stays".to_owned()],
    })
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
