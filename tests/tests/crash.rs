//! kill -9 at every request (before and after the server acts) and at every journal write, of a deploy and of a destroy; then the
//! same command again. Each time: the same end, nothing twice, nothing left over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{AwsCloud, Credentials, Effect, Emulator, Matching, Pace, Wait, When};
use nic_tests::namespaces::NamespaceServer;
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::{PACE, REGION};
use serde_json::{Value, json};

/// The whole Classic platform with one node group.
const CONFIG: &str = "\
project_name: crash
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: '1.34'
  availability_zones: [us-west-2a, us-west-2b]
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 2}
";

/// One account and one cluster, used for many platforms one after another.
struct Site {
    aws: AwsCloud,
    cluster: NamespaceServer,
}

impl Site {
    async fn start() -> Result<Self> {
        let aws = AwsCloud::start_in(Emulator::Ministack, REGION, Credentials::default()).await?;
        let cluster = NamespaceServer::start().await?;
        aws.set_cluster_endpoint(cluster.endpoint(), cluster.ca_pem()).await;
        aws.pace(Pace::all(Wait::Reads(2))).await;
        Ok(Self { aws, cluster })
    }

    fn workspace(&self) -> Result<Workspace> {
        let mut workspace = Workspace::new()?;
        workspace.envs(self.aws.env()).env("NIC_PACE", PACE.to_string());
        workspace.config(CONFIG)?;
        Ok(workspace)
    }

    async fn reset(&self) -> Result<()> {
        self.cluster.reset();
        self.aws.reset().await
    }

    /// What is there, without ids and times: the same for every way that led to it.
    async fn shape(&self) -> Result<Value> {
        let mut found = self.aws.inventory().await?;
        settle(&mut found);
        found["namespaces"] = json!(self.cluster.names());
        Ok(found)
    }
}

/// Ids differ from run to run, and lists have no order; the rest must not differ.
fn settle(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| {
                let id =
                    key.ends_with("Id") || key.ends_with("Ids") || key.ends_with("Arn") || key == "arn" || key == "id";
                let time = key.ends_with("At") || key.ends_with("Date");
                let chance = key == "identity" || key == "clientRequestToken";
                !(id || time || chance)
            });
            members.remove("resourcesVpcConfig");
            members.remove("resources");
            *members = std::mem::take(members).into_iter().map(|(key, v)| (without_issuer(&key), v)).collect();
            for (key, member) in members.iter_mut() {
                if key == "Tags" || key == "tags" {
                    owner_without_lineage(member);
                }
                settle(member);
            }
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(settle);
            if elements.iter().any(Value::is_string) {
                let count = elements.len();
                *elements = vec![json!(count)];
            }
            elements.sort_by_key(Value::to_string);
        }
        Value::String(text) if text.contains("/id/") => *text = without_issuer(text),
        // EKS names its own security group by chance.
        Value::String(text) if text.starts_with("eks-cluster-sg-") => text.truncate("eks-cluster-sg-".len()),
        _ => {}
    }
}

/// A cluster's issuer is called by chance; trust policies name it, in keys too.
fn without_issuer(text: &str) -> String {
    match text.split_once("/id/") {
        Some((start, rest)) => format!("{start}/id/{}", rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric())),
        None => text.to_owned(),
    }
}

fn owner_without_lineage(tags: &mut Value) {
    const OWNER: &str = "nic.nebari.dev/owner";
    let cut = |text: &str| text.split_once('/').map_or(text.to_owned(), |(_, address)| address.to_owned());
    match tags {
        Value::Array(tags) => {
            for tag in tags.iter_mut().filter(|tag| tag["Key"] == OWNER) {
                tag["Value"] = json!(cut(tag["Value"].as_str().unwrap_or_default()));
            }
        }
        Value::Object(tags) => {
            if let Some(owner) = tags.get_mut(OWNER) {
                *owner = json!(cut(owner.as_str().unwrap_or_default()));
            }
        }
        _ => {}
    }
}

/// Where a run is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Point {
    Request(u64, When),
    Write(u64, &'static str),
}

/// Runs `nic` and kills it at the point; none when the run ended before it came there.
async fn killed_at(site: &Site, workspace: &mut Workspace, arguments: &[&str], point: Point) -> Result<Option<Ran>> {
    let pid = Arc::new(AtomicU32::new(0));
    match point {
        Point::Request(n, when) => {
            let pid = pid.clone();
            let kill = move || {
                let pid = pid.load(Ordering::SeqCst);
                if pid != 0 {
                    let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
                }
            };
            site.aws.faults().at(Matching::any(), n, when, Effect::Kill(Arc::new(kill)));
            workspace.env("NIC_FAULT", "");
        }
        Point::Write(n, moment) => {
            workspace.env("NIC_FAULT", format!("journal-write:{n}:{moment}"));
        }
    }
    let child = workspace.command(arguments)?.spawn()?;
    pid.store(child.id().unwrap_or_default(), Ordering::SeqCst);
    let ran = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.context("nic hangs")??;
    site.aws.faults().clear();
    workspace.env("NIC_FAULT", "");
    let ran = Ran::from(ran);
    // A process that was killed has no exit code of its own: 137 by kill -9, 134 by its own abort.
    Ok((ran.code >= 128).then_some(ran))
}

/// Every point of a command, from the first that is not reached backwards.
fn points(requests: u64, writes: u64, share: (u64, u64)) -> Vec<Point> {
    let (part, of) = share;
    let at_requests =
        (1..=requests).flat_map(|n| [When::BeforeServer, When::AfterServer].map(|when| Point::Request(n, when)));
    let at_writes = (1..=writes).flat_map(|n| ["before", "after"].map(|moment| Point::Write(n, moment)));
    at_requests.chain(at_writes).enumerate().filter(|(i, _)| *i as u64 % of == part).map(|(_, point)| point).collect()
}

async fn reference(site: &Site) -> Result<(Value, u64, u64)> {
    site.reset().await?;
    let workspace = site.workspace()?;
    site.aws.clear_log();
    workspace.ok(&["deploy"]).await?;
    let requests = site.aws.log().len() as u64;
    let serial = workspace.state()?["serial"].as_u64().context("serial")?;
    Ok((site.shape().await?, requests, serial))
}

async fn deploy_matrix(share: (u64, u64)) -> Result<()> {
    let site = Site::start().await?;
    let (expected, requests, writes) = reference(&site).await?;
    let mut killed = 0;
    for point in points(requests, writes, share) {
        site.reset().await?;
        let mut workspace = site.workspace()?;
        let ran = killed_at(&site, &mut workspace, &["deploy"], point).await?;
        killed += u32::from(ran.is_some());
        let again = workspace.run(&["deploy"]).await?;
        ensure!(again.code == 0, "after a kill at {point:?}: {}", again.said());
        let found = site.shape().await?;
        ensure!(found == expected, "after a kill at {point:?}:\n{found:#}\nexpected\n{expected:#}");
    }
    ensure!(killed > 20, "only {killed} runs were killed");
    Ok(())
}

async fn destroy_matrix(share: (u64, u64)) -> Result<()> {
    let site = Site::start().await?;
    reference(&site).await?;
    let workspace = site.workspace()?;
    site.reset().await?;
    workspace.ok(&["deploy"]).await?;
    let serial = workspace.state()?["serial"].as_u64().context("serial")?;
    site.aws.clear_log();
    workspace.ok(&["destroy", "--yes"]).await?;
    let requests = site.aws.log().len() as u64;
    let writes = workspace.state()?["serial"].as_u64().context("serial")? - serial;
    let mut killed = 0;
    for point in points(requests, writes, share) {
        site.reset().await?;
        let mut workspace = site.workspace()?;
        workspace.ok(&["deploy"]).await?;
        let ran = killed_at(&site, &mut workspace, &["destroy", "--yes"], point).await?;
        killed += u32::from(ran.is_some());
        let again = workspace.run(&["destroy", "--yes"]).await?;
        ensure!(again.code == 0, "after a kill at {point:?}: {}", again.said());
        site.aws.assert_empty().await.with_context(|| format!("after a kill at {point:?}"))?;
        ensure!(site.cluster.names().is_empty(), "after a kill at {point:?}: {:?}", site.cluster.names());
        let left: BTreeSet<String> = records(&workspace.state()?);
        ensure!(left.is_empty(), "after a kill at {point:?}, still recorded: {left:?}");
    }
    ensure!(killed > 20, "only {killed} runs were killed");
    Ok(())
}

fn records(value: &Value) -> BTreeSet<String> {
    let own = value.pointer("/_nic/address").and_then(Value::as_str).map(str::to_owned);
    let below: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(elements) => elements.iter().collect(),
        _ => Vec::new(),
    };
    own.into_iter().chain(below.into_iter().flat_map(records)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_killed_anywhere_goes_on_1() -> Result<()> {
    deploy_matrix((0, 2)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_killed_anywhere_goes_on_2() -> Result<()> {
    deploy_matrix((1, 2)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_killed_anywhere_goes_on_1() -> Result<()> {
    destroy_matrix((0, 2)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_killed_anywhere_goes_on_2() -> Result<()> {
    destroy_matrix((1, 2)).await
}
