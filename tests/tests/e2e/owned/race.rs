//! Somebody makes an object between the look and the create.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::others::{DEFINITION, MARK};
use super::{config, definition, nothing_recorded, start, workspace};

/// How often nic may be quicker than whoever stops it.
const ATTEMPTS: usize = 20;

async fn signal(name: &str, process: u32) -> Result<()> {
    let status = Command::new("kill").args([name, &process.to_string()]).status().await.context("send a signal")?;
    ensure!(status.success(), "`kill {name}` failed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_between_the_look_and_the_create_is_of_whoever_was_first() -> Result<()> {
    let (cluster, others) = start().await?;
    let workspace = workspace(&cluster, &config())?;
    let address = "existing.custom-resource-definition.middlewares";
    let (target, name) = (["--target", address], "middlewares.traefik.containo.us");
    let mut theirs = definition("middlewares")?;
    theirs["metadata"]["labels"] = json!({ "team": "data" });
    for attempt in 1.. {
        let mut deploy = workspace.command(&[&["deploy", "--events"][..], &target].concat())?.spawn()?;
        let process = deploy.id().context("a process")?;
        let mut lines = BufReader::new(deploy.stdout.take().context("its output")?).lines();
        while let Some(line) = lines.next_line().await? {
            if serde_json::from_str::<Value>(&line)?["event"] == "planned" {
                break;
            }
        }
        signal("-STOP", process).await?;
        let won = others.get(DEFINITION, name).await?.is_none();
        if won {
            others.make(DEFINITION, "traefik-chart", theirs.clone()).await?;
        }
        signal("-CONT", process).await?;
        let drained = async { while let Ok(Some(_)) = lines.next_line().await {} };
        let (status, ()) = tokio::join!(deploy.wait(), drained);
        ensure!(status?.success(), "the deploy failed");
        if won {
            break;
        }
        ensure!(attempt < ATTEMPTS, "nic was quicker {ATTEMPTS} times");
        workspace.ok(&["destroy", "--yes"]).await?;
    }

    let object = others.get(DEFINITION, name).await?.context("the definition")?;
    let metadata = &object["metadata"];
    ensure!(metadata["labels"]["team"] == "data", "{metadata:#}");
    ensure!(metadata["annotations"].get(MARK).is_none(), "it bears our mark: {metadata:#}");
    let entries = metadata["managedFields"].as_array().context("entries")?;
    ensure!(entries.iter().all(|entry| entry["manager"] != "nic"), "it is applied as if it were ours: {metadata:#}");
    let recorded = workspace.ok(&["state", "show", address, "--format", "json"]).await?.json()?;
    ensure!(recorded["shared"] == true, "{recorded:#}");
    let again = workspace.ok(&[&["deploy"][..], &target].concat()).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    workspace.ok(&["destroy", "--yes"]).await?;
    let object = others.get(DEFINITION, name).await?.context("it was deleted")?;
    ensure!(object["metadata"]["labels"]["team"] == "data" && object["spec"]["names"]["kind"] == "Middleware");
    nothing_recorded(&workspace)
}
