//! A node group that cannot be changed in place: replaced once that is confirmed, in Classic under its own name, in the design beside
//! the old one; found again when the state is lost; and kept from another platform that has the same names.

use anyhow::{Context, Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::configs::{CLASSIC, DESIGN};
use nic_tests::golden::fits_a_terminal;
use nic_tests::nic::Workspace;
use nic_tests::platform::Site;
use nic_tests::schemas::conforms;
use serde_json::{Value, json};

const CONFIRMED: [&str; 2] = ["--confirm", "aws.node-group.user"];

/// The tag by which the cluster autoscaler knows the nodes of a group that has none.
const LABEL: &str = "k8s.io/cluster-autoscaler/node-template/label/dedicated";

/// The one group of users, of two in all.
fn users(found: &Value) -> Result<&Value> {
    let groups = found["nodegroups"].as_array().context("node groups")?;
    let name = |group: &Value| group["nodegroupName"].as_str().unwrap_or_default().to_owned();
    let users: Vec<&Value> =
        groups.iter().filter(|group| name(group) == "user" || name(group).starts_with("user-")).collect();
    ensure!(groups.len() == 2 && users.len() == 1, "{groups:#?}");
    Ok(users[0])
}

fn edited(config: &str) -> String {
    config.replace("m5.xlarge", "m5.2xlarge")
}

/// The plan says what it would lose and how that is confirmed; it is no refusal, and whoever carries it out is refused.
async fn is_shown_and_refused(workspace: &Workspace) -> Result<()> {
    let ran = workspace.ok(&["plan", "--out", "plan.json"]).await?;
    ensure!(ran.stdout.contains("-/+ Node group user"), "{}", ran.stdout);
    ensure!(
        ran.stdout.contains("--confirm aws.node-group.user") && ran.stdout.contains("deploy refuses"),
        "{}",
        ran.stdout
    );
    fits_a_terminal(&ran.stdout)?;
    conforms(&serde_json::from_str(&workspace.read("plan.json")?)?, "plan.json")?;
    let ran = workspace.run(&["plan", "--detailed-exitcode", "--format", "json"]).await?;
    let told = ran.json()?;
    conforms(&told, "plan-result.json")?;
    ensure!(ran.code == 3 && told["needs_confirmation"] == json!(["aws.node-group.user"]), "{}", ran.said());
    for arguments in [&["deploy"][..], &["deploy", "--plan", "plan.json"]] {
        let refused = workspace.run(arguments).await?;
        ensure!(refused.code == 1 && refused.stderr.contains("PROTECTED_NEEDS_CONFIRMATION"), "{}", refused.said());
        ensure!(
            refused.stdout.contains("-/+ Node group user"),
            "what is to be confirmed is not shown: {}",
            refused.said()
        );
    }
    // What was saved holds once it is confirmed: that changes nothing but the answer.
    let held = workspace.run(&["deploy", "--plan", "plan.json", "--confirm", "aws.node-group.general"]).await?;
    ensure!(held.code == 1 && held.said().contains("PROTECTED_NEEDS_CONFIRMATION"), "{}", held.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn classic_replaces_a_node_group_under_its_name_once_that_is_confirmed() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(CLASSIC)?;
    workspace.ok(&["deploy"]).await?;
    let before = site.aws.inventory().await?;
    let objects = site.cluster.objects();

    // The users' nodes are not lost by an edit alone: the plan is shown, and deploy refuses it.
    workspace.config(&edited(CLASSIC))?;
    site.aws.clear_log();
    site.cluster.clear_writes();
    is_shown_and_refused(&workspace).await?;
    ensure!(site.changes().is_empty() && site.cluster.writes().is_empty(), "{:?}", site.changes());

    // Its name is taken until it is gone; what the autoscaler reads goes with it, and is written again.
    let ran = workspace.ok(&[&["plan"][..], &CONFIRMED].concat()).await?;
    ensure!(ran.stdout.contains("-/+ Node group user"), "{}", ran.stdout);
    site.aws.clear_log();
    workspace.ok(&[&["deploy", "--plan", "plan.json"][..], &CONFIRMED].concat()).await?;
    let order = site.changes();
    ensure!(order == ["DeleteNodegroup", "CreateNodegroup", "CreateOrUpdateTags"], "{order:?}");

    let found = site.aws.inventory().await?;
    let (old, new) = (users(&before)?, users(&found)?);
    ensure!(new["nodegroupName"] == "user" && new["instanceTypes"] == json!(["m5.2xlarge"]), "{new:#}");
    ensure!(new["nodegroupArn"] != old["nodegroupArn"], "{new:#}");
    let scaling = found["scaling_groups"].as_array().context("Auto Scaling groups")?;
    let name = &new["resources"]["autoScalingGroups"][0]["name"];
    let own = scaling.iter().find(|group| group["AutoScalingGroupName"] == *name).context("its Auto Scaling group")?;
    ensure!(scaling.len() == 2 && own["Tags"][LABEL] == "user", "{scaling:#?}");
    ensure!(found["addons"] == before["addons"], "{:#}", found["addons"]);
    ensure!(site.cluster.objects() == objects, "{:?}", site.cluster.paths());

    site.assert_settled(&workspace).await?;
    site.destroy(&workspace).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_is_taken_back_when_the_state_is_lost() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(DESIGN)?;
    workspace.ok(&["deploy"]).await?;
    workspace.config(&edited(DESIGN))?;
    workspace.ok(&[&["deploy"][..], &CONFIRMED].concat()).await?;
    let before = site.aws.inventory().await?;
    let name = users(&before)?["nodegroupName"].as_str().context("a name")?;
    ensure!(name.starts_with("user-") && name.len() == "user-0a1b2c".len(), "{name}");

    // Nothing but its mark says that it is the group `user`.
    std::fs::remove_file(workspace.stage().join("nic-state.json"))?;
    site.aws.clear_log();
    workspace.ok(&["deploy", "--take-over"]).await?;
    ensure!(site.changes().is_empty(), "{:?}", site.changes());
    let found = site.aws.inventory().await?;
    ensure!(users(&found)?["nodegroupName"] == name, "{:#}", found["nodegroups"]);
    site.assert_settled(&workspace).await?;
    site.destroy(&workspace).await
}

/// The document names roles after the project alone, so two of its namespaces meet in one account.
#[tokio::test(flavor = "multi_thread")]
async fn another_namespace_does_not_take_the_roles_of_the_first() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let first = site.workspace(DESIGN)?;
    first.ok(&["deploy"]).await?;
    let before = site.aws.inventory().await?;

    let second = site.workspace(&DESIGN.replace("provider: aws\n", "provider: aws\nnamespace: stage\n"))?;
    site.aws.clear_log();
    let refused = second.run(&["deploy"]).await?;
    let said = refused.said();
    ensure!(refused.code == 1 && (said.contains("RESOURCE_FOREIGN") || said.contains("NAME_TAKEN")), "{said}");
    // Nor does it count them as its own when it goes.
    second.ok(&["destroy", "--yes"]).await?;
    ensure!(site.changes().is_empty(), "{:?}", site.changes());
    let found = site.aws.inventory().await?;
    ensure!(found["roles"] == before["roles"], "{:#}", found["roles"]);

    site.assert_settled(&first).await?;
    site.destroy(&first).await
}
