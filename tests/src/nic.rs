//! Running the `nic` binary as a user would: a directory of its own, an environment with nothing by accident.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

/// A working directory with a config, and the environment that `nic` runs in.
#[derive(Debug)]
pub struct Workspace {
    directory: TempDir,
    env: BTreeMap<String, String>,
}

/// What a run of `nic` left.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; 137 for a killed process, as shells say.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// The binary under test: `NIC_BIN`, else the one beside the test binary.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("NIC_BIN") {
        return Ok(PathBuf::from(path));
    }
    let own = std::env::current_exe().context("find the test binary")?;
    let beside = own.ancestors().skip(1).take(2).map(|directory| directory.join("nic")).find(|path| path.is_file());
    beside.context("no `nic` binary: run `cargo xtask test`, or set NIC_BIN")
}

/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The most that a process held in memory so far, in KiB.
fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Workspace {
    /// An empty directory and an environment with nothing but PATH, HOME (the directory) and the cache.
    pub fn new() -> Result<Self> {
        // What a group may write to is not believed, and with some users' umask all is so.
        rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
        let directory = tempfile::tempdir().context("make a working directory")?;
        let env = BTreeMap::from([
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("HOME".to_owned(), directory.path().display().to_string()),
            // Compiled components are kept between tests: that is what a user's second run sees.
            ("NIC_CACHE_DIR".to_owned(), nic_provisions::cache::dir().display().to_string()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
            ("NO_COLOR".to_owned(), "1".to_owned()),
        ]);
        Ok(Self { directory, env })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// One more variable.
    pub fn env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Several more.
    pub fn envs(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> &mut Self {
        self.env.extend(variables);
        self
    }

    /// Writes nebari-config.yaml.
    pub fn config(&self, text: &str) -> Result<()> {
        self.write("nebari-config.yaml", text)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.path().join(name), text).with_context(|| format!("write {name}"))
    }

    /// Reads a file under the directory.
    pub fn read(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(self.path().join(name)).with_context(|| format!("read {name}"))
    }

    /// Where deploy leaves its files.
    pub fn stage(&self) -> PathBuf {
        self.path().join(".nebari/stages/02-infrastructure")
    }

    /// The state as it stands on disk.
    pub fn state(&self) -> Result<Value> {
        let path = self.stage().join("nic-state.json");
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&bytes).context("the state is not whole JSON")
    }

    /// What the state records, by address.
    pub fn records(&self) -> Result<BTreeMap<String, Value>> {
        fn collect(value: &Value, found: &mut BTreeMap<String, Value>) {
            if let Some(address) = value.pointer("/_nic/address").and_then(Value::as_str) {
                found.insert(address.to_owned(), value.clone());
            }
            match value {
                Value::Object(members) => members.values().for_each(|member| collect(member, found)),
                Value::Array(elements) => elements.iter().for_each(|element| collect(element, found)),
                _ => {}
            }
        }
        let mut found = BTreeMap::new();
        collect(&self.state()?, &mut found);
        Ok(found)
    }

    /// Of which lineage the state is.
    pub fn lineage(&self) -> Result<String> {
        Ok(self.state()?["lineage"].as_str().context("a lineage")?.to_owned())
    }

    /// `nic` with these arguments, ready to start.
    pub fn command(&self, arguments: &[&str]) -> Result<tokio::process::Command> {
        Ok(self.command_of(&binary()?, arguments))
    }

    /// The same of another binary.
    pub fn command_of(&self, nic: &Path, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(nic);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.env)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end, however it ends.
    pub async fn run(&self, arguments: &[&str]) -> Result<Ran> {
        let output = self.command(arguments)?.output().await.context("run nic")?;
        Ok(Ran::from(output))
    }

    /// Runs it to its end, and tells the most memory that it held at once, in MiB.
    pub async fn run_measured(&self, arguments: &[&str]) -> Result<(Ran, u64)> {
        let child = self.command(arguments)?.spawn().context("run nic")?;
        let status = format!("/proc/{}/status", child.id().context("nic runs")?);
        let mut ended = std::pin::pin!(child.wait_with_output());
        let mut peak = 0;
        loop {
            // The kernel keeps the highest number, and forgets it with the process: the last look counts.
            match tokio::time::timeout(LOOK, &mut ended).await {
                Ok(output) => return Ok((Ran::from(output.context("run nic")?), peak / 1024)),
                Err(_) => peak = peak.max(high_water(&status).unwrap_or_default()),
            }
        }
    }

    /// The same under another command, such as one that takes something from it: `wrapper nic arguments`.
    pub fn command_under(&self, wrapper: &[&str], arguments: &[&str]) -> Result<tokio::process::Command> {
        let (program, before) = wrapper.split_first().context("a wrapper")?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(before)
            .arg(binary()?)
            .args(arguments)
            .env_clear()
            .envs(&self.env)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }

    /// Runs it so, to its end.
    pub async fn run_under(&self, wrapper: &[&str], arguments: &[&str]) -> Result<Ran> {
        let output = self.command_under(wrapper, arguments)?.output().await;
        Ok(Ran::from(output.with_context(|| format!("run nic under {wrapper:?}"))?))
    }

    /// Runs it; anything but success is an error that shows what it said.
    pub async fn ok(&self, arguments: &[&str]) -> Result<Ran> {
        let ran = self.run(arguments).await?;
        if ran.code != 0 {
            bail!("`nic {}` ended with {}\n{}\n{}", arguments.join(" "), ran.code, ran.stdout, ran.stderr);
        }
        Ok(ran)
    }
}

/// The words of a text, whatever lines it was wrapped into.
pub fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = output.status.code().or_else(|| output.status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
        Self {
            code,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// stdout as the one JSON document it is.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("stdout is not one JSON document:\n{}\n{}", self.stdout, self.stderr))
    }

    /// Everything it said, for searching.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
