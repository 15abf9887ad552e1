//! What `validate` says about a config.

use crate::calls::{context, settled};
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::types::{Answer, Diagnostic, Severity};
use serde_json::{Value, json};

fn validate(section: &Value) -> Vec<Diagnostic> {
    Aws::validate(&context(), &json!({ "amazon_web_services": section })).unwrap()
}

/// Severity, code and pointer of everything.
fn findings(changes: Value) -> Vec<(Severity, String, String)> {
    findings_in("classic", changes)
}

fn findings_in(topology: &str, changes: Value) -> Vec<(Severity, String, String)> {
    let mut section = json!({ "region": "us-west-2", "kubernetes_version": "1.31" });
    let Value::Object(changes) = changes else { panic!("an object of changes") };
    for (key, value) in changes {
        section[key] = value;
    }
    let context = context().topology(topology);
    let found = Aws::validate(&context, &json!({ "amazon_web_services": section })).unwrap();
    found
        .into_iter()
        .map(|d| (d.severity, d.code, d.pointer.unwrap().replacen("/amazon_web_services", "", 1)))
        .collect()
}

fn error(code: &str, pointer: &str) -> (Severity, String, String) {
    (Severity::Error, code.into(), pointer.into())
}

fn warning(code: &str, pointer: &str) -> (Severity, String, String) {
    (Severity::Warning, code.into(), pointer.into())
}

/// A node group of this name with this config, beside a sound `general`.
fn group(name: &str, group: Value) -> Value {
    let mut groups = json!({ "general": { "instance": "m5.xlarge", "min_nodes": 1 } });
    groups[name] = group;
    json!({ "node_groups": groups })
}

#[test]
fn a_sound_config_has_no_findings() {
    assert_eq!(findings(json!({})), []);
}

#[test]
fn shared_storage_is_one_of_three() {
    let storage = |storage: Value| {
        let config = json!({ "amazon_web_services": { "region": "us-west-2", "kubernetes_version": "1.31" }, "storage": storage });
        let found = Aws::validate(&context(), &config).unwrap();
        found.into_iter().map(|d| (d.severity, d.code, d.pointer.unwrap())).collect::<Vec<_>>()
    };
    for sound in [json!(null), json!({}), json!({ "type": "nfs", "conda_store": "200Gi", "shared_filesystem": 200 })] {
        assert_eq!(storage(sound.clone()), [], "{sound}");
    }
    assert_eq!(storage(json!({ "type": "ebs" })), [error("STORAGE_TYPE_INVALID", "/storage/type")]);
    assert_eq!(storage(json!({ "tipe": "efs" })), [warning("UNKNOWN_KEY", "/storage/tipe")]);
    assert_eq!(storage(json!("efs")), [error("VALUE_TYPE", "/storage")]);
}

/// What is said of these names.
fn of_names(topology: &str, project: &str, namespace: &str) -> Vec<Diagnostic> {
    let names = context().project(project).namespace(namespace);
    let config = json!({ "amazon_web_services": { "region": "us-west-2", "kubernetes_version": "1.31" } });
    Aws::validate(&names.topology(topology), &config).unwrap()
}

/// One finding about a name: severity, code, pointer and hint.
fn one(found: &[Diagnostic]) -> (Severity, &str, &str, &str) {
    let [one] = found else { panic!("expected one finding: {found:?}") };
    (one.severity, one.code.as_str(), one.pointer.as_deref().unwrap(), one.hints[0].as_str())
}

#[test]
fn capitals_do_not_make_a_repository() {
    let found = of_names("classic", "Demo", "dev");
    let hint = "write `project_name: demo`";
    assert_eq!(one(&found), (Severity::Error, "REGISTRY_NAME_INVALID", "/project_name", hint));
    assert!(found[0].detail.contains("Demo-dev-jupyterlab"), "{}", found[0].detail);
}

#[test]
fn a_repository_takes_some_signs_between_letters() {
    for sound in ["my-demo", "my--demo", "my---demo"] {
        assert_eq!(of_names("classic", sound, "dev"), [], "{sound}");
    }
    for refused in ["my-_demo", "my_-demo", "my___demo"] {
        let found = of_names("classic", refused, "dev");
        assert_eq!(one(&found).1, "REGISTRY_NAME_INVALID", "{refused}");
        // Where no repository is made, the bucket remains.
        assert_eq!(one(&of_names("design", refused, "dev")).1, "BUCKET_NAME_INVALID", "{refused}");
    }
}

#[test]
fn what_a_bucket_is_named_after_has_small_letters() {
    for (topology, project) in
        [("classic", "my_demo"), ("classic", "my__demo"), ("design", "my_demo"), ("design", "My")]
    {
        let found = of_names(topology, project, "dev");
        let (severity, code, pointer, _) = one(&found);
        assert_eq!((severity, code, pointer), (Severity::Warning, "BUCKET_NAME_INVALID", "/project_name"), "{project}");
    }
}

#[test]
fn a_namespace_is_one_of_kubernetes() {
    for topology in ["classic", "design"] {
        assert_eq!(of_names(topology, "demo", "team-a"), []);
        for (namespace, hint) in [("Dev", "write `namespace: dev`"), ("my_Dev", "write `namespace: my-dev`")] {
            let found = of_names(topology, "demo", namespace);
            assert_eq!(one(&found), (Severity::Error, "NAMESPACE_INVALID", "/namespace", hint));
        }
    }
}

#[test]
fn keys_that_name_a_network_are_never_passed_over() {
    assert_eq!(
        findings(json!({ "terraform_overrides": { "existing_subnet_ids": ["subnet-00000001"] } })),
        [error("CONFIG_KEY_REPLACED", "/terraform_overrides")]
    );
    assert_eq!(
        findings_in("design", json!({ "existing_security_group_ids": "sg-00000001" })),
        [error("CONFIG_KEY_REPLACED", "/existing_security_group_ids")]
    );
    assert_eq!(findings(json!({ "terraform_overrides": null })), []);
}

#[test]
fn some_node_group_takes_the_clusters_own_pods() {
    let groups = |general: Value, user: Value| {
        json!({ "node_groups": {
            "general": { "instance": "m5.large", "min_nodes": 1, "taints": general },
            "user": { "instance": "m5.large", "min_nodes": 1, "taints": user },
        } })
    };
    let told = [warning("NO_GROUP_FOR_SYSTEM_PODS", "/node_groups")];
    for topology in ["classic", "design"] {
        let tainted = groups(json!(["a:NoSchedule"]), json!(["b=c:NoExecute"]));
        assert_eq!(findings_in(topology, tainted), told);
        assert_eq!(findings_in(topology, groups(json!(["a:PreferNoSchedule"]), json!(["a:NoSchedule"]))), []);
    }
    // In Classic they are placed on `general`, wherever else is room.
    let elsewhere = groups(json!(["a:NoSchedule"]), json!([]));
    assert_eq!(findings_in("design", elsewhere.clone()), []);
    assert_eq!(findings_in("classic", elsewhere), told);
}

#[test]
fn some_node_is_there_from_the_beginning() {
    let groups = |general: Value, user: Value| {
        let mut groups = json!({
            "general": { "instance": "m5.large", "max_nodes": 2 },
            "user": { "instance": "m5.large", "max_nodes": 2, "taints": [] },
        });
        for (name, more) in [("general", general), ("user", user)] {
            more.as_object().unwrap().iter().for_each(|(key, value)| groups[name][key] = value.clone());
        }
        json!({ "node_groups": groups })
    };
    let told = [warning("NO_NODE_AT_FIRST", "/node_groups")];
    for topology in ["classic", "design"] {
        assert_eq!(findings_in(topology, groups(json!({}), json!({}))), told);
        assert_eq!(findings_in(topology, groups(json!({ "min_nodes": 1 }), json!({}))), []);
    }
    let hint =
        &validate(&json!({ "region": "us-west-2", "node_groups": { "general": { "instance": "m5.large" } } }))[0].hints;
    assert_eq!(*hint, ["write `min_nodes: 1` for `general`"]);
    assert_eq!(
        findings(groups(json!({ "min_nodes": "one" }), json!({}))),
        [error("VALUE_TYPE", "/node_groups/general/min_nodes")]
    );
    // A node elsewhere is of use where the cluster's own pods may run there, and so is one that only begins the group.
    let elsewhere = groups(json!({}), json!({ "min_nodes": 1 }));
    assert_eq!(findings_in("classic", elsewhere.clone()), told);
    assert_eq!(findings_in("design", elsewhere), []);
    assert_eq!(findings_in("design", groups(json!({}), json!({ "min_nodes": 1, "taints": ["a:NoSchedule"] }))), told);
    assert_eq!(findings_in("design", groups(json!({ "desired_size": 1 }), json!({}))), []);
}

#[test]
fn groups_have_a_taint_by_default_in_classic_only() {
    let taints = |topology: &str, groups: Value| {
        let section = json!({ "region": "us-west-2", "kubernetes_version": "1.31", "node_groups": groups,
            "availability_zones": ["us-west-2a", "us-west-2b"] });
        let context = context().topology(topology);
        let config = json!({ "amazon_web_services": section });
        let Answer::Ready(resources) = Aws::desired(&context, &config, &settled()).unwrap() else {
            panic!("the config names the zones")
        };
        let user = resources.into_iter().find(|resource| resource.address == "aws.node-group.user").unwrap();
        user.document["taints"].clone()
    };
    let nebaris = json!([{ "key": "dedicated", "value": "nebari", "effect": "NO_SCHEDULE" }]);
    for groups in [json!({ "user": { "instance": "m5.large" } }), json!(null)] {
        assert_eq!(taints("classic", groups.clone()), nebaris);
        assert_eq!(taints("design", groups), json!([]));
    }
}

#[test]
fn a_number_as_version_is_taken_as_text() {
    assert_eq!(findings(json!({ "kubernetes_version": 1.31 })), []);
    assert_eq!(findings(json!({ "kubernetes_version": null })), []);
    assert_eq!(
        findings(json!({ "kubernetes_version": "1.31.2" })),
        [error("KUBERNETES_VERSION_INVALID", "/kubernetes_version")]
    );
}

#[test]
fn one_value_in_two_spellings_is_an_error() {
    assert_eq!(
        findings(json!({ "vpc_cidr_block": "10.0.0.0/16", "vpc_cidr": "10.0.0.0/16" })),
        [error("CONFIG_ALIAS_CONFLICT", "/vpc_cidr")]
    );
    assert_eq!(
        findings(group("user", json!({ "instance": "m5.large", "min_nodes": 1, "min_size": 1, "max_size": 2 }))),
        [error("CONFIG_ALIAS_CONFLICT", "/node_groups/user/min_size")]
    );
    assert_eq!(
        findings(group("user", json!({ "instance": "m5.large", "max": 3, "max_nodes": 3 }))),
        [error("CONFIG_ALIAS_CONFLICT", "/node_groups/user/max")]
    );
    assert_eq!(findings(group("user", json!({ "instance_type": "m5.large", "min": 2, "max": 3 }))), []);
    assert_eq!(
        findings(group("user", json!({ "instance_type": "m5.large", "min": 4, "max": 3 }))),
        [error("MIN_ABOVE_MAX", "/node_groups/user/max")]
    );
    assert_eq!(findings(group("user", json!({ "instance_type": "m5.large", "min_nodes": null, "min_size": 1 }))), []);
}

#[test]
fn the_sections_storage_is_the_other_topologys() {
    assert_eq!(findings(json!({ "storage": { "type": "ebs" } })), [warning("KEY_NOT_IN_TOPOLOGY", "/storage")]);
}

#[test]
fn nodes_at_first_are_between_the_bounds() {
    let desired = |desired: i32| {
        findings(group(
            "user",
            json!({ "instance": "m5.large", "min_size": 1, "max_size": 3, "desired_size": desired }),
        ))
    };
    assert_eq!(desired(2), []);
    assert_eq!(desired(4), [error("DESIRED_OUT_OF_RANGE", "/node_groups/user/desired_size")]);
}

#[test]
fn networks_must_hold_four_subnets() {
    assert_eq!(findings(json!({ "vpc_cidr_block": "10.0.0.0/26" })), []);
    assert_eq!(findings(json!({ "vpc_cidr_block": "10.0.0.0/27" })), [error("VPC_SIZE", "/vpc_cidr_block")]);
    assert_eq!(findings(json!({ "vpc_cidr_block": "10.0.0.0/8" })), [error("VPC_SIZE", "/vpc_cidr_block")]);
    assert_eq!(findings(json!({ "vpc_cidr_block": "10.0.1.0/16" })), [error("CIDR_INVALID", "/vpc_cidr_block")]);
    assert_eq!(
        findings(json!({ "eks_public_access_cidrs": ["8.8.0.0/16", "x"] })),
        [error("CIDR_INVALID", "/eks_public_access_cidrs/1")]
    );
}

#[test]
fn networks_that_aws_refuses_are_told() {
    let refused = |index: usize| error("CIDR_REFUSED", &format!("/eks_public_access_cidrs/{index}"));
    let private = json!(["10.1.2.0/24", "0.0.0.0/0", "192.168.0.1/32", "172.16.0.0/12", "8.8.8.8/32", "100.64.1.0/24"]);
    assert_eq!(
        findings(json!({ "eks_public_access_cidrs": private })),
        [refused(0), refused(2), refused(3), refused(5)]
    );
    // Of an endpoint that is not public they say nothing.
    assert_eq!(findings(json!({ "eks_public_access_cidrs": private, "eks_endpoint_access": "private" })), []);
    let example = findings(json!({ "eks_public_access_cidrs": ["203.0.113.0/24"] }));
    assert_eq!(example, [warning("CIDR_REFUSED", "/eks_public_access_cidrs/0")]);
    let many: Vec<String> = (1..=41).map(|last| format!("8.8.8.{last}/32")).collect();
    assert_eq!(findings(json!({ "eks_public_access_cidrs": many[..40] })), []);
    assert_eq!(
        findings(json!({ "eks_public_access_cidrs": many })),
        [error("CIDR_REFUSED", "/eks_public_access_cidrs")]
    );
    for block in ["127.0.0.0/16", "169.254.0.0/16", "224.1.0.0/16", "0.0.0.0/16"] {
        assert_eq!(findings(json!({ "vpc_cidr_block": block })), [error("CIDR_REFUSED", "/vpc_cidr_block")], "{block}");
    }
    assert_eq!(findings(json!({ "vpc_cidr_block": "100.64.0.0/16" })), []);
}

#[test]
fn zones_are_of_the_region_and_not_too_many() {
    assert_eq!(
        findings(json!({ "availability_zones": ["us-west-2a"] })),
        [warning("ZONES_TOO_FEW", "/availability_zones")]
    );
    assert_eq!(
        findings(json!({ "availability_zones": ["us-west-2a", "us-east-1a", "us-west-2a"] })),
        [error("ZONE_NOT_IN_REGION", "/availability_zones/1"), error("ZONE_DOUBLED", "/availability_zones/2")]
    );
    // A local zone has to be opted into, and EKS places no control plane there.
    assert_eq!(
        findings(json!({ "availability_zones": ["us-west-2a", "us-west-2-lax-1a"] })),
        [error("ZONE_NOT_FOR_CLUSTERS", "/availability_zones/1")]
    );
    let five = ["a", "b", "c", "d", "e"].map(|letter| format!("us-west-2{letter}"));
    assert_eq!(findings(json!({ "availability_zones": five })), [error("ZONES_TOO_MANY", "/availability_zones")]);
    // The design's network has room for them, and a network that is there has its own.
    assert_eq!(findings_in("design", json!({ "availability_zones": five })), []);
    let existing = json!({
        "availability_zones": five, "existing_subnet_ids": ["subnet-00000001", "subnet-00000002"], "existing_security_group_id": "sg-00000001",
    });
    assert_eq!(findings(existing), []);
}

#[test]
fn node_groups_are_checked() {
    assert_eq!(findings(group("no good", json!({}))), [error("NODE_GROUP_NAME", "/node_groups/no good")]);
    assert_eq!(findings(group("user", json!({}))), [error("INSTANCE_REQUIRED", "/node_groups/user")]);
    assert_eq!(findings(group("user", json!(null))), [error("INSTANCE_REQUIRED", "/node_groups/user")]);
    assert_eq!(
        findings(group("user", json!({ "instance": "m5" }))),
        [error("INSTANCE_INVALID", "/node_groups/user/instance")]
    );
    assert_eq!(
        findings(group("user", json!({ "instance": "m5.large", "max_nodes": 0 }))),
        [error("MAX_NODES_ZERO", "/node_groups/user/max_nodes")]
    );
    assert_eq!(
        findings(group("user", json!({ "instance": "m5.large", "min_nodes": 3, "max_nodes": 2 }))),
        [error("MIN_ABOVE_MAX", "/node_groups/user/max_nodes")]
    );
    assert_eq!(
        findings(group("user", json!({ "instance": "m5.large", "min_nodes": "two" }))),
        [error("VALUE_TYPE", "/node_groups/user/min_nodes")]
    );
    assert_eq!(
        findings(json!({ "node_groups": { "user": { "instance": "m5.large" } } })),
        [warning("GENERAL_GROUP_MISSING", "/node_groups"), warning("NO_GROUP_FOR_SYSTEM_PODS", "/node_groups")]
    );
    assert_eq!(
        findings(group("user", json!({ "instance": "m5.large", "launch_template": {} }))),
        [error("LAUNCH_TEMPLATE_REMOVED", "/node_groups/user/launch_template")]
    );
}

#[test]
fn taints_have_two_forms() {
    let taints = |taints: Value| findings(group("user", json!({ "instance": "m5.large", "taints": taints })));
    assert_eq!(
        taints(json!(["a=b:NoSchedule", "a:NoExecute", { "key": "k", "value": null, "effect": "PreferNoSchedule" }])),
        []
    );
    for bad in [
        json!("a=b"),
        json!("a=b:Never"),
        json!({ "key": "k", "effect": "x" }),
        json!({ "effect": "NoSchedule" }),
        json!(1),
    ] {
        assert_eq!(taints(json!([bad])), [error("TAINT_INVALID", "/node_groups/user/taints/0")], "{bad}");
    }
}

#[test]
fn half_an_existing_network_is_told() {
    assert_eq!(
        findings(json!({ "existing_subnet_ids": ["subnet-00000001", "subnet-00000002"] })),
        [warning("EXISTING_NETWORK_INCOMPLETE", "/existing_subnet_ids")]
    );
    assert_eq!(
        findings(json!({ "existing_subnet_ids": ["subnet-00000001", "x"], "existing_security_group_id": "y" })),
        [error("ID_INVALID", "/existing_subnet_ids/1"), error("ID_INVALID", "/existing_security_group_id")]
    );
    assert_eq!(
        findings(json!({ "existing_subnet_ids": ["subnet-00000001"], "existing_security_group_id": "sg-00000001" })),
        [error("SUBNETS_TOO_FEW", "/existing_subnet_ids")]
    );
    let doubled = json!(["subnet-00000001", "subnet-00000002", "subnet-00000001"]);
    assert_eq!(
        findings(json!({ "existing_subnet_ids": doubled, "existing_security_group_id": "sg-00000001" })),
        [error("SUBNET_DOUBLED", "/existing_subnet_ids/2")]
    );
}

#[test]
fn unknown_keys_are_told_with_the_nearest_known_one() {
    let section = json!({ "region": "us-west-2", "kubernetes_version": "1.31", "vpc_cidr_blok": "x" });
    let found = validate(&section);
    let unknown = found.iter().find(|finding| finding.code == "UNKNOWN_KEY").unwrap();
    assert_eq!(unknown.severity, Severity::Warning);
    assert_eq!(unknown.hints, ["did you mean `vpc_cidr_block`?"]);
}

#[test]
fn keys_of_other_clouds_are_told_with_those_of_aws() {
    let group = json!({ "instance": "m5.large", "min_nodes": 1, "machine_type": "n1", "max_count": 2, "min_count": 1, "vm_size": "D2" });
    let found = validate(&json!({ "region": "us-west-2", "node_groups": { "general": group } }));
    assert!(found.iter().all(|finding| finding.code == "UNKNOWN_KEY"), "{found:?}");
    let hints: Vec<_> = found.into_iter().map(|finding| (finding.pointer.unwrap(), finding.hints.concat())).collect();
    let meant = |key: &str, ours: &str| {
        (format!("/amazon_web_services/node_groups/general/{key}"), format!("did you mean `{ours}`?"))
    };
    assert_eq!(
        hints,
        [
            meant("machine_type", "instance"),
            meant("max_count", "max_nodes"),
            meant("min_count", "min_nodes"),
            meant("vm_size", "instance"),
        ]
    );
}

#[test]
fn the_rest_is_checked_too() {
    for region in ["us west", "us_west_2", "zz-west-2", "us-west-2a"] {
        assert_eq!(findings(json!({ "region": region })), [error("REGION_INVALID", "/region")]);
    }
    for region in ["us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-iso-east-1"] {
        assert_eq!(findings(json!({ "region": region })), []);
    }
    assert_eq!(findings(json!({ "region": null })), [error("REGION_REQUIRED", "")]);
    assert_eq!(findings(json!({ "eks_kms_arn": "key" })), [error("ARN_INVALID", "/eks_kms_arn")]);
    assert_eq!(
        findings(json!({ "eks_endpoint_access": "all" })),
        [error("ENDPOINT_ACCESS_INVALID", "/eks_endpoint_access")]
    );
    assert_eq!(
        findings(json!({ "tags": { "aws:x": "1", "nic.nebari.dev/owner": "me" } })),
        [error("TAG_INVALID", "/tags/aws:x"), error("TAG_INVALID", "/tags/nic.nebari.dev~1owner")]
    );
    // IAM refuses what EC2 takes; letters of other alphabets both take.
    assert_eq!(
        findings(json!({ "tags": { "a": "yes!", "é": "@ñ 1+2=3/4.5:6_7-8" } })),
        [error("TAG_INVALID", "/tags/a")]
    );
    let labels = json!({ "ok": "1", "empty": "", "é/x": "y".repeat(64) });
    assert_eq!(
        findings(json!({ "node_groups": { "general": { "instance": "m5.large", "min_nodes": 1, "labels": labels } } })),
        [
            error("LABEL_INVALID", "/node_groups/general/labels/empty"),
            error("LABEL_INVALID", "/node_groups/general/labels/é~1x")
        ]
    );
    let missing = Aws::validate(&context(), &json!({})).unwrap();
    assert_eq!(missing[0].code, "SECTION_MISSING");
}

#[test]
fn an_external_registry_is_named_whole_or_not_at_all() {
    let mut config = json!({
        "amazon_web_services": { "region": "us-west-2", "kubernetes_version": "1.31" },
        "external_container_reg": { "enabled": true, "access_key_id": { "$secret": "external_container_reg/access_key_id" } },
    });
    let codes = |config: &Value| -> Vec<String> {
        let found = Aws::validate(&context(), config).unwrap();
        found.into_iter().filter(|one| one.severity == Severity::Error).map(|one| one.code).collect()
    };
    assert_eq!(codes(&config), ["REGISTRY_INCOMPLETE"]);
    config["external_container_reg"]["enabled"] = json!(false);
    assert_eq!(codes(&config), Vec::<String>::new());
}
