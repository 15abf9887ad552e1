//! `fail-late`: fails after so many polls, `{do: fail-late, polls: 2, error: conflict, remote_id: true, effect: true}`.
//!
//! With `polls: 0` it fails in the call itself. `remote_id` says whether the failure tells what exists all the same; `effect:
//! false` fails before anything was done, which only goes with `polls: 0`. In `create`, `update` and `delete`.

use nic_sdk::{Error, Failure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::pend::Operation;

/// The boundary's errors.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Why {
    Denied,
    NotFound,
    Conflict,
    Throttled,
    Invalid,
    #[default]
    Remote,
    TimedOut,
    Other,
}

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailLate {
    #[serde(default)]
    polls: u32,
    #[serde(default)]
    after_ms: u64,
    #[serde(default)]
    error: Why,
    #[serde(default = "yes")]
    remote_id: bool,
    #[serde(default = "yes")]
    effect: bool,
    /// Of a `remote` error.
    #[serde(default = "refused")]
    status: u16,
}

fn yes() -> bool {
    true
}

fn refused() -> u16 {
    400
}

impl FailLate {
    /// Whether it fails before anything was done.
    pub(crate) fn without_effect(&self) -> Option<Failure> {
        (!self.effect).then(|| Failure::new(self.error(), None))
    }

    /// How it fails after the thing was made.
    pub(crate) fn after_effect(&self, of: &str, id: &str) -> Result<Operation, Failure> {
        let failure = Failure::new(self.error(), self.remote_id.then(|| id.to_owned()));
        if self.polls == 0 {
            return Err(failure);
        }
        let told = json!({ "error": self.name(), "status": self.status, "remote_id": self.remote_id });
        Ok(Operation::failing(self.polls, self.after_ms, of, id, told))
    }

    /// The failure that [`after_effect`](Self::after_effect) put into the operation.
    pub(crate) fn told(failure: &Value, id: &str) -> Option<Failure> {
        let late = Self::deserialize(failure).ok()?;
        Some(Failure::new(late.error(), late.remote_id.then(|| id.to_owned())))
    }

    fn name(&self) -> &'static str {
        match self.error {
            Why::Denied => "denied",
            Why::NotFound => "not-found",
            Why::Conflict => "conflict",
            Why::Throttled => "throttled",
            Why::Invalid => "invalid",
            Why::Remote => "remote",
            Why::TimedOut => "timed-out",
            Why::Other => "other",
        }
    }

    fn error(&self) -> Error {
        let words = || "the script says to fail".to_owned();
        match self.error {
            Why::Denied => Error::denied("AccessDenied", words()),
            Why::NotFound => Error::NotFound(words()),
            Why::Conflict => Error::Conflict(words()),
            Why::Throttled => Error::Throttled(Some(10)),
            Why::Invalid => Error::Invalid(Vec::new()),
            Why::Remote => Error::Remote { status: self.status, code: "Scripted".into(), message: words() },
            Why::TimedOut => Error::TimedOut(words()),
            Why::Other => Error::other("SCRIPTED", words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_failure_is_the_same_after_the_polls() {
        let late = FailLate::deserialize(json!({ "polls": 2, "error": "conflict" })).unwrap();
        let operation = late.after_effect("create", "7").unwrap();
        assert_eq!(operation.left, 2);
        let expected = Failure::new(Error::Conflict("the script says to fail".into()), Some("7".into()));
        assert_eq!(FailLate::told(&operation.failure, "7"), Some(expected));
        assert_eq!(FailLate::told(&Value::Null, "7"), None);
    }
}
