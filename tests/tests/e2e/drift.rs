//! What is changed behind NIC's back, plans in files, parts of a platform, and the documents that programs read.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use nic_tests::aws::Emulator;
use nic_tests::configs::EXAMPLE;
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::Platform;
use nic_tests::schemas::conforms;
use serde_json::{Value, json};

const STATE: &str = ".nebari/stages/02-infrastructure/nic-state.json";

fn code(ran: &Ran) -> Result<Value> {
    Ok(ran.json()?.pointer("/error/code").cloned().unwrap_or_default())
}

async fn drift(workspace: &Workspace) -> Result<Value> {
    let report = workspace.ok(&["drift", "detect", "--state", STATE, "--format", "json"]).await?.json()?;
    conforms(&report, "drift.json")?;
    Ok(report)
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_accepted_and_fixed() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Moto, EXAMPLE).await?;

    // A plan in a file is carried out as it is, or not at all.
    workspace.ok(&["plan", "--out", "plan.json"]).await?;
    conforms(&serde_json::from_str(&workspace.read("plan.json")?)?, "plan.json")?;
    let edited = workspace.read("plan.json")?.replacen("\"create\"", "\"delete\"", 1);
    workspace.write("edited.json", &edited)?;
    let ran = workspace.run(&["deploy", "--plan", "edited.json", "--format", "json"]).await?;
    ensure!(ran.code == 1 && code(&ran)? == "PLAN_EDITED", "{}", ran.said());
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    let ran = workspace.ok(&["deploy", "--plan", "plan.json", "--events"]).await?;
    let events: Vec<Value> = ran.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for event in &events {
        conforms(event, "event.json")?;
    }
    let last = events.last().context("no events")?;
    ensure!(last["event"] == "result" && last.pointer("/document/success") == Some(&json!(true)), "{last:#}");
    ensure!(events.iter().any(|e| e["event"] == "finished" && e["address"] == "aws.cluster.main"), "{}", ran.stdout);
    let ran = workspace.run(&["deploy", "--plan", "plan.json", "--format", "json"]).await?;
    ensure!(ran.code == 1 && code(&ran)? == "PLAN_STALE", "{}", ran.said());

    // Nothing was touched: no drift, from the state alone.
    std::fs::rename(workspace.path().join("nebari-config.yaml"), workspace.path().join("aside.yaml"))?;
    let report = drift(&workspace).await?;
    ensure!(report["has_drift"] == false && report["summary"]["drifted_resources"] == 0, "{report:#}");
    let total = report["summary"]["total_resources"].as_u64().context("total")?;

    // Somebody edits a node group, tags a VPC otherwise, and deletes the namespace.
    platform.most_users(9).await?;
    let state = workspace.state()?;
    let vpc = state.pointer("/cloud/vpc/_nic/remote_id").context("the VPC's id")?;
    let script = format!(
        "client('ec2').create_tags(Resources=[{vpc}], Tags=[{{'Key': 'Owner', 'Value': 'somebody'}}]); show(None)"
    );
    platform.aws.inspect(&script).await?;
    let report = drift(&workspace).await?;
    ensure!(report["has_drift"] == true, "{report:#}");
    let user = &report["cloud"]["node_groups"]["user"];
    ensure!(user["field"] == "max_size" && user["state_value"] == 5 && user["actual_value"] == 9, "{report:#}");
    ensure!(report["cloud"]["vpc"]["fields"][0]["path"] == "/tags/Owner", "{report:#}");
    ensure!(report["summary"]["drifted_resources"] == 2 && report["summary"]["total_resources"] == total, "{report:#}");
    let ran = workspace.run(&["drift", "diff", "--state", STATE, "--detailed-exitcode"]).await?;
    ensure!(ran.code == 3 && ran.stdout.contains("scaling_config.max_size: accepted 5, now 9"), "{}", ran.said());

    // Fixed without the config, in as many requests as there are changes.
    platform.aws.clear_log();
    let ran = workspace.ok(&["drift", "fix", "--state", STATE, "--yes"]).await?;
    ensure!(ran.stdout.contains("Done. (2 changes)"), "{}", ran.said());
    ensure!(platform.aws.mutating_count() == 2, "{:#?}", platform.aws.log());
    ensure!(drift(&workspace).await?["has_drift"] == false);

    // Accepted: the cloud stays, the state follows, and the config still decides at the next deploy.
    platform.most_users(7).await?;
    platform.aws.clear_log();
    workspace.ok(&["drift", "accept", "--state", STATE, "--yes"]).await?;
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    ensure!(drift(&workspace).await?["has_drift"] == false);
    std::fs::rename(workspace.path().join("aside.yaml"), workspace.path().join("nebari-config.yaml"))?;
    let plan = workspace.ok(&["plan", "--format", "json"]).await?.json()?;
    ensure!(plan["summary"]["update"] == 1, "{plan:#}");

    // A namespace that is gone took what was in it along, and a part of the platform can be deployed alone.
    let namespaces: Api<Namespace> = Api::all(platform.cluster.client());
    namespaces.delete("dev", &kube::api::DeleteParams::default()).await?;
    while namespaces.get_opt("dev").await?.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let report = drift(&workspace).await?;
    ensure!(report["kubernetes"]["namespaces"]["dev"]["drift"] == true, "{report:#}");
    ensure!(report["kubernetes"]["deployments"]["cluster-autoscaler"]["drift"] == true, "{report:#}");
    ensure!(report["summary"]["removed_resources"] == 7, "{report:#}");
    let ran = workspace.ok(&["deploy", "--target", "aws.namespace.dev"]).await?;
    ensure!(ran.stdout.contains("Done. (1 change)"), "{}", ran.said());
    namespaces.get("dev").await.context("the namespace is back")?;
    let ran = workspace.run(&["deploy", "--target", "aws.namespace.other", "--format", "json"]).await?;
    ensure!(ran.code == 1 && code(&ran)? == "TARGET_UNKNOWN", "{}", ran.said());

    // What cannot be read is never "no drift".
    let mut blind = workspace;
    blind.env("AWS_SECRET_ACCESS_KEY", "not-the-key");
    let ran = blind.run(&["drift", "detect", "--state", STATE, "--format", "json"]).await?;
    ensure!(ran.code == 2 && code(&ran)? == "DRIFT_UNKNOWN", "{}", ran.said());
    conforms(ran.json()?.pointer("/error/details/report").context("the report")?, "drift.json")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_schema_doctor_and_man_pages() -> Result<()> {
    let (_platform, mut workspace) = Platform::of(Emulator::Ministack, EXAMPLE).await?;

    let ran = workspace.ok(&["graph"]).await?;
    ensure!(ran.stdout.contains("\"aws.subnet.0\" -> \"aws.vpc.main\""), "{}", ran.stdout);
    let ran = workspace.ok(&["graph", "--as", "mermaid"]).await?;
    ensure!(ran.stdout.starts_with("graph BT\n"), "{}", ran.stdout);

    // Editors are given a schema that the example fits.
    let schema = workspace.ok(&["config", "schema"]).await?.json()?;
    let validator = jsonschema::validator_for(&schema)?;
    let good = json!({"project_name": "my-nebari", "provider": "aws", "amazon_web_services": {"region": "us-west-2"}});
    ensure!(
        validator.is_valid(&good),
        "{:#?}",
        validator.iter_errors(&good).map(|e| e.to_string()).collect::<Vec<_>>()
    );
    let bad =
        json!({"project_name": "my-nebari", "amazon_web_services": {"node_groups": {"a": {"min_nodes": "many"}}}});
    ensure!(!validator.is_valid(&bad));

    let ran = workspace.ok(&["doctor"]).await?;
    ensure!(
        ran.stdout.contains("✓ credentials arn:aws:") && ran.stdout.contains("Nothing is wrong."),
        "{}",
        ran.said()
    );
    workspace.env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "");
    let ran = workspace.run(&["doctor", "--format", "json"]).await?;
    ensure!(ran.code == 1, "{}", ran.said());
    let report = ran.json()?;
    let wrong: Vec<&Value> =
        report["checks"].as_array().into_iter().flatten().filter(|c| c["status"] == "wrong").collect();
    ensure!(wrong.len() == 1 && wrong[0]["name"] == "credentials", "{report:#}");

    workspace.ok(&["man", "man"]).await?;
    let page = workspace.read("man/nic-deploy.1")?;
    ensure!(page.contains("nic-deploy") && page.contains("nic deploy \\-f nebari\\-config.yaml"), "{page}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        ensure!(workspace.ok(&["completions", shell]).await?.stdout.contains("nic"));
    }
    Ok(())
}
