//! Whole-process measurements of the release binary, for docs/performance.md: start, first run, memory, and a platform's life with
//! and without a distance to AWS. With `--requests`, stderr shows each request of that life and when it was answered.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{Emulator, Logged, Pace, Wait, depth, together};
use nic_tests::control_plane::Work;
use nic_tests::nic::{Workspace, binary};
use nic_tests::platform::Platform;

const CONFIG: &str = include_str!("../../../examples/aws/nebari-config.yaml");

/// How often each is measured that leaves things as they are.
const RUNS: usize = 15;

struct Measured {
    took: Duration,
    memory: Memory,
}

/// The most that was seen, in MiB.
#[derive(Default)]
struct Memory {
    /// Everything that was in memory, files that are mapped (the program itself, compiled code) included.
    peak: f64,
    /// What is the process's own.
    own: f64,
}

impl Memory {
    fn most(self, other: &Self) -> Self {
        Self { peak: self.peak.max(other.peak), own: self.own.max(other.own) }
    }

    /// Of a status file of the kernel.
    fn read(status: &str) -> Self {
        let member = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|kib| kib.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
        };
        Self { peak: member("VmHWM"), own: member("RssAnon") }
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Runs it, and watches how much memory it had at most.
async fn measure(workspace: &Workspace, arguments: &[&str]) -> Result<Measured> {
    let mut command = workspace.command(arguments)?;
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status_file = format!("/proc/{}/status", child.id().context("a process id")?);
    let mut memory = Memory::default();
    let status = loop {
        if let Ok(text) = std::fs::read_to_string(&status_file) {
            memory = memory.most(&Memory::read(&text));
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let took = started.elapsed();
    ensure!(status.success(), "`nic {}` failed", arguments.join(" "));
    Ok(Measured { took, memory })
}

async fn median(workspace: &Workspace, arguments: &[&str], runs: usize) -> Result<Measured> {
    let mut all = Vec::new();
    for _ in 0..runs {
        all.push(measure(workspace, arguments).await?);
    }
    let memory = all.iter().fold(Memory::default(), |most, measured| most.most(&measured.memory));
    all.sort_by_key(|m| m.took);
    Ok(Measured { took: all[runs / 2].took, memory })
}

fn row(what: &str, measured: &Measured) {
    let Measured { took, memory } = measured;
    tell(&format!("| {what} | {:.0} ms | {:.0} MiB | {:.0} MiB |", millis(*took), memory.peak, memory.own));
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn tell(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What every request takes longer in the second table: about the way to a region on another continent's coast and back.
const LATENCY: Duration = Duration::from_millis(50);

/// What every request takes longer in the last table: so much that nothing else counts. How often one request had to wait for
/// another is then who waits for whom, and not how fast this machine is. Clearly longer than the five seconds that Kubernetes lets a
/// namespace live on: what AWS is asked in that time would make the chain look longer than it is.
const AGES: Duration = Duration::from_secs(9);

/// Start, first run, and what a warm run takes.
async fn process(platform: &Platform) -> Result<()> {
    let mut workspace = platform.workspace()?;
    workspace.config(CONFIG)?;
    tell("| what | time | peak memory | of that its own |\n|---|---|---|---|");
    let cache = nic_tests::cache::dir().display().to_string();
    let empty = tempfile::tempdir()?;
    workspace.env("NIC_CACHE_DIR", empty.path().display().to_string());
    row("`nic validate`, first run: the AWS component is compiled", &measure(&workspace, &["validate"]).await?);
    workspace.env("NIC_CACHE_DIR", cache);
    workspace.ok(&["validate"]).await?;
    row("`nic version`", &median(&workspace, &["version"], RUNS).await?);
    row("`nic validate`, warm", &median(&workspace, &["validate"], RUNS).await?);
    Ok(())
}

/// A platform's life, request by request: how many there are, and how many had to wait for each other.
async fn life(platform: &Platform, latency: Duration, runs: usize) -> Result<()> {
    let mut workspace = platform.workspace()?;
    workspace.config(CONFIG)?;
    // The emulator is as quick as it can be, and so are NIC's own waits: what is left is the way there and back.
    workspace.env("NIC_PACE", "0.001");
    platform.aws.pace(Pace::all(Wait::NONE)).await;
    platform.aws.nat_pace(Wait::NONE);
    platform.aws.faults().latency(latency);
    tell(&format!("\n{} ms more on every request to AWS:\n", latency.as_millis()));
    tell("| what | requests | depth | time | others at work | `nic` alone | peak memory | of that its own |");
    tell("|---|---|---|---|---|---|---|---|");
    let told = |what: &str, runs: usize, measured: &Measured| -> Result<()> {
        let log = platform.aws.log();
        let requests = log.len() / runs;
        // Of several runs, the last one's.
        let log = &log[log.len() - requests..];
        let kubernetes = since(platform, log.first().map(|first| first.at).unwrap_or_default())?;
        let aws = || log.iter().filter_map(|entry| Some((entry.at, entry.answered?)));
        let of_kubernetes = || kubernetes.iter().map(|(span, _)| *span);
        let at_work = together(aws().map(|(at, answered)| (at + latency, answered)).chain(of_kubernetes()));
        let waited = together(aws().chain(of_kubernetes()));
        tell(&format!(
            "| {what} | {requests} | {} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} MiB | {:.0} MiB |",
            depth(log),
            millis(measured.took),
            millis(at_work),
            millis(measured.took.saturating_sub(waited)),
            measured.memory.peak,
            measured.memory.own
        ));
        if std::env::args().any(|argument| argument == "--requests") {
            show(what, log, &kubernetes);
        }
        platform.aws.clear_log();
        Ok(())
    };
    platform.aws.clear_log();
    told("first `nic plan`", 1, &measure(&workspace, &["plan"]).await?)?;
    told("first `nic deploy`", 1, &measure(&workspace, &["deploy"]).await?)?;
    told("`nic plan` without changes", runs, &median(&workspace, &["plan"], runs).await?)?;
    told("`nic deploy` without changes", runs, &median(&workspace, &["deploy"], runs).await?)?;
    let state = workspace.stage().join("nic-state.json");
    let aside = workspace.path().join("nic-state.json");
    std::fs::rename(&state, &aside)?;
    told("`nic plan` after the state was lost", runs, &median(&workspace, &["plan"], runs).await?)?;
    std::fs::rename(&aside, &state)?;
    told("`nic destroy`", 1, &measure(&workspace, &["destroy", "--yes"]).await?)?;
    platform.aws.faults().clear();
    platform.aws.assert_empty().await
}

/// What the control plane was asked from then on, and when it was at work on it, by the clock of the log of AWS.
fn since(platform: &Platform, began: Duration) -> Result<Vec<((Duration, Duration), Work)>> {
    let clock = |at: time::OffsetDateTime| (at - platform.aws.log_began()).try_into().unwrap_or_default();
    let all = platform.cluster.work()?.into_iter().map(|work| ((clock(work.from), clock(work.until)), work));
    Ok(all.filter(|((from, _), _)| *from >= began).collect())
}

/// When each request came and was answered, in milliseconds from the first.
fn show(what: &str, log: &[Logged], kubernetes: &[((Duration, Duration), Work)]) {
    let began = log.first().map(|first| first.at).unwrap_or_default();
    say(what);
    let since = |at: Duration| millis(at.saturating_sub(began));
    let aws = log.iter().map(|entry| {
        let answered = entry.answered.map_or("never".to_owned(), |at| format!("{:.0}", since(at)));
        let Logged { service, action, status, summary, at, .. } = entry;
        (*at, format!("{answered:>6}  {status} {service}:{action} {summary}"))
    });
    let kubernetes =
        kubernetes.iter().map(|((from, until), work)| (*from, format!("{:>6.0}  {}", since(*until), work.what)));
    let mut lines: Vec<_> = aws.chain(kubernetes).collect();
    lines.sort();
    for (at, line) in lines {
        say(&format!("  {:>6.0} {line}", since(at)));
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let size = std::fs::metadata(binary()?)?.len();
    say(&format!("nic: {} KiB; {RUNS} runs each, the median of time and the highest of memory", size / 1024));
    let platform = Platform::start(Emulator::Ministack, "my-nebari-dev", say).await?;
    process(&platform).await?;
    life(&platform, Duration::ZERO, RUNS).await?;
    life(&platform, LATENCY, RUNS).await?;
    life(&platform, AGES, 1).await?;
    Ok(())
}
