//! The objects of the design document, held by a golden file.

use std::collections::{BTreeMap, BTreeSet};

use nic_kubernetes_initialize::design::{
    ClusterRole, DesignInput, Limits, NetworkPolicy, Peer, PriorityClass, Quota, Rule, StorageClass, Subject, objects,
};
use nic_sdk::types::{Resource, reference};
use serde_json::{Value, json};

fn documented() -> DesignInput {
    let mut input = DesignInput::documented("aws", "my-nebari", "dev");
    input.after = vec!["aws.cluster.main".into()];
    input.pods_after = vec!["aws.node-group.general".into()];
    input.storage_classes = vec![StorageClass::gp3()];
    input
}

fn shown(resources: &[Resource]) -> Value {
    let entries = resources.iter().map(|resource| {
        let Resource { address, depends_on, deleted_before, document, .. } = resource;
        json!({ "address": address, "depends_on": depends_on, "deleted_before": deleted_before, "document": document })
    });
    entries.collect()
}

fn document<'a>(resources: &'a [Resource], address: &str) -> &'a Value {
    let found = resources.iter().find(|resource| resource.address == address);
    &found.unwrap_or_else(|| panic!("no {address}")).document
}

#[test]
fn the_documented_platform() {
    let mut input = documented();
    let account = input.service_account_mut("dev", "default").expect("the document draws it");
    account.assume(reference("aws.iam-role.default", "/arn"));
    insta::assert_json_snapshot!("documented", shown(&objects(&input)));
}

#[test]
fn what_the_document_leaves_open_is_the_callers() {
    let mut input = documented();
    let quantities = |text: &str| BTreeMap::from([("cpu".to_owned(), text.to_owned())]);
    input.priority_classes =
        vec![PriorityClass { name: "nebari-high".into(), value: 1000, ..PriorityClass::default() }];
    input.cluster_roles = vec![ClusterRole {
        name: "nebari:nodes".into(),
        rules: vec![Rule::new(&[""], &["nodes"], &["get"])],
        given_to: vec![Subject::ServiceAccount { namespace: "dev".into(), name: "default".into() }],
    }];
    let namespace = &mut input.namespaces[0];
    namespace.quota = Some(Quota { hard: quantities("20") });
    namespace.limits = Some(Limits { default_request: quantities("100m"), max: quantities("8"), ..Limits::default() });
    namespace.network_policies = vec![
        NetworkPolicy { name: "nobody".into(), from: Vec::new() },
        NetworkPolicy {
            name: "some".into(),
            from: vec![Peer::SameNamespace, Peer::Namespace("monitoring".into()), Peer::Cidr("10.0.0.0/8".into())],
        },
    ];
    let resources = objects(&input);
    assert_eq!(document(&resources, "aws.resource-quota.dev.quota")["spec"], json!({ "hard": { "cpu": "20" } }));
    assert_eq!(
        document(&resources, "aws.limit-range.dev.limits")["spec"]["limits"],
        json!([{ "type": "Container", "defaultRequest": { "cpu": "100m" }, "max": { "cpu": "8" } }])
    );
    assert_eq!(document(&resources, "aws.network-policy.dev.nobody")["spec"]["ingress"], json!([]));
    assert_eq!(
        document(&resources, "aws.network-policy.dev.some")["spec"]["ingress"][0]["from"],
        json!([
            { "podSelector": {} },
            { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } } },
            { "ipBlock": { "cidr": "10.0.0.0/8" } },
        ])
    );
    assert_eq!(document(&resources, "aws.priority-class.nebari-high")["value"], 1000);
    assert_eq!(document(&resources, "aws.cluster-role-binding.nebari-nodes")["roleRef"]["name"], "nebari:nodes");
}

#[test]
fn every_dependency_is_declared_here_or_by_the_caller_and_no_address_twice() {
    let resources = objects(&documented());
    let addresses: BTreeSet<&str> = resources.iter().map(|resource| resource.address.as_str()).collect();
    assert_eq!(addresses.len(), resources.len());
    for resource in &resources {
        for need in &resource.depends_on {
            assert!(
                addresses.contains(need.as_str()) || need.starts_with("aws.cluster.") || need.starts_with("aws.node-")
            );
        }
    }
}

#[test]
fn the_platforms_namespace_may_be_one_of_the_others() {
    let names = |platform: &str| -> Vec<String> {
        let input = DesignInput::documented("aws", "p", platform);
        input.namespaces.into_iter().map(|namespace| namespace.name).collect()
    };
    assert_eq!(names("prod"), ["prod", "monitoring"]);
    let mut input = DesignInput::documented("aws", "p", "monitoring");
    for account in ["default", "monitoring"] {
        assert!(input.service_account_mut("monitoring", account).is_some());
    }
}
