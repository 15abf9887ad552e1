//! How a run is told while it goes: a tree in a terminal, lines in a pipe, JSON for programs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::configs::EXAMPLE;
use nic_tests::nic::Workspace;
use nic_tests::platform::{PACE, Platform};
use nic_tests::schemas::conforms;
use nic_tests::terminal::Terminal;
use regex::Regex;
use serde_json::{Value, json};

const DURATIONS: &str = ".nebari/stages/02-infrastructure/durations.json";

/// How long a run may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// How many resources the example makes. One more is only deleted: what the cluster leaves behind.
const ALL: usize = 55;

/// No line that was written is wider than the terminal, and no row of the tree is left anywhere.
fn is_clean(terminal: &mut Terminal, columns: usize) -> Result<Vec<String>> {
    let controls = Regex::new("\x1b\\[[0-9;?]*[A-Za-z]")?;
    let written = String::from_utf8(terminal.written.clone())?;
    for line in controls.replace_all(&written, "").split('\n') {
        let line = line.trim_end_matches('\r');
        let line = line.rsplit('\r').next().unwrap_or_default();
        ensure!(line.chars().count() <= columns, "wider than {columns}: {line}");
    }
    let lines: Vec<String> = terminal.history().iter().map(|line| line.trim_end().to_owned()).collect();
    let left: Vec<&String> = lines.iter().filter(|line| line.contains(['├', '└', '│', '⠋', '⠙'])).collect();
    ensure!(left.is_empty(), "rows of the tree are left: {left:#?}\n{}", lines.join("\n"));
    Ok(lines)
}

/// Stopped in the middle, in a window that is made smaller; then again to the end.
async fn in_a_terminal(workspace: &mut Workspace) -> Result<()> {
    // At full pace the cluster is asked after every few seconds: time to look and to type.
    workspace.env("NIC_PACE", "1");
    let mut terminal = Terminal::start(workspace, &["deploy"], 24, 80)?;
    let shows = |screen: &str| screen.contains("Cluster main (0 of") && screen.contains("): CREATING");
    ensure!(terminal.until(PATIENCE, shows).await?, "the cluster was never shown:\n{}", terminal.shown());
    ensure!(terminal.shown().contains(&format!(" of {ALL}")), "{}", terminal.shown());
    ensure!(terminal.shown().contains("Namespace dev (0 of "), "{}", terminal.shown());
    terminal.resize(16, 60)?;
    let before = terminal.written.len();
    ensure!(terminal.pass(Duration::from_millis(600)).await? && terminal.written.len() > before, "nothing was painted");
    terminal.write("\x03").await?;
    ensure!(terminal.end(PATIENCE).await? == 130, "{}", terminal.shown());
    let lines = is_clean(&mut terminal, 80)?;
    ensure!(lines.iter().any(|line| line.starts_with("Stopping:")), "{lines:#?}");
    ensure!(lines.iter().any(|line| line.contains("error[INTERRUPTED]")), "{lines:#?}");
    let colours = Regex::new("\x1b\\[[0-9;]*m")?;
    ensure!(!colours.is_match(&String::from_utf8_lossy(&terminal.written)), "NO_COLOR is set");

    workspace.env("NIC_PACE", PACE.to_string());
    let stopped = lines.iter().any(|line| line.starts_with("  ✓ Created "));
    ensure!(stopped, "{lines:#?}");
    let mut terminal = Terminal::start(workspace, &["deploy"], 24, 80)?;
    ensure!(terminal.end(PATIENCE).await? == 0, "{}", terminal.shown());
    let lines = is_clean(&mut terminal, 80)?;
    // A terminal that cuts its lines instead of reflowing them loses some when it gets narrower: the plan says what was left.
    let created = lines.iter().filter(|line| line.starts_with("  ✓ Created ")).count();
    let plan = lines.iter().find_map(|line| line.strip_prefix("Plan: ")?.split_once(" to create")?.0.parse().ok());
    ensure!(plan.is_some_and(|planned: usize| planned == created && (1..ALL).contains(&planned)), "{lines:#?}");
    let screen = terminal.shown();
    let last: Vec<&str> = screen.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    ensure!(last.last().is_some_and(|line| line.starts_with("Done. (")), "{screen}");
    Ok(())
}

/// Lines of text with the time, and every wait with `-v`.
async fn in_a_pipe(workspace: &Workspace) -> Result<()> {
    let ran = workspace.ok(&["destroy", "--yes", "-v"]).await?;
    let line = Regex::new(r"^\d\d:\d\d:\d\d ")?;
    let told: Vec<&str> = ran.stderr.lines().filter(|text| line.is_match(text)).collect();
    for said in ["Deleting Cluster main...", "Cluster main: DELETING", "Deleted Cluster main ("] {
        ensure!(told.iter().any(|text| text.contains(said)), "no `{said}`: {}", ran.stderr);
    }
    ensure!(told.iter().filter(|text| text.contains("Deleted ")).count() == ALL + 1, "{}", ran.stderr);
    ensure!(!ran.stderr.contains('\x1b'), "{}", ran.stderr);
    Ok(())
}

/// Events, and what earlier runs took.
async fn as_events(workspace: &Workspace) -> Result<()> {
    // A run that was stopped in the middle measured only a part.
    workspace.ok(&["deploy", "--quiet"]).await?;
    workspace.ok(&["destroy", "--yes", "--quiet"]).await?;
    let ran = workspace.ok(&["deploy", "--events", "-v"]).await?;
    let events: Vec<Value> = ran.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for event in &events {
        conforms(event, "event.json")?;
    }
    let of = |name: &str| events.iter().find(|e| e["event"] == name && e["address"] == "aws.cluster.main");
    let planned = events.iter().find(|event| event["event"] == "planned").context("no plan")?;
    ensure!(planned["estimate_seconds"].is_number(), "an earlier run took as long: {planned:#}");
    ensure!(of("started").is_some_and(|event| event["estimate_seconds"].is_number()), "{}", ran.stdout);
    ensure!(of("waiting").is_some_and(|event| event["elapsed_seconds"].is_number()), "{}", ran.stdout);
    logged(&ran.stderr)?;
    Ok(())
}

/// Every line on stderr is JSON of the published shape.
fn logged(stderr: &str) -> Result<Vec<Value>> {
    let lines = stderr.lines().map(|line| serde_json::from_str::<Value>(line).with_context(|| line.to_owned()));
    let lines: Vec<Value> = lines.collect::<Result<_>>()?;
    for line in &lines {
        conforms(line, "log.json")?;
    }
    Ok(lines)
}

async fn as_json_lines(workspace: &Workspace) -> Result<()> {
    let ran = workspace.ok(&["deploy", "--log-format", "json", "-v"]).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)"), "stdout is for people all the same: {}", ran.stdout);
    ensure!(logged(&ran.stderr)?.iter().any(|line| line["level"] == "info"), "{}", ran.stderr);
    let ran = workspace.ok(&["deploy", "--format", "json", "--log-format", "text"]).await?;
    ensure!(ran.json()?["changes"] == 0 && ran.stderr.contains(" Reading "), "{}", ran.stderr);
    let ran = workspace.ok(&["deploy", "--quiet"]).await?;
    ensure!(ran.stderr.is_empty() && ran.stdout.contains("Done."), "{}", ran.said());

    let ran = workspace.run(&["status", "--state", "nowhere.json", "--log-format", "json", "-q"]).await?;
    let lines = logged(&ran.stderr)?;
    ensure!(ran.code == 2 && lines.len() == 1 && lines[0]["level"] == "error", "{}", ran.said());
    ensure!(lines[0]["code"] == "STATE_NOT_FOUND", "{}", ran.stderr);

    let ran = workspace.ok(&["destroy", "--yes", "--log-format", "json"]).await?;
    let lines = logged(&ran.stderr)?;
    let deleted = |line: &&Value| line["message"].as_str().is_some_and(|message| message.starts_with("Deleted "));
    ensure!(lines.iter().filter(deleted).count() == ALL + 1, "{}", ran.stderr);
    ensure!(lines.iter().filter(deleted).all(|line| line["address"].is_string()), "{}", ran.stderr);
    Ok(())
}

/// What is usual is told, in colour.
async fn with_estimates(workspace: &mut Workspace) -> Result<()> {
    let mut durations: Value = serde_json::from_str(&workspace.read(DURATIONS)?)?;
    ensure!(durations["aws.cluster"]["create"][0].is_number(), "{durations:#}");
    durations["aws.cluster"]["create"] = json!([540.0]);
    workspace.write(DURATIONS, &durations.to_string())?;
    workspace.env("NIC_PACE", "0.2").env("NO_COLOR", "");
    let mut terminal = Terminal::start(workspace, &["deploy"], 24, 80)?;
    let shows = |screen: &str| screen.contains("s of about 9m") && screen.contains(", about 9m left");
    ensure!(terminal.until(PATIENCE, shows).await?, "no estimate was shown:\n{}", terminal.history().join("\n"));
    ensure!(terminal.end(PATIENCE).await? == 0, "{}", terminal.shown());
    is_clean(&mut terminal, 80)?;
    let green = b"\x1b[32m";
    ensure!(terminal.written.windows(green.len()).any(|bytes| bytes == green), "no colour");

    // A cache: without it, or with nonsense in it, there is no estimate and nothing else is missing.
    workspace.write(DURATIONS, "{\"aws.cluster\": nonsense")?;
    workspace.env("NIC_PACE", PACE.to_string());
    workspace.ok(&["destroy", "--yes"]).await?;
    let durations: Value = serde_json::from_str(&workspace.read(DURATIONS)?)?;
    ensure!(durations["aws.cluster"]["delete"][0].is_number(), "{durations:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_as_it_goes() -> Result<()> {
    let (platform, mut workspace) = Platform::of(Emulator::Ministack, EXAMPLE).await?;
    in_a_terminal(&mut workspace).await?;
    in_a_pipe(&workspace).await?;
    as_events(&workspace).await?;
    as_json_lines(&workspace).await?;
    with_estimates(&mut workspace).await?;
    platform.aws.assert_empty().await.context("something is left in the account")
}
