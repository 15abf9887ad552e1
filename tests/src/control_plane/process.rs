//! Child processes that cannot outlive this one, however it ends.
//!
//! Between us and each program stands a shell that holds the reading end of a pipe. The pipe
//! closes when we close it or when this process is gone (a test runner's `kill -9` included), and
//! the shell then kills the program.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

/// Arguments: a file for the program's process id or nothing, a folder to remove once the program
/// was killed or nothing, the program and its arguments.
///
/// The watcher reads from a copy of stdin (3), because a shell gives background jobs an empty one,
/// and uses `read`, a builtin, so that there is no further process to clean up. A program that was
/// killed (137) was killed by the watcher; one that failed by itself leaves its log to be read.
/// Signals are ignored, as Ctrl-C reaches the whole group: we end, and then the pipe does its work.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM
pid_file=$1 scratch=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
if [ -n "$pid_file" ]; then echo "$child" >"$pid_file"; fi
{ read -r _ <&3; kill -KILL "$child"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$child"
code=$?
kill "$watcher" 2>/dev/null
if [ -n "$scratch" ] && [ "$code" = 137 ]; then rm -rf -- "$scratch"; fi
exit "$code"
"#;

/// A program to be run under the supervising shell.
pub(super) struct Supervised {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    pid_file: PathBuf,
    scratch: PathBuf,
}

impl Supervised {
    /// The program at `program`, called `name` in messages.
    pub(super) fn new(name: &'static str, program: impl Into<PathBuf>) -> Self {
        Self { name, program: program.into(), arguments: Vec::new(), pid_file: PathBuf::new(), scratch: PathBuf::new() }
    }

    /// Adds arguments.
    pub(super) fn arguments<A: AsRef<OsStr>>(&mut self, arguments: impl IntoIterator<Item = A>) -> &mut Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// A folder that is removed when the program was killed.
    pub(super) fn scratch(&mut self, folder: impl Into<PathBuf>) -> &mut Self {
        self.scratch = folder.into();
        self
    }

    /// The command that starts the shell. Its stdin is the life line.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&self.pid_file)
            .arg(&self.scratch)
            .arg(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped());
        command
    }

    /// Starts it with its log and process id in `folder`, which is its home folder too. Nothing of
    /// the environment but `PATH` reaches it: no credentials, no user's configuration.
    pub(super) fn start(&mut self, folder: &Path) -> Result<Process> {
        let log = folder.join(format!("{}.log", self.name));
        self.pid_file = folder.join(format!("{}.pid", self.name));
        let output = File::create(&log).with_context(|| format!("cannot create the log {}", log.display()))?;
        let supervisor = self
            .command()
            .current_dir(folder)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", folder)
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output))
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        Ok(Process { name: self.name, supervisor, log, pid_file: self.pid_file.clone() })
    }
}

/// A running program. Dropping it kills the program and waits for its end.
pub(super) struct Process {
    name: &'static str,
    supervisor: Child,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Process {
    /// The program's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The program's process id, once the shell has started it.
    pub(super) fn id(&self) -> Option<u32> {
        std::fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()
    }

    /// How the program ended, if it did.
    pub(super) fn exited(&mut self) -> Option<ExitStatus> {
        self.supervisor.try_wait().ok().flatten()
    }

    /// The last lines of the program's log.
    pub(super) fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&log), 20)
    }

    /// Has the program killed, without waiting for it.
    pub(super) fn kill(&mut self) {
        drop(self.supervisor.stdin.take());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.supervisor.wait();
    }
}

/// The last `count` lines of `text`.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
