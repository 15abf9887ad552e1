//! What this provider alone tells about a config: fixed summaries, names in the detail.

use nic_sdk::types::Diagnostic;

/// Both sections are given, and each may name another cluster.
pub fn ambiguous() -> Diagnostic {
    let detail = "both `existing` and `local` are given, and each may name another cluster";
    Diagnostic::error("SECTION_AMBIGUOUS", "Two sections describe one cluster", detail)
        .at("/local")
        .hint("remove the section that does not belong to `provider`")
}

/// A layout that asks for a cluster to be made.
pub fn makes_no_cluster(pointer: &str, key: &str) -> Diagnostic {
    let detail = format!("`{key}` asks for a cluster to be made; this provider only uses one that exists");
    Diagnostic::error("CLUSTER_NOT_MADE", "No cluster is made here", detail)
        .at(pointer)
        .hint("make the cluster, then name its kubeconfig context by `kube_context`")
}
