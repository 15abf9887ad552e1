//! What is found wrong while a config is read: everything at once, each with its place.

use crate::types::{Diagnostic, Severity};

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Diagnostic>);

impl Findings {
    /// Something that stops the command; more may be added to what is returned.
    pub fn error(&mut self, code: &str, summary: &str, detail: String, pointer: &str) -> &mut Diagnostic {
        self.add(Severity::Error, code, summary, detail, pointer)
    }

    /// Something that is only told.
    pub fn warning(&mut self, code: &str, summary: &str, detail: String, pointer: &str) -> &mut Diagnostic {
        self.add(Severity::Warning, code, summary, detail, pointer)
    }

    fn add(&mut self, severity: Severity, code: &str, summary: &str, detail: String, pointer: &str) -> &mut Diagnostic {
        let index = self.0.len();
        self.0.push(Diagnostic {
            severity,
            code: code.to_owned(),
            summary: summary.to_owned(),
            detail,
            pointer: Some(pointer.to_owned()),
            hints: Vec::new(),
        });
        &mut self.0[index]
    }

    /// Adds what was found elsewhere.
    pub fn extend(&mut self, found: Vec<Diagnostic>) {
        self.0.extend(found);
    }

    /// Whether anything stops the command.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// All of it.
    pub fn into_inner(self) -> Vec<Diagnostic> {
        self.0
    }
}
