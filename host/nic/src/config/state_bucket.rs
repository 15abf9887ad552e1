//! Whether Nebari makes a bucket for the state of its own stages. A provider does not see what `terraform_state` says; the host does.

use nic_core::diagnostic::{Diagnostic, Severity};

use super::yaml::Node;

/// The code by which providers tell that a bucket cannot have the name that Nebari would give it.
const BUCKET_NAME_INVALID: &str = "BUCKET_NAME_INVALID";

/// Where Nebari is told to keep it, if not in a bucket that it makes.
const ELSEWHERE: [&str; 2] = ["local", "existing"];

/// Whether the diagnostic is about a bucket that is not going to be made.
pub(super) fn is_moot(root: &Node, diagnostic: &Diagnostic) -> bool {
    diagnostic.code == BUCKET_NAME_INVALID
        && diagnostic.severity == Severity::Warning
        && root.at("/terraform_state/type").and_then(Node::text).is_some_and(|kind| ELSEWHERE.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    #[test]
    fn a_bucket_that_nobody_makes_needs_no_name() {
        let warning = Diagnostic::warning(BUCKET_NAME_INVALID, "", "");
        let is_moot = |config: &str, told: &Diagnostic| is_moot(&parse(config).unwrap(), told);
        for elsewhere in ["local", "'local'", "existing"] {
            let config = format!("project_name: My_Nebari\nterraform_state:\n  type: {elsewhere}\n");
            assert!(is_moot(&config, &warning), "{config}");
            assert!(!is_moot(&config, &Diagnostic::warning("NAMESPACE_INVALID", "", "")));
            assert!(!is_moot(&config, &Diagnostic::error(BUCKET_NAME_INVALID, "", "")));
        }
        for bucket in ["a: b\n", "terraform_state:\n", "terraform_state:\n  type: remote\n", "terraform_state: local\n"]
        {
            assert!(!is_moot(bucket, &warning), "{bucket}");
        }
    }
}
