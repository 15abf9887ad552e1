//! What a component may do, in words that fit a terminal of 80 columns.

use std::fmt::Write as _;

use super::wrap;
use crate::plugin::guest_text::line;
use crate::plugin::manifest::{CloudHttpGrant, Grant, KubernetesGrant, Manifest};

/// How many actions are named before the rest is counted.
const ACTIONS_NAMED: usize = 12;

/// What a component may do, and why; `verbose` names every action.
pub fn component(manifest: &Manifest, verbose: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "  {}, up to {} MiB of memory for each call", manifest.wit, manifest.memory_in_mib());
    if manifest.grants.is_empty() {
        text.push_str("  may reach nothing: no cloud, no cluster\n");
    }
    for grant in &manifest.grants {
        match grant {
            Grant::CloudHttp(grant) => cloud(&mut text, grant, verbose),
            Grant::Kubernetes(grant) => cluster(&mut text, grant),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn cloud(text: &mut String, grant: &CloudHttpGrant, verbose: bool) {
    text.push_str("  may send requests to clouds\n");
    item(text, "signed as", &grant.schemes.join(", "));
    if !grant.services.is_empty() {
        item(text, "services", &grant.services.join(", "));
        let actions = grant.actions.as_ref().map_or_else(
            || "all that NIC knows of these services, but none that answers a secret".to_owned(),
            |actions| counted(actions, verbose),
        );
        item(text, "actions", &actions);
    }
    let of_aws = grant.schemes.iter().any(|scheme| scheme == "aws-sigv4") && !grant.services.is_empty();
    let computed = of_aws.then_some("those that AWS gives each service and region");
    let hosts: Vec<&str> = computed.into_iter().chain(grant.hosts.iter().map(String::as_str)).collect();
    item(text, "hosts", &if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") });
    if !grant.reads.is_empty() {
        item(text, "reads", &format!("also while planning: {}", grant.reads.join(", ")));
    }
    item(text, "because", &line(&grant.reason));
}

fn cluster(text: &mut String, grant: &KubernetesGrant) {
    text.push_str("  may read the cluster, except Secrets\n");
    item(text, "verbs", &grant.verbs.join(", "));
    let every = grant.kinds.iter().any(|kind| kind == "*");
    item(text, "kinds", &if every { "every kind".to_owned() } else { grant.kinds.join(", ") });
    item(text, "because", &line(&grant.reason));
}

/// How many there are, and the first of them.
fn counted(patterns: &[String], verbose: bool) -> String {
    let named = if verbose { patterns.len() } else { ACTIONS_NAMED };
    let first = patterns.iter().take(named).map(String::as_str).collect::<Vec<_>>().join(", ");
    match patterns.len() {
        0 => "none".to_owned(),
        all if all <= named => format!("{all}: {first}"),
        all => format!("{all}: {first} and {} more (with -v)", all - named),
    }
}

/// A label, and words that go on below each other.
fn item(text: &mut String, label: &str, words: &str) {
    let _ = writeln!(text, "{}", wrap::hanging(&format!("    {label:<10} "), 15, words));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let actions: Vec<String> = (0..40).map(|n| format!("ec2:DescribeSomething{n}")).collect();
        serde_json::from_value(json!({
            "name": "custom", "version": "1.2.3", "wit": "nic:plugin@0.1.0", "memory_mib": 512,
            "grants": [
                {"capability": "cloud-http", "schemes": ["aws-sigv4"], "services": ["ec2"], "actions": actions,
                 "reason": "Makes networks, ".repeat(20)},
                {"capability": "cloud-http", "schemes": ["bearer"], "hosts": ["https://api.example.com"],
                 "reads": ["POST api.example.com/v1/search"], "reason": "Asks the\u{202e} catalogue"},
                {"capability": "kubernetes", "verbs": ["get", "list"], "kinds": ["v1/Node", "apps/v1/Deployment"],
                 "reason": "Waits for nodes"},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn everything_that_is_granted_is_shown_and_fits_eighty_columns() {
        let text = component(&manifest(), false);
        for line in text.lines() {
            assert!(line.chars().count() <= wrap::WIDTH && line.trim_end() == line, "{line:?}");
        }
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "nic:plugin@0.1.0, up to 512 MiB of memory",
            "signed as aws-sigv4 services ec2 actions 40: ec2:DescribeSomething0,",
            "ec2:DescribeSomething11 and 28 more (with -v)",
            "hosts those that AWS gives each service and region",
            "signed as bearer hosts https://api.example.com",
            "reads also while planning: POST api.example.com/v1/search",
            "may read the cluster, except Secrets verbs get, list kinds v1/Node, apps/v1/Deployment",
            "because Waits for nodes",
        ] {
            assert!(flat.contains(expected), "{expected} is not in:\n{text}");
        }
        assert!(flat.matches("Makes networks,").count() == 20 && !text.contains('\u{202e}'), "{text}");
        let whole = component(&manifest(), true);
        assert!(whole.contains("ec2:DescribeSomething39") && !whole.contains("with -v"), "{whole}");
    }

    #[test]
    fn a_component_without_grants_and_one_without_limits_say_so() {
        let mut manifest = manifest();
        manifest.grants.truncate(1);
        let Grant::CloudHttp(cloud) = &mut manifest.grants[0] else { panic!("{manifest:?}") };
        cloud.actions = None;
        let text = component(&manifest, false);
        assert!(text.contains("actions    all that NIC knows of these services, but none that answers"), "{text}");
        manifest.grants.clear();
        assert!(component(&manifest, false).contains("may reach nothing: no cloud, no cluster"));
    }
}
