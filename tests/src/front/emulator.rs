//! Starts an emulator as a process of its own that cannot outlive the test.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs the server in its own process group and kills that group when standard input ends: the pipe closes however the
/// test ends, `kill -9` included. It ends by itself, with the server's status, when the server does.
const SUPERVISOR: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -9 0; } &
wait "$server"
"#;

/// How long a server may take until it answers; a cold start on a busy machine takes about ten seconds.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A running emulator; dropping it ends the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    endpoint: String,
    log: PathBuf,
    // Holds the log, and the emulator's own files.
    _directory: tempfile::TempDir,
}

impl Server {
    /// Starts what `command` runs, on a free loopback port, and waits until it answers at this path.
    pub async fn start(name: &str, health_path: &str, command: impl Fn(u16) -> Command) -> Result<Self> {
        let mut last = None;
        // Between choosing a free port and binding it another process can take it.
        for _ in 0..3 {
            match Self::start_once(name, health_path, &command).await {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt was made")?)
    }

    async fn start_once(name: &str, health_path: &str, command: &impl Fn(u16) -> Command) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .context("find a free port")?
            .port();
        let directory = tempfile::tempdir().context("make a directory for the emulator's files")?;
        let log = directory.path().join("log");
        let output = File::create(&log).context("create the emulator's log")?;
        let child = supervised(&command(port))
            .current_dir(directory.path())
            .env("TMPDIR", directory.path())
            .env("STATE_DIR", directory.path().join("state"))
            .stdin(Stdio::piped())
            .stdout(output.try_clone().context("share the emulator's log")?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .context("start the emulator's supervisor, /bin/sh")?;
        let mut server = Self { child, endpoint: format!("http://127.0.0.1:{port}"), log, _directory: directory };
        server.wait_until_it_answers(name, health_path).await?;
        Ok(server)
    }

    async fn wait_until_it_answers(&mut self, name: &str, health_path: &str) -> Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let url = format!("{}{health_path}", self.endpoint);
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().context("look after the emulator")? {
                bail!("{name} ended with {status} before it answered: {}", self.log_tail());
            }
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if began.elapsed() > START_LIMIT {
                bail!("{name} did not answer within {START_LIMIT:?}: {}", self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where it listens, as `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The end of what it wrote, for error messages.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4000)..]).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing the pipe is what tells the supervisor; it kills its group, itself included.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The command below the supervisor, with the variables that it sets.
fn supervised(command: &Command) -> Command {
    let mut supervisor = Command::new("/bin/sh");
    supervisor.args(["-c", SUPERVISOR, "supervisor"]).arg(command.get_program()).args(command.get_args());
    supervisor.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    supervisor
}
