//! What people and programs see. stdout is data, stderr is talk; nothing else in the host prints.

pub mod drift_report;
mod excerpt;
pub mod grants;
pub mod graph;
pub mod human;
pub mod json;
pub mod progress;
pub mod screen;
pub mod status;
mod values;
pub mod wrap;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::ports::Reporter;
use serde_json::Value;

pub use self::progress::Durations;
use self::progress::{Level, ProgressReporter, Style};
use crate::config::ConfigSource;
use crate::error::CommandError;
use crate::exit::ExitStatus;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document on stdout, JSON lines on stderr.
    Json,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Results and errors only.
    Quiet,
    /// What changes.
    Normal,
    /// Everything.
    Verbose,
}

/// Why data did not reach stdout, the first time that it did not.
static LOST: OnceLock<String> = OnceLock::new();

/// Bytes of data, as they are.
pub fn raw(bytes: &[u8]) {
    screen::aside(|| note(std::io::stdout().write_all(bytes)));
}

fn note(written: std::io::Result<()>) {
    match written.and_then(|()| std::io::stdout().flush()) {
        // Who reads has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = LOST.set(error.to_string());
        }
        _ => {}
    }
}

/// Why data was lost, if any was: a result on a full disk is no result.
pub fn lost() -> Option<CommandError> {
    Some(not_written(LOST.get()?))
}

/// The error of data that did not reach stdout.
pub fn not_written(why: &str) -> CommandError {
    let error = CommandError::broke("OUTPUT_NOT_WRITTEN", "The result could not be written to stdout", why);
    error.hint("make room where stdout leads; what was done is recorded")
}

/// Where words go, passed down as a value.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    /// How results are written.
    pub format: Format,
    /// How everything else is written.
    pub log: Format,
    /// How much is said.
    pub verbosity: Verbosity,
    /// What happens goes to stdout as JSON lines, the document as the last of them.
    pub events: bool,
}

impl Printer {
    /// An error in words and as a document, and how the process exits with it.
    pub fn error(&self, error: &CommandError) -> ExitStatus {
        self.diagnostics(&error.diagnostics, None);
        self.document(&json::error_document(error));
        error.status
    }

    /// A line of data for a person; nothing in JSON, where [`Printer::document`] is the data.
    pub fn line(&self, line: impl AsRef<str>) {
        if self.format == Format::Text {
            screen::aside(|| note(writeln!(anstream::stdout(), "{}", line.as_ref())));
        }
    }

    /// The one JSON document; nothing in text.
    pub fn document(&self, document: &Value) {
        if self.events {
            progress::events::result(document);
        } else if self.format == Format::Json {
            raw(format!("{document:#}\n").as_bytes());
        }
    }

    /// A word beside the data.
    pub fn talk(&self, level: &str, message: impl AsRef<str>) {
        if self.verbosity == Verbosity::Quiet && level != "error" {
            return;
        }
        screen::aside(|| {
            let _ = match self.log {
                Format::Text => writeln!(anstream::stderr(), "{}", message.as_ref()),
                Format::Json => writeln!(std::io::stderr(), "{}", json::line(level, message.as_ref())),
            };
        });
    }

    /// A question to a person, on stderr: seen also where nothing else is told.
    pub fn ask(&self, question: &str) {
        screen::aside(|| {
            let _ = writeln!(anstream::stderr(), "\n{question}");
        });
    }

    /// Diagnostics, on stderr; with excerpts of the config where it is known.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic], source: Option<&ConfigSource>) {
        for (index, diagnostic) in diagnostics.iter().enumerate() {
            if self.verbosity == Verbosity::Quiet && diagnostic.severity != Severity::Error {
                continue;
            }
            screen::aside(|| {
                let _ = match self.log {
                    Format::Text => {
                        writeln!(anstream::stderr(), "{}", human::diagnostic(diagnostic, source, index))
                    }
                    Format::Json => writeln!(std::io::stderr(), "{}", json::stamped(json::log_line(diagnostic))),
                };
            });
        }
    }

    /// Who shows what happens to the platform whose state is at this path.
    pub fn reporter(&self, durations: Option<PathBuf>, history: Durations) -> Arc<dyn Reporter> {
        let least = match self.verbosity {
            Verbosity::Quiet => Level::Error,
            Verbosity::Normal => Level::Info,
            Verbosity::Verbose => Level::Debug,
        };
        let style = match (self.log, self.verbosity) {
            _ if self.events => Style::Events,
            // What fails is told at the end, with its code.
            (Format::Text, Verbosity::Quiet) => Style::Silent,
            // Every wait and retry is a line then, and lines do not go with a tree.
            (Format::Text, Verbosity::Normal) if screen::can_paint() => Style::Live,
            (format, _) => Style::Lines(format, least),
        };
        Arc::new(ProgressReporter::new(style, durations, history))
    }
}
