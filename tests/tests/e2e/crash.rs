//! kill -9 at every request (before and after the server acts) and at every journal write, of a deploy and of a destroy, on each
//! emulator; then the same command again. Each time: the same end, nothing twice, nothing left over.
//!
//! # What is covered
//!
//! - The graph is a part of Classic, chosen with `--target`: a node group and what it stands on, and the shared file system. So there is
//!   each way in which a create is made safe. Tagged: the VPC, two subnets, the gateway, the route table, the security group. Named: roles,
//!   attachments of policies, associations, the cluster, the node group, and the file system by its creation token. Requests to EKS carry
//!   idempotency tokens besides.
//! - The points are counted on a run that nobody kills: each request that reaches AWS (reads too), each write of the state. A request is
//!   struck twice, before the server acts and after it has acted with the answer lost. A write is struck before and after its rename.
//! - A run of `nic deploy` that was killed is followed by another, and what boto3 then finds is compared, without ids and times, to what the
//!   run left that nobody killed. Then `nic destroy` is killed on that very platform, and run again: boto3 finds an empty account, and
//!   the state records nothing.
//! - A kill after which nothing has changed anywhere (no request that changes something came, the state's bytes are the same) leaves the
//!   next run what it was before: the next point is struck on the same platform, without looking at it in between.
//! - What is not here: Kubernetes objects (they are applied and deleted by name, which repeats safely), and faults that do not kill.
//!
//! Two platforms work side by side, each with an emulator of its own.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{Effect, Emulator, Matching, When};
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::Site;
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

const DEPLOY: &[&str] = &["deploy", "--target", "aws.node-group.general", "--target", "aws.efs-file-system.shared"];
const DESTROY: &[&str] = &["destroy", "--yes"];

/// How many platforms work side by side.
const SITES: usize = 2;

/// What is there, without ids and times: the same for every way that led to it.
async fn shape(site: &Site) -> Result<Value> {
    let mut found = site.aws.inventory().await?;
    settle(&mut found);
    found["namespaces"] = json!(site.cluster.names());
    Ok(found)
}

/// Nothing is left in the account, in the cluster, in the state.
async fn assert_empty(site: &Site, workspace: &Workspace) -> Result<()> {
    site.assert_empty().await?;
    let left: BTreeSet<String> = records(&workspace.state()?);
    ensure!(left.is_empty(), "still recorded: {left:?}");
    Ok(())
}

/// Ids differ from run to run, and lists have no order; the rest must not differ.
fn settle(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| {
                let id =
                    key.ends_with("Id") || key.ends_with("Ids") || key.ends_with("Arn") || key == "arn" || key == "id";
                let time = ["At", "Date", "Time", "Timestamp"].iter().any(|end| key.ends_with(end));
                // Auto Scaling groups are named by chance, and list their subnets by id; each platform has a server of its own.
                let chance = [
                    "AutoScalingGroupName",
                    "VPCZoneIdentifier",
                    "certificateAuthority",
                    "clientRequestToken",
                    "endpoint",
                    "identity",
                ];
                let chance = chance.contains(&key.as_str());
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

fn records(value: &Value) -> BTreeSet<String> {
    let own = value.pointer("/_nic/address").and_then(Value::as_str).map(str::to_owned);
    let below: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(elements) => elements.iter().collect(),
        _ => Vec::new(),
    };
    own.into_iter().chain(below.into_iter().flat_map(records)).collect()
}

/// Where a run is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Point {
    Request(u64, When),
    Write(u64, &'static str),
}

/// Every point of a command that sent so many requests and wrote the state so often.
fn points(requests: u64, writes: u64) -> VecDeque<Point> {
    let at_requests =
        (1..=requests).flat_map(|n| [When::BeforeServer, When::AfterServer].map(|when| Point::Request(n, when)));
    let at_writes = (1..=writes).flat_map(|n| ["before", "after"].map(|moment| Point::Write(n, moment)));
    at_requests.chain(at_writes).collect()
}

/// The points that are left, and what came of the others.
struct Left {
    points: Mutex<VecDeque<Point>>,
    killed: AtomicUsize,
    /// Of the killed runs, those that had changed something.
    continued: AtomicUsize,
}

impl Left {
    fn new(points: VecDeque<Point>) -> Self {
        Self { points: Mutex::new(points), killed: AtomicUsize::new(0), continued: AtomicUsize::new(0) }
    }

    fn next(&self) -> Option<Point> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Kills the command at one point after another, until something was changed by a run, killed or not. Gives that point; none
    /// when no point was left and the command was not run.
    async fn strike(&self, site: &Site, workspace: &mut Workspace, command: &[&str]) -> Result<Option<Point>> {
        while let Some(point) = self.next() {
            let before = std::fs::read(workspace.stage().join("nic-state.json")).ok();
            site.aws.clear_log();
            let killed = killed_at(site, workspace, command, point).await?;
            self.killed.fetch_add(usize::from(killed), Ordering::Relaxed);
            let after = std::fs::read(workspace.stage().join("nic-state.json")).ok();
            if before != after || site.aws.mutating_count() > 0 {
                self.continued.fetch_add(usize::from(killed), Ordering::Relaxed);
                return Ok(Some(point));
            }
            ensure!(killed, "`nic {command:?}` changed nothing and was not killed at {point:?}");
        }
        Ok(None)
    }

    /// Most points are reached: what runs side by side comes in another order each time, and the last ones may not be.
    fn check(&self, what: &str, points: usize) -> Result<()> {
        let (killed, continued) = (self.killed.load(Ordering::Relaxed), self.continued.load(Ordering::Relaxed));
        ensure!(killed * 10 >= points * 8, "only {killed} of {points} runs of {what} were killed");
        ensure!(continued > 20, "only {continued} of {points} runs of {what} had changed something");
        Ok(())
    }
}

/// Runs `nic` and kills it at the point; says whether the run came there.
async fn killed_at(site: &Site, workspace: &mut Workspace, arguments: &[&str], point: Point) -> Result<bool> {
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
    let ran = tokio::time::timeout(Duration::from_mins(1), child.wait_with_output()).await.context("nic hangs")??;
    site.aws.faults().clear();
    workspace.env("NIC_FAULT", "");
    // A process that was killed has no exit code of its own: 137 by kill -9, 134 by its own abort.
    Ok(Ran::from(ran).code >= 128)
}

/// What a run that nobody kills leaves, and how many requests and writes it and its destroy take.
struct Reference {
    shape: Value,
    deploy: VecDeque<Point>,
    destroy: VecDeque<Point>,
}

impl Reference {
    async fn of(site: &Site) -> Result<Self> {
        let workspace = site.workspace(CONFIG)?;
        let counted = async |command: &[&str], before: u64| -> Result<(VecDeque<Point>, u64)> {
            site.aws.clear_log();
            workspace.ok(command).await?;
            let serial = workspace.state()?["serial"].as_u64().context("serial")?;
            Ok((points(site.aws.log().len() as u64, serial - before), serial))
        };
        let (deploy, serial) = counted(DEPLOY, 0).await?;
        let shape = shape(site).await?;
        let recorded = records(&workspace.state()?);
        let aws = recorded.iter().filter(|address| address.starts_with("aws.")).count();
        ensure!(aws >= 5, "only {aws} AWS resources: {recorded:?}");
        let (destroy, _) = counted(DESTROY, serial).await?;
        assert_empty(site, &workspace).await?;
        Ok(Self { shape, deploy, destroy })
    }
}

/// One platform after another, each deployed and destroyed with a kill in both, until no point is left.
async fn work(site: &Site, expected: &Value, deploys: &Left, destroys: &Left) -> Result<()> {
    loop {
        let mut workspace = site.workspace(CONFIG)?;
        let deploy = deploys.strike(site, &mut workspace, DEPLOY).await?;
        let told = || format!("after a kill of the deploy at {deploy:?}");
        let again = workspace.run(DEPLOY).await?;
        ensure!(again.code == 0, "{}: {}", told(), again.said());
        if deploy.is_some() {
            let found = shape(site).await.with_context(told)?;
            ensure!(found == *expected, "{}:\n{found:#}\nexpected\n{expected:#}", told());
        }
        let destroy = destroys.strike(site, &mut workspace, DESTROY).await.with_context(told)?;
        let told = || format!("{}, and of the destroy at {destroy:?}", told());
        let again = workspace.run(DESTROY).await?;
        ensure!(again.code == 0, "{}: {}", told(), again.said());
        assert_empty(site, &workspace).await.with_context(told)?;
        if deploy.is_none() && destroy.is_none() {
            return Ok(());
        }
    }
}

async fn matrix(emulator: Emulator) -> Result<()> {
    let sites = futures::future::try_join_all((0..SITES).map(|_| Site::start(emulator, 2))).await?;
    let reference = Reference::of(&sites[0]).await?;
    let (deploy_points, destroy_points) = (reference.deploy.len(), reference.destroy.len());
    let (deploys, destroys) = (Left::new(reference.deploy), Left::new(reference.destroy));
    let began = Instant::now();
    let working = sites.iter().map(|site| work(site, &reference.shape, &deploys, &destroys));
    futures::future::try_join_all(working).await?;
    deploys.check("deploy", deploy_points)?;
    destroys.check("destroy", destroy_points)?;
    say(&format!(
        "{emulator:?}: {deploy_points} points of a deploy and {destroy_points} of a destroy in {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Seen with `--nocapture`.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_anywhere_goes_on_with_ministack() -> Result<()> {
    matrix(Emulator::Ministack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_anywhere_goes_on_with_moto() -> Result<()> {
    matrix(Emulator::Moto).await
}
