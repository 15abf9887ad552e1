//! The main job, shown: deploy an example platform, deploy it again, change it, destroy it. No cloud account is used: AWS is an
//! emulator on loopback, and the cluster behind it is a real Kubernetes control plane.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use nic_tests::aws::Emulator;
use nic_tests::configs::EXAMPLE;
use nic_tests::nic::Workspace;
use nic_tests::platform::Platform;

const BEFORE: &str = "    user:\n      instance: m5.xlarge\n      min_nodes: 0\n      max_nodes: 5";
const AFTER: &str = "    user:\n      instance: m5.xlarge\n      min_nodes: 0\n      max_nodes: 10";

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[tokio::main]
async fn main() -> Result<()> {
    let started = Instant::now();
    say("Starting on loopback: an AWS emulator (ministack) behind a layer that behaves as AWS,");
    say("and a Kubernetes control plane (etcd, kube-apiserver, controller-manager, scheduler, kwok).");
    let platform = Platform::start(Emulator::Ministack, say).await?;
    say(&format!("Ready after {:.1} s.", started.elapsed().as_secs_f64()));

    let workspace = platform.workspace()?;
    workspace.config(EXAMPLE)?;
    let stage = ".nebari/stages/02-infrastructure";

    chapter("Deploy", "nic deploy -f nebari-config.yaml");
    nic(&workspace, &["deploy"]).await?;
    let namespaces: Api<Namespace> = Api::all(platform.cluster.client());
    namespaces.get("dev").await.context("the namespace `dev` should be on the cluster")?;
    say(&format!(
        "Checked: the namespace `dev` is on the cluster; {} tokens were checked by its login.",
        platform.login.logins()
    ));

    chapter("The document that later stages read", &format!("{stage}/outputs.json"));
    let outputs: serde_json::Value = serde_json::from_str(&workspace.read(&format!("{stage}/outputs.json"))?)?;
    for pointer in [
        "/cluster/name",
        "/cluster/endpoint",
        "/networking/vpc_id",
        "/networking/subnet_ids",
        "/node_selectors/general",
    ] {
        let value = outputs.pointer(pointer).with_context(|| format!("outputs.json has no {pointer}"))?;
        say(&format!("  {:<26} {value}", pointer.trim_start_matches('/').replace('/', ".")));
    }

    chapter("Deploy again: nothing to do", "nic deploy -f nebari-config.yaml");
    platform.aws.clear_log();
    nic(&workspace, &["deploy"]).await?;
    match platform.aws.mutating_count() {
        0 => say("Checked: no request changed anything."),
        count => bail!("{count} requests changed something on a deploy without changes"),
    }

    chapter("Change one thing: `user` may grow to 10 nodes", "nic plan && nic deploy");
    let edited = EXAMPLE.replace(BEFORE, AFTER);
    if edited == EXAMPLE {
        bail!("the example has no `{BEFORE}` to edit");
    }
    workspace.config(&edited)?;
    nic(&workspace, &["plan"]).await?;
    nic(&workspace, &["deploy"]).await?;

    chapter("Destroy", "nic destroy -f nebari-config.yaml --yes");
    nic(&workspace, &["destroy", "--yes"]).await?;
    platform.aws.assert_empty().await.context("something is left in the account")?;
    say("Checked: nothing is left in the account.");
    say(&format!("\nThe demo took {:.1} s.", started.elapsed().as_secs_f64()));
    Ok(())
}

fn chapter(title: &str, what: &str) {
    say(&format!("\n── {title} ──\n$ {what}"));
}

/// Runs `nic` in full view.
async fn nic(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let mut command = workspace.command(arguments)?;
    if std::env::var_os("NO_COLOR").is_none() {
        command.env_remove("NO_COLOR");
    }
    let term = std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned());
    let status = command.env("TERM", term).stdout(Stdio::inherit()).stderr(Stdio::inherit()).status().await?;
    let directory: &Path = workspace.path();
    if status.success() { Ok(()) } else { bail!("`nic {}` failed in {}", arguments.join(" "), directory.display()) }
}
