//! What the provider plans is of the region's partition, in every partition and topology: no ARN, principal or host of another one.

use crate::calls::settled;
use nic_provider_aws::Aws;
use nic_sdk::aws::{PARTITIONS, Partition};
use nic_sdk::provider::Provider;
use nic_sdk::types::{Answer, Context, Resource};
use serde_json::{Value, json};

/// Everything in a config that leads to an ARN, a principal or a host.
fn config(partition: &Partition) -> Value {
    let (id, region) = (partition.id, partition.global_region);
    let secret = |key: &str| json!({ "$secret": format!("external_container_reg/{key}") });
    json!({
        "amazon_web_services": {
            "region": region,
            "kubernetes_version": "1.34",
            "availability_zones": [format!("{region}a"), format!("{region}b")],
            "eks_kms_arn": format!("arn:{id}:kms:{region}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            "permissions_boundary": format!("arn:{id}:iam::123456789012:policy/boundary"),
            "node_groups": {
                "general": { "instance": "m5.2xlarge", "min_nodes": 1 },
                "gpu-1": { "instance": "g4dn.xlarge", "gpu": true },
            },
        },
        "external_container_reg": {
            "enabled": true,
            "access_key_id": secret("access_key_id"),
            "secret_access_key": secret("secret_access_key"),
            "extcr_account": secret("extcr_account"),
            "extcr_region": secret("extcr_region"),
        },
    })
}

fn graph(partition: &Partition, topology: &str) -> Vec<Resource> {
    let context = Context::new("my-nebari", "dev")
        .region(partition.global_region.to_owned())
        .topology(topology)
        .lineage("11111111-2222");
    let config = config(partition);
    assert_eq!(Aws::validate(&context, &config).unwrap().iter().find(|told| told.code == "ARN_INVALID"), None);
    match Aws::desired(&context, &config, &settled()).unwrap() {
        Answer::Ready(resources) => resources,
        Answer::Need(queries) => panic!("the config says everything, yet it asks {queries:?}"),
    }
}

fn document<'a>(resources: &'a [Resource], address: &str) -> &'a Value {
    &resources.iter().find(|resource| resource.address == address).unwrap_or_else(|| panic!("no {address}")).document
}

/// The trust policy of a role as one text, what is known after apply left out.
fn trust(resources: &[Resource], role: &str) -> String {
    let policy = &document(resources, role)["assume_role_policy"];
    let parts = policy["$join"].as_array().into_iter().flatten().filter_map(Value::as_str);
    policy.as_str().map_or_else(|| parts.collect(), str::to_owned)
}

/// The words of a text that a host name could be.
fn hosts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c)))
}

/// Names of labels, annotations and service accounts are the same everywhere, and begin like hosts of the standard partition.
const WORDS: [&str; 3] = ["eks.amazonaws.com", "ec2.amazonaws.com", "sts.amazonaws.com"];

#[test]
fn nothing_is_of_another_partition() {
    for partition in &PARTITIONS {
        for topology in ["classic", "design"] {
            for resource in graph(partition, topology) {
                let place = format!("{} of {topology} in {}", resource.address, partition.id);
                let text = resource.document.to_string();
                for (at, _) in text.match_indices("arn:") {
                    let arn = &text[at..text.len().min(at + 60)];
                    assert!(arn.starts_with(&format!("arn:{}:", partition.id)), "{place}: {arn}");
                }
                for other in PARTITIONS.iter().filter(|other| other.dns_suffix != partition.dns_suffix) {
                    let is_theirs = |host: &&str| host.ends_with(other.dns_suffix) && !WORDS.contains(host);
                    let found: Vec<&str> = hosts(&text).filter(is_theirs).collect();
                    assert!(found.is_empty(), "{place}: {found:?} is of {}", other.id);
                }
            }
        }
    }
}

/// Whom roles trust. EKS has one name everywhere, its machines do not, and tokens of service accounts are made for one and the same.
#[test]
fn roles_trust_whom_the_partition_has() {
    let machines = [
        ("aws", "ec2.amazonaws.com"),
        ("aws-cn", "ec2.amazonaws.com.cn"),
        ("aws-us-gov", "ec2.amazonaws.com"),
        ("aws-iso", "ec2.c2s.ic.gov"),
        ("aws-iso-b", "ec2.sc2s.sgov.gov"),
        ("aws-iso-e", "ec2.amazonaws.com"),
        ("aws-iso-f", "ec2.amazonaws.com"),
        ("aws-eusc", "ec2.amazonaws.com"),
    ];
    assert!(PARTITIONS.iter().map(|partition| partition.id).eq(machines.map(|(id, _)| id)));
    for (partition, (_, machine)) in PARTITIONS.iter().zip(machines) {
        for topology in ["classic", "design"] {
            let resources = graph(partition, topology);
            let trusts = |role: &str, whom: &str| {
                let trust = trust(&resources, role);
                assert!(trust.contains(&format!("\"{whom}\"")), "{role} of {topology} in {}: {trust}", partition.id);
            };
            trusts("aws.iam-role.cluster", "eks.amazonaws.com");
            trusts("aws.iam-role.node-group", machine);
            // The token is taken where the issuer and the role both name its audience.
            let audiences = document(&resources, "aws.iam-oidc-provider.main")["client_ids"].clone();
            assert_eq!(audiences, json!(["sts.amazonaws.com"]), "{topology} in {}", partition.id);
            for account in ["aws.iam-role.ebs-csi-driver", "aws.iam-role.cluster-autoscaler"] {
                trusts(account, "sts.amazonaws.com");
            }
        }
    }
}

#[test]
fn an_arn_of_another_partition_is_refused_before_anything_is_asked() {
    let context = Context::new("my-nebari", "dev").region("us-gov-west-1".to_owned()).topology("classic");
    let mut config = config(&PARTITIONS[0]);
    config["amazon_web_services"]["region"] = json!("us-gov-west-1");
    config["amazon_web_services"]["availability_zones"] = json!(["us-gov-west-1a", "us-gov-west-1b"]);
    let told = Aws::validate(&context, &config).unwrap();
    let told: Vec<_> = told.iter().filter(|told| told.code == "ARN_INVALID").collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for told in told {
        assert!(
            told.detail.ends_with("it is of the partition `aws`, and `us-gov-west-1` is in `aws-us-gov`"),
            "{told:?}"
        );
        assert!(told.hints[0].contains("`arn:aws-us-gov:"), "{told:?}");
    }
}
