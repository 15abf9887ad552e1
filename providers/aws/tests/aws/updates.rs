//! What each attribute of a cluster and of a node group leads to when it changes: nothing, a replacement, or one request.

use std::collections::BTreeMap;

use crate::calls::{change, update_of};
use nic_provider_aws::Aws;
use nic_sdk::Error;
use nic_sdk::provider::Provider;
use nic_sdk::testing::{FakeCloud, Reply};
use nic_sdk::types::{Change, Progress};
use serde_json::{Value, json};

/// What is to come of a change.
enum Leads {
    /// It is the cloud's own: never desired.
    Nowhere,
    /// It cannot be changed in place.
    ToReplacement,
    /// This value is reached by this request with this body, tokens left out.
    To(Value, &'static str, Value),
}

use Leads::{Nowhere, To, ToReplacement};

/// What stands behind a kind in the test.
struct Thing {
    kind: &'static str,
    remote_id: &'static str,
    /// As desired before the edit.
    document: Value,
    /// Where it is read, and what is shown.
    get: &'static str,
    shown: Value,
}

fn cluster() -> Thing {
    Thing {
        kind: "aws.cluster",
        remote_id: "demo-dev",
        document: json!({
            "name": "demo-dev", "version": "1.32", "role_arn": "arn:r", "subnet_ids": ["subnet-1", "subnet-2"],
            "security_group_ids": ["sg-1"], "endpoint_public_access": true, "endpoint_private_access": false,
            "public_access_cidrs": ["0.0.0.0/0"], "tags": { "a": "1" },
        }),
        get: "GET /clusters/demo-dev",
        shown: json!({ "cluster": {
            "name": "demo-dev", "arn": "arn:c", "status": "ACTIVE", "version": "1.32", "roleArn": "arn:r", "tags": { "a": "1" },
            "resourcesVpcConfig": {
                "subnetIds": ["subnet-2", "subnet-1"], "securityGroupIds": ["sg-1"], "vpcId": "vpc-1",
                "endpointPublicAccess": true, "endpointPrivateAccess": false, "publicAccessCidrs": ["0.0.0.0/0"],
            },
            "logging": { "clusterLogging": [{ "types": ["api", "audit"], "enabled": false }] },
        } }),
    }
}

fn node_group() -> Thing {
    Thing {
        kind: "aws.node-group",
        remote_id: "demo-dev:user",
        document: json!({
            "name": "user", "cluster_name": "demo-dev", "instance_types": ["m5.xlarge"], "ami_type": "AL2023_x86_64_STANDARD",
            "capacity_type": "ON_DEMAND", "disk_size": 50, "scaling_config": { "min_size": 1, "max_size": 5 },
            "labels": { "dedicated": "user" }, "taints": [], "subnet_ids": ["subnet-1"], "node_role_arn": "arn:r",
            "version": "1.32", "tags": {},
        }),
        get: "GET /clusters/demo-dev/node-groups/user",
        shown: json!({ "nodegroup": {
            "nodegroupName": "user", "nodegroupArn": "arn:n", "clusterName": "demo-dev", "status": "ACTIVE", "version": "1.32",
            "scalingConfig": { "minSize": 1, "maxSize": 5, "desiredSize": 3 }, "labels": { "dedicated": "user" },
            "instanceTypes": ["m5.xlarge"], "amiType": "AL2023_x86_64_STANDARD", "capacityType": "ON_DEMAND", "diskSize": 50,
            "subnets": ["subnet-1"], "nodeRole": "arn:r",
        } }),
    }
}

/// Every attribute of a schema, objects with members of their own taken apart.
fn attributes(schema: &Value, above: &str) -> BTreeMap<String, Value> {
    let members = schema["properties"].as_object().into_iter().flatten();
    let parts = members.flat_map(|(key, member)| {
        let pointer = format!("{above}/{key}");
        if member["properties"].is_object() { attributes(member, &pointer) } else { [(pointer, member.clone())].into() }
    });
    parts.collect()
}

/// Compares the attributes of the kind with the matrix, row by row.
fn holds(thing: &Thing, matrix: Vec<(&str, Leads)>) {
    let description = Aws::describe().kinds.into_iter().find(|kind| kind.kind == thing.kind).expect("it is described");
    // Nobody loses a cluster or its nodes by an edit that they did not mean.
    assert!(description.protected);
    let mut attributes = attributes(&description.schema, "");
    for (pointer, leads) in matrix {
        let annotations = attributes.remove(pointer).unwrap_or_else(|| panic!("no {pointer}"))["x-nic"].clone();
        assert_eq!(annotations["computed"] == true, matches!(leads, Nowhere), "{pointer} is computed");
        assert_eq!(annotations["immutable"] == true, matches!(leads, ToReplacement), "{pointer} is immutable");
        match leads {
            Nowhere | ToReplacement => {}
            To(value, request, body) => {
                let cloud = cloud(thing);
                let progress = update_of(&cloud, edit(thing, pointer, value)).unwrap();
                let sent: Vec<_> = cloud.requests().into_iter().filter(|sent| sent.method != "GET").collect();
                let actions: Vec<String> =
                    cloud.actions().into_iter().filter(|action| !action.starts_with("GET")).collect();
                assert_eq!(actions, [request], "{pointer}");
                let mut said: Value = serde_json::from_slice(&sent[0].body).unwrap();
                let token = said.as_object_mut().unwrap().remove("clientRequestToken");
                assert_eq!(said, body, "{pointer}");
                // What takes its time is asked after by the name of its own update, once for one request.
                assert_eq!(matches!(progress, Progress::Pending(_)), token.is_some(), "{pointer}");
            }
        }
    }
    assert!(attributes.is_empty(), "not in the matrix: {:?}", attributes.keys());
}

fn edit(thing: &Thing, pointer: &str, value: Value) -> Change {
    let mut document = thing.document.clone();
    let (above, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(above).unwrap()[key] = value;
    let address = format!("{}.main", thing.kind);
    change(&address, thing.kind, Some(thing.remote_id), document).paths(vec![pointer.to_owned()])
}

fn cloud(thing: &Thing) -> FakeCloud {
    let update = crate::answers::update("InProgress");
    FakeCloud::new()
        .on("eks", thing.get, Reply::json(200, &thing.shown))
        .on("eks", "POST /tags/*", Reply::json(200, &json!({})))
        .on("eks", "POST /clusters/**", update)
}

#[test]
fn every_attribute_of_a_cluster() {
    let config = "POST /clusters/demo-dev/update-config";
    let network = |more: Value| json!({ "resourcesVpcConfig": more });
    holds(
        &cluster(),
        vec![
            ("/name", ToReplacement),
            ("/id", Nowhere),
            ("/arn", Nowhere),
            ("/endpoint", Nowhere),
            ("/ca_certificate", Nowhere),
            ("/version", To(json!("1.34"), "POST /clusters/demo-dev/updates", json!({ "version": "1.33" }))),
            ("/platform_version", Nowhere),
            ("/status", Nowhere),
            ("/oidc_issuer", Nowhere),
            ("/created_at", Nowhere),
            ("/role_arn", ToReplacement),
            ("/vpc_id", Nowhere),
            (
                "/subnet_ids",
                To(
                    json!(["subnet-1", "subnet-3"]),
                    config,
                    network(json!({ "subnetIds": ["subnet-1", "subnet-3"], "securityGroupIds": ["sg-1"] })),
                ),
            ),
            (
                "/security_group_ids",
                To(
                    json!(["sg-2"]),
                    config,
                    network(json!({ "subnetIds": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-2"] })),
                ),
            ),
            ("/cluster_security_group_id", Nowhere),
            (
                "/endpoint_public_access",
                To(
                    json!(false),
                    config,
                    network(json!({ "endpointPublicAccess": false, "endpointPrivateAccess": false })),
                ),
            ),
            (
                "/endpoint_private_access",
                To(
                    json!(true),
                    config,
                    network(json!({
                        "endpointPublicAccess": true, "endpointPrivateAccess": true, "publicAccessCidrs": ["0.0.0.0/0"],
                    })),
                ),
            ),
            (
                "/public_access_cidrs",
                To(
                    json!(["10.0.0.0/8"]),
                    config,
                    network(json!({
                        "endpointPublicAccess": true, "endpointPrivateAccess": false, "publicAccessCidrs": ["10.0.0.0/8"],
                    })),
                ),
            ),
            (
                "/kms_key_arn",
                To(
                    json!("arn:k"),
                    "POST /clusters/demo-dev/encryption-config/associate",
                    json!({ "encryptionConfig": [{ "resources": ["secrets"], "provider": { "keyArn": "arn:k" } }] }),
                ),
            ),
            (
                "/log_types",
                To(
                    json!(["audit"]),
                    config,
                    json!({ "logging": { "clusterLogging": [
                        { "types": ["audit"], "enabled": true },
                        { "types": ["api", "authenticator", "controllerManager", "scheduler"], "enabled": false },
                    ] } }),
                ),
            ),
            ("/health_issues", Nowhere),
            ("/tags", To(json!({ "a": "2" }), "POST /tags/arn%3Ac", json!({ "tags": { "a": "2" } }))),
        ],
    );
    let mut down = cluster();
    down.shown["cluster"]["version"] = json!("1.33");
    let refused = update_of(&cloud(&down), edit(&down, "/version", json!("1.31"))).unwrap_err().error;
    assert!(matches!(&refused, Error::Other { code, .. } if code == "VERSION_CANNOT_CHANGE"), "{refused}");
    // A key is there for ever.
    let mut encrypted = cluster();
    encrypted.shown["cluster"]["encryptionConfig"] =
        json!([{ "resources": ["secrets"], "provider": { "keyArn": "arn:k" } }]);
    for wanted in [Value::Null, json!("arn:other")] {
        let refused = update_of(&cloud(&encrypted), edit(&encrypted, "/kms_key_arn", wanted)).unwrap_err().error;
        assert!(matches!(&refused, Error::Other { code, .. } if code == "KMS_KEY_CANNOT_CHANGE"), "{refused}");
    }
}

#[test]
fn every_attribute_of_a_node_group() {
    let config = "POST /clusters/demo-dev/node-groups/user/update-config";
    let scaling = |min: i32, max: i32, nodes: i32| json!({ "scalingConfig": { "minSize": min, "maxSize": max, "desiredSize": nodes } });
    holds(
        &node_group(),
        vec![
            ("/name", ToReplacement),
            ("/arn", Nowhere),
            ("/cluster_name", ToReplacement),
            ("/instance_types", ToReplacement),
            ("/ami_type", ToReplacement),
            ("/capacity_type", ToReplacement),
            ("/disk_size", ToReplacement),
            ("/subnet_ids", ToReplacement),
            ("/node_role_arn", ToReplacement),
            // The autoscaler's three nodes stay as long as the bounds let them.
            ("/scaling_config/min_size", To(json!(2), config, scaling(2, 5, 3))),
            ("/scaling_config/max_size", To(json!(2), config, scaling(1, 2, 2))),
            ("/scaling_config/desired_size", To(json!(4), config, scaling(1, 5, 4))),
            (
                "/labels",
                To(
                    json!({ "dedicated": "user", "b": "2" }),
                    config,
                    json!({ "labels": { "addOrUpdateLabels": { "b": "2" }, "removeLabels": [] } }),
                ),
            ),
            (
                "/taints",
                To(
                    json!([{ "key": "k", "value": "v", "effect": "NO_SCHEDULE" }]),
                    config,
                    json!({ "taints": {
                        "addOrUpdateTaints": [{ "key": "k", "value": "v", "effect": "NO_SCHEDULE" }], "removeTaints": [],
                    } }),
                ),
            ),
            (
                "/version",
                To(
                    json!("1.34"),
                    "POST /clusters/demo-dev/node-groups/user/update-version",
                    json!({ "version": "1.34" }),
                ),
            ),
            ("/release_version", Nowhere),
            ("/status", Nowhere),
            ("/created_at", Nowhere),
            ("/autoscaling_groups", Nowhere),
            ("/health_issues", Nowhere),
            ("/tags", To(json!({ "a": "1" }), "POST /tags/arn%3An", json!({ "tags": { "a": "1" } }))),
        ],
    );
    let group = node_group();
    let refused = update_of(&cloud(&group), edit(&group, "/version", json!("1.31"))).unwrap_err().error;
    assert!(matches!(&refused, Error::Other { code, .. } if code == "VERSION_CANNOT_CHANGE"), "{refused}");
}
