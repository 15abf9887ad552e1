//! Whose it is: another account, another cluster, another state, a platform of which nothing is left; and nobody to answer.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::PostParams;
use nic_tests::aws::Emulator;
use nic_tests::configs::{CLASSIC, EXISTING};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::Site;
use nic_tests::schemas::conforms;
use serde_json::{Value, from_value, json};

/// The login of another account, which sees nothing of what is there.
const OTHER_ACCOUNT: &str = "210987654321";

fn code(ran: &Ran) -> Result<String> {
    Ok(ran.json()?["error"]["code"].as_str().context("a code")?.to_owned())
}

/// The command is refused with this code, and neither state nor account changes.
async fn refused(workspace: &Workspace, command: &[&str], wanted: &str) -> Result<Value> {
    let before = workspace.state().ok();
    let ran = workspace.run(&[command, &["--format", "json"]].concat()).await?;
    ensure!(code(&ran)? == wanted && (ran.code == 1 || ran.code == 2), "{command:?}: {}", ran.said());
    let after = workspace.state().ok();
    ensure!(before == after, "`nic {command:?}` changed the state");
    ran.json()
}

/// What later stages read of a platform.
fn handed_over(workspace: &Workspace) -> Result<[Vec<u8>; 2]> {
    let read = |name| std::fs::read(workspace.stage().join(name)).with_context(|| format!("{name} is gone"));
    Ok([read("outputs.json")?, read("kubeconfig")?])
}

/// Makes the state one of before identities were recorded.
fn strip(workspace: &Workspace) -> Result<()> {
    let mut state = workspace.state()?;
    state.as_object_mut().context("a state")?.remove("identity");
    workspace.write(".nebari/stages/02-infrastructure/nic-state.json", &state.to_string())
}

/// Somebody else's role under a name that the platform has too, with these tags.
fn namesake(tags: &Value) -> String {
    format!(
        r#"
role, tags = "my-nebari-dev-eks-cluster-role", json.loads('{tags}')
client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust("eks.amazonaws.com"),
    Tags=[dict(Key=key, Value=value) for key, value in tags.items()])
show(None)
"#
    )
}

const NO_NAMESAKE: &str = r#"client("iam").delete_role(RoleName="my-nebari-dev-eks-cluster-role"); show(None)"#;

/// Only one name of many is there, and it may be anybody's: that is not the platform of a state that does not say whose it is.
async fn a_name_alone_is_no_platform(elsewhere: &Site, other: &Workspace) -> Result<()> {
    let lineage = "0123456789abcdef".repeat(2);
    let mark = |project: &str| {
        let mark = format!("{lineage}@us-west-2/aws.iam-role.cluster");
        json!({"nic.nebari.dev/owner": mark, "Project": project, "Environment": "dev", "Owner": "terraform"})
    };
    for (tags, wanted) in [
        (json!({"team": "theirs"}), "PLATFORM_VANISHED"),
        (mark("my-nebari"), "IDENTITY_UNKNOWN"),
        (mark("their-nebari"), "IDENTITY_UNKNOWN"),
    ] {
        elsewhere.aws.inspect(&namesake(&tags)).await?;
        for command in [&["destroy", "--yes"][..], &["deploy"], &["plan"], &["drift", "fix", "--yes"]] {
            refused(other, command, wanted).await.with_context(|| tags.to_string())?;
        }
        ensure!(elsewhere.changes().is_empty(), "{tags}: {:?}", elsewhere.changes());
        elsewhere.aws.inspect(NO_NAMESAKE).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_another_ones_is_left_alone() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(CLASSIC)?;
    workspace.ok(&["deploy"]).await?;
    let state = workspace.state()?;
    conforms(&state, "state-v1.json")?;
    ensure!(
        state["identity"]
            == json!({"kind": "aws-account", "id": "aws:123456789012", "name": "AWS account 123456789012"}),
        "{:#}",
        state["identity"]
    );

    // The same state with the login of another account, in which nothing of it is.
    let elsewhere = Site::start(Emulator::Ministack, 1).await?;
    elsewhere.aws.be_account(OTHER_ACCOUNT);
    let other = elsewhere.workspace(CLASSIC)?;
    std::fs::create_dir_all(other.stage())?;
    for file in ["nic-state.json", "outputs.json", "kubeconfig"] {
        std::fs::copy(workspace.stage().join(file), other.stage().join(file))?;
    }
    for command in [
        &["destroy", "--yes"][..],
        &["destroy", "--yes", "--accept-loss"],
        &["deploy"],
        &["plan"],
        &["status"],
        &["drift", "detect"],
        &["drift", "accept", "--yes"],
        &["drift", "fix", "--yes"],
    ] {
        let document = refused(&other, command, "STATE_OF_ANOTHER_PLATFORM").await?;
        let message = document["error"]["message"].as_str().unwrap_or_default().to_owned();
        let words = document.to_string();
        ensure!(words.contains("AWS account 123456789012") && words.contains(OTHER_ACCOUNT), "{message}: {words}");
        ensure!(words.contains("nic state retire"), "{words}");
    }
    ensure!(elsewhere.changes().is_empty(), "{:?}", elsewhere.changes());
    // These ask nobody.
    elsewhere.aws.clear_log();
    other.ok(&["validate"]).await?;
    other.ok(&["outputs"]).await?;
    ensure!(elsewhere.aws.log().is_empty(), "{:?}", elsewhere.aws.log());

    // What later stages read tells of a platform that is there.
    ensure!(handed_over(&other)? == handed_over(&workspace)?);
    strip(&other)?;
    a_name_alone_is_no_platform(&elsewhere, &other).await?;
    std::fs::copy(workspace.stage().join("nic-state.json"), other.stage().join("nic-state.json"))?;

    // In the right account under the right login, with nothing left: told, and neither forgotten nor made again.
    elsewhere.aws.be_account("123456789012");
    for command in [&["destroy", "--yes"][..], &["deploy"], &["plan"], &["drift", "accept", "--yes"]] {
        refused(&other, command, "PLATFORM_VANISHED").await?;
    }
    ensure!(handed_over(&other)? == handed_over(&workspace)?);
    let forgotten = other.ok(&["destroy", "--yes", "--accept-loss"]).await?;
    ensure!(forgotten.stderr.contains("DESTROY_MOSTLY_FORGETS"), "{}", forgotten.said());
    ensure!(other.state()?["cloud"] == json!({}), "{:#}", other.state()?["cloud"]);
    ensure!(handed_over(&other).is_err(), "files of a platform that is gone");

    // A state that is not there, and one of another platform, are no reason to take away what tells of this one.
    let (state, aside) = (workspace.stage().join("nic-state.json"), workspace.path().join("aside.json"));
    let before = handed_over(&workspace)?;
    std::fs::rename(&state, &aside)?;
    site.aws.clear_log();
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(site.changes().is_empty() && handed_over(&workspace)? == before, "{:?}", site.changes());
    std::fs::rename(&aside, &state)?;
    workspace.config(&CLASSIC.replace("my-nebari", "their-nebari"))?;
    refused(&workspace, &["destroy", "--yes"], "STATE_OF_ANOTHER_PLATFORM").await?;
    ensure!(handed_over(&workspace)? == before);
    workspace.config(CLASSIC)?;

    // A state of before identities were recorded: the first login under which something is found counts.
    strip(&workspace)?;
    site.aws.be_account(OTHER_ACCOUNT);
    workspace.ok(&["deploy"]).await?;
    ensure!(workspace.state()?["identity"]["id"] == format!("aws:{OTHER_ACCOUNT}"), "it was not taken on");
    site.aws.be_account("123456789012");
    refused(&workspace, &["plan"], "STATE_OF_ANOTHER_PLATFORM").await?;
    strip(&workspace)?;
    site.destroy(&workspace).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_put_aside_and_nobody_is_asked_for_what_nobody_can_answer() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let mut workspace = site.workspace(CLASSIC)?;
    workspace.ok(&["deploy", "--target", "aws.vpc.main"]).await?;
    for command in [&["destroy"][..], &["state", "retire"]] {
        let document = refused(&workspace, command, "CONFIRMATION_NEEDED").await?;
        ensure!(document.to_string().contains("NIC_YES=1"), "{document:#}");
        let text = workspace.run(command).await?;
        ensure!(text.code == 1 && text.stderr.contains("CONFIRMATION_NEEDED"), "{}", text.said());
    }
    ensure!(site.changes().iter().all(|change| !change.starts_with("Delete")), "{:?}", site.changes());
    workspace.env("NIC_YES", "1");
    let retired = workspace.ok(&["state", "retire", "--format", "json"]).await?.json()?;
    conforms(&retired, "state-retired.json")?;
    let aside = std::fs::read_to_string(retired["retired"].as_str().context("a path")?)?;
    ensure!(aside.contains("aws.vpc.main") && !workspace.stage().join("nic-state.json").exists(), "{retired:#}");
    ensure!(workspace.run(&["state", "retire"]).await?.said().contains("STATE_NOT_FOUND"));

    // What was made stands all the same, under the lineage of the state that was put aside.
    refused(&workspace, &["deploy"], "PLATFORM_OF_ANOTHER_STATE").await?;
    let unknown = workspace.run(&["deploy", "--take-over=nobody", "--format", "json"]).await?;
    ensure!(code(&unknown)? == "TAKE_OVER_UNKNOWN", "{}", unknown.said());
    site.aws.clear_log();
    workspace.ok(&["deploy", "--take-over", "--target", "aws.vpc.main"]).await?;
    ensure!(site.changes().is_empty(), "{:?}", site.changes());
    // With `NIC_YES=1` it is agreed to.
    workspace.ok(&["destroy"]).await?;
    site.assert_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_first_deploys_at_once_one_makes_the_platform_and_the_other_nothing() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let (one, two) = (site.workspace(CLASSIC)?, site.workspace(CLASSIC)?);
    let (first, second) = tokio::try_join!(one.run(&["deploy"]), two.run(&["deploy"]))?;
    let (winner, loser, lost) = if first.code == 0 { (&one, &two, &second) } else { (&two, &one, &first) };
    ensure!(lost.code != 0 && lost.said().contains("PLATFORM_OF_ANOTHER_STATE"), "{}", lost.said());
    let inventory = site.aws.inventory().await?;
    let count = |sort: &str| inventory[sort].as_array().map_or(0, Vec::len);
    ensure!((count("vpcs"), count("clusters"), count("nodegroups")) == (1, 1, 2), "{inventory:#}");
    let lineage = winner.lineage()?;
    if let Ok(theirs) = loser.lineage() {
        ensure!(!inventory.to_string().contains(&theirs), "{inventory:#}");
    }
    // Neither a plan nor a destroy of the one that lost touches what the other made.
    let told = refused(loser, &["deploy"], "PLATFORM_OF_ANOTHER_STATE").await?;
    ensure!(told["error"]["details"]["lineages"][0]["lineage"] == lineage.as_str(), "{told:#}");
    site.aws.clear_log();
    loser.ok(&["destroy", "--yes"]).await?;
    ensure!(site.changes().is_empty(), "{:?}", site.changes());
    site.assert_settled(winner).await?;
    site.destroy(winner).await
}

/// The same where each asks for a part: what claims the platform is asked for with it.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_first_deploys_of_a_part_at_once_one_makes_it_and_the_other_nothing() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let (one, two) = (site.workspace(CLASSIC)?, site.workspace(CLASSIC)?);
    // So late that both have looked before either has made anything.
    site.aws.faults().latency(Duration::from_millis(300));
    let part = &["deploy", "--target", "aws.vpc.main"];
    let (first, second) = tokio::try_join!(one.run(part), two.run(part))?;
    site.aws.faults().clear();
    let vpcs = site.aws.inventory().await?["vpcs"].as_array().map_or(0, Vec::len);
    ensure!(vpcs == 1, "{vpcs} networks were made: {}\n{}", first.said(), second.said());
    let (winner, loser, lost) = if first.code == 0 { (&one, &two, &second) } else { (&two, &one, &first) };
    ensure!(lost.code != 0 && lost.said().contains("PLATFORM_OF_ANOTHER_STATE"), "{}", lost.said());
    ensure!(lost.said().contains(&winner.lineage()?), "{}", lost.said());
    site.aws.clear_log();
    loser.ok(&["destroy", "--yes"]).await?;
    ensure!(site.changes().is_empty(), "{:?}", site.changes());
    // The rest of it is the winner's to make.
    winner.ok(&["deploy"]).await?;
    site.assert_settled(winner).await?;
    site.destroy(winner).await
}

/// Another state's mark takes the place of ours on the internet gateway.
const ANOTHERS_GATEWAY: &str = r#"
ec2 = client("ec2")
[gateway] = [g["InternetGatewayId"] for g in ec2.describe_internet_gateways()["InternetGateways"]
    if any(t["Key"] == "nic.nebari.dev/owner" for t in g.get("Tags", []))]
mark = "LINEAGE@us-west-2/aws.internet-gateway.main"
ec2.create_tags(Resources=[gateway], Tags=[dict(Key="nic.nebari.dev/owner", Value=mark)])
show(None)
"#;

/// As versions left it that took each other's things back silently.
#[tokio::test(flavor = "multi_thread")]
async fn where_several_states_made_parts_of_it_the_one_to_go_on_with_is_named() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let lost = site.workspace(CLASSIC)?;
    lost.ok(&["deploy", "--target", "aws.internet-gateway.main"]).await?;
    let (lineage, another) = (lost.lineage()?, "0123456789abcdef".repeat(2));
    site.aws.inspect(&ANOTHERS_GATEWAY.replace("LINEAGE", &another)).await?;
    let both = BTreeSet::from([lineage.clone(), another.clone()]);
    let told = |document: &Value| -> BTreeSet<String> {
        let lineages = document["error"]["details"]["lineages"].as_array().into_iter().flatten();
        lineages.filter_map(|told| told["lineage"].as_str().map(str::to_owned)).collect()
    };

    let workspace = site.workspace(CLASSIC)?;
    site.aws.clear_log();
    for command in [&["plan"][..], &["deploy"], &["deploy", "--take-over"], &["plan", "--take-over"]] {
        let document = refused(&workspace, command, "PLATFORM_OF_ANOTHER_STATE").await?;
        ensure!(told(&document) == both, "{document:#}");
        ensure!(document.to_string().contains("--take-over=LINEAGE"), "{document:#}");
    }
    // Each names what is left of the other, which is in the way of the whole.
    for (one, other) in [(&lineage, &another), (&another, &lineage)] {
        let take_over = format!("--take-over={one}");
        let document = refused(&workspace, &["deploy", &take_over], "PLATFORM_OF_ANOTHER_STATE").await?;
        ensure!(told(&document) == BTreeSet::from([other.clone()]), "{document:#}");
    }
    // Its own part is gone on with as it is.
    let part = ["deploy", &format!("--take-over={lineage}"), "--target", "aws.vpc.main"];
    let ran = workspace.ok(&part).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)") && site.changes().is_empty(), "{}", ran.said());
    ensure!(workspace.lineage()? == lineage);
    // And a state is of one lineage.
    refused(&workspace, &["deploy", &format!("--take-over={another}")], "TAKE_OVER_REFUSED").await?;
    ensure!(site.changes().is_empty(), "{:?}", site.changes());
    Ok(())
}

/// Somebody has destroyed the platform and made it anew from a state of their own: what is recorded here are names of theirs.
#[tokio::test(flavor = "multi_thread")]
async fn recorded_names_that_another_state_has_made_anew_are_that_ones() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let (old, new) = (site.workspace(CLASSIC)?, site.workspace(CLASSIC)?);
    old.ok(&["deploy"]).await?;
    site.reset().await?;
    new.ok(&["deploy"]).await?;
    let before = (site.aws.inventory().await?, site.cluster.shown());
    let handed = handed_over(&old)?;
    site.aws.clear_log();
    for command in [
        &["destroy", "--yes"][..],
        &["destroy", "--yes", "--accept-loss"],
        &["deploy"],
        &["deploy", "--accept-loss"],
        &["plan"],
        &["drift", "fix", "--yes"],
    ] {
        let document = refused(&old, command, "PLATFORM_OF_ANOTHER_STATE").await?;
        ensure!(document["error"]["details"]["lineages"][0]["lineage"] == new.lineage()?, "{document:#}");
    }
    ensure!(site.changes().is_empty() && handed_over(&old)? == handed, "{:?}", site.changes());
    ensure!((site.aws.inventory().await?, site.cluster.shown()) == before, "something was changed");
    site.assert_settled(&new).await?;
    site.destroy(&new).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_leads_to_another_cluster_destroys_nothing_there() -> Result<()> {
    let (ours, theirs) = tokio::try_join!(
        ControlPlane::start(ControlPlaneOptions::default()),
        ControlPlane::start(ControlPlaneOptions::default())
    )?;
    let mut workspace = Workspace::new()?;
    workspace.env("KUBECONFIG", ours.kubeconfig().display().to_string());
    workspace.config(EXISTING)?;
    workspace.ok(&["deploy"]).await?;
    let identity = workspace.state()?["identity"].clone();
    ensure!(
        identity["kind"] == "cluster" && identity["id"].is_string() && identity["ca_sha256"].is_string(),
        "{identity:#}"
    );

    // Another team's namespace of that name, with something in it.
    let namespaces: Api<Namespace> = Api::all(theirs.client());
    let namesake = from_value(json!({"metadata": {"name": "dev", "labels": {"team": "theirs"}}}))?;
    let made = namespaces.create(&PostParams::default(), &namesake).await?;
    workspace.env("KUBECONFIG", theirs.kubeconfig().display().to_string());
    for command in [&["destroy", "--yes"][..], &["deploy"], &["plan"], &["status"], &["drift", "fix", "--yes"]] {
        let document = refused(&workspace, command, "STATE_OF_ANOTHER_PLATFORM").await?;
        let words = document.to_string();
        ensure!(words.contains(ours.server()) && words.contains(theirs.server()), "{words}");
    }
    let now = namespaces.get("dev").await?;
    ensure!(now.metadata.resource_version == made.metadata.resource_version, "{now:?}");

    // Where the namespace may not be read, the certificate authority decides.
    let looks = json!([
        {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["dev"], "verbs": ["get"]},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get"]},
    ]);
    workspace.write("reader.yaml", &ours.kubeconfig_of("reader", &looks).await?)?;
    workspace.env("KUBECONFIG", "reader.yaml");
    let plan = workspace.ok(&["plan"]).await?;
    ensure!(plan.stdout.contains("Done. (0 changes)") && !plan.stderr.contains("IDENTITY_UNKNOWN"), "{}", plan.said());
    workspace.write("reader.yaml", &theirs.kubeconfig_of("reader", &looks).await?)?;
    refused(&workspace, &["plan"], "STATE_OF_ANOTHER_PLATFORM").await?;

    workspace.env("KUBECONFIG", ours.kubeconfig().display().to_string());
    workspace.ok(&["destroy", "--yes"]).await?;
    Ok(())
}
