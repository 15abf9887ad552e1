//! What is asked: against the models, again, without effect, wrongly signed, struck by a fault.

use std::time::Duration;

use anyhow::Result;
use nic_tests::aws::{AwsCloud, Credentials, Effect, Emulator, Hide, Matching, Wait, When};
use serde_json::{Value, json};

use super::shows;

on_both! {
    tokens_replay
    dry_runs_change_nothing
    wrong_signatures_are_refused
    faults_strike
    new_things_are_not_seen_yet
}

/// Requests that botocore itself would not send are refused, whatever the emulator thinks of them; its own are let through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_have_to_fit_the_models() -> Result<()> {
    let aws = AwsCloud::start(Emulator::Ministack).await?;
    let script = r#"
import base64
def told(service, action, edit=None, who=None, **parameters):
    """What is said about a request that was not checked before it was sent, and was edited then."""
    options = dict(user_agent=who) if who else {}
    sender = client(service, parameter_validation=False, **options)
    if edit:
        sender.meta.events.register("before-sign", lambda request, **_: edit(request))
    try:
        getattr(sender, action)(**parameters)
    except ClientError as failure:
        mark, message = "does not fit the service's model: ", failure.response["Error"]["Message"]
        return message.split(mark)[1] if mark in message else None
def form(**members):
    return lambda request: request.data.update(members)
def body(change):
    def edit(request):
        document = json.loads(request.data)
        change(document)
        request.data = json.dumps(document).encode()
    return edit
tags = [dict(ResourceType="vpc", Tags=[dict(Key="a", Value="é b")])]
group = dict(clusterName="c", nodegroupName="n", nodeRole="r", subnets=["s"])
scan = dict(scanOnPush=True)
tag = dict(ResourceId="g", ResourceType="auto-scaling-group", Key="k", Value="v", PropagateAtLaunch=True)
"#;
    let good = aws
        .boto3(&format!(
            "{script}{}",
            r#"
show([
    told("ec2", "create_vpc", CidrBlock="10.0.0.0/16", TagSpecifications=tags),
    told("ec2", "describe_vpcs", Filters=[dict(Name="tag:a", Values=["é b", "c"])], MaxResults=10),
    told("ec2", "authorize_security_group_ingress", GroupId="sg-0123456789abcdef0", IpPermissions=[
        dict(IpProtocol="tcp", FromPort=1, ToPort=2, IpRanges=[dict(CidrIp="10.0.0.0/16")], UserIdGroupPairs=[dict(GroupId="sg-0")])]),
    told("iam", "create_role", RoleName="a+b", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"), Tags=[dict(Key="é", Value="x")], MaxSessionDuration=7200),
    told("iam", "create_open_id_connect_provider", Url="https://example.com", ClientIDList=["a"], ThumbprintList=[]),
    told("autoscaling", "create_or_update_tags", Tags=[tag]),
    told("eks", "create_cluster", name="c", roleArn="r", resourcesVpcConfig=dict(subnetIds=["s"]), tags={"a": "b"}),
    told("eks", "create_nodegroup", scalingConfig=dict(minSize=0, maxSize=1, desiredSize=0), taints=[dict(key="k", effect="NO_SCHEDULE")], **group),
    told("eks", "untag_resource", resourceArn="arn:aws:eks:us-east-1:123456789012:cluster/c", tagKeys=["a", "b/c"]),
    told("efs", "create_file_system", CreationToken="t", Encrypted=True, ThroughputMode="bursting", Tags=[dict(Key="a", Value="b")]),
    told("ecr", "create_repository", repositoryName="a/b-c", imageScanningConfiguration=scan),
    told("resource-groups", "get_tags", Arn="arn:aws:resource-groups:us-east-1:123456789012:group/x"),
    told("service-quotas", "get_service_quota", ServiceCode="vpc", QuotaCode="L-F678F1CE"),
])
"#
        ))
        .await?;
    let good: Vec<Value> = serde_json::from_value(good)?;
    assert!(good.iter().all(Value::is_null), "{good:#?}");

    let bad = aws
        .boto3(&format!(
            "{script}{}",
            r#"
show([
    told("ec2", "create_subnet", CidrBlock="10.0.0.0/18"),
    told("ec2", "create_vpc", TagSpecifications=[dict(ResourceType="vcp", Tags=[])]),
    told("ec2", "describe_vpcs", edit=form(Nonsense="1")),
    told("ec2", "describe_vpcs", edit=form(**{"Filter.1.Name": "a", "Filter.1.Values.1": "b"})),
    told("ec2", "describe_vpcs", edit=form(DryRun="perhaps")),
    told("ec2", "describe_vpcs", edit=form(Version="2006-01-01")),
    told("ec2", "describe_vpcs", edit=form(Action="DescribeVpc")),
    told("ec2", "describe_vpcs", edit=form(**{"VpcId.2": "vpc-0"})),
    told("ec2", "describe_vpcs", MaxResults=1),
    told("iam", "create_role", RoleName="a b", AssumeRolePolicyDocument="{}"),
    told("iam", "create_role", RoleName="a" * 65, AssumeRolePolicyDocument="{}"),
    told("autoscaling", "create_or_update_tags", Tags=[{**tag, "Key": ""}]),
    told("eks", "create_cluster", name="c", resourcesVpcConfig=dict(subnetIds=["s"])),
    told("eks", "create_cluster", edit=body(lambda sent: sent["resourcesVpcConfig"].update(nope=1)), name="c", roleArn="r", resourcesVpcConfig={}),
    told("eks", "create_cluster", edit=body(lambda sent: sent.update(tags=["a"])), name="c", roleArn="r", resourcesVpcConfig={}),
    told("eks", "create_nodegroup", taints=[dict(key="k", effect="NoSchedule")], diskSize="50", **group),
    told("eks", "list_clusters", maxResults=1000),
    told("efs", "create_file_system", CreationToken="t", Encrypted="yes"),
    told("efs", "describe_file_systems", FileSystemId="fs-x"),
    told("ecr", "create_repository", repositoryName="Ab", imageScanningConfiguration=scan),
    told("ecr", "create_repository", edit=body(lambda sent: sent.update(scan=True)), repositoryName="ab"),
    told("resource-groups", "create_group", Name="n", ResourceQuery=dict(Type="TAGS", Query="{}")),
])
"#
        ))
        .await?;
    let bad: Vec<Option<String>> = serde_json::from_value(bad)?;
    let bad: Vec<&str> = bad.iter().map(|told| told.as_deref().unwrap_or("was let through")).collect();
    insta::assert_snapshot!(bad.join("\n"));
    assert_eq!(aws.misfits(), Vec::<String>::new(), "boto3 may be wrong on purpose");

    // Anybody else may not: that fails the test, at its end if not before.
    aws.boto3(&format!("{script}show(told('ec2', 'create_subnet', who='somebody'))")).await?;
    assert_eq!(aws.misfits(), ["ec2: CreateSubnet.VpcId: it is required"]);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(aws))).is_err());
    Ok(())
}

async fn tokens_replay(emulator: Emulator) -> Result<()> {
    let script = r#"
def table(**more):
    return ec2.create_route_table(**{**dict(VpcId=vpc, ClientToken="one"), **more})["RouteTable"]["RouteTableId"]
token = "t" * 40
first, again = [cluster(clientRequestToken=token)["arn"] for _ in range(2)]
show([table() == table(), error(table, TagSpecifications=[dict(ResourceType="route-table", Tags=[dict(Key="a", Value="b")])]), table(ClientToken="two") == table(),
      len(ec2.describe_route_tables(Filters=[dict(Name="vpc-id", Values=[vpc])])["RouteTables"]) == 3,
      first == again, error(cluster, clientRequestToken=token, version="1.32")])
"#;
    shows(
        emulator,
        script,
        json!([true, "IdempotentParameterMismatch", false, true, true, "InvalidParameterException"]),
    )
    .await
}

async fn dry_runs_change_nothing(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let shown = aws
        .boto3(
            r#"
ec2 = client("ec2")
try:
    ec2.create_vpc(CidrBlock="10.1.0.0/16", DryRun=True)
except ClientError as failure:
    show([failure.response["Error"]["Code"], failure.response["ResponseMetadata"]["HTTPStatusCode"]])
"#,
        )
        .await?;
    assert_eq!(shown, json!(["DryRunOperation", 412]), "{emulator:?}");
    assert_eq!(aws.mutating_count(), 0);
    aws.assert_empty().await
}

async fn wrong_signatures_are_refused(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let script = r#"
show([error(client("ec2").describe_vpcs), error(client("iam").list_roles), error(client("eks").list_clusters)])
"#;
    let right = aws.credentials();
    assert_eq!(aws.boto3(script).await?, json!([null, null, null]));
    let wrong = Credentials { secret_key: "wrong".to_owned(), ..right.clone() };
    assert_eq!(
        aws.boto3_as(&wrong, script).await?,
        json!(["AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"])
    );
    let unknown = Credentials { access_key: "AKIANOBODY0EXAMPLE00".to_owned(), ..right.clone() };
    assert_eq!(
        aws.boto3_as(&unknown, script).await?,
        json!(["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"])
    );
    // A session token is demanded once it is set, and rotation takes the old one's force.
    let session = Credentials { session_token: Some("token/+=".to_owned()), ..right.clone() };
    aws.set_credentials(session.clone());
    assert_eq!(
        aws.boto3_as(&right, script).await?,
        json!(["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"])
    );
    assert_eq!(aws.boto3(script).await?, json!([null, null, null]));
    // Presigned, and with characters that need care in path and query.
    let presigned = aws
        .boto3(
            r#"
import urllib.request, urllib.error
def status(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as failure:
        return failure.code
url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
arn = "arn:aws:eks:us-east-1:123456789012:cluster/no body+é"
show([status(url), status(url + "0"), error(client("eks").untag_resource, resourceArn=arn, tagKeys=["a b", "c+d/é"]) == "InvalidSignatureException"])
"#,
        )
        .await?;
    assert_eq!(presigned, json!([200, 403, false]));
    Ok(())
}

async fn faults_strike(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let create = Matching::action("ec2", "CreateInternetGateway");
    let script = r#"
gateways = client("ec2").describe_internet_gateways
def attempt():
    try:
        return error(client("ec2").create_internet_gateway)
    except botocore.exceptions.BotoCoreError as failure:
        return "connection"
before = len(gateways()["InternetGateways"])
codes = [attempt(), attempt()]
show([codes, len(gateways()["InternetGateways"]) - before])
"#;
    aws.faults().at(create.clone(), 2, When::BeforeServer, Effect::Throttle);
    assert_eq!(aws.boto3(script).await?, json!([[null, "RequestLimitExceeded"], 1]));
    aws.faults().at(create.clone(), 1, When::AfterServer, Effect::LostResponse);
    assert_eq!(aws.boto3(script).await?, json!([["connection", null], 2]));
    aws.faults().at(create.clone(), 1, When::BeforeServer, Effect::Reset);
    assert_eq!(aws.boto3(script).await?, json!([["connection", null], 1]));
    let (told, hears) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let kill = move || told.lock().map(|told| told.send(())).map_or((), |_| ());
    aws.faults().at(create, 2, When::AfterServer, Effect::Kill(std::sync::Arc::new(kill)));
    assert_eq!(aws.boto3(script).await?, json!([[null, "connection"], 2]));
    hears.recv_timeout(Duration::from_secs(1))?;
    assert_eq!(aws.faults().struck(), 4);
    let log = aws.log();
    assert!(log.iter().any(|entry| entry.action == "CreateInternetGateway" && entry.status == 0 && entry.mutating));
    assert_eq!(aws.mutating_count(), 8);
    Ok(())
}

async fn new_things_are_not_seen_yet(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.hide_created(Some(Hide { wait: Wait::Reads(2), writes: false }));
    let shown = aws
        .boto3(
            r#"
ec2, iam = client("ec2"), client("iam")
vpc = ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
def listed():
    return vpc in [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]]
seen = [error(ec2.describe_vpcs, VpcIds=[vpc]), listed(), listed(), error(ec2.describe_vpcs, VpcIds=[vpc])]
iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust("eks.amazonaws.com"))
show(seen + [error(iam.get_role, RoleName="r") for _ in range(3)])
"#,
        )
        .await?;
    assert_eq!(
        shown,
        json!(["InvalidVpcID.NotFound", false, true, null, "NoSuchEntity", "NoSuchEntity", null]),
        "{emulator:?}"
    );
    Ok(())
}
