//! Running the `nic` binary in a terminal: a pseudo-terminal of a size, and what a person would see on it.

use std::num::NonZeroU16;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pty_process::{OwnedReadPty, OwnedWritePty, Size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::Instant;

use crate::nic::Workspace;

/// Lines above the screen that are kept.
const SCROLLBACK: usize = 2_000;

fn at_least_one(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

fn parser(rows: u16, columns: u16) -> vt100::Parser {
    vt100::Parser::new(at_least_one(rows), at_least_one(columns), SCROLLBACK)
}

/// What came of reading.
enum Read {
    Some,
    End,
    Late,
}

/// `nic` in a terminal.
pub struct Terminal {
    child: Child,
    reader: OwnedReadPty,
    writer: OwnedWritePty,
    screen: vt100::Parser,
    /// Everything that was written.
    pub written: Vec<u8>,
}

impl Terminal {
    /// Starts `nic` with these arguments; stdin, stdout and stderr are the terminal.
    pub fn start(workspace: &Workspace, arguments: &[&str], rows: u16, columns: u16) -> Result<Self> {
        let (terminal, end) = pty_process::open().context("open a pseudo-terminal")?;
        terminal.resize(Size::new(rows, columns))?;
        let nic = workspace.command(arguments)?;
        let nic = nic.as_std();
        let environment = nic.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let command = pty_process::Command::new(nic.get_program())
            .args(nic.get_args())
            .env_clear()
            .envs(environment)
            .env("TERM", "xterm-256color")
            .current_dir(workspace.path())
            .kill_on_drop(true);
        let child = command.spawn(end).context("start nic")?;
        let (reader, writer) = terminal.into_split();
        let screen = parser(rows, columns);
        Ok(Self { child, reader, writer, screen, written: Vec::new() })
    }

    /// Reads until `done` says so of the screen, or the program has ended: then false.
    pub async fn until(&mut self, patience: Duration, done: impl Fn(&str) -> bool) -> Result<bool> {
        let deadline = Instant::now() + patience;
        while !done(&self.shown()) {
            match self.read(deadline).await? {
                Read::Some => {}
                Read::End => return Ok(false),
                Read::Late => bail!("waited in vain; the screen is\n{}", self.shown()),
            }
        }
        Ok(true)
    }

    /// Reads for so long; false when the program has ended.
    pub async fn pass(&mut self, time: Duration) -> Result<bool> {
        let deadline = Instant::now() + time;
        loop {
            match self.read(deadline).await? {
                Read::Some => {}
                Read::End => return Ok(false),
                Read::Late => return Ok(true),
            }
        }
    }

    async fn read(&mut self, deadline: Instant) -> Result<Read> {
        let mut buffer = vec![0; 16 * 1024];
        match tokio::time::timeout_at(deadline, self.reader.read(&mut buffer)).await {
            Err(_) => Ok(Read::Late),
            // Linux answers with an error when the other end is closed.
            Ok(Ok(0) | Err(_)) => Ok(Read::End),
            Ok(Ok(count)) => {
                self.written.extend(&buffer[..count]);
                self.screen.process(&buffer[..count]);
                Ok(Read::Some)
            }
        }
    }

    /// Reads to the end, and says how it ended; by a signal as shells do.
    pub async fn end(&mut self, patience: Duration) -> Result<i32> {
        ensure!(!self.until(patience, |_| false).await?, "it has not ended");
        let status = tokio::time::timeout(patience, self.child.wait()).await.context("nic does not end")??;
        Ok(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1))
    }

    /// Types.
    pub async fn write(&mut self, text: &str) -> Result<()> {
        Ok(self.writer.write_all(text.as_bytes()).await?)
    }

    /// Makes the window of another size.
    pub fn resize(&mut self, rows: u16, columns: u16) -> Result<()> {
        self.writer.resize(Size::new(rows, columns))?;
        self.screen.screen_mut().set_size(at_least_one(rows), at_least_one(columns));
        Ok(())
    }

    /// The screen, cell by cell.
    pub fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    /// What is on the screen.
    pub fn shown(&self) -> String {
        self.screen.screen().contents()
    }

    /// Everything from the first line on, as scrolling up shows it.
    pub fn history(&mut self) -> Vec<String> {
        let screen = self.screen.screen_mut();
        let columns = screen.size().1.get();
        let mut lines = Vec::new();
        for offset in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(offset);
            lines.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, columns));
        lines
    }
}
