//! What a component may do, in words that fit a terminal of 80 columns.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nic_gate::grant::{CloudHttpGrant, ClusterGrant, Grant, HostsGrant, KindsGrant, KubernetesGrant, ObjectsGrant};
use nic_sandbox::guest_text::line;
use nic_sandbox::manifest::Manifest;

use super::wrap;

/// How many actions are named before the rest is counted.
const ACTIONS_NAMED: usize = 12;

/// What a component may do, and why; `verbose` names every action.
pub fn component(manifest: &Manifest, verbose: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "  {}, up to {} MiB of memory for each call", manifest.wit, manifest.memory_in_mib());
    if manifest.grants.is_empty() {
        text.push_str("  may read nothing and reach nothing: no config, no cloud, no cluster\n");
    }
    text.push_str(&listed(&manifest.grants.0, verbose));
    text.truncate(text.trim_end().len());
    text
}

/// The same of some grants alone.
pub fn listed(grants: &[Grant], verbose: bool) -> String {
    let mut text = String::new();
    for grant in grants {
        match grant {
            Grant::Config(grant) => {
                text.push_str("  may read the config, without its secrets\n");
                item(&mut text, "sections", &grant.sections.join(", "));
            }
            Grant::Kinds(grant) => kinds(&mut text, grant, verbose),
            Grant::CloudHttp(grant) => cloud(&mut text, grant, verbose),
            Grant::Hosts(grant) => hosts(&mut text, grant),
            Grant::Kubernetes(grant) => reads(&mut text, grant),
            Grant::KubernetesObjects(grant) => objects(&mut text, grant),
            Grant::Cluster(grant) => cluster(&mut text, grant),
        }
        item(&mut text, "because", &line(grant.reason()));
    }
    text.truncate(text.trim_end().len());
    text
}

fn kinds(text: &mut String, grant: &KindsGrant, verbose: bool) {
    text.push_str("  may make, change and delete, with your login\n");
    if verbose {
        for (kind, actions) in &grant.kinds {
            let does = if actions.is_empty() { "nothing but reads".to_owned() } else { actions.join(", ") };
            item(text, "", &format!("{kind}: {does}"));
        }
    } else {
        let named: Vec<&str> = grant.kinds.keys().map(String::as_str).collect();
        item(text, "kinds", &named.join(", "));
        let actions: BTreeSet<&String> = grant.kinds.values().flatten().collect();
        let actions: Vec<String> = actions.into_iter().cloned().collect();
        item(text, "by", &counted(&actions, verbose));
    }
}

fn cloud(text: &mut String, grant: &CloudHttpGrant, verbose: bool) {
    text.push_str("  may read a cloud, with your login\n");
    item(text, "signed as", &grant.scheme);
    item(text, "services", &grant.services.join(", "));
    let reads = grant.reads.as_ref().map_or_else(
        || "all that NIC knows of these services, but none that answers a secret".to_owned(),
        |reads| counted(reads, verbose),
    );
    item(text, "reads", &reads);
    item(text, "hosts", "those of each service in the platform's own region, and in the home region of its partition");
}

fn hosts(text: &mut String, grant: &HostsGrant) {
    text.push_str("  may send requests to hosts\n");
    item(text, "hosts", &grant.hosts.join(", "));
    let credential = match &grant.credential {
        Some(credential) => {
            let from = grant.from.as_ref().map(|from| format!(", from {from}")).unwrap_or_default();
            format!("the credential `{credential}`, as {}{from}", grant.scheme)
        }
        None => "no credential".to_owned(),
    };
    item(text, "with", &credential);
    if !grant.private.is_empty() {
        item(text, "private", &format!("opened by you: {}", grant.private.join(", ")));
    }
    if !grant.reads.is_empty() {
        item(text, "reads", &format!("also while planning: {}", grant.reads.join(", ")));
    }
}

fn reads(text: &mut String, grant: &KubernetesGrant) {
    text.push_str("  may read the cluster, except Secrets\n");
    item(text, "verbs", &grant.verbs.join(", "));
    item(text, "kinds", &kinds_of(&grant.kinds));
}

fn objects(text: &mut String, grant: &ObjectsGrant) {
    match grant.namespaces.as_deref() {
        None => text.push_str("  may declare objects of the whole cluster\n"),
        Some(namespaces) if namespaces.iter().any(|name| name == "*") => {
            text.push_str("  may declare objects in any namespace\n");
        }
        Some(namespaces) => {
            text.push_str("  may declare objects in some namespaces\n");
            item(text, "namespaces", &namespaces.join(", "));
        }
    }
    item(text, "kinds", &kinds_of(&grant.kinds));
}

fn cluster(text: &mut String, grant: &ClusterGrant) {
    text.push_str("  may say where the cluster is\n");
    item(text, "by", &grant.locators.join(", "));
    if grant.locators.iter().any(|locator| locator == "kubeconfig") {
        item(text, "", "a context of your kubeconfig that the config names, else the current one");
    }
    if !grant.contexts.is_empty() {
        item(
            text,
            "contexts",
            &format!("of your kubeconfig, beside those in the config: {}", grant.contexts.join(", ")),
        );
    }
}

fn kinds_of(kinds: &[String]) -> String {
    if kinds.iter().any(|kind| kind == "*") { "every kind".to_owned() } else { kinds.join(", ") }
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
    let _ = writeln!(text, "{}", wrap::hanging(&format!("    {label:<10} "), 15, &line(words)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let actions: Vec<String> = (0..40).map(|n| format!("ec2:DescribeSomething{n}")).collect();
        serde_json::from_value(json!({
            "name": "custom", "version": "1.2.3", "wit": "nic:plugin@0.1.0", "world": "provider", "memory_mib": 512,
            "grants": [
                {"capability": "config", "sections": ["custom"], "reason": "Reads"},
                {"capability": "cloud-http", "scheme": "aws-sigv4", "services": ["ec2"], "reads": actions,
                 "reason": "Reads networks, ".repeat(20)},
                {"capability": "kinds", "kinds": {"custom.vpc": ["ec2:CreateVpc", "ec2:DeleteVpc"], "custom.look": []}, "reason": "Makes networks"},
                {"capability": "hosts", "hosts": ["https://api.example.com"], "scheme": "bearer", "credential": "api",
                 "reads": ["POST api.example.com/v1/search"], "reason": "Asks the\u{202e} catalogue"},
                {"capability": "kubernetes", "verbs": ["get", "list"], "kinds": ["v1/Node", "apps/v1/Deployment"],
                 "reason": "Waits for nodes"},
                {"capability": "kubernetes-objects", "kinds": ["v1/ConfigMap"], "namespaces": ["dev"], "reason": "Greets"},
                {"capability": "kubernetes-objects", "kinds": ["*"], "reason": "Rules"},
                {"capability": "cluster", "locators": ["kubeconfig"], "contexts": ["kind-*"], "reason": "Finds it"},
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
            "may read the config, without its secrets sections custom because Reads",
            "signed as aws-sigv4 services ec2 reads 40: ec2:DescribeSomething0,",
            "ec2:DescribeSomething11 and 28 more (with -v)",
            "hosts those of each service in the platform's own region, and in the home region of its partition",
            "kinds custom.look, custom.vpc by 2: ec2:CreateVpc, ec2:DeleteVpc because Makes networks",
            "hosts https://api.example.com with the credential `api`, as bearer",
            "reads also while planning: POST api.example.com/v1/search",
            "may read the cluster, except Secrets verbs get, list kinds v1/Node, apps/v1/Deployment",
            "may declare objects in some namespaces namespaces dev kinds v1/ConfigMap",
            "may declare objects of the whole cluster kinds every kind",
            "by kubeconfig a context of your kubeconfig that the config names, else the current one contexts of your kubeconfig, beside those in the config: kind-*",
            "because Waits for nodes",
        ] {
            assert!(flat.contains(expected), "{expected} is not in:\n{text}");
        }
        assert!(flat.matches("Reads networks,").count() == 20 && !text.contains('\u{202e}'), "{text}");
        let whole = component(&manifest(), true);
        assert!(whole.contains("ec2:DescribeSomething39") && !whole.contains("with -v"), "{whole}");
        assert!(
            whole.contains("custom.look: nothing but reads") && whole.contains("custom.vpc: ec2:CreateVpc"),
            "{whole}"
        );
    }

    #[test]
    fn a_component_without_grants_and_one_without_limits_say_so() {
        let mut manifest = manifest();
        manifest.grants.0.drain(2..);
        let Grant::CloudHttp(cloud) = &mut manifest.grants.0[1] else { panic!("{manifest:?}") };
        cloud.reads = None;
        let text = component(&manifest, false);
        assert!(text.contains("reads      all that NIC knows of these services, but none that answers"), "{text}");
        manifest.grants.0.clear();
        assert!(component(&manifest, false).contains("may read nothing and reach nothing"));
    }
}
