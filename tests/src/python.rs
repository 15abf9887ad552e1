//! A Python that stays: starting one and loading its packages takes longer than most questions to it.

mod venv;

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

pub(crate) use venv::ensure_nebari;
pub use venv::ensure_venv;

/// A script that answers each line of JSON with one.
#[derive(Debug)]
pub(crate) struct Python {
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Python {
    /// Starts the script with the environment's packages.
    pub(crate) fn start(venv: &Path, script: &str, env: Vec<(String, String)>) -> Result<Self> {
        let mut child = tokio::process::Command::new(venv.join("bin/python"))
            .args(["-c", script])
            .envs(env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start Python")?;
        let stdin = child.stdin.take().context("Python has no standard input")?;
        let lines = BufReader::new(child.stdout.take().context("Python has no standard output")?).lines();
        Ok(Self { stdin, lines, _child: child })
    }

    /// Asks one question. Who gives up waiting must not ask again: the answer to the first is still to come.
    pub(crate) async fn ask(&mut self, question: &Value) -> Result<Value> {
        self.stdin.write_all(format!("{question}\n").as_bytes()).await.context("ask Python")?;
        let line = self.lines.next_line().await.context("hear from Python")?.context("Python has ended")?;
        serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))
    }
}
