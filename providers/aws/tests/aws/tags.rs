//! The user's tags and ours on everything that the graph makes. IAM tells no case of keys apart, EC2 and EKS do.

use std::collections::BTreeSet;

use crate::calls::{context, settled};
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::types::{Answer, Resource};
use serde_json::{Value, json};

fn config(tags: &Value) -> Value {
    json!({ "amazon_web_services": {
        "region": "us-west-2", "kubernetes_version": "1.34", "availability_zones": ["us-west-2a", "us-west-2b"], "tags": tags,
    } })
}

fn found(tags: &Value) -> Vec<(String, String, String)> {
    let found = Aws::validate(&context(), &config(tags)).unwrap().into_iter();
    found.map(|one| (one.code, one.pointer.unwrap_or_default(), one.detail)).collect()
}

fn desired(topology: &str, tags: &Value) -> Vec<Resource> {
    let Answer::Ready(resources) = Aws::desired(&context().topology(topology), &config(tags), &settled()).unwrap()
    else {
        panic!("the config says everything")
    };
    resources
}

#[test]
fn a_key_in_another_case_takes_the_place_of_ours_everywhere() {
    let tags = json!({ "owner": "data-team", "project": "sample-0001", "environment": "research", "name": "shared" });
    assert_eq!(found(&tags), []);
    for topology in ["classic", "design"] {
        let mut tagged = 0;
        for resource in desired(topology, &tags) {
            let Some(shown) = resource.document["tags"].as_object().filter(|shown| shown.contains_key("owner")) else {
                continue;
            };
            tagged += 1;
            let keys: BTreeSet<String> = shown.keys().map(|key| key.to_lowercase()).collect();
            assert_eq!(keys.len(), shown.len(), "{}: {shown:?}", resource.address);
            for (key, value) in tags.as_object().unwrap() {
                assert_eq!(&shown[key], value, "{}", resource.address);
            }
        }
        assert!(tagged > 10, "{topology}: {tagged}");
    }
}

#[test]
fn the_very_keys_of_ours_are_the_users_to_say() {
    let tags = json!({ "Owner": "data-team", "Project": "sample-0001" });
    assert_eq!(found(&tags), []);
    let resources = desired("classic", &tags);
    let role = resources.iter().find(|resource| resource.address == "aws.iam-role.cluster").unwrap();
    assert_eq!(role.document["tags"], json!({ "Owner": "data-team", "Project": "sample-0001", "Environment": "dev" }));
}

#[test]
fn two_keys_that_iam_takes_for_one_are_refused() {
    let found = found(&json!({ "CostCentre": "0042317", "costcentre": "0042317" }));
    let [(code, pointer, detail)] = found.as_slice() else { panic!("one tag is refused: {found:?}") };
    assert_eq!((code.as_str(), pointer.as_str()), ("TAG_INVALID", "/amazon_web_services/tags/costcentre"));
    assert!(detail.contains("IAM tells no case of keys apart") && detail.contains("`CostCentre`"), "{detail}");
}

#[test]
fn what_is_reserved_is_so_in_every_case() {
    let codes = |tags: Value| found(&tags).into_iter().map(|one| one.0).collect::<Vec<_>>();
    assert_eq!(codes(json!({ "AWS:x": "1" })), ["TAG_INVALID"]);
    assert_eq!(codes(json!({ "NIC.nebari.dev/Owner": "me" })), ["TAG_INVALID"]);
    assert_eq!(codes(json!({ "k".repeat(128): "v".repeat(256) })), [""; 0]);
    assert_eq!(codes(json!({ "k".repeat(129): "1" })), ["TAG_INVALID"]);
    assert_eq!(codes(json!({ "k": "v".repeat(257) })), ["TAG_INVALID"]);
}
