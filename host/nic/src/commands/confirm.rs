//! Asking before something is lost. Where nobody can answer, nothing is done that was not agreed to.

use std::io::{BufRead, IsTerminal};

use nic_core::diagnostic::Diagnostic;
use nic_core::identity::Identity;
use serde_json::json;

use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::interrupt::Listener;
use crate::output::{Format, Printer};

/// Says yes for every command, as `--yes` does for one.
const VARIABLE: &str = "NIC_YES";

/// What is agreed to.
pub(super) enum Reply<'a> {
    /// This has to be typed.
    Typed(&'a str),
    /// `y` or `yes`.
    Yes,
}

/// One thing that is asked.
pub(super) struct Prompt<'a> {
    /// The question, as it is asked.
    pub(super) text: String,
    /// What agrees.
    pub(super) answer: Reply<'a>,
    /// What was not done without it, in the past tense: `destroyed`.
    pub(super) undone: &'static str,
    /// Why it is asked, a line each, for whoever is not at a terminal.
    pub(super) because: Vec<String>,
}

/// Whether the answer was given beforehand.
pub(super) fn is_answered(yes: bool) -> bool {
    yes || std::env::var_os(VARIABLE).is_some_and(|value| value == "1")
}

impl Prompt<'_> {
    /// Returns when it is agreed to, by `--yes`, by the environment or by an answer.
    ///
    /// # Errors
    /// `CONFIRMATION_NEEDED` where there is nobody to ask, `NOT_CONFIRMED` when the answer is another, `INTERRUPTED` when it is left.
    pub(super) async fn ask(&self, yes: bool, printer: Printer) -> Result<(), CommandError> {
        if is_answered(yes) {
            return Ok(());
        }
        let nothing = format!("Nothing was {}", self.undone);
        if printer.format != Format::Text || !std::io::stdin().is_terminal() {
            let mut detail = "this command asks before it goes on, and there is no terminal to ask at".to_owned();
            if !self.because.is_empty() {
                detail = format!("{detail}: {}", self.because.join("; "));
            }
            let needed = Diagnostic::error("CONFIRMATION_NEEDED", nothing, detail)
                .details(if self.because.is_empty() { json!({}) } else { json!({ "reasons": self.because }) })
                .hint(format!("give `--yes`, or set {VARIABLE}=1, where nobody is there to answer"));
            return Err(CommandError::refused(vec![needed]));
        }
        // Whoever reads the question can leave it at once.
        let listener = Listener::listen();
        printer.ask(&self.text);
        let Some(read) = typed(listener).await else {
            let left = Diagnostic::error("INTERRUPTED", nothing, "the question was left without an answer");
            return Err(CommandError { diagnostics: vec![left], status: ExitStatus::Interrupted });
        };
        let answer = read.unwrap_or_default();
        let answer = answer.trim();
        let (agreed, why) = match self.answer {
            Reply::Typed(word) => (answer == word, format!("`{word}` was not typed")),
            Reply::Yes => {
                (matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"), "the answer was not yes".to_owned())
            }
        };
        if agreed {
            return Ok(());
        }
        Err(CommandError::refused(vec![Diagnostic::error("NOT_CONFIRMED", nothing, why)]))
    }
}

/// A line from the terminal; none when Ctrl-C, or SIGTERM, came first. Whoever waits for a line cannot be called back: the thread is left to itself.
async fn typed(mut left: Listener) -> Option<std::io::Result<String>> {
    let (told, line) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        // Nobody listens any more when the question was left.
        let _ = told.send(read.map(|_| answer));
    });
    tokio::select! {
        line = line => line.ok(),
        () = left.next() => None,
    }
}

/// ` in <the name of the account or the cluster>`; nothing where nobody knows.
pub(super) fn in_place(identity: Option<&Identity>) -> String {
    identity.map_or_else(String::new, |identity| format!(" in {}", identity.name))
}
