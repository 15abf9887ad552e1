//! What a provider call can fail with, and what follows from it.

use std::time::Duration;

use crate::diagnostic::Diagnostic;

/// The boundary's error variant, and what the host adds (a trap, an overrun, a lie) as `Other` with a code.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProviderError {
    /// The host or the cloud's permissions refused.
    #[error("denied: {}", denial(.code, .message))]
    Denied {
        /// The host's stable name, [`is_stable`], or the cloud's own.
        code: String,
        /// What was refused, and why.
        message: String,
    },
    /// The thing addressed does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// It exists already, or is busy.
    #[error("{0}")]
    Conflict(String),
    /// Too many requests.
    #[error("the cloud asked to slow down")]
    Throttled(Option<Duration>),
    /// The input is wrong.
    #[error("{}", .0.iter().map(|d| d.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Diagnostic>),
    /// The cloud refused or failed.
    #[error("{code}: {message}")]
    Remote {
        /// HTTP status.
        status: u16,
        /// The cloud's code.
        code: String,
        /// The cloud's message.
        message: String,
    },
    /// No answer in time.
    #[error("no answer in time: {0}")]
    TimedOut(String),
    /// Anything else, with a stable code.
    #[error("{message}")]
    Other {
        /// Stable name.
        code: String,
        /// What happened.
        message: String,
        /// A JSON object with whatever may help.
        detail: serde_json::Value,
    },
}

/// What a provider answers that does not do what was asked.
pub const NOT_IMPLEMENTED: &str = "OPERATION_NOT_IMPLEMENTED";

/// Codes that the host itself gives a request which got no answer of the one it was meant for: no cloud was there to say them.
const UNANSWERED: [&str; 4] = ["CLUSTER_UNREACHABLE", "CLOUD_UNREACHABLE", "PROXY_UNREACHABLE", "PROXY_REFUSED"];

/// Codes of a call that broke.
const BROKEN: [&str; 7] = [
    "PROVIDER_TRAPPED",
    "PROVIDER_OUT_OF_TIME",
    "PROVIDER_OUT_OF_CPU",
    "PROVIDER_OUT_OF_MEMORY",
    "PROVIDER_LIED",
    "PROVIDER_BAD_ANSWER",
    "HOST_FAILED",
];

/// Codes of an answer that came and was not taken in: withheld by the host, or not understood by the host or the provider. By then what
/// was asked for is done.
const UNHEARD: [&str; 6] = [
    "RESPONSE_TOO_LARGE",
    "RESPONSE_HOLDS_SECRET",
    "ANSWER_INVALID",
    "ANSWER_INCOMPLETE",
    "CLUSTER_ANSWER_INVALID",
    "REQUEST_FAILED",
];

/// The code of a request or an answer for which others left no room. Theirs ends, so it passes by itself.
pub const NO_ROOM_LEFT: &str = "NO_ROOM_LEFT";

/// The code of what a cluster's own permissions refuse.
pub const CLUSTER_FORBIDS: &str = "CLUSTER_FORBIDS";

/// The cause that all refusals of a login have in common.
const LOGIN_REFUSED: &str = "login refused";

/// What stands between the object and the reason where Kubernetes refuses a permission.
const FORBIDDEN: &str = " is forbidden: ";

/// What to do after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Give up.
    No,
    /// The call had no effect: the same call again after a pause.
    Safe,
    /// The effect may have happened, or something else stands in the way: look before calling again.
    AfterReading,
}

/// Whether a code is one of the host's stable names, `ACTION_NOT_GRANTED`, and not a cloud's, `UnauthorizedOperation`.
fn is_stable(code: &str) -> bool {
    code.contains('_') && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// A refusal in words. A cloud's code stands before what the cloud said; the host's can be looked up, and comes last.
fn denial(code: &str, message: &str) -> String {
    match code {
        "" => message.to_owned(),
        code if is_stable(code) => format!("{message} [{code}]"),
        code => format!("{code}: {message}"),
    }
}

impl ProviderError {
    /// What the host or the cloud's permissions refused.
    pub fn denied(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Denied { code: code.into(), message: message.into() }
    }

    /// An `Other` error without detail.
    pub fn other(code: &str, message: impl Into<String>) -> Self {
        Self::Other { code: code.to_owned(), message: message.into(), detail: serde_json::json!({}) }
    }

    /// What follows from it.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Throttled(_) => Retry::Safe,
            Self::Conflict(_) | Self::TimedOut(_) => Retry::AfterReading,
            Self::Remote { status, .. } if *status >= 500 => Retry::AfterReading,
            Self::Other { code, .. } if code == NO_ROOM_LEFT => Retry::AfterReading,
            _ => Retry::No,
        }
    }

    /// Whether the call ended without an answer that can be believed: it may have had its effect.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Other { code, .. } if BROKEN.contains(&code.as_str()) || UNHEARD.contains(&code.as_str()))
    }

    /// What the user can do about it, as far as the error knows.
    pub fn hints(&self) -> Vec<String> {
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        match self {
            Self::Denied { .. } if self.cause() == LOGIN_REFUSED => {
                vec!["check the credentials, and whether the account has enabled the region".to_owned()]
            }
            _ if self.lacks_permission() => {
                vec!["check that the credentials in use may do this".to_owned()]
            }
            Self::Denied { code, .. } if code.ends_with("_NOT_GRANTED") => {
                vec!["`nic provider list --verbose` shows what each component may do".to_owned()]
            }
            Self::Other { detail, .. } => match &detail["hints"] {
                serde_json::Value::Array(hints) => hints.iter().filter_map(text).collect(),
                _ => text(&detail["hint"]).into_iter().collect(),
            },
            Self::Remote { code, .. } if code == "CLUSTER_UNREACHABLE" => {
                vec!["see whether the cluster is up and can be reached from here: `kubectl get nodes`".to_owned()]
            }
            Self::Remote { code, .. } if code == "PROXY_UNREACHABLE" => vec![
                "see whether the proxy runs and is the right one; what needs none is listed in NO_PROXY".to_owned(),
            ],
            Self::Remote { code, .. } if code == "PROXY_REFUSED" => {
                vec!["ask who runs the proxy to let this host through, or list the host in NO_PROXY".to_owned()]
            }
            Self::Remote { code, .. } if code == "CLOUD_UNREACHABLE" => vec![
                "see whether this machine reaches the internet, whether a proxy is set, and whether the region exists"
                    .to_owned(),
            ],
            _ => Vec::new(),
        }
    }

    /// What errors of one cause have in common: a login that is refused, or a cloud that is out of reach, fails every call in its
    /// own words.
    pub fn cause(&self) -> String {
        const LOGIN: [&str; 7] = [
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "AuthFailure",
            "IncompleteSignature",
            "IncompleteSignatureException",
        ];
        match self {
            Self::Denied { code, .. } if LOGIN.contains(&code.as_str()) => LOGIN_REFUSED.to_owned(),
            // A permission of the cluster is refused for a sort of object: which one is meant says nothing more.
            Self::Denied { message, .. } if message.contains(FORBIDDEN) => {
                message.split_once(FORBIDDEN).map_or(message.as_str(), |(_, why)| why).to_owned()
            }
            Self::Remote { code, .. } if UNANSWERED.contains(&code.as_str()) => code.clone(),
            Self::Other { code, .. } if code.starts_with("CREDENTIALS_") || code == "CLUSTER_LOGIN_FAILED" => {
                code.clone()
            }
            other => other.to_string(),
        }
    }

    /// Whether the login is good, and may not do this. What the host itself refuses, no other login would change.
    pub fn lacks_permission(&self) -> bool {
        let Self::Denied { code, .. } = self else { return false };
        (!is_stable(code) || code == CLUSTER_FORBIDS) && self.cause() != LOGIN_REFUSED
    }

    /// Whether another question may well be answered: it is neither the login nor the way to the cloud that failed.
    pub fn is_of_one_question(&self) -> bool {
        let code = self.code();
        self.cause() != LOGIN_REFUSED && !code.starts_with("CREDENTIALS_") && !UNANSWERED.contains(&code)
    }

    /// The stable code shown to users.
    pub fn code(&self) -> &str {
        match self {
            Self::Denied { code, .. } if is_stable(code) => code,
            Self::Denied { .. } => "DENIED",
            Self::NotFound(_) => "NOT_FOUND",
            Self::Conflict(_) => "CONFLICT",
            Self::Throttled(_) => "THROTTLED",
            Self::Invalid(_) => "INVALID",
            Self::Remote { code, .. } if UNANSWERED.contains(&code.as_str()) => code,
            Self::Remote { .. } => "REMOTE_ERROR",
            Self::TimedOut(_) => "TIMED_OUT",
            Self::Other { code, .. } => code,
        }
    }
}

/// Why a change failed, and what exists in spite of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeFailure {
    /// Why.
    pub error: ProviderError,
    /// Set when the thing exists all the same.
    pub remote_id: Option<String>,
}

impl From<ProviderError> for ChangeFailure {
    fn from(error: ProviderError) -> Self {
        Self { error, remote_id: None }
    }
}
