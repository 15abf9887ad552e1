//! A problem told to the user: a fixed summary, the specifics, a stable code, hints.

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth a look; nothing stops.
    Warning,
    /// Stops the command.
    Error,
}

/// Something to tell the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name in `SCREAMING_SNAKE_CASE`, listed in docs/errors.md.
    pub code: String,
    /// One fixed phrase without names.
    pub summary: String,
    /// The specifics.
    pub detail: String,
    /// The resource it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// RFC 6901 pointer into the config (or the document at `address`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What the user can do, most useful first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// An object with whatever may help a program; null when there is nothing.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub details: serde_json::Value,
}

impl Diagnostic {
    pub fn error(code: &str, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.to_owned(),
            summary: summary.into(),
            detail: detail.into(),
            address: None,
            pointer: None,
            hints: Vec::new(),
            details: serde_json::Value::Null,
        }
    }

    pub fn warning(code: &str, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, summary, detail) }
    }

    /// The same, about a resource.
    #[must_use]
    pub fn at(mut self, address: &Address) -> Self {
        self.address = Some(address.clone());
        self
    }

    /// The same, with details for programs.
    #[must_use]
    pub fn details(mut self, details: serde_json::Value) -> Self {
        self.details = details;
        self
    }

    /// The same, with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
