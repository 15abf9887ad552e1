//! Whole-process measurements of the release binary, for docs/performance.md: start, first run, no-op plan, memory.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::nic::{Workspace, binary};
use nic_tests::platform::Platform;

const CONFIG: &str = include_str!("../../../examples/aws/nebari-config.yaml");

/// How often each is measured.
const RUNS: usize = 15;

struct Measured {
    took: Duration,
    peak_mib: f64,
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
    let mut peak = 0.0_f64;
    let status = loop {
        if let Ok(text) = std::fs::read_to_string(&status_file) {
            let high = text
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
            peak = peak.max(high.unwrap_or(0.0));
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let took = started.elapsed();
    ensure!(status.success(), "`nic {}` failed", arguments.join(" "));
    Ok(Measured { took, peak_mib: peak / 1024.0 })
}

async fn median(workspace: &Workspace, arguments: &[&str]) -> Result<Measured> {
    let mut all = Vec::new();
    for _ in 0..RUNS {
        all.push(measure(workspace, arguments).await?);
    }
    let peak_mib = all.iter().map(|m| m.peak_mib).fold(0.0, f64::max);
    all.sort_by_key(|m| m.took);
    Ok(Measured { took: all[RUNS / 2].took, peak_mib })
}

fn row(what: &str, measured: &Measured) {
    let line = format!("| {what} | {:.0} ms | {:.0} MiB |", measured.took.as_secs_f64() * 1000.0, measured.peak_mib);
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[tokio::main]
async fn main() -> Result<()> {
    let size = std::fs::metadata(binary()?)?.len();
    say(&format!("nic: {} KiB; {RUNS} runs each, the median of time and the highest of memory", size / 1024));
    let platform = Platform::start(Emulator::Ministack, "my-nebari-dev", say).await?;
    let mut workspace = platform.workspace()?;
    workspace.config(CONFIG)?;
    let _ = writeln!(std::io::stdout(), "| what | time | peak memory |\n|---|---|---|");

    let empty = tempfile::tempdir()?;
    workspace.env("NIC_CACHE_DIR", empty.path().display().to_string());
    row("`nic validate`, first run: the AWS component is compiled", &measure(&workspace, &["validate"]).await?);
    row("`nic version`", &median(&workspace, &["version"]).await?);
    row("`nic validate`, warm", &median(&workspace, &["validate"]).await?);
    workspace.ok(&["deploy"]).await?;
    platform.aws.clear_log();
    row("`nic plan` without changes, warm", &median(&workspace, &["plan"]).await?);
    say(&format!("requests of one plan: {}", platform.aws.log().len() / RUNS));
    row("`nic deploy` without changes, warm", &median(&workspace, &["deploy"]).await?);
    workspace.ok(&["destroy", "--yes"]).await?;
    Ok(())
}
