//! Why the file of a state, or its lock, cannot be used.

use std::io;
use std::path::Path;

use nic_core::ports::BackendError;
use nic_system::limits;
use serde_json::json;

/// What a file was wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Reading,
    /// Before anything else of a run.
    Locking,
    /// In the middle of one. The state as it was before is there, or none was ever written.
    Writing {
        before: bool,
    },
}

pub(super) fn failed(doing: Doing, what: &str, path: &Path, error: &io::Error) -> BackendError {
    /// Links that lead in a circle, which has no stable name in the standard library yet.
    const CIRCLE: i32 = 40;
    let code = if doing == Doing::Reading { "STATE_NOT_READABLE" } else { "STATE_NOT_WRITABLE" };
    let safe = match doing {
        Doing::Writing { before: true } => "the state is whole, as it was last written",
        Doing::Reading | Doing::Locking | Doing::Writing { before: false } => "nothing was begun",
    };
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "see who owns the file and its directory: what a run with `sudo` wrote is root's, and `sudo chown -R \"$USER\"` on it gives \
             it back"
                .to_owned()
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            format!("make room (disk, quota or file size limit) and run again: {safe}")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the directory is on a read-only file system; give `--state` another place".to_owned()
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "something that is no directory stands in the path; give `--state` another place".to_owned()
        }
        io::ErrorKind::IsADirectory => "a directory stands where the file should; give `--state` another place".to_owned(),
        io::ErrorKind::Unsupported if doing == Doing::Locking => {
            "this file system keeps no locks, so two runs could not be told apart; give `--state` a place on another".to_owned()
        }
        _ if error.raw_os_error() == Some(CIRCLE) => "links in the path lead in a circle; remove one of them".to_owned(),
        _ => limits::hint(error).unwrap_or_else(|| format!("mend the cause and run again: {safe}")),
    };
    let message = format!("{what} `{}`: {error}", path.display());
    BackendError { code, message, hints: vec![hint], details: json!({}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_called_whole() {
        let said = |doing| {
            let error = io::Error::from(io::ErrorKind::StorageFull);
            failed(doing, "cannot write", Path::new("state"), &error).hints.concat()
        };
        assert!(said(Doing::Writing { before: true }).contains("the state is whole"));
        for doing in [Doing::Locking, Doing::Writing { before: false }, Doing::Reading] {
            assert!(!said(doing).contains("whole") && said(doing).contains("nothing was begun"), "{doing:?}");
        }
    }
}
