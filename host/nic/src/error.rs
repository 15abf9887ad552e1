//! What a command ends with when it does not end well: diagnostics with stable codes, and how the process exits.

use nic_core::diagnostic::Diagnostic;
use nic_core::engine::RunError;
use nic_core::error::ProviderError;
use nic_core::lease::LEASE_LOST;
use nic_core::ports::BackendError;

use crate::exit::ExitStatus;

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandError {
    /// What to tell, most important first; never empty.
    pub diagnostics: Vec<Diagnostic>,
    /// How the process exits.
    pub status: ExitStatus,
}

impl CommandError {
    /// The answer is no.
    pub fn refused(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, status: ExitStatus::Refused }
    }

    /// Something broke.
    pub fn broke(code: &str, summary: &str, detail: impl Into<String>) -> Self {
        Self { diagnostics: vec![Diagnostic::error(code, summary, detail)], status: ExitStatus::Broke }
    }

    /// The command is about a cluster, and the state has none.
    pub fn no_cluster() -> Self {
        Self::broke("CLUSTER_NOT_READY", "There is no cluster yet", "the state has none").hint("run `nic deploy` first")
    }

    /// The same, about a place in the config.
    #[must_use]
    pub fn at_pointer(mut self, pointer: Option<String>) -> Self {
        if let Some(first) = self.diagnostics.first_mut() {
            first.pointer = pointer.or(first.pointer.take());
        }
        self
    }

    /// The same, with one more hint for the first diagnostic.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(first) = self.diagnostics.first_mut() {
            first.hints.push(hint.into());
        }
        self
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Refused(diagnostics) => Self::refused(diagnostics),
            RunError::Broke(diagnostics) => Self { diagnostics, status: ExitStatus::Broke },
            RunError::Interrupted => {
                let stopped =
                    Diagnostic::error("INTERRUPTED", "Nothing was changed", "stopped while the state was being read");
                Self { diagnostics: vec![stopped], status: ExitStatus::Interrupted }
            }
            RunError::Backend(error) => error.into(),
        }
    }
}

impl From<BackendError> for CommandError {
    fn from(error: BackendError) -> Self {
        let summary = match error.code {
            "STATE_LOCKED" => "The state is in use",
            LEASE_LOST => "The state is not this run's any more",
            _ => "The state could not be read or written",
        };
        let mut diagnostic = Diagnostic::error(error.code, summary, error.message);
        diagnostic.hints = error.hints;
        diagnostic.details = error.details;
        Self { diagnostics: vec![diagnostic], status: ExitStatus::Broke }
    }
}

impl From<ProviderError> for CommandError {
    fn from(error: ProviderError) -> Self {
        // The cloud's own code stands in its words; what a user looks up is ours.
        let summary = match error.code() {
            "CLUSTER_LOGIN_FAILED" => "There is no login to the cluster",
            code if code.starts_with("KUBECONFIG_") => "The kubeconfig cannot be used",
            code if code.starts_with("CREDENTIALS_") => "There is no login to the cloud",
            "CLOUD_UNREACHABLE" | "CLOUD_TLS_FAILED" => "The cloud is out of reach",
            _ => "A provider call failed",
        };
        let mut diagnostic = Diagnostic::error(error.code(), summary, error.to_string());
        diagnostic.hints = error.hints();
        Self { diagnostics: vec![diagnostic], status: ExitStatus::Broke }
    }
}
