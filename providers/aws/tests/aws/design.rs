//! The desired graph of the design document's topology, held by golden files.

use std::collections::BTreeMap;

use crate::calls::{settled, settled_with};
use crate::fits::fits;
use nic_provider_aws::Aws;
use nic_sdk::Error;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, with_cloud};
use nic_sdk::types::{Answer, Context, Query, Resource, Severity};
use serde_json::{Value, json};

fn context(topology: &str) -> Context {
    Context::new("my-nebari", "dev").region("us-west-2".to_owned()).topology(topology).lineage("11111111-2222")
}

fn zones() -> Facts {
    let zones = json!(["us-west-2c", "us-west-2a", "us-west-2b"]);
    settled_with([("availability_zones".to_owned(), zones)])
}

fn config(section: Value) -> Value {
    Value::Object([("amazon_web_services".to_owned(), section)].into_iter().collect())
}

/// The document's minimal configuration.
fn minimal() -> Value {
    json!({
        "region": "us-west-2", "kubernetes_version": "1.28",
        "node_groups": { "general": { "instance_type": "m5.xlarge", "min_size": 1, "max_size": 5 } },
    })
}

fn graph_in(topology: &str, section: Value) -> Vec<Resource> {
    match Aws::desired(&context(topology), &config(section), &zones()).unwrap() {
        Answer::Ready(resources) => resources,
        Answer::Need(queries) => panic!("the zones are known, yet it asks {queries:?}"),
    }
}

fn graph(section: Value) -> Vec<Resource> {
    graph_in("design", section)
}

fn document<'a>(resources: &'a [Resource], address: &str) -> &'a Value {
    let found = resources.iter().find(|resource| resource.address == address);
    &found.unwrap_or_else(|| panic!("no {address}")).document
}

fn codes(section: Value) -> Vec<(Severity, String, String)> {
    let found = Aws::validate(&context("design"), &config(section)).unwrap();
    let found = found.into_iter().filter(|finding| finding.severity != Severity::Info);
    found.map(|d| (d.severity, d.code, d.pointer.unwrap().replacen("/amazon_web_services", "", 1))).collect()
}

#[test]
fn the_minimal_platform_is_the_documents() {
    let resources = graph(minimal());
    // Traefik's definitions have golden files of their own.
    let (definitions, resources): (Vec<_>, Vec<_>) =
        resources.into_iter().partition(|one| one.address.starts_with("aws.custom-resource-definition."));
    assert_eq!(definitions.len(), 9);
    let entries = resources.iter().map(|resource| {
        json!({
            "address": resource.address,
            "kind": resource.kind,
            "depends_on": resource.depends_on,
            "deleted_before": resource.deleted_before,
            "document": resource.document,
        })
    });
    insta::assert_json_snapshot!("minimal", entries.collect::<Value>());
}

#[test]
fn the_full_configuration_reaches_the_documents() {
    let mut section = minimal();
    section["vpc_cidr"] = json!("10.40.0.0/18");
    section["availability_zones"] = json!(["us-west-2a", "us-west-2b", "us-west-2c"]);
    section["storage"] = json!({ "type": "ebs", "size": 500 });
    section["node_groups"]["user"] = json!({
        "instance_type": "m5.2xlarge", "min_size": 0, "max_size": 20, "desired_size": 3, "disk_size": 200,
        "labels": { "role": "user" }, "taints": [{ "key": "workload", "value": "user", "effect": "NoSchedule" }],
    });
    let resources = graph(section);
    let cidr = |address: &str| document(&resources, address)["cidr"].clone();
    assert_eq!(
        [cidr("aws.subnet.public-2"), cidr("aws.subnet.private-0"), cidr("aws.subnet.private-2")],
        ["10.40.0.192/26", "10.40.2.128/26", "10.40.3.0/26"]
    );
    assert_eq!(
        document(&resources, "aws.route-table.private-2")["routes"][0]["nat_gateway_id"],
        json!({ "$ref": "aws.nat-gateway.2", "path": "/id" })
    );
    let volume = document(&resources, "aws.ebs-volume.main");
    assert_eq!(
        (&volume["size"], &volume["type"], &volume["availability_zone"]),
        (&json!(500), &json!("gp3"), &json!("us-west-2a"))
    );
    let user = document(&resources, "aws.node-group.user");
    assert_eq!(user["disk_size"], 200);
    assert_eq!(user["scaling_config"], json!({ "min_size": 0, "max_size": 20, "desired_size": 3 }));
    assert_eq!(
        user["labels"],
        json!({ "role": "user", "nebari.dev/project": "my-nebari", "nebari.dev/node-group": "user" })
    );
    assert_eq!(user["taints"], json!([{ "key": "workload", "value": "user", "effect": "NO_SCHEDULE" }]));
    assert_eq!(user["subnet_ids"].as_array().map(Vec::len), Some(3));
}

#[test]
fn what_uses_a_gateway_comes_after_it_and_goes_before() {
    let resources = graph(minimal());
    let needs = |address: &str| -> Vec<String> {
        resources.iter().find(|resource| resource.address == address).unwrap().depends_on.clone()
    };
    assert_eq!(needs("aws.nat-gateway.0"), ["aws.internet-gateway.main"]);
    for association in ["public-0", "public-1", "private-0", "private-1"] {
        let association = format!("aws.route-table-association.{association}");
        assert!(needs("aws.node-group.general").contains(&association), "{association}");
    }
}

/// The map with these members set.
fn with(mut map: Value, members: &Value) -> Value {
    map.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    map
}

/// A section with one node group, in Nebari's spelling where the members have no other.
fn nebaris(members: &Value) -> Value {
    json!({ "node_groups": { "general": with(json!({ "instance": "m5.xlarge" }), members) } })
}

/// The same, in the design document's.
fn documents(members: &Value) -> Value {
    json!({ "node_groups": { "general": with(json!({ "instance_type": "m5.xlarge" }), members) } })
}

/// Every alias of the two spellings that AWS has, in both topologies: an edit from one to the other is no edit, and neither is read as
/// nothing.
#[test]
fn switching_spelling_switches_nothing() {
    let plain = || nebaris(&json!({}));
    let taints = |taints: Value| nebaris(&json!({ "taints": taints }));
    // What stands there without the key, and the key in two spellings.
    let pairs: Vec<(&str, Value, Value, Value)> = vec![
        (
            "node_groups / node_pools",
            json!({}),
            json!({ "node_groups": { "general": { "instance": "m5.large" } } }),
            json!({ "node_pools": { "general": { "instance": "m5.large" } } }),
        ),
        (
            "instance / instance_type",
            plain(),
            nebaris(&json!({ "instance": "m5.large" })),
            documents(&json!({ "instance_type": "m5.large" })),
        ),
        ("min_nodes / min_size", plain(), nebaris(&json!({ "min_nodes": 1 })), nebaris(&json!({ "min_size": 1 }))),
        ("max_nodes / max_size", plain(), nebaris(&json!({ "max_nodes": 7 })), nebaris(&json!({ "max_size": 7 }))),
        (
            "disk_size beside either",
            plain(),
            nebaris(&json!({ "disk_size": 120 })),
            documents(&json!({ "disk_size": 120 })),
        ),
        (
            "labels beside either, as texts / as numbers",
            plain(),
            nebaris(&json!({ "labels": { "tier": "2" } })),
            documents(&json!({ "labels": { "tier": 2 } })),
        ),
        (
            "taints as texts / as maps",
            plain(),
            taints(json!(["a=b:NoSchedule"])),
            taints(json!([{ "key": "a", "value": "b", "effect": "NoSchedule" }])),
        ),
        (
            "taints without a value as texts / as maps",
            plain(),
            taints(json!(["a:NoExecute"])),
            taints(json!([{ "key": "a", "value": null, "effect": "NoExecute" }])),
        ),
        (
            "taints with an empty value / with none",
            plain(),
            taints(json!(["a=:PreferNoSchedule"])),
            taints(json!([{ "key": "a", "effect": "PreferNoSchedule" }])),
        ),
        (
            "vpc_cidr_block / vpc_cidr",
            json!({}),
            json!({ "vpc_cidr_block": "10.20.0.0/20" }),
            json!({ "vpc_cidr": "10.20.0.0/20" }),
        ),
        (
            "version as text / as number",
            json!({}),
            json!({ "kubernetes_version": "1.33" }),
            json!({ "kubernetes_version": 1.33 }),
        ),
    ];
    // The default by its value, and by a null.
    let defaults: Vec<(&str, Value, Value)> = vec![
        ("min_nodes", nebaris(&json!({ "min_nodes": 0 })), nebaris(&json!({ "min_nodes": null }))),
        ("max_size", nebaris(&json!({ "max_size": 1 })), nebaris(&json!({ "max_size": null }))),
        ("disk_size", nebaris(&json!({ "disk_size": 50 })), nebaris(&json!({ "disk_size": null }))),
        ("labels", nebaris(&json!({ "labels": {} })), nebaris(&json!({ "labels": null }))),
        ("taints", taints(json!([])), taints(json!(null))),
    ];
    for topology in ["classic", "design"] {
        let read = |key: &str, changes: &Value| {
            let section = with(json!({ "region": "us-west-2", "kubernetes_version": "1.31" }), changes);
            let found = Aws::validate(&context(topology), &config(section.clone())).unwrap();
            let unknown: Vec<_> = found.iter().filter(|finding| finding.code == "UNKNOWN_KEY").collect();
            assert!(unknown.is_empty(), "{key} in {topology}: {unknown:?}");
            graph_in(topology, section)
        };
        for (alias, without, classic, design) in &pairs {
            let (without, classic, design) = (read(alias, without), read(alias, classic), read(alias, design));
            assert_eq!(classic, design, "{alias} in {topology}");
            assert_ne!(classic, without, "{alias} in {topology}: neither is read");
        }
        for (key, by_value, by_null) in &defaults {
            let (without, by_value, by_null) = (read(key, &plain()), read(key, by_value), read(key, by_null));
            assert_eq!((&by_value, &by_null), (&without, &without), "{key} in {topology}");
        }
    }
}

#[test]
fn the_topology_is_the_states_and_not_the_spellings() {
    let kinds = |topology: &str| {
        graph_in(topology, minimal()).into_iter().fold(BTreeMap::<String, usize>::new(), |mut counts, resource| {
            *counts.entry(resource.kind).or_default() += 1;
            counts
        })
    };
    assert_eq!(kinds("classic").get("aws.nat-gateway"), None);
    assert_eq!(kinds("design").get("aws.nat-gateway"), Some(&2));
}

#[test]
fn node_groups_are_replaced_beside_the_old_ones_and_only_here() {
    let first = |topology: &str| {
        let resources = graph_in(topology, minimal()).into_iter().filter(|resource| resource.kind == "aws.node-group");
        resources.map(|group| group.create_first).collect::<Vec<_>>()
    };
    // Classic's later stages select nodes by the group's name in EKS.
    assert_eq!((first("classic"), first("design")), (vec![None], vec![Some("/name".to_owned())]));
}

#[test]
fn volumes_have_a_driver_with_a_role_of_its_own() {
    let resources = graph(minimal());
    let addon = document(&resources, "aws.eks-addon.aws-ebs-csi-driver");
    assert_eq!(addon["service_account_role_arn"], json!({ "$ref": "aws.iam-role.ebs-csi-driver", "path": "/arn" }));
    let class = document(&resources, "aws.storage-class.gp3");
    assert_eq!((&class["provisioner"], &class["parameters"]["type"]), (&json!("ebs.csi.aws.com"), &json!("gp3")));
    let account = document(&resources, "aws.service-account.dev.default");
    let role = json!({ "$ref": "aws.iam-role.service-account-dev", "path": "/arn" });
    assert_eq!(account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], role);
    assert_eq!(document(&resources, "aws.iam-role.service-account-dev")["name"], "my-nebari-sa-dev");
}

#[test]
fn the_section_kubernetes_reaches_the_cluster_here_and_only_here() {
    let mut config = config(minimal());
    config["kubernetes"] = json!({
        "priority_classes": { "batch": { "value": 1000 } },
        "namespaces": {
            "dev": {
                "labels": { "team": "data" },
                "quota": { "requests.cpu": "20", "pods": 100 },
                "limits": { "default": { "cpu": "1" }, "default_request": { "cpu": "100m" } },
                "network_policies": { "inside": { "from": ["same_namespace", { "cidr": "10.0.0.0/16" }] } },
            },
            "team-a": null,
        },
    });
    let told = |topology: &str| -> Vec<(Severity, String, Option<String>)> {
        let found = Aws::validate(&context(topology), &config).unwrap().into_iter();
        found.map(|finding| (finding.severity, finding.code, finding.pointer)).collect()
    };
    let made = |topology: &str| match Aws::desired(&context(topology), &config, &zones()).unwrap() {
        Answer::Ready(resources) => resources,
        Answer::Need(queries) => panic!("the zones are known, yet it asks {queries:?}"),
    };
    assert_eq!(told("design"), []);
    let resources = made("design");
    assert_eq!(document(&resources, "aws.namespace.dev")["metadata"]["labels"]["team"], "data");
    let hard = &document(&resources, "aws.resource-quota.dev.quota")["spec"]["hard"];
    assert_eq!(hard, &json!({ "requests.cpu": "20", "pods": "100" }));
    let limits = &document(&resources, "aws.limit-range.dev.limits")["spec"]["limits"][0];
    assert_eq!((&limits["default"]["cpu"], &limits["defaultRequest"]["cpu"]), (&json!("1"), &json!("100m")));
    let policy = &document(&resources, "aws.network-policy.dev.inside")["spec"];
    assert_eq!(policy["ingress"][0]["from"][1], json!({ "ipBlock": { "cidr": "10.0.0.0/16" } }));
    assert_eq!(document(&resources, "aws.priority-class.batch")["value"], 1000);
    // A further namespace has what every other has, and no role on AWS.
    document(&resources, "aws.role-binding.team-a.viewer");
    assert_eq!(resources.len(), graph(minimal()).len() + 9);
    let account = &document(&resources, "aws.service-account.dev.default")["metadata"]["annotations"];
    assert!(account["eks.amazonaws.com/role-arn"].is_object());

    let warning = (Severity::Warning, "KEY_NOT_IN_TOPOLOGY".to_owned(), Some("/kubernetes".to_owned()));
    assert!(told("classic").contains(&warning));
    assert_eq!(made("classic"), graph_in("classic", minimal()));

    config["kubernetes"]["namespaces"]["dev"]["quota"]["pods"] = json!("many");
    let found = Aws::validate(&context("design"), &config).unwrap();
    let (code, pointer) = (found[0].code.as_str(), found[0].pointer.as_deref());
    assert_eq!((code, pointer), ("QUANTITY_INVALID", Some("/kubernetes/namespaces/dev/quota/pods")));
    assert!(Aws::desired(&context("design"), &config, &zones()).is_err());
}

#[test]
fn without_two_zones_in_the_config_the_region_is_asked_once() {
    let asked = Aws::desired(&context("design"), &config(minimal()), &settled()).unwrap();
    let query = Query::new("availability_zones", "availability-zones", json!({ "region": "us-west-2" }));
    assert_eq!(asked, Answer::Need(vec![query]));
}

#[test]
fn an_existing_network_is_used_and_not_made() {
    let mut section = minimal();
    section["existing_subnet_ids"] = json!(["subnet-00000001", "subnet-00000002"]);
    section["existing_security_group_id"] = json!("sg-00000001");
    let Answer::Ready(resources) = Aws::desired(&context("design"), &config(section), &settled()).unwrap() else {
        panic!("no fact is needed")
    };
    assert!(resources.iter().all(|resource| !["aws.vpc", "aws.subnet", "aws.nat-gateway"].contains(&&*resource.kind)));
    assert_eq!(
        document(&resources, "aws.node-group.general")["subnet_ids"],
        json!(["subnet-00000001", "subnet-00000002"])
    );
}

/// Nodes attach only volumes of their own zone.
#[test]
fn a_volume_stands_in_the_zone_of_the_network_that_is_given() {
    let mut section = minimal();
    section["existing_subnet_ids"] = json!(["subnet-00000001", "subnet-00000002"]);
    section["existing_security_group_id"] = json!("sg-00000001");
    section["storage"] = json!({ "type": "ebs", "size": 100 });
    let desired = |facts: &Facts| Aws::desired(&context("design"), &config(section.clone()), facts);
    let Answer::Need(queries) = desired(&zones()).unwrap() else { panic!("the zone is not known") };
    let zone = |subnets: &str| {
        let shown = format!("<DescribeSubnetsResponse><subnetSet>{subnets}</subnetSet></DescribeSubnetsResponse>");
        let cloud = FakeCloud::new().on("ec2", "DescribeSubnets", Reply::xml(200, shown));
        with_cloud(&cloud, || block_on(Aws::lookup(&context("design"), queries.clone())))
    };
    let shown = "<item><subnetId>subnet-00000001</subnetId><availabilityZone>us-west-2c</availabilityZone></item>";
    let answered: Vec<_> = zone(shown).unwrap().into_iter().map(|fact| (fact.key, fact.value)).collect();
    let Answer::Ready(resources) = desired(&settled_with(answered)).unwrap() else { panic!("it is") };
    assert_eq!(document(&resources, "aws.ebs-volume.main")["availability_zone"], "us-west-2c");
    let missing = zone("").unwrap_err();
    assert!(matches!(&missing, Error::Other { code, .. } if code == "EXTERNAL_NOT_FOUND"), "{missing}");
}

#[test]
fn what_the_topology_cannot_do_is_told() {
    let with = |key: &str, value: Value| {
        let mut section = minimal();
        section[key] = value;
        codes(section)
    };
    let error = |code: &str, pointer: &str| vec![(Severity::Error, code.to_owned(), pointer.to_owned())];
    assert_eq!(codes(minimal()), []);
    assert_eq!(with("storage", json!({ "type": "ebs", "size": 100 })), []);
    assert_eq!(with("storage", json!({ "type": "efs" })), error("STORAGE_TYPE", "/storage/type"));
    assert_eq!(with("storage", json!({ "size": 0 })), error("STORAGE_SIZE", "/storage/size"));
    assert_eq!(with("vpc_cidr", json!("10.0.0.0/20")), []);
    assert_eq!(with("vpc_cidr", json!("10.0.0.0/21")), error("VPC_SIZE", "/vpc_cidr"));
    let labelled = json!({ "general": { "instance": "m5.xlarge", "labels": { "nebari.dev/node-group": "x" } } });
    assert_eq!(with("node_groups", labelled), error("LABEL_RESERVED", "/node_groups/general"));
    let long = |length: usize| {
        with(
            "node_groups",
            json!({
                "general": { "instance": "m5.xlarge", "min_nodes": 1 },
                "g".repeat(length): { "instance": "m5.xlarge" },
            }),
        )
    };
    assert_eq!(long(56), []);
    assert_eq!(long(57), error("NODE_GROUP_NAME", &format!("/node_groups/{}", "g".repeat(57))));
}

#[test]
fn what_only_classic_makes_is_told() {
    let mut config = config(minimal());
    config["storage"] = json!({ "type": "efs" });
    let told = |config: &Value| -> Vec<(String, Option<String>)> {
        let found = Aws::validate(&context("design"), config).unwrap().into_iter();
        found.map(|finding| (finding.code, finding.pointer)).collect()
    };
    assert_eq!(told(&config), [("KEY_NOT_IN_TOPOLOGY".into(), Some("/storage/type".into()))]);
    config["storage"] = json!({ "conda_store": "200Gi" });
    assert_eq!(told(&config), []);
}

/// Every desired document fits the schema of its kind: no member too many, none that is required missing.
#[test]
fn documents_fit_their_schemas() {
    let mut section = minimal();
    section["storage"] = json!({ "type": "ebs" });
    section["permissions_boundary"] = json!("arn:aws:iam::123456789012:policy/b");
    let description = Aws::describe();
    for resource in graph(section).iter().filter(|resource| resource.kind != "kubernetes.object") {
        let kind = description.kinds.iter().find(|kind| kind.kind == resource.kind).expect("it is described");
        fits(&kind.schema, &resource.document, &resource.address);
    }
}
