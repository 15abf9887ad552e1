//! Reads and changes against a scripted cloud: which requests go out, and what is made of the answers.

use crate::answers::{
    cluster, describe_vpcs, node_group, oidc_provider, oidc_providers, policies, role, security_groups, subnets,
    update, vpc_attribute,
};
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, form, with_cloud, with_report};
use nic_sdk::types::{Change, Context, Observation, Progress, Recorded, Status, Target};
use nic_sdk::{Error, Failure};
use serde_json::{Value, json};

const MARK: &str = "nic.nebari.dev/owner";

fn context() -> Context {
    Context::new("demo", "dev").region("us-west-2".to_owned()).topology("classic").lineage("l-1")
}

fn target(address: &str, kind: &str, remote_id: Option<&str>, document: Value) -> Target {
    Target::new(address, kind, document).remote_id(remote_id.map(Into::into))
}

fn change(address: &str, kind: &str, remote_id: Option<&str>, document: Value) -> Change {
    Change::new(address, kind, document).remote_id(remote_id.map(Into::into)).token("0123456789abcdef0123456789abcdef")
}

fn read(cloud: &FakeCloud, targets: Vec<Target>) -> Vec<Observation> {
    with_cloud(cloud, || block_on(Aws::read(&context(), targets))).unwrap()
}

fn create(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::create(&context(), change)))
}

fn update_of(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::update(&context(), change)))
}

fn delete(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::delete(&context(), change)))
}

fn poll(cloud: &FakeCloud, change: Change, operation: Value) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::poll(&context(), change, operation)))
}

fn done(progress: Result<Progress, Failure>) -> Observation {
    match progress {
        Ok(Progress::Done(observation)) => observation,
        other => panic!("expected it to be done: {other:?}"),
    }
}

fn pending(progress: Result<Progress, Failure>) -> (Option<String>, Value, String) {
    match progress {
        Ok(Progress::Pending(waiting)) => (waiting.remote_id, waiting.operation, waiting.message),
        other => panic!("expected it to be pending: {other:?}"),
    }
}

fn ours(address: &str) -> Vec<(&'static str, String)> {
    vec![("Project", "demo".into()), ("Environment", "dev".into()), (MARK, format!("l-1@us-west-2/{address}"))]
}

fn orphaned(address: &str) -> Vec<(&'static str, String)> {
    vec![("Project", "demo".into()), ("Environment", "dev".into()), (MARK, format!("l-0/{address}"))]
}

#[test]
fn known_things_of_a_kind_are_read_by_one_request_and_a_missing_one_is_absent() {
    let cloud = FakeCloud::new().on("ec2", "DescribeSubnets", subnets(&[("subnet-1", vec![]), ("subnet-2", vec![])]));
    let targets = ["subnet-1", "subnet-2", "subnet-3"]
        .map(|id| target(&format!("aws.subnet.{id}"), "aws.subnet", Some(id), json!({})));
    let seen = read(&cloud, targets.to_vec());
    assert_eq!(
        seen.iter().map(|o| &o.status).collect::<Vec<_>>(),
        [&Status::Present, &Status::Present, &Status::Absent]
    );
    assert_eq!(seen[0].document["type"], "public");
    assert_eq!(cloud.actions(), ["DescribeSubnets"]);
    let sent = form(&cloud.requests()[0]);
    assert_eq!((sent["Filter.1.Name"].as_str(), sent["Filter.1.Value.3"].as_str()), ("subnet-id", "subnet-3"));
}

#[test]
fn what_cannot_be_read_is_never_absent() {
    let cloud = FakeCloud::new().on("ec2", "DescribeSubnets", Reply::ec2_error(403, "UnauthorizedOperation", "no"));
    let known = target("aws.subnet.0", "aws.subnet", Some("subnet-1"), json!({}));
    let sought = target("aws.subnet.1", "aws.subnet", None, json!({}));
    for observation in read(&cloud, vec![known, sought]) {
        assert!(matches!(observation.status, Status::Unreadable(Error::Denied { .. })), "{observation:?}");
    }
}

#[test]
fn lost_things_are_found_by_their_mark() {
    let sought = || vec![target("aws.subnet.0", "aws.subnet", None, json!({ "tags": { "Project": "demo" } }))];
    let seen = |shown: &[(&str, Vec<(&str, String)>)]| {
        let cloud = FakeCloud::new().on("ec2", "DescribeSubnets", subnets(shown));
        let observation = read(&cloud, sought()).remove(0);
        assert_eq!(form(&cloud.requests()[0])["Filter.1.Name"], "tag-key");
        observation
    };
    let own = seen(&[("subnet-0", orphaned("aws.subnet.0")), ("subnet-1", ours("aws.subnet.0"))]);
    assert_eq!((own.status, own.remote_id.as_deref()), (Status::Present, Some("subnet-1")));
    assert_eq!(own.document["tags"], json!({ "Project": "demo", "Environment": "dev" }));
    let orphan = seen(&[("subnet-0", orphaned("aws.subnet.0")), ("subnet-1", ours("aws.subnet.1"))]);
    assert!(matches!(&orphan.status, Status::Foreign(text) if text.contains("subnet-0")), "{orphan:?}");
    assert_eq!(orphan.other_lineage.map(|other| other.lineage).as_deref(), Some("l-0"));
    let twice = seen(&[("subnet-1", ours("aws.subnet.0")), ("subnet-2", ours("aws.subnet.0"))]);
    assert_eq!(twice.status, Status::Ambiguous(vec!["subnet-1".into(), "subnet-2".into()]));
    assert_eq!(seen(&[]).status, Status::Absent);
}

#[test]
fn a_name_that_is_taken_is_foreign() {
    let document = json!({ "name": "demo-dev", "vpc_id": "vpc-1" });
    let cloud = FakeCloud::new().on_request("ec2", "DescribeSecurityGroups", |request| {
        let by_name = form(request).values().any(|value| value == "group-name");
        security_groups(if by_name { &["sg-9"] } else { &[] })
    });
    let seen = read(&cloud, vec![target("aws.security-group.main", "aws.security-group", None, document)]);
    assert!(matches!(&seen[0].status, Status::Foreign(text) if text.contains("sg-9")), "{seen:?}");

    let role_named = |tags: &[(&str, &str)]| {
        let cloud = FakeCloud::new().on("iam", "GetRole", role("demo-dev-eks-cluster-role", tags));
        let document = json!({ "name": "demo-dev-eks-cluster-role" });
        read(&cloud, vec![target("aws.iam-role.cluster", "aws.iam-role", None, document)]).remove(0)
    };
    assert!(matches!(role_named(&[]).status, Status::Foreign(_)));
    assert!(matches!(role_named(&[(MARK, "l-1@us-west-2/aws.iam-role.node-group")]).status, Status::Foreign(_)));
    let another = role_named(&[(MARK, "l-0/aws.iam-role.cluster")]);
    assert!(matches!(another.status, Status::Foreign(_)), "{another:?}");
    let other = another.other_lineage.unwrap();
    assert!(other.lineage == "l-0" && other.since.is_some_and(|since| since.starts_with("20")));
    let marked = role_named(&[(MARK, "l-1@us-west-2/aws.iam-role.cluster")]);
    assert_eq!(marked.status, Status::Present);
    assert_eq!(marked.document["assume_role_policy"], "{\"Version\": \"2012-10-17\"}");

    // What is recorded, and was made anew from another state since, is that one's; what bears no mark may be imported.
    let recorded = |tags: &[(&str, &str)]| {
        let cloud = FakeCloud::new().on("iam", "GetRole", role("demo-dev-eks-cluster-role", tags));
        let id = Some("demo-dev-eks-cluster-role");
        read(&cloud, vec![target("aws.iam-role.cluster", "aws.iam-role", id, json!({}))]).remove(0)
    };
    assert_eq!(recorded(&[]).status, Status::Present);
    assert_eq!(recorded(&[(MARK, "l-1@us-west-2/aws.iam-role.cluster")]).status, Status::Present);
    let another = recorded(&[(MARK, "l-0@us-west-2/aws.iam-role.cluster")]);
    assert_eq!(another.other_lineage.map(|other| other.lineage).as_deref(), Some("l-0"));
}

fn vpc_document() -> Value {
    json!({ "cidr": "10.10.0.0/16", "enable_dns_support": true, "enable_dns_hostnames": true, "tags": { "Project": "demo" } })
}

fn one_vpc() -> Reply {
    describe_vpcs(&[("vpc-1", "available", &[("Project", "demo"), (MARK, "l-1@us-west-2/aws.vpc.main")])])
}

fn created_vpc() -> Reply {
    Reply::xml(200, "<CreateVpcResponse><vpc><vpcId>vpc-1</vpcId><state>pending</state></vpc></CreateVpcResponse>")
}

#[test]
fn a_vpc_is_made_marked_told_and_finished() {
    let mut hostnames = false;
    let cloud = FakeCloud::new().on("ec2", "CreateVpc", created_vpc()).on("ec2", "DescribeVpcs", one_vpc()).on_request(
        "ec2",
        "*",
        move |request| {
            let sent = form(request);
            match sent["Action"].as_str() {
                "ModifyVpcAttribute" => {
                    assert_eq!(sent["EnableDnsHostnames.Value"], "true");
                    hostnames = true;
                    Reply::xml(200, "<ModifyVpcAttributeResponse><return>true</return></ModifyVpcAttributeResponse>")
                }
                _ => vpc_attribute(&sent["Attribute"], sent["Attribute"] == "enableDnsSupport" || hostnames),
            }
        },
    );
    let (progress, reported) = with_report(|| create(&cloud, change("aws.vpc.main", "aws.vpc", None, vpc_document())));
    let observation = done(progress);
    assert_eq!(reported.created, ["vpc-1"]);
    assert_eq!(observation.document["enable_dns_hostnames"], true);
    assert_eq!(observation.document["tags"], json!({ "Project": "demo" }));
    let sent = form(&cloud.requests_for("CreateVpc")[0]);
    assert!(sent.values().any(|value| value == "l-1@us-west-2/aws.vpc.main"), "{sent:?}");
}

#[test]
fn what_exists_in_spite_of_a_failure_is_told() {
    let cloud = FakeCloud::new()
        .on("ec2", "CreateVpc", created_vpc())
        .on("ec2", "DescribeVpcs", one_vpc())
        .on_request("ec2", "DescribeVpcAttribute", |request| vpc_attribute(&form(request)["Attribute"], false))
        .on("ec2", "ModifyVpcAttribute", Reply::ec2_error(503, "Unavailable", "later"));
    let failure = create(&cloud, change("aws.vpc.main", "aws.vpc", None, vpc_document())).unwrap_err();
    assert_eq!(failure.remote_id.as_deref(), Some("vpc-1"));
    assert!(matches!(failure.error, Error::Remote { status: 503, .. }));
}

#[test]
fn what_ec2_does_not_show_yet_is_waited_for() {
    let mut looks = 0;
    let cloud = FakeCloud::new()
        .on_request("ec2", "DescribeVpcs", move |_| {
            looks += 1;
            match looks {
                1 => describe_vpcs(&[]),
                2 => describe_vpcs(&[("vpc-1", "pending", &[])]),
                _ => one_vpc(),
            }
        })
        .on_request("ec2", "DescribeVpcAttribute", |request| vpc_attribute(&form(request)["Attribute"], true));
    let changed = change("aws.vpc.main", "aws.vpc", Some("vpc-1"), vpc_document());
    let (_, first, _) = pending(update_of(&cloud, changed.clone()));
    let (_, second, _) = pending(poll(&cloud, changed.clone(), first));
    assert_eq!(done(poll(&cloud, changed, second)).remote_id.as_deref(), Some("vpc-1"));
}

#[test]
fn a_new_network_is_told_what_new_ones_are_not_and_not_looked_at() {
    let cloud = FakeCloud::new().on("ec2", "CreateVpc", created_vpc()).on(
        "ec2",
        "ModifyVpcAttribute",
        Reply::xml(200, "<ModifyVpcAttributeResponse/>"),
    );
    let made = done(create(&cloud, change("aws.vpc.main", "aws.vpc", None, vpc_document())));
    assert_eq!((made.remote_id.as_deref(), &made.document["id"]), (Some("vpc-1"), &json!("vpc-1")));
    assert_eq!(made.document["enable_dns_hostnames"], true);
    assert_eq!(cloud.actions(), ["CreateVpc", "ModifyVpcAttribute"]);
}

#[test]
fn a_group_of_ours_that_appears_between_two_looks_is_no_stranger() {
    let wanted = json!({ "name": "demo-dev", "vpc_id": "vpc-1", "tags": {} });
    let group = || target("aws.security-group.main", "aws.security-group", None, wanted.clone());
    let shown = |tags: &str| {
        let group =
            format!("<item><groupId>sg-1</groupId><groupName>demo-dev</groupName><vpcId>vpc-1</vpcId>{tags}</item>");
        let list = format!("<securityGroupInfo>{group}</securityGroupInfo>");
        Reply::xml(200, format!("<DescribeSecurityGroupsResponse>{list}</DescribeSecurityGroupsResponse>"))
    };
    let marked =
        format!("<tagSet><item><key>{MARK}</key><value>l-1@us-west-2/aws.security-group.main</value></item></tagSet>");
    let looks =
        |then: Reply| FakeCloud::new().on_sequence("ec2", "DescribeSecurityGroups", [security_groups(&[]), then]);
    assert_eq!(read(&looks(shown(&marked)), vec![group()])[0].status, Status::Absent);
    assert!(matches!(read(&looks(shown("")), vec![group()])[0].status, Status::Foreign(_)));
}

#[test]
fn a_gateway_is_detached_before_it_goes() {
    let shown = "<DescribeInternetGatewaysResponse><internetGatewaySet><item><internetGatewayId>igw-1</internetGatewayId>\
        <attachmentSet><item><vpcId>vpc-1</vpcId><state>available</state></item></attachmentSet></item>\
        </internetGatewaySet></DescribeInternetGatewaysResponse>";
    let gateway = change("aws.internet-gateway.main", "aws.internet-gateway", Some("igw-1"), json!({}));
    let cloud = || {
        FakeCloud::new().on("ec2", "DescribeInternetGateways", Reply::xml(200, shown)).on(
            "ec2",
            "DetachInternetGateway",
            Reply::xml(200, "<DetachInternetGatewayResponse/>"),
        )
    };
    let deleted = || Reply::xml(200, "<DeleteInternetGatewayResponse/>");
    // Where it was last seen.
    let seen = gateway.clone().prior(json!({ "vpc_id": "vpc-1", "tags": {} }));
    let known = cloud().on("ec2", "DeleteInternetGateway", deleted());
    assert_eq!(done(delete(&known, seen)).status, Status::Absent);
    assert_eq!(known.actions(), ["DetachInternetGateway", "DeleteInternetGateway"]);
    // Where it was attached since.
    let mut tries = 0;
    let moved = cloud().on_request("ec2", "DeleteInternetGateway", move |_| {
        tries += 1;
        if tries == 1 { Reply::ec2_error(400, "DependencyViolation", "it is attached") } else { deleted() }
    });
    assert_eq!(done(delete(&moved, gateway)).status, Status::Absent);
    assert_eq!(moved.actions()[1..], ["DescribeInternetGateways", "DetachInternetGateway", "DeleteInternetGateway"]);
}

#[test]
fn deleting_what_is_gone_is_done_and_what_is_in_use_is_a_conflict() {
    let subnet = || change("aws.subnet.0", "aws.subnet", Some("subnet-1"), json!({}));
    let gone = Reply::ec2_error(400, "InvalidSubnetID.NotFound", "gone");
    let answer = delete(&FakeCloud::new().on("ec2", "DeleteSubnet", gone), subnet());
    assert_eq!(done(answer).status, Status::Absent);
    let busy = Reply::ec2_error(400, "DependencyViolation", "in use");
    // Who holds it cannot be seen.
    let denied = Reply::ec2_error(403, "UnauthorizedOperation", "no");
    let cloud = FakeCloud::new().on("ec2", "DeleteSubnet", busy).on("ec2", "DescribeNetworkInterfaces", denied);
    let answer = delete(&cloud, subnet()).unwrap_err();
    assert_eq!(answer.error, Error::Conflict("DependencyViolation: in use".into()));
    assert_eq!(answer.remote_id.as_deref(), Some("subnet-1"));
}

/// So many network interfaces, the first two with what tells whose they are.
fn network_interfaces(count: usize) -> Reply {
    let item = |number: usize| {
        let more = match number {
            1 => "<description>ELB net/a/b</description><requesterId>amazon-elb</requesterId>",
            2 => "<attachment><instanceId>i-2</instanceId></attachment><requesterId>1234</requesterId>",
            _ => "<description/>",
        };
        format!("<item><networkInterfaceId>eni-{number}</networkInterfaceId>{more}</item>")
    };
    let items: String = (1..=count).map(item).collect();
    let set = format!("<networkInterfaceSet>{items}</networkInterfaceSet>");
    Reply::xml(200, format!("<DescribeNetworkInterfacesResponse>{set}</DescribeNetworkInterfacesResponse>"))
}

#[test]
fn what_holds_a_thing_in_use_is_named() {
    for (kind, id, action, attribute) in [
        ("aws.vpc", "vpc-1", "DeleteVpc", "vpc-id"),
        ("aws.subnet", "subnet-1", "DeleteSubnet", "subnet-id"),
        ("aws.security-group", "sg-1", "DeleteSecurityGroup", "group-id"),
    ] {
        let refused = |count: usize| {
            let cloud = FakeCloud::new()
                .on("ec2", action, Reply::ec2_error(400, "DependencyViolation", "it has dependencies."))
                .on("ec2", "DescribeNetworkInterfaces", network_interfaces(count));
            let failure = delete(&cloud, change(&format!("{kind}.main"), kind, Some(id), json!({}))).unwrap_err();
            let asked = form(&cloud.requests()[1]);
            assert_eq!((asked["Filter.1.Name"].as_str(), asked["Filter.1.Value.1"].as_str()), (attribute, id));
            failure.error
        };
        let told = |text: &str| Error::Conflict(format!("DependencyViolation: it has dependencies{text}"));
        assert_eq!(refused(0), told("."));
        assert_eq!(
            refused(3),
            told("; network interfaces that hold it: eni-1 (ELB net/a/b, of amazon-elb), eni-2 (of i-2), eni-3")
        );
        let many = refused(7).to_string();
        assert!(many.ends_with("eni-4, eni-5 and 2 more"), "{many}");
    }
}

#[test]
fn an_association_is_known_by_its_subnet_whatever_id_it_has() {
    let shown = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId><associationSet>\
        <item><routeTableAssociationId>rtbassoc-1</routeTableAssociationId><routeTableId>rtb-1</routeTableId>\
        <subnetId>subnet-1</subnetId></item></associationSet></item></routeTableSet></DescribeRouteTablesResponse>";
    let replaced = "<ReplaceRouteTableAssociationResponse><newAssociationId>rtbassoc-2</newAssociationId>\
        </ReplaceRouteTableAssociationResponse>";
    let cloud = FakeCloud::new()
        .on("ec2", "DescribeRouteTables", Reply::xml(200, shown))
        .on("ec2", "ReplaceRouteTableAssociation", Reply::xml(200, replaced))
        .on("ec2", "DisassociateRouteTable", Reply::xml(200, "<DisassociateRouteTableResponse/>"));
    let kind = "aws.route-table-association";
    let document = json!({ "subnet_id": "subnet-1", "route_table_id": "rtb-2" });
    let seen = read(&cloud, vec![target("aws.route-table-association.0", kind, None, document.clone())]);
    assert_eq!(
        (seen[0].remote_id.as_deref(), &seen[0].document["route_table_id"]),
        (Some("subnet-1"), &json!("rtb-1"))
    );
    let moved =
        done(update_of(&cloud, change("aws.route-table-association.0", kind, Some("subnet-1"), document.clone())));
    assert_eq!((moved.remote_id.as_deref(), &moved.document["id"]), (Some("subnet-1"), &json!("rtbassoc-2")));
    done(delete(&cloud, change("aws.route-table-association.0", kind, Some("rtbassoc-0"), document)));
    assert_eq!(form(&cloud.requests_for("DisassociateRouteTable")[0])["AssociationId"], "rtbassoc-1");
}

#[test]
fn what_other_subnets_have_of_a_table_is_let_be() {
    let one = |number: u32| {
        format!(
            "<item><routeTableAssociationId>rtbassoc-{number}</routeTableAssociationId><routeTableId>rtb-1</routeTableId>\
             <subnetId>subnet-{number}</subnetId></item>"
        )
    };
    let set = format!("<associationSet>{}{}</associationSet>", one(1), one(2));
    let table = format!("<routeTableSet><item><routeTableId>rtb-1</routeTableId>{set}</item></routeTableSet>");
    let shown = format!("<DescribeRouteTablesResponse>{table}</DescribeRouteTablesResponse>");
    let cloud = FakeCloud::new()
        .on("ec2", "DescribeRouteTables", Reply::xml(200, shown))
        .on("ec2", "ReplaceRouteTableAssociation", Reply::xml(200, "<ReplaceRouteTableAssociationResponse/>"))
        .on("ec2", "DisassociateRouteTable", Reply::xml(200, "<DisassociateRouteTableResponse/>"));
    let document = json!({ "subnet_id": "subnet-2", "route_table_id": "rtb-2" });
    let association =
        change("aws.route-table-association.1", "aws.route-table-association", Some("subnet-2"), document);
    done(update_of(&cloud, association.clone()));
    done(delete(&cloud, association));
    for action in ["ReplaceRouteTableAssociation", "DisassociateRouteTable"] {
        let ended: Vec<_> = cloud.requests_for(action).iter().map(|sent| form(sent)["AssociationId"].clone()).collect();
        assert_eq!(ended, ["rtbassoc-2"], "{action}");
    }
}

fn cluster_document() -> Value {
    json!({
        "name": "demo-dev", "version": "1.30", "role_arn": "arn:r", "subnet_ids": ["subnet-1"],
        "security_group_ids": ["sg-1"], "endpoint_public_access": true, "endpoint_private_access": false,
        "public_access_cidrs": ["0.0.0.0/0"], "tags": {},
    })
}

fn cluster_change(remote_id: Option<&str>) -> Change {
    change("aws.cluster.main", "aws.cluster", remote_id, cluster_document())
}

#[test]
fn a_cluster_is_pending_until_it_is_active() {
    let cloud = FakeCloud::new().on("eks", "POST /clusters", cluster("CREATING", "1.30"));
    let (progress, reported) = with_report(|| create(&cloud, cluster_change(None)));
    let (remote_id, operation, _) = pending(progress);
    assert_eq!(reported.created, ["demo-dev"]);
    assert_eq!((remote_id.as_deref(), &operation), (Some("demo-dev"), &json!({ "phase": "create" })));
    let sent: Value = serde_json::from_slice(&cloud.requests()[0].body).unwrap();
    assert_eq!(sent["clientRequestToken"], "0123456789abcdef0123456789abcdef");
    assert_eq!(sent["tags"][MARK], "l-1@us-west-2/aws.cluster.main");

    let asked = |reply| {
        let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev", reply);
        poll(&cloud, cluster_change(Some("demo-dev")), operation.clone())
    };
    assert_eq!(pending(asked(cluster("CREATING", "1.30"))).2, "CREATING");
    let ready = done(asked(cluster("ACTIVE", "1.30")));
    assert_eq!(ready.document["endpoint"], "https://example.eks");
    assert_eq!(ready.document["created_at"], "2026-01-02T03:04:05Z");
    let failure = asked(cluster("FAILED", "1.30")).unwrap_err();
    assert_eq!(failure.remote_id.as_deref(), Some("demo-dev"));
    assert!(failure.error.to_string().contains("Ec2SubnetNotFound: it is gone (subnet-1)"), "{}", failure.error);
}

#[test]
fn a_role_that_spreads_is_a_conflict() {
    let words =
        "Role with arn: arn:r, could not be assumed because it does not exist or the trusted entity is not correct";
    let cloud =
        FakeCloud::new().on("eks", "POST /clusters", Reply::json_error(400, "InvalidParameterException", words));
    assert!(matches!(create(&cloud, cluster_change(None)).unwrap_err().error, Error::Conflict(_)));
}

#[test]
fn an_upgrade_is_followed_by_its_own_name() {
    let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", "1.28")).on(
        "eks",
        "POST /clusters/demo-dev/updates",
        update("InProgress"),
    );
    let upgrade = cluster_change(Some("demo-dev")).paths(vec!["/version".into()]);
    let (_, operation, message) = pending(update_of(&cloud, upgrade.clone()));
    assert_eq!(operation, json!({ "phase": "update", "update_id": "u-1" }));
    assert_eq!(message, "upgrading to 1.29");
    let sent: Value = serde_json::from_slice(&cloud.requests_for("POST /clusters/demo-dev/updates")[0].body).unwrap();
    assert_eq!(sent["version"], "1.29");

    let asked = |status| {
        let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev/updates/u-1", update(status)).on(
            "eks",
            "GET /clusters/demo-dev",
            cluster("ACTIVE", "1.29"),
        );
        poll(&cloud, upgrade.clone(), operation.clone())
    };
    assert_eq!(pending(asked("InProgress")).2, "VersionUpdate InProgress");
    assert_eq!(done(asked("Successful")).document["version"], "1.29");
    let failure = asked("Failed").unwrap_err();
    assert!(failure.error.to_string().contains("InsufficientFreeAddresses: none left (subnet-1)"), "{}", failure.error);
}

#[test]
fn a_cluster_in_change_is_in_progress_and_a_broken_one_failed() {
    let seen = |status: &str| {
        let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev", cluster(status, "1.30"));
        read(&cloud, vec![target("aws.cluster.main", "aws.cluster", Some("demo-dev"), json!({}))]).remove(0)
    };
    assert_eq!(seen("UPDATING").status, Status::InProgress("UPDATING".into()));
    assert!(matches!(seen("FAILED").status, Status::Failed(text) if text.contains("Ec2SubnetNotFound")));
    let missing = Reply::json_error(404, "ResourceNotFoundException", "no cluster");
    let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev", missing.clone());
    let sought = target("aws.cluster.main", "aws.cluster", None, json!({ "name": "demo-dev" }));
    assert_eq!(read(&cloud, vec![sought])[0].status, Status::Absent);
    let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev", missing);
    let gone = poll(&cloud, cluster_change(Some("demo-dev")), json!({ "phase": "delete" }));
    assert_eq!(done(gone).status, Status::Absent);
}

#[test]
fn a_node_group_scales_without_touching_the_autoscalers_number() {
    let path = "/clusters/demo-dev/node-groups/user";
    let cloud = FakeCloud::new().on("eks", &format!("GET {path}"), node_group("ACTIVE")).on(
        "eks",
        &format!("POST {path}/update-config"),
        update("InProgress"),
    );
    let document = json!({ "name": "user", "scaling_config": { "min_size": 0, "max_size": 9, "desired_size": 0 } });
    let scale = change("aws.node-group.user", "aws.node-group", Some("demo-dev:user"), document)
        .paths(vec!["/scaling_config/max_size".into()]);
    let (_, operation, _) = pending(update_of(&cloud, scale.clone()));
    let sent: Value =
        serde_json::from_slice(&cloud.requests_for(&format!("POST {path}/update-config"))[0].body).unwrap();
    assert_eq!(sent["scalingConfig"], json!({ "minSize": 0, "maxSize": 9, "desiredSize": 2 }));
    assert!(sent.get("labels").is_none() && sent.get("taints").is_none(), "{sent}");

    let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev/updates/u-1", update("Successful")).on(
        "eks",
        &format!("GET {path}"),
        node_group("DEGRADED"),
    );
    let observation = done(poll(&cloud, scale, operation));
    assert_eq!(observation.document["status"], "DEGRADED");
    assert_eq!(observation.document["health_issues"], json!(["AccessDenied: no (i-1)"]));
    assert_eq!(
        observation.document["taints"],
        json!([{ "key": "dedicated", "value": "nebari", "effect": "NO_SCHEDULE" }])
    );
}

#[test]
fn a_failed_node_group_says_why() {
    let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev/node-groups/user", node_group("CREATE_FAILED"));
    let asked = change("aws.node-group.user", "aws.node-group", Some("demo-dev:user"), json!({}));
    let failure = poll(&cloud, asked, json!({ "phase": "create" })).unwrap_err();
    assert_eq!(failure.remote_id.as_deref(), Some("demo-dev:user"));
    assert!(failure.error.to_string().contains("AccessDenied: no (i-1)"), "{}", failure.error);
}

#[test]
fn reads_of_all_kinds_go_out_at_once() {
    let cloud = FakeCloud::new()
        .on("ec2", "DescribeVpcs", one_vpc())
        .on_request("ec2", "DescribeVpcAttribute", |request| vpc_attribute(&form(request)["Attribute"], true))
        .on("ec2", "DescribeSubnets", subnets(&[]))
        .on("iam", "GetRole", role("r", &[]))
        .on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", "1.30"))
        .on("eks", "GET /clusters/demo-dev/node-groups/user", node_group("ACTIVE"));
    let targets = vec![
        target("aws.vpc.main", "aws.vpc", Some("vpc-1"), json!({})),
        target("aws.subnet.0", "aws.subnet", Some("subnet-1"), json!({})),
        target("aws.subnet.1", "aws.subnet", None, json!({})),
        target("aws.iam-role.cluster", "aws.iam-role", Some("r"), json!({})),
        target("aws.cluster.main", "aws.cluster", Some("demo-dev"), json!({})),
        target("aws.node-group.user", "aws.node-group", Some("demo-dev:user"), json!({})),
        target("aws.banana.x", "aws.banana", None, json!({})),
    ];
    let seen = read(&cloud, targets);
    assert_eq!(seen.len(), 7);
    assert_eq!(cloud.elapsed(), 1, "one round trip: {:?}", cloud.actions());
    let banana = seen.iter().find(|observation| observation.address == "aws.banana.x").unwrap();
    assert!(matches!(banana.status, Status::Unreadable(_)));
}

#[test]
fn leftovers_are_discovered_under_the_address_of_their_mark() {
    let shown = [
        ("subnet-1", ours("aws.subnet.0")),
        ("subnet-2", ours("aws.subnet.1")),
        ("subnet-3", vec![("Project", "other".into()), (MARK, "l-9/aws.subnet.0".into())]),
    ];
    let missing = || Reply::json_error(404, "ResourceNotFoundException", "none");
    let cloud = FakeCloud::new()
        .on("ec2", "DescribeSubnets", subnets(&shown))
        .on("iam", "GetRole", Reply::query_error(404, "NoSuchEntity", "none"))
        .on("iam", "ListPolicies", policies(&[]))
        .on(
            "iam",
            "ListOpenIDConnectProviders",
            oidc_providers(&["arn:aws:iam::1:oidc-provider/i", "arn:aws:iam::1:oidc-provider/j"]),
        )
        .on_request("iam", "GetOpenIDConnectProvider", |request| {
            let ours = form(request)["OpenIDConnectProviderArn"].ends_with("/i");
            oidc_provider("i", if ours { &[(MARK, "l-1@us-west-2/aws.iam-oidc-provider.main")] } else { &[] })
        })
        .on("ecr", "*", missing())
        .on("elasticfilesystem", "*", missing())
        .on("resource-groups", "*", missing())
        .on("eks", "*", missing());
    let cloud = crate::leftovers::none(cloud);
    let recorded = Recorded::new("aws.subnet.0", "aws.subnet", json!({})).remote_id("subnet-1".to_owned());
    let found = with_cloud(&cloud, || block_on(Aws::discover(&context(), vec![recorded]))).unwrap();
    let found: Vec<_> = found.iter().map(|o| (o.address.as_str(), o.remote_id.as_deref())).collect();
    assert_eq!(
        found,
        [("aws.subnet.1", Some("subnet-2")), ("aws.iam-oidc-provider.main", Some("arn:aws:iam::1:oidc-provider/i"))]
    );
}
