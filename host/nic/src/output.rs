//! What people and programs see. stdout is data, stderr is talk; nothing else in the host prints.

pub mod drift;
pub mod events;
pub mod grants;
pub mod graph;
pub mod human;
pub mod json;
pub mod progress;
pub mod wrap;

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Arc, OnceLock};

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::ports::Reporter;
use serde_json::Value;

use crate::config::ConfigSource;
use crate::error::CommandError;

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
    note(std::io::stdout().write_all(bytes));
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
    let why = LOST.get()?;
    let error = CommandError::broke("OUTPUT_NOT_WRITTEN", "The result could not be written to stdout", why.as_str());
    Some(error.hint("make room where stdout leads; what was done is recorded"))
}

/// Where words go, passed down as a value.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    /// How results are written.
    pub format: Format,
    /// How much is said.
    pub verbosity: Verbosity,
    /// What happens goes to stdout as JSON lines, the document as the last of them.
    pub events: bool,
}

impl Printer {
    /// A line of data for a person; nothing in JSON, where [`Printer::document`] is the data.
    pub fn line(&self, line: impl AsRef<str>) {
        if self.format == Format::Text {
            note(writeln!(anstream::stdout(), "{}", line.as_ref()));
        }
    }

    /// The one JSON document; nothing in text.
    pub fn document(&self, document: &Value) {
        if self.events {
            events::result(document);
        } else if self.format == Format::Json {
            raw(format!("{document:#}\n").as_bytes());
        }
    }

    /// A word beside the data.
    pub fn talk(&self, level: &str, message: impl AsRef<str>) {
        match self.format {
            Format::Text if self.verbosity > Verbosity::Quiet || level == "error" => {
                let _ = writeln!(anstream::stderr(), "{}", message.as_ref());
            }
            Format::Json => {
                let line = serde_json::json!({ "level": level, "message": message.as_ref() });
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            Format::Text => {}
        }
    }

    /// Diagnostics, on stderr; with excerpts of the config where it is known.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic], source: Option<&ConfigSource>) {
        for (index, diagnostic) in diagnostics.iter().enumerate() {
            match self.format {
                Format::Json => {
                    let line = json::log_line(diagnostic);
                    let _ = writeln!(std::io::stderr(), "{line}");
                }
                Format::Text => {
                    if self.verbosity == Verbosity::Quiet && diagnostic.severity != Severity::Error {
                        continue;
                    }
                    let text = human::diagnostic(diagnostic, source, index);
                    let _ = writeln!(anstream::stderr(), "{text}");
                }
            }
        }
    }

    /// Who shows what happens.
    pub fn reporter(&self) -> Arc<dyn Reporter> {
        match (self.format, self.verbosity) {
            _ if self.events => Arc::new(events::EventReporter),
            (Format::Json, _) => Arc::new(json::JsonReporter::default()),
            (Format::Text, Verbosity::Quiet) => Arc::new(Silent),
            (Format::Text, _) if std::io::stderr().is_terminal() => Arc::new(progress::Live::default()),
            (Format::Text, _) => Arc::new(progress::Plain::default()),
        }
    }
}

/// Says nothing.
struct Silent;

impl Reporter for Silent {
    fn report(&self, _: nic_core::ports::Event) {}
}
