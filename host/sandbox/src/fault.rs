//! What is wrong with an answer, and whom to blame.

use nic_core::error::ProviderError;

/// What is wrong with an answer. The text names the place, and never holds more of the guest's text than a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It cannot be read.
    Bad(String),
    /// It can be read, and breaks the contract.
    Lie(String),
}

impl Fault {
    pub(super) fn bad<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Bad(why.into()))
    }

    pub(super) fn lie<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Lie(why.into()))
    }

    /// The error that tells it.
    pub(super) fn error(self, provider: &str, export: &str) -> ProviderError {
        match self {
            Self::Bad(why) => ProviderError::other(
                "PROVIDER_BAD_ANSWER",
                format!("the provider `{provider}` gave an answer to `{export}` that cannot be used: {why}"),
            ),
            Self::Lie(why) => ProviderError::other(
                "PROVIDER_LIED",
                format!("the provider `{provider}` broke its contract in `{export}`: {why}"),
            ),
        }
    }
}
