//! What is wrong with the config.

use nic_sdk::types::{Context, Diagnostic, Severity};
use serde_json::Value;

use crate::config;
use crate::names::{Names, Topology};

/// Every finding about the section, and about the names that things get after the project and the namespace.
pub fn validate(context: &Context, config: &Value) -> Vec<Diagnostic> {
    let topology = Topology::of(context);
    let (_, mut diagnostics) = config::parse(config, topology);
    diagnostics.extend(namespace(&context.namespace));
    let bucket = || bucket_name(&context.project);
    match topology {
        // A project that is spelled as the repository needs it fits the bucket too.
        Topology::Classic => diagnostics.extend(registry_name(context).or_else(bucket)),
        Topology::Design => diagnostics.extend(bucket().into_iter().chain(of_classic(config))),
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

/// Kubernetes refuses a namespace with capitals or `_`, and is asked for it only when the cluster stands.
fn namespace(name: &str) -> Option<Diagnostic> {
    let legal = plain(name);
    (legal != name).then(|| Diagnostic {
        severity: Severity::Error,
        code: "NAMESPACE_INVALID".to_owned(),
        summary: "A name is not allowed".to_owned(),
        detail: format!("`{name}` becomes a namespace of Kubernetes, which refuses capitals and `_`"),
        pointer: Some("/namespace".to_owned()),
        hints: vec![format!("write `namespace: {legal}`")],
    })
}

/// ECR refuses capitals, and more than two `_` or a mixture of `_` and `-` between letters. The repository's name holds the
/// project's; a namespace that would not fit is refused anyway.
fn registry_name(context: &Context) -> Option<Diagnostic> {
    let project = &context.project;
    let unfit = project.split(|c: char| c.is_ascii_alphanumeric()).find(|between| !joins(between));
    let refused = if project.contains(|c: char| c.is_ascii_uppercase()) {
        "capitals".to_owned()
    } else {
        format!("`{}` within a name", unfit?)
    };
    Some(Diagnostic {
        severity: Severity::Error,
        code: "REGISTRY_NAME_INVALID".to_owned(),
        summary: "A name is not allowed".to_owned(),
        detail: format!("ECR refuses {refused}, as in the repository `{}`", Names::new(context).registry()),
        pointer: Some("/project_name".to_owned()),
        hints: vec![format!("write `project_name: {}`", plain(project))],
    })
}

/// Whether ECR takes this between two letters or digits. Its pattern for a name is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn joins(between: &str) -> bool {
    matches!(between, "_" | "__") || between.chars().all(|c| c == '-')
}

/// Nebari keeps its own state in a bucket that is named after the project. Whoever keeps it elsewhere has none, so this stops
/// nothing.
fn bucket_name(project: &str) -> Option<Diagnostic> {
    let legal = plain(project);
    (legal != project).then(|| Diagnostic {
        severity: Severity::Warning,
        code: "BUCKET_NAME_INVALID".to_owned(),
        summary: "A name does not fit S3".to_owned(),
        detail: format!("Nebari names the bucket of its state after `{project}`, and S3 refuses capitals and `_`"),
        pointer: Some("/project_name".to_owned()),
        hints: vec![format!(
            "write `project_name: {legal}` before the first deploy, or let `terraform_state` be kept elsewhere"
        )],
    })
}

/// The name in the letters that every service takes.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}
