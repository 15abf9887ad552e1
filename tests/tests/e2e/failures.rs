//! What ends as failed in the cloud, and what would: the one says why and is made anew by the next deploy, the other is not begun.

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{Credentials, Effect, Emulator, Logged, Matching, When};
use nic_tests::configs::CLASSIC;
use nic_tests::nic::{Workspace, unwrapped};
use nic_tests::platform::Site;
use nic_tests::schemas::conforms;
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::every_action::DESIGN;

/// Makes as many of something as AWS grants an account, as `quota.rs` of the front has it. What is there before counts too.
fn take_all(shown: &str, make: &str) -> String {
    format!("ec2 = client('ec2')\nwhile len(ec2.{shown}) < 5:\n    ec2.{make}\nshow(None)\n")
}

async fn fails(workspace: &Workspace, code: &str, why: &str) -> Result<()> {
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(
        ran.code == 2 && ran.json()?["error"]["details"]["cause"] == code && ran.said().contains(why),
        "{}",
        ran.said()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_as_failed_says_why_and_is_made_anew() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(CLASSIC)?;
    site.aws.fail_next_cluster("InsufficientFreeAddresses", "no address is left").await;
    fails(&workspace, "CLUSTER_FAILED", "no address is left").await?;

    // Something that never served is no loss: nobody has to confirm that it goes.
    site.aws.fail_next_nodegroup("NodeCreationFailure", "no machine came up").await;
    fails(&workspace, "NODE_GROUP_FAILED", "no machine came up").await?;

    workspace.ok(&["deploy"]).await?;
    let found = site.aws.inventory().await?;
    let groups = found["nodegroups"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(found["clusters"].as_array().map(Vec::len) == Some(1) && groups.len() == 2, "{found:#}");
    ensure!(groups.iter().all(|group| group["status"] == "ACTIVE"), "{groups:#?}");
    site.assert_settled(&workspace).await?;
    site.destroy(&workspace).await
}

/// Credentials that end once the platform is claimed: whatever is begun then fails, for one cause, which is told once.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_one_cause_is_told_once() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(CLASSIC)?;
    // The claim of a first deploy is a role, and nothing else is begun before it is there.
    let after_the_claim = Matching::when(|_, action| action.starts_with("Create") && action != "CreateRole");
    site.aws.faults().always(after_the_claim, When::BeforeServer, Effect::ExpiredToken);
    let ran = workspace.run(&["deploy"]).await?;
    let said = &ran.stderr;
    ensure!(ran.code == 2 && said.matches("error[").count() == 1, "{}", ran.said());
    ensure!(said.matches(" failed: ").count() == 1 && said.matches("not begun").count() == 1, "{}", ran.said());
    ensure!(said.contains("changes were not begun, because"), "{}", ran.said());

    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    let told = ran.json()?;
    conforms(&told, "error.json")?;
    let details = &told["error"]["details"];
    ensure!(told["error"]["code"] == "CHANGES_FAILED" && details["cause"] == "CREDENTIALS_EXPIRED", "{told:#}");
    let count = |member: &str| details[member].as_array().map_or(0, Vec::len);
    ensure!(count("resources") > 3 && count("not_begun") > 20 && details["diagnostics"].is_null(), "{told:#}");
    let lines: Vec<Value> = ran.stderr.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let left = lines.iter().find_map(|line| line["addresses"].as_array()).context("no line with addresses")?;
    ensure!(left.len() == count("not_begun"), "{left:?}");

    // Each is told to who wants to know.
    let ran = workspace.run(&["deploy", "-v"]).await?;
    ensure!(ran.stderr.matches("was not begun, because").count() > 20, "{}", ran.stderr);

    // With new ones it goes on.
    site.aws.faults().clear();
    workspace.ok(&["deploy"]).await?;
    site.assert_settled(&workspace).await?;
    site.destroy(&workspace).await
}

/// Nothing was changed, and nothing was recorded.
fn is_not_begun(site: &Site, workspace: &Workspace) -> Result<()> {
    ensure!(site.changes().is_empty(), "{:#?}", site.aws.log());
    ensure!(!workspace.stage().join("nic-state.json").exists(), "something was recorded");
    Ok(())
}

/// A deploy of the config is refused before it begins; what it says has each of these texts in it. Its plan says the same beside what it
/// would have made, and nobody gets to agree to it.
async fn is_refused(site: &Site, config: &str, texts: &[&str]) -> Result<()> {
    let workspace = site.workspace(config)?;
    site.aws.clear_log();
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(ran.code == 1 && texts.iter().all(|text| ran.said().contains(*text)), "not {texts:?}: {}", ran.said());
    let error = ran.json()?["error"].clone();
    let ran = workspace.run(&["plan", "--detailed-exitcode", "--out", "plan.json", "--format", "json"]).await?;
    let told = ran.json()?;
    conforms(&told, "error.json")?;
    ensure!(ran.code == 1 && told["error"]["code"] == error["code"], "{error:#}\n{}", ran.said());
    // What belongs to somebody else is met while it is planned: then there is no plan to show.
    let is_planned = told["has_changes"] == true || error["code"] == "RESOURCE_FOREIGN";
    ensure!(told["error"]["message"] == error["message"] && is_planned, "{}", ran.said());
    ensure!(workspace.read("plan.json").is_err(), "a plan that is refused was saved");
    is_not_begun(site, &workspace)
}

/// The config with one more line.
fn with_line(line: &str) -> String {
    CLASSIC.replace("  node_groups:", &format!("  {line}\n  node_groups:"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_end_well_is_not_begun() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let machine = CLASSIC.replace("m5.xlarge", "nonsense.xlarge");
    is_refused(&site, &machine, &["INSTANCE_NOT_OFFERED", "nonsense.xlarge"]).await?;
    for arguments in [&["plan"][..], &["deploy"]] {
        let ran = site.workspace(&machine)?.run(arguments).await?;
        ensure!(ran.code == 1 && ran.stderr.contains("INSTANCE_NOT_OFFERED"), "{}", ran.said());
        ensure!(ran.stdout.contains("+ VPC main\n        cidr: 10.10.0.0/16\n"), "{}", ran.stdout);
    }
    is_refused(&site, &CLASSIC.replace("1.34", "1.99"), &["KUBERNETES_VERSION_NOT_OFFERED", "1.99"]).await?;
    let key = "arn:aws:kms:us-west-2:123456789012:key/00000000-0000-0000-0000-000000000000";
    is_refused(&site, &with_line(&format!("eks_kms_arn: {key}")), &["KMS_KEY_UNUSABLE", key]).await?;
    let boundary = "arn:aws:iam::999999999999:policy/theirs";
    let bound = with_line(&format!("permissions_boundary: {boundary}"));
    is_refused(&site, &bound, &["BOUNDARY_IN_ANOTHER_ACCOUNT", boundary]).await?;
    let taken = r#"client("iam").create_role(RoleName="my-nebari-dev-eks-cluster-role", AssumeRolePolicyDocument=trust("eks.amazonaws.com")); show(None)"#;
    site.aws.inspect(taken).await?;
    is_refused(&site, CLASSIC, &["my-nebari-dev-eks-cluster-role"]).await
}

/// What only a check before the first change asks.
const CHECKS: [(&str, &str); 3] =
    [("ec2", "DescribeInstanceTypeOfferings"), ("eks", "DescribeAddonVersions"), ("eks", "DescribeClusterVersions")];

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_checked_once_and_what_may_not_be_checked_is_a_warning() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(CLASSIC)?;
    let checked = |log: &[Logged]| {
        CHECKS.map(|(service, action)| log.iter().filter(|one| one.service == service && one.action == action).count())
    };
    // As with a login that may only read what it knows of.
    for (service, action) in CHECKS {
        site.aws.faults().always(Matching::action(service, action), When::BeforeServer, Effect::AccessDenied);
    }
    let ran = workspace.ok(&["plan", "--out", "plan.json"]).await?;
    ensure!(ran.stdout.contains(" to create, 0 to update"), "{}", ran.said());
    ensure!(ran.stderr.matches("warning[PREFLIGHT_INCOMPLETE]").count() >= CHECKS.len(), "{}", ran.said());
    ensure!(checked(&site.aws.log()).iter().all(|count| *count > 0), "{:#?}", site.aws.log());
    site.aws.faults().clear();

    // Who carries it out is checked again, and once.
    site.aws.clear_log();
    let ran = workspace.ok(&["deploy", "--plan", "plan.json"]).await?;
    ensure!(!ran.stderr.contains("PREFLIGHT"), "{}", ran.said());
    let [offerings, _, versions] = checked(&site.aws.log());
    ensure!((offerings, versions) == (1, 1), "{:#?}", site.aws.log());

    // Where nothing changes nothing is checked.
    site.aws.clear_log();
    workspace.ok(&["plan", "--detailed-exitcode"]).await?;
    ensure!(checked(&site.aws.log()) == [0; 3], "{:#?}", site.aws.log());
    site.destroy(&workspace).await
}

/// Whoever may not ask for the versions can write one.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_fails_names_the_key_that_makes_it_needless() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    // Without the versions that EKS has, the newest one counts that was tried; not so where a cluster of the name may stand.
    let cluster = Matching::action("eks", "DescribeCluster");
    site.aws.faults().always(cluster, When::BeforeServer, Effect::AccessDenied);
    let workspace = site.workspace(&CLASSIC.replace("kubernetes_version: \"1.34\"", "kubernetes_version: null"))?;
    for command in ["plan", "deploy"] {
        let ran = workspace.run(&[command]).await?;
        // Without the frame of the excerpt.
        let told = unwrapped(&ran.stderr.replace('│', ""));
        ensure!(ran.code == 2 && told.contains("DENIED") && told.contains("AccessDenied"), "{}", ran.said());
        ensure!(told.contains("the config does not say `amazon_web_services.kubernetes_version`"), "{}", ran.said());
        ensure!(told.contains("write `amazon_web_services.kubernetes_version` in the config"), "{}", ran.said());
    }
    is_not_begun(&site, &workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_account_has_no_room_for_is_not_begun() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let addresses = take_all(r#"describe_addresses()["Addresses"]"#, r#"allocate_address(Domain="vpc")"#);
    site.aws.inspect(&addresses).await?;
    is_refused(&site, DESIGN, &["QUOTA_TOO_SMALL", "5 Elastic IP addresses in this region, has 5"]).await?;
    let vpcs = take_all(r#"describe_vpcs()["Vpcs"]"#, r#"create_vpc(CidrBlock="10.99.0.0/16")"#);
    site.aws.inspect(&vpcs).await?;
    is_refused(&site, CLASSIC, &["QUOTA_TOO_SMALL", "5 VPCs in this region, has 5, and needs 1 more"]).await
}

/// Somebody's network, with two subnets in one zone, and a group of another VPC.
const UNFIT: &str = r#"
ec2 = client("ec2")
vpc, other = [ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"] for block in ["10.99.0.0/16", "10.98.0.0/16"]]
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.99.{i}.0/24", AvailabilityZone="us-west-2a")["Subnet"]["SubnetId"] for i in range(2)]
group = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=other)["GroupId"]
show([json.dumps(subnets), group])
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_does_not_fit_is_not_begun() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let (subnets, group): (String, String) = serde_json::from_value(site.aws.inspect(UNFIT).await?)?;
    let config = with_line(&format!("existing_subnet_ids: {subnets}\n  existing_security_group_id: {group}"));
    let told = [
        "EXISTING_SUBNETS_UNFIT",
        "EKS needs subnets in two zones",
        "EXISTING_GROUP_ELSEWHERE",
        "EXISTING_SUBNET_CLOSED",
    ];
    is_refused(&site, &config, &told).await
}

/// Each service says it in its own words; the user is told once, and what to do.
async fn is_not_let_in(site: &Site, workspace: &Workspace) -> Result<()> {
    site.aws.clear_log();
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    let told = ran.json()?;
    let details = &told["error"]["details"];
    ensure!(ran.code == 2 && told["error"]["code"] == "RESOURCE_UNREADABLE", "{}", ran.said());
    ensure!(details["cause"] == "DENIED" && details["diagnostics"].is_null(), "{}", ran.said());
    let hint = "check the credentials, and whether the account has enabled the region";
    ensure!(told["error"]["recovery_suggestions"][0] == hint, "{}", ran.said());
    is_not_begun(site, workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_once_and_nothing_is_begun() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    for (name, wrong) in [
        ("AWS_ACCESS_KEY_ID", "AKIANICTEST0EXAMPLE9"),
        ("AWS_SECRET_ACCESS_KEY", "nic/test/only/9999999999999999999EXAMPLE"),
    ] {
        let mut workspace = site.workspace(CLASSIC)?;
        workspace.env(name, wrong);
        is_not_let_in(&site, &workspace).await.context(name)?;
    }
    // AWS repeats the token of a session in what it says of a wrong signature.
    let session = Some("IQoJb3JpZ2luX2VjE/session+token==".to_owned());
    let plain = site.aws.credentials();
    site.aws.set_credentials(Credentials { session_token: session, ..plain.clone() });
    let mut workspace = site.workspace(CLASSIC)?;
    workspace.env("AWS_SECRET_ACCESS_KEY", "nic/test/only/9999999999999999999EXAMPLE");
    is_not_let_in(&site, &workspace).await.context("a session")?;
    site.aws.set_credentials(plain);

    // One that has to be enabled first.
    let workspace = site.workspace(&CLASSIC.replace("us-west-2", "ap-east-1"))?;
    is_not_let_in(&site, &workspace).await.context("the region")?;

    // Everything answers, except who says whose credentials these are.
    site.aws.faults().always(Matching::action("sts", "GetCallerIdentity"), When::BeforeServer, Effect::AccessDenied);
    is_refused(&site, CLASSIC, &["CREDENTIALS_REFUSED"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_may_be_asked_of_the_machine() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let lent = Credentials { session_token: Some("lent".to_owned()), ..site.aws.credentials() };
    site.aws.set_credentials(lent.clone());
    let answer = json!({
        "AccessKeyId": lent.access_key, "SecretAccessKey": lent.secret_key, "Token": lent.session_token,
        "Expiration": "2099-01-01T00:00:00Z",
    });
    let lender = Attacker::start("200 OK", |_| answer.to_string()).await?;
    let mut workspace = site.workspace(CLASSIC)?;
    workspace.env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "").env("AWS_SESSION_TOKEN", "");
    workspace.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", lender.url());
    workspace.ok(&["plan"]).await?;
    ensure!(lender.connections() == 1, "asked {} times", lender.connections());
    Ok(())
}
