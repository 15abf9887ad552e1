//! What a cluster leaves behind.

use crate::calls::{change, delete};
use nic_sdk::testing::{FakeCloud, Reply, form};
use nic_sdk::types::{Observation, Progress};
use nic_sdk::{Error, Failure};
use serde_json::json;

/// An account with nothing in its networks and nothing that a cluster could have made, whatever else `cloud` answers.
pub fn none(cloud: FakeCloud) -> FakeCloud {
    let balancing = |action: &str| {
        Reply::xml(200, format!("<{action}Response><{action}Result></{action}Result></{action}Response>"))
    };
    let ec2 = |action: &str| Reply::xml(200, format!("<{action}Response></{action}Response>"));
    let things = [
        "NetworkInterfaces",
        "Volumes",
        "SecurityGroups",
        "Vpcs",
        "Subnets",
        "InternetGateways",
        "Addresses",
        "RouteTables",
        "NatGateways",
    ];
    let cloud = cloud.on("elasticloadbalancing", "DescribeLoadBalancers", balancing("DescribeLoadBalancers")).on(
        "elasticloadbalancing",
        "DescribeTargetGroups",
        balancing("DescribeTargetGroups"),
    );
    things
        .iter()
        .map(|things| format!("Describe{things}"))
        .fold(cloud, |cloud, action| cloud.on("ec2", &action, ec2(&action)))
}

fn deleted(cloud: &FakeCloud) -> Result<Progress, Failure> {
    let kind = "aws.kubernetes-leftovers";
    delete(
        cloud,
        change("aws.kubernetes-leftovers.main", kind, Some("demo-dev"), json!({ "cluster_name": "demo-dev" })),
    )
}

fn no_cluster() -> FakeCloud {
    let missing = Reply::json_error(404, "ResourceNotFoundException", "none");
    FakeCloud::new().on("eks", "GET /clusters/demo-dev", missing)
}

#[test]
fn a_cluster_that_is_there_leaves_nothing_yet() {
    let there = json!({ "cluster": { "name": "demo-dev", "status": "ACTIVE" } });
    let cloud = none(FakeCloud::new().on("eks", "GET /clusters/demo-dev", Reply::json(200, &there)));
    let failure = deleted(&cloud).unwrap_err();
    assert!(failure.error.to_string().contains("still exists"), "{}", failure.error);
}

#[test]
fn a_load_balancer_that_has_gone_since_it_was_listed_hides_no_other() {
    let balancing = |action: &str, result: &str| {
        Reply::xml(200, format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"))
    };
    let cloud = no_cluster()
        .on_request("elasticloadbalancing", "DescribeLoadBalancers", move |request| {
            // The first generation has the same action under another version.
            let second = form(request)["Version"].starts_with("2015");
            let one = |arn: &str| format!("<member><LoadBalancerArn>{arn}</LoadBalancerArn></member>");
            let all = format!("<LoadBalancers>{}{}</LoadBalancers>", one("arn:gone"), one("arn:there"));
            balancing("DescribeLoadBalancers", if second { all.as_str() } else { "" })
        })
        .on_request("elasticloadbalancing", "DescribeTags", move |request| {
            if form(request).values().any(|value| value == "arn:gone") {
                return Reply::query_error(400, "LoadBalancerNotFound", "gone");
            }
            let tag = "<Tags><member><Key>kubernetes.io/cluster/demo-dev</Key><Value>owned</Value></member></Tags>";
            let member = format!("<member><ResourceArn>arn:there</ResourceArn>{tag}</member>");
            balancing("DescribeTags", &format!("<TagDescriptions>{member}</TagDescriptions>"))
        })
        .on("elasticloadbalancing", "DeleteLoadBalancer", balancing("DeleteLoadBalancer", ""));
    let cloud = none(cloud);
    let failure = deleted(&cloud).unwrap_err();
    assert_eq!(failure.error, Error::Conflict("on their way out: load balancer there".into()));
    assert_eq!(cloud.requests_for("DeleteLoadBalancer").len(), 1);
}

#[test]
fn what_it_owned_is_removed_until_a_look_finds_nothing() {
    let volume = |id: &str, state: &str, value: &str| {
        format!(
            "<item><volumeId>{id}</volumeId><status>{state}</status><tagSet><item><key>kubernetes.io/cluster/demo-dev</key>\
             <value>{value}</value></item></tagSet></item>"
        )
    };
    let volumes = [
        volume("vol-1", "available", "owned"),
        volume("vol-2", "in-use", "owned"),
        volume("vol-3", "available", "shared"),
    ];
    let volumes =
        format!("<DescribeVolumesResponse><volumeSet>{}</volumeSet></DescribeVolumesResponse>", volumes.concat());
    let cloud = no_cluster().on("ec2", "DescribeVolumes", Reply::xml(200, volumes)).on(
        "ec2",
        "DeleteVolume",
        Reply::xml(200, "<DeleteVolumeResponse/>"),
    );
    let cloud = none(cloud);
    let failure = deleted(&cloud).unwrap_err();
    assert!(matches!(failure.error, Error::Conflict(_)), "{}", failure.error);
    let said = failure.error.to_string();
    assert!(said.contains("volume vol-1, volume vol-2 (in use)") && !said.contains("vol-3"), "{said}");
    assert_eq!(cloud.requests_for("DeleteVolume").len(), 1);

    let cloud = none(no_cluster());
    let done = deleted(&cloud).unwrap();
    assert_eq!(done, Progress::Done(Observation::absent("aws.kubernetes-leftovers.main")));
}
