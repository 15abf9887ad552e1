//! Zones, and networks of somebody else's: what is found before anything is put into them.

use std::fmt::Write as _;

use crate::answers::vpc_attribute;
use crate::calls::{context, preflight};
use crate::preflight::{codes, config, everything, sound, zones};
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, form, with_cloud};
use nic_sdk::types::{Diagnostic, Query, Severity};
use serde_json::{Value, json};

const GROUP: &str = "sg-0123456789abcdef0";

/// A subnet of somebody else's.
#[derive(Clone, Copy)]
struct Subnet {
    id: &'static str,
    vpc: &'static str,
    zone: &'static str,
    zone_id: &'static str,
    free: u32,
    public: bool,
    tag: &'static str,
}

const A: Subnet = Subnet {
    id: "subnet-00000001",
    vpc: "vpc-1",
    zone: "us-west-2a",
    zone_id: "usw2-az1",
    free: 251,
    public: true,
    tag: "kubernetes.io/role/elb",
};
const B: Subnet = Subnet { id: "subnet-00000002", zone: "us-west-2b", zone_id: "usw2-az2", ..A };

fn subnets(shown: &[Subnet]) -> Reply {
    let items = shown.iter().fold(String::new(), |mut all, one| {
        let Subnet { id, vpc, zone, zone_id, free, public, tag } = one;
        let _ = write!(
            all,
            "<item><subnetId>{id}</subnetId><vpcId>{vpc}</vpcId><availabilityZone>{zone}</availabilityZone>\
             <availabilityZoneId>{zone_id}</availabilityZoneId><availableIpAddressCount>{free}</availableIpAddressCount>\
             <mapPublicIpOnLaunch>{public}</mapPublicIpOnLaunch><tagSet><item><key>{tag}</key><value>1</value></item></tagSet></item>"
        );
        all
    });
    Reply::xml(200, format!("<DescribeSubnetsResponse><subnetSet>{items}</subnetSet></DescribeSubnetsResponse>"))
}

fn group(vpc: Option<&str>) -> Reply {
    let item = vpc.map(|vpc| format!("<item><groupId>{GROUP}</groupId><vpcId>{vpc}</vpcId></item>"));
    let items = item.unwrap_or_default();
    Reply::xml(
        200,
        format!(
            "<DescribeSecurityGroupsResponse><securityGroupInfo>{items}</securityGroupInfo></DescribeSecurityGroupsResponse>"
        ),
    )
}

/// A main table and one that is associated with the second subnet, each with this target of its route to everywhere.
fn tables(main: &str, second: Option<&str>) -> Reply {
    let route = |target: &str| match target {
        "" => String::new(),
        target => {
            format!("<item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><state>active</state>{target}</item>")
        }
    };
    let table = |association: &str, target: &str| {
        format!(
            "<item><vpcId>vpc-1</vpcId><associationSet><item>{association}</item></associationSet>\
             <routeSet><item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId></item>{}\
             </routeSet></item>",
            route(target)
        )
    };
    let second = second.map(|target| table(&format!("<main>false</main><subnetId>{}</subnetId>", B.id), target));
    let items = table("<main>true</main>", main) + &second.unwrap_or_default();
    Reply::xml(
        200,
        format!("<DescribeRouteTablesResponse><routeTableSet>{items}</routeTableSet></DescribeRouteTablesResponse>"),
    )
}

const GATEWAY: &str = "<gatewayId>igw-1</gatewayId>";
const NAT: &str = "<natGatewayId>nat-1</natGatewayId>";

/// Rules in front of a network in which everything is well.
fn network(first: FakeCloud) -> FakeCloud {
    sound(
        first
            .on("ec2", "DescribeSubnets", subnets(&[A, B]))
            .on("ec2", "DescribeSecurityGroups", group(Some("vpc-1")))
            .on("ec2", "DescribeRouteTables", tables(GATEWAY, None))
            .on_request("ec2", "DescribeVpcAttribute", |request| vpc_attribute(&form(request)["Attribute"], true)),
    )
}

fn existing() -> Value {
    let mut config = config();
    let section = config["amazon_web_services"].as_object_mut().unwrap();
    section.remove("availability_zones");
    section.insert("existing_subnet_ids".to_owned(), json!([A.id, B.id]));
    section.insert("existing_security_group_id".to_owned(), GROUP.into());
    config
}

fn found(first: FakeCloud) -> Vec<Diagnostic> {
    preflight(&network(first), &existing(), &everything()).unwrap()
}

fn with_subnets(shown: &[Subnet]) -> Vec<Diagnostic> {
    found(FakeCloud::new().on("ec2", "DescribeSubnets", subnets(shown)))
}

#[test]
fn a_network_that_fits_has_nothing_to_say_and_is_looked_at_when_something_is_put_into_it() {
    assert_eq!(found(FakeCloud::new()), []);
    let cloud = network(FakeCloud::new());
    let summary = json!({ "update": ["aws.cluster.main"], "differences": { "aws.cluster.main": ["/tags/a"] } });
    assert_eq!(preflight(&cloud, &existing(), &summary).unwrap(), []);
    assert_eq!(cloud.requests_for("DescribeSecurityGroups").len(), 0);
}

#[test]
fn subnets_and_group_are_of_one_vpc_and_in_two_zones() {
    let told = with_subnets(&[A, Subnet { vpc: "vpc-2", ..B }]);
    assert_eq!(codes(&told), [(Severity::Error, "EXISTING_SUBNETS_UNFIT")]);
    assert!(told[0].detail.contains("`subnet-00000001` in vpc-1, `subnet-00000002` in vpc-2"), "{}", told[0].detail);
    let told = with_subnets(&[A, Subnet { zone: A.zone, zone_id: A.zone_id, ..B }]);
    assert_eq!(codes(&told), [(Severity::Error, "EXISTING_SUBNETS_UNFIT")]);
    assert!(told[0].detail.contains("two zones"), "{}", told[0].detail);
    let told = found(FakeCloud::new().on("ec2", "DescribeSecurityGroups", group(Some("vpc-9"))));
    assert_eq!(codes(&told), [(Severity::Error, "EXISTING_GROUP_ELSEWHERE")]);
    assert_eq!(told[0].pointer.as_deref(), Some("/amazon_web_services/existing_security_group_id"));
    assert!(told[0].detail.contains("`vpc-9`") && told[0].detail.contains("`vpc-1`"), "{}", told[0].detail);
}

#[test]
fn what_does_not_exist_is_named_with_its_place() {
    let told = with_subnets(&[A]);
    assert_eq!(codes(&told)[0], (Severity::Error, "EXTERNAL_NOT_FOUND"));
    assert_eq!(told[0].pointer.as_deref(), Some("/amazon_web_services/existing_subnet_ids/1"));
    let told = found(FakeCloud::new().on("ec2", "DescribeSecurityGroups", group(None)));
    assert_eq!(codes(&told), [(Severity::Error, "EXTERNAL_NOT_FOUND")]);
}

#[test]
fn nodes_need_a_way_out() {
    let told = |main: &str, second: Option<&str>, shown: &[Subnet]| {
        let cloud = FakeCloud::new().on("ec2", "DescribeSubnets", subnets(shown));
        found(cloud.on("ec2", "DescribeRouteTables", tables(main, second)))
    };
    let private = [Subnet { public: false, ..A }, Subnet { public: false, ..B }];
    assert_eq!(told(NAT, None, &private), []);
    let closed = (Severity::Warning, "EXISTING_SUBNET_CLOSED");
    // A route through a gateway is none without an address, and no route is none with one.
    let without_address = told(GATEWAY, Some(NAT), &private);
    assert_eq!(codes(&without_address), [closed]);
    assert_eq!(without_address[0].pointer.as_deref(), Some("/amazon_web_services/existing_subnet_ids/0"));
    assert!(without_address[0].detail.contains("public addresses"), "{}", without_address[0].detail);
    let without_route = told(GATEWAY, Some(""), &[A, B]);
    assert_eq!(codes(&without_route), [closed]);
    assert_eq!(without_route[0].pointer.as_deref(), Some("/amazon_web_services/existing_subnet_ids/1"));
}

#[test]
fn names_tags_and_addresses_are_looked_at() {
    let off = FakeCloud::new().on_request("ec2", "DescribeVpcAttribute", |request| {
        let attribute = &form(request)["Attribute"];
        vpc_attribute(attribute, attribute == "enableDnsSupport")
    });
    let told = found(off);
    assert_eq!(codes(&told), [(Severity::Warning, "EXISTING_VPC_WITHOUT_DNS")]);
    assert!(told[0].hints[0].contains("--enable-dns-hostnames"), "{:?}", told[0].hints);
    let plain = [Subnet { tag: "Name", ..A }, Subnet { tag: "Name", ..B }];
    let told = with_subnets(&plain);
    assert_eq!(codes(&told), [(Severity::Warning, "EXISTING_SUBNETS_UNTAGGED")]);
    assert!(told[0].hints[0].contains("subnet-00000001 subnet-00000002 --tags Key=kubernetes.io/role/elb"));
    // One that is tagged is enough.
    assert_eq!(with_subnets(&[A, plain[1]]), []);
    let told = with_subnets(&[Subnet { free: 5, ..A }, Subnet { free: 15, ..B }]);
    let full = "EXISTING_SUBNET_FULL";
    assert_eq!(codes(&told), [(Severity::Error, full), (Severity::Warning, full)]);
}

#[test]
fn who_may_not_look_is_told_and_not_stopped() {
    let denied = || Reply::ec2_error(403, "UnauthorizedOperation", "no");
    let incomplete = (Severity::Warning, "PREFLIGHT_INCOMPLETE");
    for action in ["DescribeSecurityGroups", "DescribeRouteTables", "DescribeVpcAttribute"] {
        let told = found(FakeCloud::new().on("ec2", action, denied()));
        assert_eq!(codes(&told), [incomplete], "{action}");
    }
    // Where machines are offered is not known then, either.
    assert_eq!(codes(&found(FakeCloud::new().on("ec2", "DescribeSubnets", denied()))), [incomplete; 2]);
}

#[test]
fn a_control_plane_stands_in_zones_that_eks_serves() {
    let told = |shown: Reply| {
        preflight(&sound(FakeCloud::new().on("ec2", "DescribeAvailabilityZones", shown)), &config(), &everything())
            .unwrap()
    };
    let b = ("us-west-2b", "usw2-az2", "availability-zone");
    let found = told(zones(&[("us-west-2a", "use1-az3", "availability-zone"), b]));
    assert_eq!(codes(&found), [(Severity::Error, "ZONE_NOT_FOR_CLUSTERS")]);
    assert_eq!(found[0].pointer.as_deref(), Some("/amazon_web_services/availability_zones/0"));
    assert!(found[0].detail.contains("`us-west-2a` is use1-az3 in this account"), "{}", found[0].detail);
    let found = told(zones(&[("us-west-2a", "usw2-lax1-az1", "local-zone"), b]));
    assert_eq!(codes(&found), [(Severity::Error, "ZONE_NOT_FOR_CLUSTERS")]);
    let found = told(zones(&[b]));
    assert_eq!(codes(&found), [(Severity::Error, "ZONE_NOT_IN_REGION")]);
    assert!(found[0].detail.contains("in the region `us-west-2`"), "{}", found[0].detail);
    let denied = Reply::ec2_error(403, "UnauthorizedOperation", "no");
    assert_eq!(codes(&told(denied)), [(Severity::Warning, "PREFLIGHT_INCOMPLETE")]);
    // The subnets of somebody else's, too; where machines are not offered either is a matter of its own.
    let found = with_subnets(&[Subnet { zone_id: "use1-az3", ..A }, Subnet { zone: "us-west-2-lax-1a", ..B }]);
    assert_eq!(codes(&found)[..2], [(Severity::Error, "ZONE_NOT_FOR_CLUSTERS"); 2]);
}

#[test]
fn zones_that_nobody_names_are_those_that_serve() {
    let sort = "availability-zone";
    let shown =
        zones(&[("us-east-1a", "use1-az3", sort), ("us-east-1c", "use1-az1", sort), ("us-east-1b", "use1-az2", sort)]);
    let cloud = FakeCloud::new().on("ec2", "DescribeAvailabilityZones", shown);
    let query = Query::new("availability_zones", "availability-zones", json!({ "region": "us-east-1" }));
    let facts = with_cloud(&cloud, || block_on(Aws::lookup(&context(), vec![query]))).unwrap();
    assert_eq!(facts[0].value, json!(["us-east-1b", "us-east-1c"]));
}
