//! The desired graph of the Classic topology, held by golden files.

use std::collections::BTreeSet;

use crate::calls::{settled, settled_with};
use crate::fits::fits;
use nic_provider_aws::Aws;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::types::Query;
use nic_sdk::types::{Answer, Context, Resource};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn context() -> Context {
    Context::new("my-nebari", "dev").region("us-west-2".to_owned()).topology("classic").lineage("11111111-2222")
}

fn zones() -> Facts {
    let zones = json!(["us-west-2c", "us-west-2a", "us-west-2b"]);
    settled_with([("availability_zones".to_owned(), zones)])
}

fn config(section: Value) -> Value {
    Value::Object([("amazon_web_services".to_owned(), section)].into_iter().collect())
}

/// The section of a config as `nebari init` writes it, but for the node groups, which have defaults.
fn initial() -> Value {
    json!({ "region": "us-west-2", "kubernetes_version": "1.31" })
}

fn graph(section: Value) -> Vec<Resource> {
    match Aws::desired(&context(), &config(section), &zones()).unwrap() {
        Answer::Ready(resources) => resources,
        Answer::Need(queries) => panic!("the zones are known, yet it asks {queries:?}"),
    }
}

fn shown(resources: &[Resource]) -> Value {
    let entries = resources.iter().map(|resource| {
        json!({
            "address": resource.address,
            "kind": resource.kind,
            "depends_on": resource.depends_on,
            "deleted_before": resource.deleted_before,
            "document": resource.document,
        })
    });
    entries.collect()
}

fn document<'a>(resources: &'a [Resource], address: &str) -> &'a Value {
    let found = resources.iter().find(|resource| resource.address == address);
    &found.unwrap_or_else(|| panic!("no {address}")).document
}

#[test]
fn the_default_platform_is_nebaris() {
    // What is in the cluster has golden files of its own, but for the namespace.
    let outside = |one: &Resource| one.kind != "kubernetes.object" || one.address.starts_with("aws.namespace.");
    let resources: Vec<Resource> = graph(initial()).into_iter().filter(outside).collect();
    insta::assert_json_snapshot!("default", shown(&resources));
}

#[test]
fn without_two_zones_in_the_config_the_region_is_asked_once() {
    let asked = Aws::desired(&context(), &config(initial()), &settled()).unwrap();
    let query = Query::new("availability_zones", "availability-zones", json!({ "region": "us-west-2" }));
    assert_eq!(asked, Answer::Need(vec![query]));
    let mut section = initial();
    section["availability_zones"] = json!(["us-west-2b", "us-west-2d", "us-west-2a"]);
    let Answer::Ready(resources) = Aws::desired(&context(), &config(section), &settled()).unwrap() else {
        panic!("the config names the zones")
    };
    let zone = |index: usize| document(&resources, &format!("aws.subnet.{index}"))["availability_zone"].clone();
    assert_eq!([zone(0), zone(1), zone(2)], ["us-west-2b", "us-west-2d", "us-west-2a"]);
    assert_eq!(document(&resources, "aws.subnet.2")["cidr"], "10.10.128.0/18");
}

#[test]
fn without_a_version_the_newest_is_asked_for_together_with_the_zones_and_kept() {
    let section = || json!({ "region": "us-west-2", "kubernetes_version": null });
    let asked = Aws::desired(&context(), &config(section()), &settled()).unwrap();
    let Answer::Need(queries) = asked else { panic!("nothing is known yet") };
    let keys: Vec<&str> = queries.iter().map(|query| query.key.as_str()).collect();
    assert_eq!(keys, ["kubernetes_version", "availability_zones"]);
    assert_eq!(queries[0].arguments, json!({ "cluster": "my-nebari-dev" }));
    let mut facts = zones();
    facts.0.insert("kubernetes_version".to_owned(), json!("1.33"));
    let Answer::Ready(resources) = Aws::desired(&context(), &config(section()), &facts).unwrap() else {
        panic!("everything is known")
    };
    assert_eq!(document(&resources, "aws.cluster.main")["version"], "1.33");
    let mut written = section();
    written["kubernetes_version"] = json!("1.34");
    let Answer::Ready(resources) = Aws::desired(&context(), &config(written), &facts).unwrap() else {
        panic!("everything is known")
    };
    assert_eq!(document(&resources, "aws.cluster.main")["version"], "1.34");
}

#[test]
fn an_existing_network_is_used_and_not_made() {
    let mut section = initial();
    section["existing_subnet_ids"] = json!(["subnet-00000001", "subnet-00000002"]);
    section["existing_security_group_id"] = json!("sg-00000001");
    section["node_groups"] = json!({ "general": { "instance": "m5.xlarge", "single_subnet": true } });
    let Answer::Ready(resources) = Aws::desired(&context(), &config(section), &settled()).unwrap() else {
        panic!("no fact is needed")
    };
    let kinds: BTreeSet<&str> = resources.iter().map(|resource| resource.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "aws.auto-scaling-tags",
            "aws.cluster",
            "aws.ecr-repository",
            "aws.efs-file-system",
            "aws.efs-mount-target",
            "aws.eks-addon",
            "aws.iam-oidc-provider",
            "aws.iam-policy",
            "aws.iam-role",
            "aws.iam-role-policy-attachment",
            "aws.kubernetes-leftovers",
            "aws.node-group",
            "aws.resource-group",
            "kubernetes.object",
        ]
        .into()
    );
    let target = document(&resources, "aws.efs-mount-target.1");
    assert_eq!(
        (&target["subnet_id"], &target["security_group_ids"]),
        (&json!("subnet-00000002"), &json!(["sg-00000001"]))
    );
    let cluster = document(&resources, "aws.cluster.main");
    assert_eq!(cluster["subnet_ids"], json!(["subnet-00000001", "subnet-00000002"]));
    assert_eq!(cluster["security_group_ids"], json!(["sg-00000001"]));
    assert_eq!(document(&resources, "aws.node-group.general")["subnet_ids"], json!(["subnet-00000001"]));
}

#[test]
fn files_that_lie_in_the_cluster_need_no_file_system() {
    let kinds = |storage: Value| {
        let config = json!({ "amazon_web_services": initial(), "storage": storage });
        let Answer::Ready(resources) = Aws::desired(&context(), &config, &zones()).unwrap() else {
            panic!("the zones are known")
        };
        let efs = resources.into_iter().filter(|resource| resource.kind.starts_with("aws.efs-"));
        efs.map(|resource| resource.address).collect::<Vec<_>>()
    };
    assert_eq!(kinds(json!({ "type": "nfs" })), [""; 0]);
    assert_eq!(kinds(json!({ "type": "cephfs" })), [""; 0]);
    let made = ["aws.efs-file-system.shared", "aws.efs-mount-target.0", "aws.efs-mount-target.1"];
    assert_eq!(kinds(json!(null)), made);
    assert_eq!(kinds(json!({ "conda_store": "200Gi" })), made);
}

#[test]
fn node_groups_follow_their_options() {
    let mut section = initial();
    section["tags"] = json!({ "Owner": "me", "team": "x" });
    section["node_groups"] = json!({
        "general": { "instance": "m5.2xlarge", "min_nodes": 1, "max_nodes": 2 },
        "gpu-1": {
            "instance": "g4dn.xlarge", "gpu": true, "spot": true, "max_nodes": 3, "disk_size": 100, "labels": { "a": "b" },
            "taints": ["nvidia.com/gpu=present:NoSchedule", { "key": "only", "value": null, "effect": "NoExecute" }],
        },
        "plain": { "instance": "m5.large", "taints": [] },
        "worker": { "instance": "m5.large", "taints": null },
    });
    let resources = graph(section);
    assert_eq!(document(&resources, "aws.node-group.general")["taints"], json!([]));
    assert_eq!(document(&resources, "aws.node-group.plain")["taints"], json!([]));
    let worker = json!([{ "key": "dedicated", "value": "nebari", "effect": "NO_SCHEDULE" }]);
    assert_eq!(document(&resources, "aws.node-group.worker")["taints"], worker);
    insta::assert_json_snapshot!("gpu_group", document(&resources, "aws.node-group.gpu-1"));
}

#[test]
fn access_encryption_and_boundary_reach_the_documents() {
    let mut section = initial();
    section["eks_endpoint_access"] = json!("private");
    section["eks_kms_arn"] = json!(KEY);
    section["permissions_boundary"] = json!("arn:aws:iam::123456789012:policy/b");
    let resources = graph(section);
    let cluster = document(&resources, "aws.cluster.main");
    assert_eq!(cluster["endpoint_public_access"], false);
    assert_eq!(cluster["endpoint_private_access"], true);
    assert_eq!(cluster.get("public_access_cidrs"), None);
    assert_eq!(cluster["kms_key_arn"], KEY);
    let roles: Vec<&Resource> = resources.iter().filter(|resource| resource.kind == "aws.iam-role").collect();
    assert_eq!(roles.len(), 4);
    for role in roles {
        let boundary = "arn:aws:iam::123456789012:policy/b";
        assert_eq!(role.document["permissions_boundary"], boundary, "{}", role.address);
    }
}

#[test]
fn a_key_gets_a_policy_that_the_cluster_waits_for() {
    let mut section = initial();
    section["eks_kms_arn"] = json!(KEY);
    let resources = graph(section);
    let policy = document(&resources, "aws.iam-policy.cluster-encryption");
    assert_eq!(policy["name"], "my-nebari-dev-eks-encryption-policy");
    let text: Value = serde_json::from_str(policy["policy"].as_str().unwrap()).unwrap();
    assert_eq!(text["Statement"][0]["Resource"], KEY);
    let cluster = resources.iter().find(|resource| resource.address == "aws.cluster.main").unwrap();
    assert!(cluster.depends_on.contains(&"aws.iam-role-policy-attachment.cluster-encryption".to_owned()));
}

/// The text of a `$join`, with what its references stand for.
fn joined(value: &Value) -> Value {
    let parts = value["$join"].as_array().expect("it is joined").iter().map(|part| match part.as_str() {
        Some(text) => text.to_owned(),
        None => format!("{}{}", part["$ref"].as_str().unwrap(), part["path"].as_str().unwrap()),
    });
    serde_json::from_str(&parts.collect::<String>()).expect("it is JSON")
}

#[test]
fn service_accounts_are_trusted_through_the_clusters_issuer() {
    let mut section = initial();
    section["availability_zones"] = json!(["us-west-2a", "us-west-2b"]);
    let resources = graph(section);
    let trust = joined(&document(&resources, "aws.iam-role.cluster-autoscaler")["assume_role_policy"]);
    let provider = "aws.iam-oidc-provider.main";
    assert_eq!(
        trust["Statement"],
        json!([{
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": { "Federated": format!("{provider}/arn") },
            "Condition": { "StringEquals": {
                format!("{provider}/issuer:aud"): "sts.amazonaws.com",
                format!("{provider}/issuer:sub"): "system:serviceaccount:dev:cluster-autoscaler",
            } },
        }])
    );
    let trust = joined(&document(&resources, "aws.iam-role.ebs-csi-driver")["assume_role_policy"]);
    let subject = &trust["Statement"][0]["Condition"]["StringEquals"][format!("{provider}/issuer:sub")];
    assert_eq!(subject, "system:serviceaccount:kube-system:ebs-csi-controller-sa");
    let attached = document(&resources, "aws.iam-role-policy-attachment.cluster-autoscaler");
    assert_eq!(attached["policy_arn"], json!({ "$ref": "aws.iam-policy.worker-autoscaling", "path": "/arn" }));
    // Add-ons come when the nodes are there.
    let addon = resources.iter().find(|resource| resource.address == "aws.eks-addon.coredns").unwrap();
    assert_eq!(addon.depends_on, ["aws.node-group.general", "aws.node-group.user", "aws.node-group.worker"]);
    let values: Value = serde_json::from_str(addon.document["configuration_values"].as_str().unwrap()).unwrap();
    assert_eq!(values, json!({ "nodeSelector": { "eks.amazonaws.com/nodegroup": "general" } }));
}

/// Every desired document fits the schema of its kind: no member too many, none that is required missing.
#[test]
fn documents_fit_their_schemas() {
    let mut section = initial();
    section["eks_kms_arn"] = json!(KEY);
    section["permissions_boundary"] = json!("arn:aws:iam::123456789012:policy/b");
    let description = Aws::describe();
    for resource in graph(section).iter().filter(|resource| resource.kind != "kubernetes.object") {
        let kind = description.kinds.iter().find(|kind| kind.kind == resource.kind).expect("it is described");
        fits(&kind.schema, &resource.document, &resource.address);
    }
}
#[test]
fn the_cluster_is_initialized_as_nebari_does() {
    let mut section = initial();
    section["node_groups"] = json!({
        "general": { "instance": "m5.2xlarge" },
        "gpu-1": { "instance": "g4dn.xlarge", "gpu": true },
    });
    let secret = |key: &str| json!({ "$secret": format!("external_container_reg/{key}") });
    let mut config = config(section);
    config["external_container_reg"] = json!({ "enabled": true, "access_key_id": secret("access_key_id"),
        "secret_access_key": secret("secret_access_key"), "extcr_account": secret("extcr_account"),
        "extcr_region": secret("extcr_region") });
    let Answer::Ready(resources) = Aws::desired(&context(), &config, &zones()).unwrap() else { panic!("not ready") };
    let found = |address: &str| {
        let found = resources.iter().find(|resource| resource.address == address);
        found.unwrap_or_else(|| panic!("no {address}"))
    };
    assert_eq!(found("aws.namespace.dev").depends_on, ["aws.cluster.main"]);
    assert_eq!(found("aws.namespace.dev").deleted_before, ["aws.node-group.general"]);
    assert_eq!(found("aws.custom-resource-definition.ingressroutes").depends_on, ["aws.cluster.main"]);
    assert_eq!(found("aws.daemon-set.nvidia-device-plugin").depends_on, ["aws.cluster.main", "aws.node-group.gpu-1"]);
    assert_eq!(
        found("aws.service-account.cluster-autoscaler").document["metadata"]["annotations"],
        json!({ "eks.amazonaws.com/role-arn": { "$ref": "aws.iam-role.cluster-autoscaler", "path": "/arn" } })
    );
    let pod = &found("aws.deployment.cluster-autoscaler").document["spec"]["template"]["spec"];
    let command = pod["containers"][0]["command"].as_array().expect("a command");
    assert!(command.iter().any(|word| word.as_str().is_some_and(|word| word.ends_with("/my-nebari-dev"))));
    let key = &found("aws.secret.customer-extcr-key").document["stringData"];
    assert_eq!(key["secret-access-key"], secret("secret_access_key"));
    assert!(found("aws.job.extcr-cred-updater").depends_on.contains(&"aws.namespace.dev".to_owned()));
}
