//! What is wrong with the config.

use nic_sdk::kit::{Topology, names};
use nic_sdk::types::{Context, Diagnostic};
use serde_json::Value;

use crate::config;
use crate::limits;
use crate::names::Names;

/// Every finding about the section, and about the names that things get after the project and the namespace.
pub fn validate(context: &Context, config: &Value) -> Vec<Diagnostic> {
    let topology = Topology::of(context);
    let (read, mut diagnostics) = config::read(config, topology);
    diagnostics.extend(names::namespace(&context.namespace));
    diagnostics.extend(read.map(|read| limits::check(context, &read)).unwrap_or_default());
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
    let detail = "this platform has the design document's topology, where no EFS file system is made: a later stage puts a file \
                  server into the cluster";
    efs.then(|| Topology::not_in(detail, "/storage/type"))
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
    Some(
        Diagnostic::error(
            "REGISTRY_NAME_INVALID",
            "A name is not allowed",
            format!("ECR refuses {refused}, as in the repository `{}`", Names::new(context).registry()),
        )
        .at("/project_name")
        .hint(format!("write `project_name: {}`", names::plain(project))),
    )
}

/// Whether ECR takes this between two letters or digits. Its pattern for a name is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn joins(between: &str) -> bool {
    matches!(between, "_" | "__") || between.chars().all(|c| c == '-')
}

/// Nebari keeps its own state in a bucket that is named after the project. Whoever keeps it elsewhere has none, so this stops
/// nothing.
fn bucket_name(project: &str) -> Option<Diagnostic> {
    let legal = names::plain(project);
    (legal != project).then(|| {
        Diagnostic::warning(
            "BUCKET_NAME_INVALID",
            "A name does not fit S3",
            format!("Nebari names the bucket of its state after `{project}`, and S3 refuses capitals and `_`"),
        )
        .at("/project_name")
        .hint(format!(
            "write `project_name: {legal}` before the first deploy, or let `terraform_state` be kept elsewhere"
        ))
    })
}
