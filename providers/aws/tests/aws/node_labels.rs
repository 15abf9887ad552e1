//! Taints and labels that Kubernetes or EKS refuses.

use crate::calls::context;
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::types::{Diagnostic, Severity};
use serde_json::{Value, json};

/// What is said of a group `user` with these members.
fn found(members: &Value) -> Vec<Diagnostic> {
    let mut user = json!({ "instance": "m5.xlarge", "min_nodes": 0, "max_nodes": 5 });
    user.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let groups = json!({ "general": { "instance": "m5.2xlarge", "min_nodes": 1, "max_nodes": 1 }, "user": user });
    let section = json!({ "region": "us-west-2", "kubernetes_version": "1.34", "node_groups": groups });
    Aws::validate(&context(), &json!({ "amazon_web_services": section })).unwrap()
}

/// Severity, code, and the end of the pointer.
fn told(found: &[Diagnostic]) -> Vec<(Severity, &str, &str)> {
    let user = "/amazon_web_services/node_groups/user/";
    found
        .iter()
        .map(|one| (one.severity, one.code.as_str(), one.pointer.as_deref().unwrap().trim_start_matches(user)))
        .collect()
}

#[test]
fn a_taint_that_yaml_took_for_a_map_is_told_with_its_quotes() {
    let found = found(&json!({ "taints": [{ "nvidia.com/gpu": "NoSchedule" }] }));
    assert_eq!(told(&found), [(Severity::Error, "TAINT_INVALID", "taints/0")]);
    assert_eq!(
        found[0].hints,
        ["the space after the colon makes a map of it: write `\"nvidia.com/gpu:NoSchedule\"`, in quotes"]
    );
}

#[test]
fn the_effects_of_eks_are_told_with_those_of_kubernetes() {
    let found = found(&json!({
        "taints": ["dedicated=user:NO_SCHEDULE", { "key": "a", "value": "", "effect": "noschedule" }]
    }));
    let errors = [(Severity::Error, "TAINT_INVALID", "taints/0"), (Severity::Error, "TAINT_INVALID", "taints/1")];
    assert_eq!(told(&found), errors);
    for one in &found {
        assert!(one.detail.contains("is spelled `NoSchedule`"), "{}", one.detail);
        assert!(one.detail.ends_with("NoSchedule, PreferNoSchedule, NoExecute"), "{}", one.detail);
    }
}

#[test]
fn a_key_has_an_effect_once() {
    let found = found(&json!({ "taints": ["team=a:NoSchedule", "team=b:NoSchedule", "team=a:NoExecute"] }));
    assert_eq!(told(&found), [(Severity::Error, "TAINT_INVALID", "taints/1")]);
}

#[test]
fn each_name_is_told_with_the_rule_it_breaks() {
    let found = found(&json!({
        "taints": [
            { "key": "cost/centre/x", "value": "a b", "effect": "NoSchedule" },
            { "key": "-lead", "value": "trail-", "effect": "NoSchedule" },
        ],
        "labels": {
            "node-role.kubernetes.io/user": "true",
            "eks.amazonaws.com/nodegroup": "mine",
            "kubernetes.io/arch": "amd64",
        },
    }));
    assert_eq!(
        told(&found),
        [
            (Severity::Error, "TAINT_INVALID", "taints/0"),
            (Severity::Error, "TAINT_INVALID", "taints/1"),
            (Severity::Error, "LABEL_RESERVED", "labels/eks.amazonaws.com~1nodegroup"),
            (Severity::Error, "LABEL_RESERVED", "labels/kubernetes.io~1arch"),
            (Severity::Error, "LABEL_RESERVED", "labels/node-role.kubernetes.io~1user"),
        ]
    );
    let words = |index: usize, words: &[&str]| {
        let detail = &found[index].detail;
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
    };
    words(0, &["`cost/centre/x` has more than one `/`", "`a b` has ` ` in it"]);
    words(1, &["`-lead` does not begin and end", "`trail-` does not begin and end"]);
    words(2, &["EKS keeps labels that begin with `eks.amazonaws.com/`"]);
    words(3, &["EKS keeps labels that begin with `kubernetes.io/`"]);
    words(4, &["a kubelet refuses to start with it"]);
    assert!(found[4].hints[0].contains("`example.com/user`"), "{:?}", found[4].hints);
}

#[test]
fn no_value_is_an_empty_one_and_kubernetes_own_taints_are_told() {
    let found = found(&json!({
        "taints": ["nvidia.com/gpu:NoSchedule", "example.com/gpu=:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule"]
    }));
    assert_eq!(told(&found), [(Severity::Warning, "TAINT_RESERVED", "taints/2")]);
}

#[test]
fn eks_refuses_taints_in_its_own_domains() {
    let found =
        found(&json!({ "taints": ["eks.amazonaws.com/compute:NoSchedule", "a.eks.amazonaws.com/b:NoSchedule"] }));
    assert_eq!(told(&found), [(Severity::Error, "TAINT_RESERVED", "taints")]);
    assert!(found[0].detail.contains("EKS keeps taints that begin with `eks.amazonaws.com/`"), "{}", found[0].detail);
}

#[test]
fn eks_takes_less_than_kubernetes_does() {
    let long = format!("{}.example.com/x", "d".repeat(60));
    let found = found(&json!({
        "taints": [format!("{long}:NoSchedule")],
        "labels": { long: "1", "empty": "", "node.kubernetes.io/lifecycle": "spot", "team": "a b" },
    }));
    let codes: Vec<&str> = found.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["TAINT_INVALID", "LABEL_INVALID", "LABEL_INVALID", "LABEL_INVALID"], "{found:?}");
}
