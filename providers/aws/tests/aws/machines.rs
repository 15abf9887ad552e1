//! Machine types and the images of their nodes.

use std::collections::BTreeMap;

use crate::calls::{context, settled, settled_with};
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, with_cloud};
use nic_sdk::types::{Answer, Fact, Query, Severity};
use serde_json::{Value, json};

/// A config with these groups beside a sound `general`.
fn config(groups: &Value) -> Value {
    let mut all = json!({ "general": { "instance": "m5.2xlarge", "min_nodes": 1, "max_nodes": 1 } });
    all.as_object_mut().unwrap().extend(groups.as_object().unwrap().clone());
    json!({ "amazon_web_services": {
        "region": "us-west-2", "kubernetes_version": "1.34", "availability_zones": ["us-west-2a", "us-west-2b"],
        "node_groups": all,
    } })
}

/// Code, pointer below the groups, and hint.
fn found(groups: &Value) -> Vec<(String, String, String)> {
    let found = Aws::validate(&context(), &config(groups)).unwrap();
    let below = |pointer: Option<String>| pointer.unwrap_or_default().replace("/amazon_web_services/node_groups/", "");
    assert!(found.iter().all(|one| one.severity == Severity::Warning), "{found:?}");
    found.into_iter().map(|one| (one.code, below(one.pointer), one.hints.concat())).collect()
}

fn query(group: &str, instance: &str) -> Query {
    let arguments = json!({ "cluster": "demo-dev", "group": group, "instance": instance });
    Query::new(format!("image_of_{group}_{instance}"), "node-image", arguments)
}

/// The images by group, where these facts are known.
fn images(topology: &str, groups: &Value, facts: &[(Query, Value)]) -> BTreeMap<String, String> {
    let facts = settled_with(facts.iter().map(|(query, value)| (query.key.clone(), value.clone())));
    let Answer::Ready(resources) = Aws::desired(&context().topology(topology), &config(groups), &facts).unwrap() else {
        panic!("everything is known")
    };
    let groups = resources.into_iter().filter(|resource| resource.kind == "aws.node-group");
    let shown = |value: &Value| value.as_str().unwrap().to_owned();
    groups.map(|group| (shown(&group.document["name"]), shown(&group.document["ami_type"]))).collect()
}

#[test]
fn a_graviton_gets_an_image_for_arm_and_its_neighbour_keeps_its_own() {
    let groups =
        json!({ "general": { "instance": "m7g.2xlarge", "min_nodes": 1 }, "user": { "instance": "t4g.xlarge" } });
    let new = [(query("general", "m7g.2xlarge"), json!(null)), (query("user", "t4g.xlarge"), json!(null))];
    let mixed = json!({ "user": { "instance": "m7g.xlarge" } });
    assert_eq!(found(&groups), []);
    assert_eq!(found(&mixed), []);
    for topology in ["classic", "design"] {
        let shown = images(topology, &groups, &new);
        assert_eq!(
            (shown["general"].as_str(), shown["user"].as_str()),
            ("AL2023_ARM_64_STANDARD", "AL2023_ARM_64_STANDARD")
        );
        let shown = images(topology, &mixed, &[(query("user", "m7g.xlarge"), json!(null))]);
        assert_eq!(
            (shown["general"].as_str(), shown["user"].as_str()),
            ("AL2023_x86_64_STANDARD", "AL2023_ARM_64_STANDARD")
        );
    }
    let gpu = json!({ "gpu": { "instance": "g5g.xlarge", "gpu": true } });
    assert_eq!(found(&gpu), []);
    assert_eq!(images("classic", &gpu, &[])["gpu"], "AL2023_ARM_64_NVIDIA");
}

#[test]
fn gpus_and_the_flag_go_together() {
    let told = |code: &str, pointer: &str, hint: &str| vec![(code.to_owned(), pointer.to_owned(), hint.to_owned())];
    let forgotten = json!({ "gpu": { "instance": "g4dn.xlarge", "max_nodes": 1 } });
    assert_eq!(found(&forgotten), told("GPU_NOT_USED", "gpu/instance", "write `gpu: true` for `gpu`"));
    let none = json!({ "user": { "instance_type": "m5.xlarge", "gpu": true } });
    let hint = "remove `gpu: true`, or choose a machine with GPUs, such as `g5.xlarge`";
    assert_eq!(found(&none), told("GPU_MISSING", "user/gpu", hint));
    assert_eq!(found(&json!({ "gpu": { "instance": "g4dn.xlarge", "gpu": true } })), []);
    // What stood before stays as it was: a warning changes no image.
    assert_eq!(images("classic", &forgotten, &[])["gpu"], "AL2023_x86_64_STANDARD");
    assert_eq!(images("classic", &none, &[])["user"], "AL2023_x86_64_NVIDIA");
}

#[test]
fn neuron_has_an_image_of_its_own() {
    let groups = json!({ "acc": { "instance": "inf2.xlarge", "max_nodes": 1 } });
    let found = found(&groups);
    assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("ACCELERATOR_NOT_SERVED", "acc/instance"));
    assert_eq!(
        images("classic", &groups, &[(query("acc", "inf2.xlarge"), json!(null))])["acc"],
        "AL2023_x86_64_NEURON"
    );
}

/// Another image is another group: one that was made before images followed the machine keeps what it has.
#[test]
fn a_group_that_stands_keeps_its_image() {
    let groups = json!({ "acc": { "instance": "inf2.xlarge" } });
    let asked = Aws::desired(&context(), &config(&groups), &settled()).unwrap();
    assert_eq!(asked, Answer::Need(vec![query("acc", "inf2.xlarge")]));
    let lookup = |names: &[&str], shown: &Value| {
        let cloud = FakeCloud::new()
            .on("eks", "GET /clusters/demo-dev/node-groups", Reply::json(200, &json!({ "nodegroups": names })))
            .on("eks", "GET /clusters/demo-dev/node-groups/*", Reply::json(200, &json!({ "nodegroup": shown })));
        with_cloud(&cloud, || block_on(Aws::lookup(&context(), vec![query("acc", "inf2.xlarge")]))).unwrap()
    };
    let key = "image_of_acc_inf2.xlarge";
    let group =
        json!({ "nodegroupName": "acc", "instanceTypes": ["inf2.xlarge"], "amiType": "AL2023_x86_64_STANDARD" });
    assert_eq!(lookup(&["general", "acc"], &group), [Fact::new(key, "AL2023_x86_64_STANDARD")]);
    assert_eq!(lookup(&["acc-01ab9f"], &group), [Fact::new(key, "AL2023_x86_64_STANDARD")]);
    assert_eq!(lookup(&["general"], &group), [Fact::new(key, Value::Null)]);
    // With other machines it is replaced anyway, and gets the right one.
    let other = json!({ "nodegroupName": "acc", "instanceTypes": ["m5.xlarge"], "amiType": "AL2023_x86_64_STANDARD" });
    assert_eq!(lookup(&["acc"], &other), [Fact::new(key, Value::Null)]);
    let missing = Reply::json_error(404, "ResourceNotFoundException", "none");
    let cloud = FakeCloud::new().on("eks", "*", missing);
    let found = with_cloud(&cloud, || block_on(Aws::lookup(&context(), vec![query("acc", "inf2.xlarge")]))).unwrap();
    assert_eq!(found, [Fact::new(key, Value::Null)]);

    let kept = [(query("acc", "inf2.xlarge"), json!("AL2023_x86_64_STANDARD"))];
    for topology in ["classic", "design"] {
        assert_eq!(images(topology, &groups, &kept)["acc"], "AL2023_x86_64_STANDARD");
    }
}

#[test]
fn a_platform_that_begins_with_no_node_is_told() {
    let groups = json!({ "general": { "instance": "m5.2xlarge", "min_nodes": 0, "max_nodes": 2 }, "user": { "instance": "m5.xlarge" } });
    let found = found(&groups);
    assert_eq!((found[0].0.as_str(), found[0].2.as_str()), ("NO_NODE_AT_FIRST", "write `min_nodes: 1` for `general`"));
}
