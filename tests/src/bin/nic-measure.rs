//! Whole-process measurements of the release binary, for docs/performance.md: start, first run, memory, and a platform's life with
//! and without a distance to AWS. With `--requests`, stderr shows each request of that life and when it was answered. With
//! `--against OTHER`, nothing but this binary beside another one, run by run, where nothing changes.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{Emulator, Logged, Pace, Wait, depth, together};
use nic_tests::configs::EXAMPLE;
use nic_tests::control_plane::Work;
use nic_tests::nic::{Workspace, binary};
use nic_tests::platform::Platform;

/// How often each is measured that leaves things as they are.
const RUNS: usize = 15;

/// How often what makes or ends a platform is.
const LIVES: usize = 5;

struct Measured {
    took: Duration,
    memory: Memory,
}

/// The most that was seen, in MiB.
#[derive(Clone, Copy, Default)]
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

    fn told(self) -> String {
        format!("{:.0} MiB, {:.0} MiB", self.peak, self.own)
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Runs it, and watches how much memory it had at most.
async fn measure(workspace: &Workspace, arguments: &[&str]) -> Result<Measured> {
    measure_of(&binary()?, workspace, arguments).await
}

async fn measure_of(nic: &Path, workspace: &Workspace, arguments: &[&str]) -> Result<Measured> {
    let mut command = workspace.command_of(nic, arguments);
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
    Ok(middle(all))
}

/// The time in the middle and the most memory.
fn middle(mut all: Vec<Measured>) -> Measured {
    let memory = all.iter().fold(Memory::default(), |most, measured| most.most(&measured.memory));
    all.sort_by_key(|m| m.took);
    Measured { took: all[all.len() / 2].took, memory }
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
    workspace.config(EXAMPLE)?;
    tell("| what | time | peak memory | of that its own |\n|---|---|---|---|");
    let cache = nic_provisions::cache::dir().display().to_string();
    let mut first = Vec::new();
    for _ in 0..RUNS {
        let empty = tempfile::tempdir()?;
        workspace.env("NIC_CACHE_DIR", empty.path().display().to_string());
        first.push(measure(&workspace, &["validate"]).await?);
    }
    row("`nic validate`, first run: machine code is unpacked into the cache", &middle(first));
    // The home directory is a cache too.
    let home = workspace.path().display().to_string();
    workspace.env("NIC_CACHE_DIR", "").env("HOME", "");
    row("`nic validate`, nowhere to cache", &median(&workspace, &["validate"], RUNS).await?);
    workspace.env("NIC_CACHE_DIR", cache).env("HOME", home);
    workspace.ok(&["validate"]).await?;
    row("`nic version`", &median(&workspace, &["version"], RUNS).await?);
    row("`nic validate`, warm", &median(&workspace, &["validate"], RUNS).await?);
    Ok(())
}

/// One command of a platform's life.
struct Row {
    measured: Measured,
    requests: usize,
    depth: usize,
    /// How long AWS, the way there and back apart, or Kubernetes was at work on something.
    others: Duration,
    /// How long nobody else was, and nothing was on its way.
    alone: Duration,
}

/// A platform and what its life costs.
struct Life<'a> {
    platform: &'a Platform,
    latency: Duration,
    rows: Vec<(&'static str, Vec<Row>)>,
}

impl Life<'_> {
    /// Notes what the log has of so many runs of the command; of several, the last one's requests.
    fn note(&mut self, what: &'static str, runs: usize, measured: Measured) -> Result<()> {
        let log = self.platform.aws.log();
        let requests = log.len() / runs;
        let log = &log[log.len() - requests..];
        let kubernetes = since(self.platform, log.first().map(|first| first.at).unwrap_or_default())?;
        if std::env::args().any(|argument| argument == "--requests") {
            show(what, log, &kubernetes);
        }
        let aws = || log.iter().filter_map(|entry| Some((entry.at, entry.answered?)));
        let of_kubernetes = || kubernetes.iter().map(|(span, _)| *span);
        let others = together(aws().map(|(at, answered)| (at + self.latency, answered)).chain(of_kubernetes()));
        let alone = measured.took.saturating_sub(together(aws().chain(of_kubernetes())));
        let row = Row { requests, depth: depth(log), others, alone, measured };
        match self.rows.iter_mut().find(|(known, _)| *known == what) {
            Some((_, rows)) => rows.push(row),
            None => self.rows.push((what, vec![row])),
        }
        self.platform.aws.clear_log();
        Ok(())
    }

    /// Of what was done several times, that of the median time.
    fn tell(mut self) {
        tell(&format!("\n{} ms more on every request to AWS:\n", self.latency.as_millis()));
        tell("| what | requests | depth | time | others at work | `nic` alone | peak memory | of that its own |");
        tell("|---|---|---|---|---|---|---|---|");
        for (what, rows) in &mut self.rows {
            rows.sort_by_key(|row| row.measured.took);
            let Row { measured: Measured { took, memory }, requests, depth, others, alone } = &rows[rows.len() / 2];
            let [took, others, alone] = [took, others, alone].map(|duration| millis(*duration));
            tell(&format!(
                "| {what} | {requests} | {depth} | {took:.0} ms | {others:.0} ms | {alone:.0} ms | {:.0} MiB | {:.0} MiB |",
                memory.peak, memory.own
            ));
        }
    }
}

/// A platform's life, request by request, so many times: how many there are, and how many had to wait for each other.
async fn life(platform: &Platform, latency: Duration, lives: usize, runs: usize) -> Result<()> {
    // The emulator is as quick as it can be, and so are NIC's own waits: what is left is the way there and back.
    platform.aws.pace(Pace::all(Wait::NONE)).await;
    platform.aws.nat_pace(Wait::NONE);
    platform.aws.faults().latency(latency);
    let mut life = Life { platform, latency, rows: Vec::new() };
    for nth in 0..lives {
        let mut workspace = platform.workspace()?;
        workspace.config(EXAMPLE)?;
        workspace.env("NIC_PACE", "0.001");
        platform.aws.clear_log();
        life.note("first `nic plan`", 1, measure(&workspace, &["plan"]).await?)?;
        life.note("first `nic deploy`", 1, measure(&workspace, &["deploy"]).await?)?;
        if nth == 0 {
            life.note("`nic plan` without changes", runs, median(&workspace, &["plan"], runs).await?)?;
            life.note("`nic deploy` without changes", runs, median(&workspace, &["deploy"], runs).await?)?;
            let state = workspace.stage().join("nic-state.json");
            let aside = workspace.path().join("nic-state.json");
            std::fs::rename(&state, &aside)?;
            life.note(
                "`nic plan --take-over`, the state lost",
                runs,
                median(&workspace, &["plan", "--take-over"], runs).await?,
            )?;
            std::fs::rename(&aside, &state)?;
        }
        life.note("`nic destroy`", 1, measure(&workspace, &["destroy", "--yes"]).await?)?;
    }
    life.tell();
    platform.aws.faults().clear();
    platform.aws.assert_empty().await
}

/// This binary beside another one, which made the platform: the medians of both, and of the ratios run by run, so that it counts for
/// both when the machine is busy.
async fn compare(platform: &Platform, other: &Path) -> Result<()> {
    platform.aws.pace(Pace::all(Wait::NONE)).await;
    platform.aws.nat_pace(Wait::NONE);
    let (own, mut workspace) = (binary()?, platform.workspace()?);
    workspace.config(EXAMPLE)?;
    workspace.env("NIC_PACE", "0.001");
    measure_of(other, &workspace, &["deploy"]).await?;
    // The first deploy by this one may record what the other does not know.
    measure(&workspace, &["deploy"]).await?;
    tell(
        "| what | this | the other | this / the other | peak memory, of that its own | the other |\n|---|---|---|---|---|---|",
    );
    for (what, arguments) in [
        ("`nic validate`", &["validate"][..]),
        ("`nic plan` without changes", &["plan"]),
        ("`nic deploy` without changes", &["deploy"]),
    ] {
        let (mut of_this, mut of_other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2 * RUNS {
            let this = measure_of(&own, &workspace, arguments).await?;
            let beside = measure_of(other, &workspace, arguments).await?;
            ratios.push(millis(this.took) / millis(beside.took));
            of_this.push(this);
            of_other.push(beside);
        }
        ratios.sort_by(f64::total_cmp);
        let (this, beside, ratio) = (middle(of_this), middle(of_other), ratios[ratios.len() / 2]);
        let (time, other_time) = (millis(this.took), millis(beside.took));
        let (memory, other_memory) = (this.memory.told(), beside.memory.told());
        tell(&format!("| {what} | {time:.0} ms | {other_time:.0} ms | {ratio:.2} | {memory} | {other_memory} |"));
    }
    measure(&workspace, &["destroy", "--yes"]).await?;
    platform.aws.assert_empty().await?;
    waits(platform, &[("this", &own), ("the other", other)]).await
}

/// A platform made and taken away at the pace that users have, on an account where everything is ready at once: what is left is how long
/// nothing was asked.
async fn waits(platform: &Platform, binaries: &[(&str, &Path)]) -> Result<()> {
    platform.aws.pace(Pace::all(Wait::NONE)).await;
    platform.aws.nat_pace(Wait::NONE);
    tell(
        "\nEverything is ready at once, and nobody hurries:\n\n| what | time | requests | peak memory, of that its own |\n|---|---|---|---|",
    );
    for (name, nic) in binaries {
        let mut workspace = platform.workspace()?;
        workspace.config(EXAMPLE)?;
        workspace.env("NIC_PACE", "1");
        for (what, arguments) in [("deploy", &["deploy"][..]), ("destroy", &["destroy", "--yes"])] {
            platform.aws.clear_log();
            let Measured { took, memory } = measure_of(nic, &workspace, arguments).await?;
            let requests = platform.aws.log().len();
            tell(&format!("| `nic {what}`, {name} | {:.1} s | {requests} | {} |", took.as_secs_f64(), memory.told()));
        }
    }
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
    let platform = Platform::start(Emulator::Ministack, say).await?;
    let mut arguments = std::env::args().skip_while(|argument| argument != "--against").skip(1);
    if let Some(other) = arguments.next() {
        return compare(&platform, Path::new(&other)).await;
    }
    process(&platform).await?;
    life(&platform, Duration::ZERO, LIVES, RUNS).await?;
    life(&platform, LATENCY, LIVES, RUNS).await?;
    life(&platform, AGES, 1, 1).await?;
    waits(&platform, &[("this", &binary()?)]).await
}
