//! What the process exit code says.

/// Exit codes, a sentence each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done, or answered.
    Success,
    /// The answer is no: the config is invalid, the plan is refused.
    Refused,
    /// Something broke on the way.
    Broke,
    /// Changes were found, or something that is not well, and `--detailed-exitcode` asked to tell so.
    Found,
    /// The user stopped it; what was done is recorded.
    Interrupted,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Success => 0,
            ExitStatus::Refused => 1,
            ExitStatus::Broke => 2,
            ExitStatus::Found => 3,
            ExitStatus::Interrupted => 130,
        })
    }
}
