//! Starts an AWS emulator as a process of its own that cannot outlive the test.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
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

/// The account every emulated thing belongs to.
pub const ACCOUNT: &str = "123456789012";

/// Which emulator stands behind the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// moto's server: the stricter model of EC2 and IAM, slower.
    Moto,
    /// ministack: more services, faster, checks little by itself.
    Ministack,
}

impl Emulator {
    /// Both, for tests that have to hold on either.
    pub const ALL: [Self; 2] = [Self::Moto, Self::Ministack];

    fn command(self, python: &Path, port: u16) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SUPERVISOR, "supervisor"]).arg(python);
        match self {
            Self::Moto => {
                command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
                // Without it, attaching an AWS managed policy answers NoSuchEntity.
                command.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
            }
            Self::Ministack => {
                command.args(["-m", "ministack"]);
                // Loopback only, and no MQTT listener on 0.0.0.0:8883.
                command.envs([
                    ("GATEWAY_PORT", port.to_string().as_str()),
                    ("BIND_HOST", "127.0.0.1"),
                    ("IOT_MTLS_ENABLED", "0"),
                ]);
                command.envs([("MINISTACK_ACCOUNT_ID", ACCOUNT), ("LOG_LEVEL", "WARNING")]);
            }
        }
        command
    }

    fn health_path(self) -> &'static str {
        match self {
            Self::Moto => "/moto-api/",
            Self::Ministack => "/_ministack/health",
        }
    }

    /// The path whose POST forgets everything.
    pub(crate) fn reset_path(self) -> &'static str {
        match self {
            Self::Moto => "/moto-api/reset",
            Self::Ministack => "/_ministack/reset",
        }
    }
}

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
    /// Starts the emulator on a free loopback port and waits until it answers.
    pub async fn start(emulator: Emulator, venv: &Path) -> Result<Self> {
        let mut last = None;
        // Between choosing a free port and binding it another process can take it.
        for _ in 0..3 {
            match Self::start_once(emulator, venv).await {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt was made")?)
    }

    async fn start_once(emulator: Emulator, venv: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .context("find a free port")?
            .port();
        let directory = tempfile::tempdir().context("make a directory for the emulator's files")?;
        let log = directory.path().join("log");
        let output = File::create(&log).context("create the emulator's log")?;
        let child = emulator
            .command(&venv.join("bin/python"), port)
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
        server.wait_until_it_answers(emulator).await?;
        Ok(server)
    }

    async fn wait_until_it_answers(&mut self, emulator: Emulator) -> Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let url = format!("{}{}", self.endpoint, emulator.health_path());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().context("look after the emulator")? {
                bail!("{emulator:?} ended with {status} before it answered: {}", self.log_tail());
            }
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if began.elapsed() > START_LIMIT {
                bail!("{emulator:?} did not answer within {START_LIMIT:?}: {}", self.log_tail());
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
