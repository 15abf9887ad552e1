//! The kinds that the design topology adds, against a scripted cloud: which requests go out, and what is made of the answers.

use nic_provider_aws::Aws;
use nic_sdk::Failure;
use nic_sdk::provider::Provider;
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, form, with_cloud, with_report};
use nic_sdk::types::{Change, Context, Observation, Progress, Status, Target, Waiting};
use serde_json::{Value, json};

const NAT: &str = "aws.nat-gateway.0";
const MARK: &str = "l-1@us-west-2/aws.nat-gateway.0";

fn context() -> Context {
    Context::new("demo", "dev").region("us-west-2".to_owned()).topology("design").lineage("l-1")
}

fn change(address: &str, remote_id: Option<&str>, document: Value) -> Change {
    Change::new(address, address.rsplit_once('.').unwrap().0, document)
        .remote_id(remote_id.map(Into::into))
        .token("0123456789abcdef0123456789abcdef")
}

fn seen(cloud: &FakeCloud, address: &str, remote_id: Option<&str>) -> Observation {
    let target =
        Target::new(address, address.rsplit_once('.').unwrap().0, json!({})).remote_id(remote_id.map(Into::into));
    with_cloud(cloud, || block_on(Aws::read(&context(), vec![target]))).unwrap().remove(0)
}

fn create(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::create(&context(), change)))
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

fn pending(progress: Result<Progress, Failure>) -> Waiting {
    match progress {
        Ok(Progress::Pending(waiting)) => waiting,
        other => panic!("expected it to be pending: {other:?}"),
    }
}

/// NAT gateways by id, state and mark.
fn gateways(shown: &[(&str, &str, &str)]) -> Reply {
    let item = |(id, state, mark): &(&str, &str, &str)| {
        let why = if *state == "failed" { "<failureCode>Gateway.NotAttached</failureCode>" } else { "" };
        format!(
            "<item><natGatewayId>{id}</natGatewayId><state>{state}</state>{why}<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>\
             <natGatewayAddressSet><item><allocationId>eipalloc-1</allocationId><publicIp>203.0.113.1</publicIp></item>\
             </natGatewayAddressSet><tagSet><item><key>nic.nebari.dev/owner</key><value>{mark}</value></item></tagSet></item>"
        )
    };
    let items: String = shown.iter().map(item).collect();
    Reply::xml(
        200,
        format!("<DescribeNatGatewaysResponse><natGatewaySet>{items}</natGatewaySet></DescribeNatGatewaysResponse>"),
    )
}

fn showing(shown: &[(&str, &str, &str)]) -> FakeCloud {
    FakeCloud::new().on("ec2", "DescribeNatGateways", gateways(shown))
}

fn nat(remote_id: Option<&str>) -> Change {
    change(
        NAT,
        remote_id,
        json!({ "subnet_id": "subnet-1", "allocation_id": "eipalloc-1", "tags": { "project": "demo" } }),
    )
}

#[test]
fn a_nat_gateway_is_pending_until_it_is_available() {
    let made = "<CreateNatGatewayResponse><natGateway><natGatewayId>nat-1</natGatewayId><state>pending</state></natGateway>\
        </CreateNatGatewayResponse>";
    let cloud = FakeCloud::new().on("ec2", "CreateNatGateway", Reply::xml(200, made));
    let (progress, reported) = with_report(|| create(&cloud, nat(None)));
    let waiting = pending(progress);
    assert_eq!(reported.created, ["nat-1"]);
    let sent = form(&cloud.requests()[0]);
    assert_eq!(
        [&sent["ClientToken"], &sent["SubnetId"], &sent["AllocationId"], &sent["TagSpecification.1.ResourceType"]],
        ["0123456789abcdef0123456789abcdef", "subnet-1", "eipalloc-1", "natgateway"]
    );
    assert!(sent.values().any(|value| value == MARK), "{sent:?}");

    let asked = |state| poll(&showing(&[("nat-1", state, MARK)]), nat(Some("nat-1")), waiting.operation.clone());
    assert_eq!(pending(asked("pending")).message, "pending");
    let ready = done(asked("available"));
    assert_eq!((ready.remote_id.as_deref(), &ready.document["public_ip"]), (Some("nat-1"), &json!("203.0.113.1")));
    let failure = asked("failed").unwrap_err();
    assert_eq!(failure.remote_id.as_deref(), Some("nat-1"));
    assert!(failure.error.to_string().contains("Gateway.NotAttached"), "{}", failure.error);
    // EC2 does not show it yet.
    pending(poll(&showing(&[]), nat(Some("nat-1")), waiting.operation.clone()));
}

#[test]
fn a_nat_gateway_goes_slowly_and_is_absent_when_it_is_shown_as_deleted() {
    let cloud = FakeCloud::new().on("ec2", "DeleteNatGateway", Reply::xml(200, "<DeleteNatGatewayResponse/>"));
    let waiting = pending(delete(&cloud, nat(Some("nat-1"))));
    let asked = |shown: &[_]| poll(&showing(shown), nat(Some("nat-1")), waiting.operation.clone());
    assert_eq!(pending(asked(&[("nat-1", "deleting", MARK)])).message, "deleting");
    assert_eq!(done(asked(&[("nat-1", "deleted", MARK)])).status, Status::Absent);
    assert_eq!(done(asked(&[])).status, Status::Absent);
    let gone = FakeCloud::new().on("ec2", "DeleteNatGateway", Reply::ec2_error(400, "NatGatewayNotFound", "gone"));
    assert_eq!(done(delete(&gone, nat(Some("nat-1")))).status, Status::Absent);
}

#[test]
fn a_nat_gateway_is_known_by_its_id_or_its_mark_and_never_by_what_is_gone() {
    let known = |state| seen(&showing(&[("nat-1", state, MARK)]), NAT, Some("nat-1")).status;
    assert_eq!(known("available"), Status::Present);
    assert_eq!(known("pending"), Status::InProgress("pending".into()));
    assert_eq!(known("deleting"), Status::InProgress("deleting".into()));
    assert_eq!(known("deleted"), Status::Absent);
    assert!(matches!(known("failed"), Status::Failed(why) if why == "Gateway.NotAttached"));

    let sought = |shown: &[_]| seen(&showing(shown), NAT, None);
    let again = sought(&[("nat-1", "deleted", MARK), ("nat-2", "deleting", MARK), ("nat-3", "available", MARK)]);
    assert_eq!((again.status, again.remote_id.as_deref()), (Status::Present, Some("nat-3")));
    assert_eq!(sought(&[("nat-1", "available", "l-1@us-west-2/aws.nat-gateway.1")]).status, Status::Absent);
    let twice = sought(&[("nat-1", "available", MARK), ("nat-2", "pending", MARK)]);
    assert_eq!(twice.status, Status::Ambiguous(vec!["nat-1".into(), "nat-2".into()]));
}

#[test]
fn an_address_in_use_is_a_conflict_and_one_that_is_gone_is_gone() {
    let release = |reply| {
        delete(
            &FakeCloud::new().on("ec2", "ReleaseAddress", reply),
            change("aws.elastic-ip.0", Some("eipalloc-1"), json!({})),
        )
    };
    let busy = release(Reply::ec2_error(400, "InvalidIPAddress.InUse", "in use")).unwrap_err();
    assert!(matches!(busy.error, nic_sdk::Error::Conflict(_)), "{:?}", busy.error);
    assert_eq!(done(release(Reply::ec2_error(400, "InvalidAllocationID.NotFound", "gone"))).status, Status::Absent);
    assert_eq!(
        done(release(Reply::xml(200, "<ReleaseAddressResponse><return>true</return></ReleaseAddressResponse>"))).status,
        Status::Absent
    );
}

#[test]
fn an_address_is_allocated_with_its_mark_and_found_by_it() {
    let shown = "<DescribeAddressesResponse><addressesSet><item><allocationId>eipalloc-1</allocationId><publicIp>203.0.113.1</publicIp>\
        <tagSet><item><key>nic.nebari.dev/owner</key><value>l-1@us-west-2/aws.elastic-ip.0</value></item></tagSet></item></addressesSet>\
        </DescribeAddressesResponse>";
    let made = "<AllocateAddressResponse><allocationId>eipalloc-1</allocationId><publicIp>203.0.113.1</publicIp></AllocateAddressResponse>";
    let cloud = FakeCloud::new().on("ec2", "AllocateAddress", Reply::xml(200, made)).on(
        "ec2",
        "DescribeAddresses",
        Reply::xml(200, shown),
    );
    let made = done(create(&cloud, change("aws.elastic-ip.0", None, json!({ "tags": {} }))));
    assert_eq!((made.remote_id.as_deref(), &made.document["public_ip"]), (Some("eipalloc-1"), &json!("203.0.113.1")));
    assert_eq!(form(&cloud.requests_for("AllocateAddress")[0])["TagSpecification.1.ResourceType"], "elastic-ip");
    assert_eq!(seen(&cloud, "aws.elastic-ip.0", None).remote_id.as_deref(), Some("eipalloc-1"));
}

#[test]
fn a_volume_is_made_under_its_token_and_grows_in_place() {
    let volume = |size: i32, state: &str| {
        Reply::xml(
            200,
            format!(
                "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><size>{size}</size><status>{state}</status>\
                 <availabilityZone>us-west-2a</availabilityZone><volumeType>gp3</volumeType><encrypted>true</encrypted>\
                 <iops>3000</iops></item></volumeSet></DescribeVolumesResponse>"
            ),
        )
    };
    let document = |size: i32| json!({ "size": size, "type": "gp3", "encrypted": true, "availability_zone": "us-west-2a", "tags": {} });
    let made = Reply::xml(
        200,
        "<CreateVolumeResponse><volumeId>vol-1</volumeId><status>creating</status></CreateVolumeResponse>",
    );
    let cloud = FakeCloud::new().on("ec2", "CreateVolume", made).on("ec2", "DescribeVolumes", volume(100, "available"));
    // It cannot be used before it is available.
    let volume_made = change("aws.ebs-volume.main", None, document(100));
    let waiting = pending(create(&cloud, volume_made.clone()));
    let made = done(poll(&cloud, volume_made.remote_id(waiting.remote_id), waiting.operation));
    assert_eq!((&made.document["iops"], &made.document["size"]), (&json!(3000), &json!(100)));
    let sent = form(&cloud.requests_for("CreateVolume")[0]);
    assert_eq!([&sent["ClientToken"], &sent["Encrypted"]], ["0123456789abcdef0123456789abcdef", "true"]);

    let mut looks = 0;
    let cloud = FakeCloud::new()
        .on_request("ec2", "DescribeVolumes", move |_| {
            looks += 1;
            volume(if looks == 1 { 100 } else { 500 }, "available")
        })
        .on("ec2", "ModifyVolume", Reply::xml(200, "<ModifyVolumeResponse/>"));
    let grow = change("aws.ebs-volume.main", Some("vol-1"), document(500)).paths(vec!["/size".into()]);
    let grown = done(with_cloud(&cloud, || block_on(Aws::update(&context(), grow))));
    assert_eq!(grown.document["size"], 500);
    assert_eq!(form(&cloud.requests_for("ModifyVolume")[0])["Size"], "500");

    let cloud = FakeCloud::new().on("ec2", "DescribeVolumes", volume(100, "deleting"));
    assert_eq!(seen(&cloud, "aws.ebs-volume.main", Some("vol-1")).status, Status::Absent);
}

#[test]
fn a_group_lets_itself_in_by_the_id_it_was_given() {
    let cloud = FakeCloud::new()
        .on(
            "ec2",
            "CreateSecurityGroup",
            Reply::xml(200, "<CreateSecurityGroupResponse><groupId>sg-1</groupId></CreateSecurityGroupResponse>"),
        )
        .on("ec2", "AuthorizeSecurityGroupIngress", Reply::xml(200, "<AuthorizeSecurityGroupIngressResponse/>"))
        // EC2 lets everything out of a new group.
        .on("ec2", "RevokeSecurityGroupEgress", Reply::xml(200, "<RevokeSecurityGroupEgressResponse/>"));
    let document = json!({
        "name": "demo-node-sg", "description": "d", "vpc_id": "vpc-1", "egress": [], "tags": {},
        "ingress": [{ "protocol": "-1", "self": true }],
    });
    let made = done(create(&cloud, change("aws.security-group.node", None, document)));
    assert_eq!(made.document["ingress"], json!([{ "protocol": "-1", "self": true }]));
    let sent = form(&cloud.requests_for("AuthorizeSecurityGroupIngress")[0]);
    assert!(
        sent.iter().any(|(key, value)| key.ends_with("GroupId") && key.starts_with("IpPermissions") && value == "sg-1"),
        "{sent:?}"
    );
}

#[test]
fn the_groups_of_a_cluster_are_listed_once_for_all_that_are_sought() {
    let group = |name: &str, address: &str| {
        let tags = json!({ "nic.nebari.dev/owner": format!("l-1@us-west-2/{address}") });
        let group = json!({ "nodegroupName": name, "clusterName": "demo-dev", "status": "ACTIVE", "tags": tags });
        Reply::json(200, &json!({ "nodegroup": group }))
    };
    let list = "GET /clusters/demo-dev/node-groups";
    let names = json!({ "nodegroups": ["general", "user-0a1b2c", "worker-d3e4f5"] });
    let cloud = FakeCloud::new()
        .on("eks", list, Reply::json(200, &names))
        .on("eks", &format!("{list}/general"), group("general", "aws.node-group.general"))
        .on("eks", &format!("{list}/user-0a1b2c"), group("user-0a1b2c", "aws.node-group.user"))
        .on("eks", &format!("{list}/worker-d3e4f5"), group("worker-d3e4f5", "aws.node-group.other"))
        .on("eks", "*", Reply::json_error(404, "ResourceNotFoundException", "none"));
    let targets = ["general", "user", "worker"].map(|name| {
        Target::new(
            format!("aws.node-group.{name}"),
            "aws.node-group",
            json!({ "cluster_name": "demo-dev", "name": name }),
        )
    });
    let seen = with_cloud(&cloud, || block_on(Aws::read(&context(), targets.to_vec()))).unwrap();
    let seen: Vec<_> = seen.iter().map(|o| (&o.status, o.remote_id.as_deref())).collect();
    assert_eq!(
        seen,
        [
            (&Status::Present, Some("demo-dev:general")),
            // It was replaced: EKS calls it otherwise.
            (&Status::Present, Some("demo-dev:user-0a1b2c")),
            (&Status::Absent, None),
        ]
    );
    assert_eq!(cloud.requests_for(list).len(), 1);
    assert_eq!(cloud.elapsed(), 2, "two rounds: {:?}", cloud.actions());
}

#[test]
fn an_add_on_acts_under_the_role_of_its_service_account() {
    let addon = |role: &str| {
        let addon = json!({ "addonName": "aws-ebs-csi-driver", "clusterName": "demo-dev", "status": "ACTIVE", "addonArn": "arn:a",
            "addonVersion": "v1", "serviceAccountRoleArn": role });
        Reply::json(200, &json!({ "addon": addon }))
    };
    let document = json!({ "name": "aws-ebs-csi-driver", "cluster_name": "demo-dev", "service_account_role_arn": "arn:new", "tags": {} });
    let cloud = FakeCloud::new().on("eks", "POST /clusters/demo-dev/addons", addon("arn:new"));
    pending(create(&cloud, change("aws.eks-addon.aws-ebs-csi-driver", None, document.clone())));
    let sent: Value = serde_json::from_slice(&cloud.requests()[0].body).unwrap();
    assert_eq!(sent["serviceAccountRoleArn"], "arn:new");

    let update = json!({ "update": { "id": "u-1", "status": "InProgress", "type": "AddonUpdate" } });
    let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev/addons/aws-ebs-csi-driver", addon("arn:old")).on(
        "eks",
        "POST /clusters/demo-dev/addons/aws-ebs-csi-driver/update",
        Reply::json(200, &update),
    );
    let moved = change("aws.eks-addon.aws-ebs-csi-driver", Some("demo-dev:aws-ebs-csi-driver"), document)
        .paths(vec!["/service_account_role_arn".into()]);
    pending(with_cloud(&cloud, || block_on(Aws::update(&context(), moved))));
    let sent: Value = serde_json::from_slice(&cloud.requests()[1].body).unwrap();
    assert_eq!(sent["serviceAccountRoleArn"], "arn:new");
}
