//! Running other programs, shown as they are run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::places;
use crate::progress::say;

/// A program to run at the workspace's root.
pub struct Command {
    inner: std::process::Command,
    shown: String,
}

impl Command {
    /// Any program.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let program = program.as_ref();
        let shown = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let mut inner = std::process::Command::new(program);
        inner.current_dir(places::workspace());
        Self { inner, shown }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&argument.as_ref().to_string_lossy());
        self.inner.arg(argument);
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(self, arguments: &[A]) -> Self {
        arguments.iter().fold(self, Self::arg)
    }

    /// One environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Runs it; its words go where ours go.
    pub fn run(mut self) -> Result<()> {
        say(&format!("   $ {}", self.shown));
        let status = self.inner.status().with_context(|| format!("cannot run `{}`", self.shown))?;
        if status.success() { Ok(()) } else { bail!("`{}` failed ({status})", self.shown) }
    }

    /// Whether it runs and succeeds, quietly.
    pub fn succeeds(mut self) -> bool {
        let quiet = std::process::Stdio::null;
        self.inner.stdout(quiet()).stderr(quiet()).status().is_ok_and(|status| status.success())
    }
}

/// Cargo with the shared target directory.
pub fn cargo(arguments: &[&str]) -> Command {
    let cargo: PathBuf = std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
    cargo_at(&cargo, arguments)
}

/// The same with another cargo.
pub fn cargo_at(cargo: &Path, arguments: &[&str]) -> Command {
    let command = Command::new(cargo).args(arguments);
    match places::target_dir() {
        Ok(directory) => command.env("CARGO_TARGET_DIR", directory),
        Err(_) => command,
    }
}
