//! Every kill that `nic_tests::crash` describes, for `cargo xtask test --sweep`. What was done is kept; a second call goes on where the
//! first one ended.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use nic_tests::aws::Emulator;
use nic_tests::crash::{Ledger, Outcome, Platforms, Point, Shard, Topology, place, points};
use nic_tests::nic::binary;

/// Kills nic at every request and every write of the state, on both emulators, in both topologies.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask test --sweep", disable_version_flag = true)]
struct Options {
    /// Only this share of the points: `2/8` is the second of eight
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Only on this emulator
    #[arg(long)]
    emulator: Option<EmulatorName>,
    /// Only in this topology
    #[arg(long)]
    topology: Option<TopologyName>,
    /// Only this point, whether it was struck before or not; may be repeated
    #[arg(long, value_name = "POINT")]
    point: Vec<Point>,
    /// Strike again what failed
    #[arg(long)]
    retry: bool,
    /// End at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// How many platforms work side by side
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    jobs: usize,
    /// Where it is kept what was done
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    kept_in: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EmulatorName {
    Ministack,
    Moto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TopologyName {
    Classic,
    Design,
}

/// An emulator and a topology.
struct Round {
    emulator: (Emulator, &'static str),
    topology: Topology,
    ledger: PathBuf,
}

/// What came of the points of a shard.
#[derive(Default)]
struct Tally {
    held: usize,
    not_reached: usize,
    left: usize,
    /// Each with the command that strikes it again, and why.
    failed: Vec<(String, String)>,
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let began = Instant::now();
    let rounds = options.rounds()?;
    for round in &rounds {
        if round.go(&options).await? {
            break;
        }
    }
    let mut whole = Tally::default();
    for round in &rounds {
        whole.add(round, &options)?;
    }
    for (command, why) in &whole.failed {
        say(&format!("\nfailed: {command}\n{why}"));
    }
    let Tally { held, not_reached, left, failed } = &whole;
    say(&format!(
        "\nsweep, shard {}: {held} held, {} failed, {not_reached} not reached, {left} left; this call took {}",
        options.shard,
        failed.len(),
        told(began.elapsed())
    ));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    fn rounds(&self) -> Result<Vec<Round>> {
        let nic = binary()?;
        let mut rounds = Vec::new();
        for (topology, topology_name) in
            [(Topology::Classic, TopologyName::Classic), (Topology::Design, TopologyName::Design)]
        {
            for (emulator, name, option) in [
                (Emulator::Ministack, "ministack", EmulatorName::Ministack),
                (Emulator::Moto, "moto", EmulatorName::Moto),
            ] {
                if self.emulator.is_none_or(|only| only == option)
                    && self.topology.is_none_or(|only| only == topology_name)
                {
                    let ledger = place(&self.kept_in, &nic, name, topology)?;
                    rounds.push(Round { emulator: (emulator, name), topology, ledger });
                }
            }
        }
        Ok(rounds)
    }

    /// What is to be struck in this call.
    fn chosen(&self, ledger: &Ledger) -> Vec<Point> {
        if !self.point.is_empty() {
            return self.point.clone();
        }
        let in_shard = ledger.points().iter().filter(|point| self.shard.has(point));
        let is_left = |point: &&Point| match ledger.outcome(point) {
            None => true,
            Some(outcome) => self.retry && matches!(outcome, Outcome::Failed(_)),
        };
        in_shard.filter(is_left).cloned().collect()
    }
}

impl Round {
    fn name(&self) -> String {
        format!("{} {}", self.emulator.1, self.topology)
    }

    /// Strikes what is left; whether to end with that.
    async fn go(&self, options: &Options) -> Result<bool> {
        let begun = Ledger::open(&self.ledger)?;
        if begun.as_ref().is_some_and(|ledger| options.chosen(ledger).is_empty()) {
            say(&format!("{}: nothing is left", self.name()));
            return Ok(false);
        }
        say(&format!("{}: a run that nobody kills...", self.name()));
        let platforms = Platforms::start(self.emulator.0, self.topology, options.jobs).await?;
        let reference = platforms.reference().await.with_context(|| format!("{}: without a kill", self.name()))?;
        let ledger = if let Some(ledger) = begun {
            ledger
        } else {
            let [deploy, destroy] = &reference.runs;
            Ledger::begin(&self.ledger, &[points(deploy)?, points(destroy)?].concat())?
        };
        let chosen = options.chosen(&ledger);
        let of = u32::try_from(chosen.len()).context("points")?;
        let progress =
            Mutex::new(Progress { name: self.name(), of, done: 0, failed: 0, began: Instant::now(), told: None });
        let ledger = Mutex::new(ledger);
        let note = |point: &Point, outcome: Outcome| -> Result<bool> {
            let failed = matches!(outcome, Outcome::Failed(_));
            if let Outcome::Failed(why) = &outcome {
                say(&format!("failed: {}\n{why}", self.command(point)));
            }
            ledger.lock().unwrap_or_else(PoisonError::into_inner).note(point, outcome)?;
            progress.lock().unwrap_or_else(PoisonError::into_inner).note(failed);
            Ok(!(failed && options.fail_fast))
        };
        platforms.strike(&reference, chosen, &note).await?;
        let failed = progress.lock().unwrap_or_else(PoisonError::into_inner).failed > 0;
        Ok(failed && options.fail_fast)
    }

    /// What strikes this very point.
    fn command(&self, point: &Point) -> String {
        let (emulator, topology) = (self.emulator.1, self.topology);
        format!("cargo xtask test --sweep --emulator {emulator} --topology {topology} --point '{point}'")
    }
}

impl Tally {
    fn add(&mut self, round: &Round, options: &Options) -> Result<()> {
        let Some(ledger) = Ledger::open(&round.ledger)? else { return Ok(()) };
        // Another run may have come further than the one whose points are listed.
        let further = options.point.iter().filter(|point| !ledger.points().contains(point));
        for point in ledger.points().iter().filter(|point| options.shard.has(point)).chain(further) {
            match ledger.outcome(point) {
                None => self.left += 1,
                Some(Outcome::Held) => self.held += 1,
                Some(Outcome::NotReached) => self.not_reached += 1,
                Some(Outcome::Failed(why)) => self.failed.push((round.command(point), why.clone())),
            }
        }
        Ok(())
    }
}

/// How far a round is.
struct Progress {
    name: String,
    of: u32,
    done: u32,
    failed: u32,
    began: Instant,
    told: Option<Instant>,
}

impl Progress {
    /// How often it is told.
    const EACH: Duration = Duration::from_secs(10);

    fn note(&mut self, failed: bool) {
        self.done += 1;
        self.failed += u32::from(failed);
        if self.done < self.of && self.told.is_some_and(|told| told.elapsed() < Self::EACH) {
            return;
        }
        self.told = Some(Instant::now());
        let Self { name, of, done, failed, .. } = self;
        let left = self.began.elapsed() * of.saturating_sub(*done) / *done;
        say(&format!("{name}: {done} of {of} done, {failed} failed, about {} left", told(left)));
    }
}

/// `1 h 12 min`, `12 min`, `40 s`.
fn told(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
