//! What this provider tells about a config: fixed summaries, names in the detail.

use nic_sdk::types::{Diagnostic, Severity};

fn diagnostic(severity: Severity, code: &str, summary: &str, detail: String, pointer: Option<&str>) -> Diagnostic {
    Diagnostic {
        severity,
        code: code.to_owned(),
        summary: summary.to_owned(),
        detail,
        pointer: pointer.map(str::to_owned),
        hints: Vec::new(),
    }
}

/// A key as a segment of an RFC 6901 pointer.
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A key that nobody reads.
pub fn unknown_key(pointer: &str, key: &str, known: &[&str]) -> Diagnostic {
    let detail = format!("`{key}` is not a key that is read here; it is ignored");
    Diagnostic {
        hints: vec![format!("keys read here: `{}`", known.join("`, `"))],
        ..diagnostic(Severity::Warning, "UNKNOWN_KEY", "A key is unknown", detail, Some(pointer))
    }
}

/// A value of the wrong type.
pub fn wrong_type(pointer: &str, expected: &str) -> Diagnostic {
    let detail = format!("`{pointer}` is not {expected}");
    diagnostic(Severity::Error, "VALUE_TYPE", "A value has the wrong type", detail, Some(pointer))
}

/// Both sections are given, and each may name another cluster.
pub fn ambiguous() -> Diagnostic {
    let detail = "both `existing` and `local` are given, and each may name another cluster".to_owned();
    Diagnostic {
        hints: vec!["remove the section that does not belong to `provider`".to_owned()],
        ..diagnostic(Severity::Error, "SECTION_AMBIGUOUS", "Two sections describe one cluster", detail, Some("/local"))
    }
}

/// A layout that asks for a cluster to be made.
pub fn makes_no_cluster(pointer: &str, key: &str) -> Diagnostic {
    let detail = format!("`{key}` asks for a cluster to be made; this provider only uses one that exists");
    Diagnostic {
        hints: vec!["make the cluster, then name its kubeconfig context by `kube_context`".to_owned()],
        ..diagnostic(Severity::Error, "CLUSTER_NOT_MADE", "No cluster is made here", detail, Some(pointer))
    }
}
