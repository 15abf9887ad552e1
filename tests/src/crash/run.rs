//! Platforms that are deployed and destroyed one after another, each with a kill in both.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Command, Moment, Outcome, Place, Point, Run, Topology};
use crate::aws::{Effect, Emulator, Hide, Matching, Wait, When, locked};
use crate::namespaces::SERVICE;
use crate::nic::{Ran, Workspace};
use crate::platform::Site;
use crate::wiring::same;

/// How often what AWS takes its time for is looked at, and what is new before it is seen.
const LOOKS: u32 = 2;

/// What a deploy makes stays out of sight for some looks, as it may with AWS, also after a kill: whoever takes it for absent makes a second
/// one. A destroy comes later, and finds everything.
const LATE: Hide = Hide { wait: Wait::Reads(LOOKS), writes: true };

/// Longer than any run takes.
const HANGS: Duration = Duration::from_mins(2);

/// Accounts side by side, each for one platform at a time.
pub struct Platforms {
    sites: Vec<Site>,
    topology: Topology,
}

/// What runs do and leave that nobody kills.
pub struct Reference {
    wiring: Value,
    pub runs: [Run; 2],
}

/// Hears of each point what came of it; says whether to go on.
pub type Note<'a> = &'a (dyn Fn(&Point, Outcome) -> Result<bool> + Sync);

impl Platforms {
    /// Starts so many accounts.
    pub async fn start(emulator: Emulator, topology: Topology, count: usize) -> Result<Self> {
        let sites = futures::future::try_join_all((0..count).map(|_| Site::start(emulator, LOOKS))).await?;
        Ok(Self { sites, topology })
    }

    /// Deploys and destroys, and counts.
    pub async fn reference(&self) -> Result<Reference> {
        let site = self.sites.first().context("an account")?;
        let workspace = site.workspace(&self.topology.config())?;
        let counted = async |command: Command, before: u64| -> Result<(Run, u64)> {
            clear(site);
            workspace.ok(command.arguments()).await?;
            let serial = workspace.state()?["serial"].as_u64().context("serial")?;
            let aws = site.aws.log().into_iter().map(|call| (call.service, call.action, call.mutating));
            let asked = site.cluster.asked().into_iter();
            let requests = aws.chain(asked.map(|asked| (SERVICE.to_owned(), asked.action, asked.mutating))).collect();
            Ok((Run { command, requests, writes: serial - before }, serial))
        };
        site.aws.hide_created(Some(LATE));
        let (deploy, serial) = counted(Command::Deploy, 0).await?;
        site.aws.hide_created(None);
        let wiring = site.found(&workspace).await?.wiring()?;
        let recorded = workspace.records()?;
        let has_gpu = recorded.contains_key("aws.node-group.gpu");
        ensure!(recorded.len() > 40 && has_gpu, "that is no whole platform: {:?}", recorded.keys());
        let (destroy, _) = counted(Command::Destroy, serial).await?;
        assert_empty(site, &workspace).await?;
        Ok(Reference { wiring, runs: [deploy, destroy] })
    }

    /// Kills a run at each of the points, on as many platforms as there are accounts, and notes what came of it.
    pub async fn strike(&self, reference: &Reference, points: Vec<Point>, note: Note<'_>) -> Result<()> {
        let (deploy, destroy) = points.into_iter().partition(|point| point.command == Command::Deploy);
        let work = Work {
            topology: self.topology,
            wiring: &reference.wiring,
            left: [Mutex::new(deploy), Mutex::new(destroy)],
            stopped: AtomicBool::new(false),
            note,
        };
        futures::future::try_join_all(self.sites.iter().map(|site| work.go_on(site))).await?;
        Ok(())
    }
}

/// What is left to do.
struct Work<'a> {
    topology: Topology,
    wiring: &'a Value,
    /// Points of deploys, and of destroys.
    left: [Mutex<VecDeque<Point>>; 2],
    stopped: AtomicBool,
    note: Note<'a>,
}

/// A point at which something had changed, and whether the run came there.
struct Struck {
    point: Point,
    killed: bool,
}

impl Work<'_> {
    fn next(&self, command: Command) -> Option<Point> {
        let stopped = self.stopped.load(Ordering::Relaxed);
        if stopped { None } else { locked(&self.left[usize::from(command == Command::Destroy)]).pop_front() }
    }

    fn is_done(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.left.iter().all(|left| locked(left).is_empty())
    }

    fn note(&self, point: &Point, outcome: Outcome) -> Result<()> {
        if !(self.note)(point, outcome)? {
            self.stopped.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// One platform after another, until no point is left.
    async fn go_on(&self, site: &Site) -> Result<()> {
        while !self.is_done() {
            let mut blamed = None;
            if let Err(error) = self.life(site, &mut blamed).await {
                // Without a kill something is wrong that no further point would tell more about.
                let Some(point) = blamed else { return Err(error) };
                self.note(&point, Outcome::Failed(format!("{error:#}")))?;
                site.reset().await.context("forget what is left of a platform")?;
            }
        }
        Ok(())
    }

    /// A platform that is deployed and destroyed, with a kill in both. What fails is blamed on the last kill.
    async fn life(&self, site: &Site, blamed: &mut Option<Point>) -> Result<()> {
        let mut workspace = site.workspace(&self.topology.config())?;
        site.aws.hide_created(Some(LATE));
        let deploy = self.kill(site, &mut workspace, Command::Deploy, blamed).await?;
        let told = || {
            format!("after a kill at `{}`", deploy.as_ref().map(|struck| struck.point.to_string()).unwrap_or_default())
        };
        run_again(&workspace, Command::Deploy).await.with_context(told)?;
        site.aws.hide_created(None);
        if let Some(struck) = &deploy {
            let found = site.found(&workspace).await?.wiring()?;
            same(&found, self.wiring).with_context(told)?;
            self.note(&struck.point, struck.outcome())?;
        }
        let destroy = self.kill(site, &mut workspace, Command::Destroy, blamed).await.with_context(told)?;
        let told = || {
            let point = destroy.as_ref().map(|struck| struck.point.to_string()).unwrap_or_default();
            format!("{}, and at `{point}`", told())
        };
        run_again(&workspace, Command::Destroy).await.with_context(told)?;
        assert_empty(site, &workspace).await.with_context(told)?;
        destroy.map_or(Ok(()), |struck| self.note(&struck.point, struck.outcome()))
    }

    /// Kills the command at one point after another, until something was changed by a run, killed or not. None when no point was
    /// left and the command was not run.
    async fn kill(
        &self,
        site: &Site,
        workspace: &mut Workspace,
        command: Command,
        blamed: &mut Option<Point>,
    ) -> Result<Option<Struck>> {
        while let Some(point) = self.next(command) {
            *blamed = Some(point.clone());
            let state = workspace.stage().join("nic-state.json");
            let before = std::fs::read(&state).ok();
            clear(site);
            let killed = killed_at(site, workspace, &point).await.with_context(|| format!("a kill at `{point}`"))?;
            let asked = site.aws.mutating_count() > 0 || site.cluster.asked().iter().any(|asked| asked.mutating);
            if asked || before != std::fs::read(&state).ok() {
                return Ok(Some(Struck { point, killed }));
            }
            ensure!(killed, "`nic {command}` changed nothing and was not killed at `{point}`");
            self.note(&point, Outcome::Held)?;
        }
        Ok(None)
    }
}

impl Struck {
    fn outcome(&self) -> Outcome {
        if self.killed { Outcome::Held } else { Outcome::NotReached }
    }
}

fn clear(site: &Site) {
    site.aws.clear_log();
    site.cluster.clear_asked();
}

/// Runs `nic` and kills it at the point; says whether the run came there.
async fn killed_at(site: &Site, workspace: &mut Workspace, point: &Point) -> Result<bool> {
    let pid = Arc::new(AtomicU32::new(0));
    workspace.env("NIC_FAULT", "");
    match &point.place {
        Place::Request(service, action) => {
            let pid = pid.clone();
            let kill = move || {
                let pid = pid.load(Ordering::SeqCst);
                if pid != 0 {
                    let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
                }
            };
            let faults = if service == SERVICE { site.cluster.faults() } else { site.aws.faults() };
            let when = if point.moment == Moment::Before { When::BeforeServer } else { When::AfterServer };
            faults.at(Matching::action(service, action), point.nth, when, Effect::Kill(Arc::new(kill)));
        }
        Place::Write => {
            workspace.env("NIC_FAULT", format!("journal-write:{}:{}", point.nth, point.moment));
        }
        Place::LastWrite => {
            workspace.env("NIC_FAULT", format!("journal-write:{}:{}", last_write(point.command), point.moment));
        }
    }
    let child = workspace.command(point.command.arguments())?.spawn()?;
    pid.store(child.id().unwrap_or_default(), Ordering::SeqCst);
    let ran = tokio::time::timeout(HANGS, child.wait_with_output()).await.context("nic hangs")??;
    site.aws.faults().clear();
    site.cluster.faults().clear();
    workspace.env("NIC_FAULT", "");
    // A process that was killed has no exit code of its own: 137 by kill -9, 134 by its own abort.
    Ok(Ran::from(ran).code >= 128)
}

/// What tells the write that ends a run from those before.
fn last_write(command: Command) -> &'static str {
    match command {
        Command::Deploy => r#"with:"deploy_count": 1"#,
        Command::Destroy => r#"without:"_nic""#,
    }
}

/// Runs it as a user would after that, and does not forgive a failure.
async fn run_again(workspace: &Workspace, command: Command) -> Result<()> {
    let ran = tokio::time::timeout(HANGS, workspace.run(command.arguments())).await.context("nic hangs")??;
    ensure!(ran.code == 0, "`nic {command}` ended with {}: {}", ran.code, ran.said());
    Ok(())
}

/// Nothing is left in the account, on the cluster, in the state.
async fn assert_empty(site: &Site, workspace: &Workspace) -> Result<()> {
    site.assert_empty().await?;
    let left = workspace.records()?;
    ensure!(left.is_empty(), "still recorded: {:?}", left.keys());
    Ok(())
}
