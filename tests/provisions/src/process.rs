//! Child processes that cannot outlive this one, however it ends.
//!
//! Between us and each program stands a shell that holds the reading end of a pipe. The pipe
//! closes when we close it or when this process is gone (a test runner's `kill -9` included), and
//! the shell then kills the program.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::Priority;

/// Arguments: a file for the program's process id or nothing, a folder to remove once the program
/// was killed or nothing, something if what the program started is to end with it or nothing (the
/// shell then leads a process group), the program and its arguments.
///
/// The watcher reads from a copy of stdin (3), because a shell gives background jobs an empty one,
/// and uses `read`, a builtin, so that there is no further process to clean up. A program that was
/// killed (137) was killed by the watcher; one that failed by itself leaves its log to be read.
/// Signals are ignored, as Ctrl-C reaches the whole group: we end, and then the pipe does its work.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM
pid_file=$1 scratch=$2 with_children=$3
shift 3
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
if [ -n "$pid_file" ]; then echo "$child" >"$pid_file"; fi
if [ -n "$with_children" ]; then victim=-$$; else victim=$child; fi
{ read -r _ <&3; kill -KILL "$victim"; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$child"
code=$?
kill "$watcher" 2>/dev/null
if [ -n "$scratch" ] && [ "$code" = 137 ]; then rm -rf -- "$scratch"; fi
exit "$code"
"#;

/// What goes before a program that takes what others leave.
const NICE: [&str; 3] = ["nice", "-n", "10"];

/// A program to be run under the supervising shell.
pub struct Supervised {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    pid_file: PathBuf,
    scratch: PathBuf,
    priority: Priority,
    with_children: bool,
}

impl Supervised {
    /// The program at `program`, called `name` in messages.
    pub fn new(name: &'static str, program: impl Into<PathBuf>) -> Self {
        Self {
            name,
            program: program.into(),
            arguments: Vec::new(),
            pid_file: PathBuf::new(),
            scratch: PathBuf::new(),
            priority: Priority::Normal,
            with_children: false,
        }
    }

    /// Adds arguments.
    pub fn arguments<A: AsRef<OsStr>>(&mut self, arguments: impl IntoIterator<Item = A>) -> &mut Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// A folder that is removed when the program was killed.
    pub fn scratch(&mut self, folder: impl Into<PathBuf>) -> &mut Self {
        self.scratch = folder.into();
        self
    }

    /// How much of the machine it may take.
    pub(crate) fn priority(&mut self, priority: Priority) -> &mut Self {
        self.priority = priority;
        self
    }

    /// What it starts is killed along with it.
    pub(crate) fn with_children(&mut self) -> &mut Self {
        self.with_children = true;
        self
    }

    /// The command that starts the shell. Its stdin is the life line.
    pub fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&self.pid_file)
            .arg(&self.scratch)
            .arg(if self.with_children { "group" } else { "" })
            .args(NICE.iter().take(if self.priority == Priority::Low { NICE.len() } else { 0 }))
            .arg(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped());
        if self.with_children {
            command.process_group(0);
        }
        command
    }

    /// Starts it with its log and process id in `folder`, which is its home folder too. Nothing of
    /// the environment but `PATH` reaches it: no credentials, no user's configuration.
    pub fn start(&mut self, folder: &Path) -> Result<Process> {
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
pub struct Process {
    name: &'static str,
    supervisor: Child,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Process {
    /// The program's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The program's process id, once the shell has started it.
    pub fn id(&self) -> Option<u32> {
        std::fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()
    }

    /// How the program ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.supervisor.try_wait().ok().flatten()
    }

    /// The last lines of the program's log.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&log), 20)
    }

    /// Has the program killed, without waiting for it.
    pub fn kill(&mut self) {
        drop(self.supervisor.stdin.take());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.supervisor.wait();
    }
}

/// Runs a program to its end, quietly; what it said last is told when it fails.
pub(crate) fn run<A: AsRef<OsStr>>(
    priority: Priority,
    program: impl Into<PathBuf>,
    arguments: impl IntoIterator<Item = A>,
) -> Result<()> {
    let mut supervised = Supervised::new("", program);
    supervised.priority(priority).with_children().arguments(arguments);
    let shown = || format!("`{}` {:?}", supervised.program.display(), supervised.arguments);
    let mut command = supervised.command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(shown)?;
    // Waiting closes the pipe by which the supervisor knows that we live.
    let life_line = child.stdin.take();
    let output = child.wait_with_output().with_context(shown)?;
    drop(life_line);
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{} failed ({}): {}", shown(), output.status, last_lines(&String::from_utf8_lossy(&said), 20));
    }
    Ok(())
}

/// The last `count` lines of `text`.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// `sh` that starts a child, as pip and Go do, writes both ids and stays.
    fn parent(ids: &Path) -> Supervised {
        let script = format!("sleep 100 & echo $$ $! >{0}.new; mv {0}.new {0}; wait", ids.display());
        let mut supervised = Supervised::new("parent", "sh");
        supervised.arguments(["-c".to_owned(), script]);
        supervised
    }

    fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(answer) = probe() {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "in vain: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether a process runs; one that has ended and that nobody has waited for does not.
    fn runs(id: &str) -> bool {
        let output = Command::new("ps").args(["-o", "stat=", "-p", id]).output().unwrap();
        let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }

    #[test]
    fn what_a_program_started_ends_with_it_once_nobody_holds_the_life_line() {
        let folder = tempfile::tempdir().unwrap();
        let ids = folder.path().join("ids");
        let mut child = parent(&ids).priority(Priority::Low).with_children().command().spawn().unwrap();
        let written = until("both ids", || std::fs::read_to_string(&ids).ok());
        let ids: Vec<&str> = written.split_whitespace().collect();
        assert!(ids.len() == 2 && ids.iter().all(|id| runs(id)), "{ids:?}");
        for id in &ids {
            let output = Command::new("ps").args(["-o", "ni=", "-p", id]).output().unwrap();
            let nice: i32 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
            assert!(nice >= 10, "it takes more than what others leave: {nice}");
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        until("the end of both", || ids.iter().all(|id| !runs(id)).then_some(()));
    }

    #[test]
    fn what_fails_is_told_with_its_last_words_and_what_ends_well_ends() {
        run(Priority::Low, "sh", ["-c", "echo fine"]).unwrap();
        let failed = run(Priority::Normal, "sh", ["-c", "echo no such module >&2; exit 3"]).unwrap_err().to_string();
        assert!(failed.contains("no such module") && failed.contains('3'), "{failed}");
        assert!(run(Priority::Low, "/nowhere/python3", ["-m", "venv"]).is_err());
    }
}
