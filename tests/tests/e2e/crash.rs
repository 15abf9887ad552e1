//! A sample of the kills that `nic_tests::crash` describes, on each emulator and in each topology; and the sweep, which is killed itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use nic_tests::aws::Emulator;
use nic_tests::crash::{Ledger, Outcome, Platforms, Point, Reason, Shard, Thinned, Topology, place, sample};
use nic_tests::nic::{Ran, binary};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// How many platforms work side by side.
const SITES: usize = 2;

/// Of what has many points, one in so many is struck on each emulator: minutes for all. The sweep has the rest.
const UNRECORDED: usize = 10;
const STREWN: usize = 240;

/// How often a point is tried that has to be reached: what runs side by side comes in another order each time.
const TRIES: usize = 4;

async fn a_sample_holds(emulator: Emulator, topology: Topology) -> Result<()> {
    let began = Instant::now();
    let platforms = Platforms::start(emulator, topology, SITES).await?;
    let reference = platforms.reference().await?;
    let turn = usize::from(emulator == Emulator::Moto);
    let mut reasons: BTreeMap<Point, Reason> = BTreeMap::new();
    for run in &reference.runs {
        reasons.extend(sample(run, Thinned { unrecorded: UNRECORDED, strewn: STREWN, turn })?);
    }
    let outcomes = Mutex::new(BTreeMap::new());
    let note = |point: &Point, outcome: Outcome| -> Result<bool> {
        if let Outcome::Failed(why) = &outcome {
            bail!("{emulator:?}, {topology}, `{point}`: {why}");
        }
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(point.clone(), outcome);
        Ok(true)
    };
    let held = |point: &Point| {
        let outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.get(point) == Some(&Outcome::Held)
    };
    let mut next: Vec<Point> = reasons.keys().cloned().collect();
    for _ in 0..TRIES {
        platforms.strike(&reference, next, &note).await?;
        next = reasons.iter().filter(|(p, why)| **why != Reason::Strewn && !held(p)).map(|(p, _)| p.clone()).collect();
    }
    ensure!(next.is_empty(), "no run came to {:?}", next.iter().map(ToString::to_string).collect::<Vec<_>>());
    let strewn: Vec<&Point> = reasons.iter().filter(|(_, why)| **why == Reason::Strewn).map(|(p, _)| p).collect();
    let missed = strewn.iter().filter(|point| !held(point)).count();
    ensure!(missed <= 1 || missed * 5 <= strewn.len(), "{missed} of {} points were not reached", strewn.len());
    // Seen with `--nocapture`.
    let (count, took) = (reasons.len(), began.elapsed().as_secs_f64());
    let _ = writeln!(std::io::stderr(), "{emulator:?}, {topology}: {count} points in {took:.0} s");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn classic_killed_anywhere_goes_on_with_ministack() -> Result<()> {
    a_sample_holds(Emulator::Ministack, Topology::Classic).await
}

#[tokio::test(flavor = "multi_thread")]
async fn classic_killed_anywhere_goes_on_with_moto() -> Result<()> {
    a_sample_holds(Emulator::Moto, Topology::Classic).await
}

#[tokio::test(flavor = "multi_thread")]
async fn design_killed_anywhere_goes_on_with_ministack() -> Result<()> {
    a_sample_holds(Emulator::Ministack, Topology::Design).await
}

#[tokio::test(flavor = "multi_thread")]
async fn design_killed_anywhere_goes_on_with_moto() -> Result<()> {
    a_sample_holds(Emulator::Moto, Topology::Design).await
}

/// The sweep of a few points.
struct Sweep {
    directory: tempfile::TempDir,
    shard: &'static str,
}

impl Sweep {
    fn command(&self) -> Result<tokio::process::Command> {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_nic-sweep"));
        command
            .arg("--kept-in")
            .arg(self.directory.path())
            .args(["--emulator", "ministack", "--topology", "classic", "--jobs", "1", "--shard", self.shard])
            .env("NIC_BIN", binary()?)
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }

    fn ledger(&self) -> Result<PathBuf> {
        place(self.directory.path(), &binary()?, "ministack", Topology::Classic)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_was_killed_goes_on_where_it_ended() -> Result<()> {
    let sweep = Sweep { directory: tempfile::tempdir()?, shard: "1/150" };
    let mut first = sweep.command()?.spawn()?;
    let mut told = BufReader::new(first.stderr.take().context("stderr")?).lines();
    while !told.next_line().await?.context("the sweep has ended by itself")?.contains(" done, ") {}
    first.kill().await?;

    let done = std::fs::read_to_string(sweep.ledger()?)?;
    let ran = Ran::from(sweep.command()?.output().await?);
    ensure!(ran.code == 0 && ran.stderr.contains(" 0 failed, ") && ran.stderr.contains(" 0 left"), "{}", ran.said());
    let all = std::fs::read_to_string(sweep.ledger()?)?;
    // The first line has the points; what was done before was not done again.
    let whole = done.rfind('\n').map_or(0, |end| end + 1);
    ensure!(all.starts_with(&done[..whole]), "what was done is forgotten: {done}\n{all}");
    let struck: Vec<&str> = all.lines().skip(1).filter_map(|line| line.split("\"outcome\"").next()).collect();
    ensure!(struck.iter().collect::<BTreeSet<_>>().len() == struck.len(), "something was struck twice: {struck:#?}");
    let shard: Shard = sweep.shard.parse()?;
    let ledger = Ledger::open(&sweep.ledger()?)?.context("a ledger")?;
    let due = ledger.points().iter().filter(|point| shard.has(point)).count();
    ensure!(due == struck.len() && due > 1, "{} of {due} were struck", struck.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_tells_each_failure_with_what_repeats_it() -> Result<()> {
    let sweep = Sweep { directory: tempfile::tempdir()?, shard: "1/1" };
    let points: Vec<Point> = vec!["deploy ec2:CreateVpc 1 after".parse()?, "destroy last-write 1 before".parse()?];
    let mut ledger = Ledger::begin(&sweep.ledger()?, &points)?;
    ledger.note(&points[0], Outcome::Failed("two networks".to_owned()))?;
    ledger.note(&points[1], Outcome::NotReached)?;
    // Nothing is left, so nothing is started.
    let ran = Ran::from(sweep.command()?.output().await?);
    let repeats = "--emulator ministack --topology classic --point 'deploy ec2:CreateVpc 1 after'\ntwo networks";
    ensure!(ran.code == 1 && ran.stderr.contains(repeats), "{}", ran.said());
    ensure!(ran.stderr.contains("sweep, shard 1/1: 0 held, 1 failed, 1 not reached, 0 left"), "{}", ran.said());
    Ok(())
}
