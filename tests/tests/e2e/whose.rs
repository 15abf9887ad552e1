//! Whose it is: another account, another cluster, another state, a platform of which nothing is left; and nobody to answer.

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
    std::fs::copy(workspace.stage().join("nic-state.json"), other.stage().join("nic-state.json"))?;
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

    // In the right account under the right login, with nothing left: told, and neither forgotten nor made again.
    elsewhere.aws.be_account("123456789012");
    for command in [&["destroy", "--yes"][..], &["deploy"], &["plan"], &["drift", "accept", "--yes"]] {
        refused(&other, command, "PLATFORM_VANISHED").await?;
    }
    let forgotten = other.ok(&["destroy", "--yes", "--accept-loss"]).await?;
    ensure!(forgotten.stderr.contains("DESTROY_MOSTLY_FORGETS"), "{}", forgotten.said());
    ensure!(other.state()?["cloud"] == json!({}), "{:#}", other.state()?["cloud"]);

    // A state of before identities were recorded: the first login under which something is found counts.
    let strip = |workspace: &Workspace| {
        let mut state = workspace.state()?;
        state.as_object_mut().context("a state")?.remove("identity");
        workspace.write(".nebari/stages/02-infrastructure/nic-state.json", &state.to_string())
    };
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
