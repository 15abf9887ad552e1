//! Files that people and later stages read, written and removed with errors that say which.

use std::fs;
use std::path::Path;

use nic_system::files::{remove_durably, replace_durably};

use crate::error::CommandError;

/// Replaces a file that people and later stages read, making its directory if need be.
///
/// # Errors
/// `FILE_NOT_WRITABLE` with the path.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let made = directory.map_or(Ok(()), fs::create_dir_all);
    let written = made.and_then(|()| replace_durably(path, bytes));
    written.map_err(|error| {
        CommandError::broke("FILE_NOT_WRITABLE", "A file cannot be written", format!("`{}`: {error}", path.display()))
            .hint("mend the cause and run again; what was done before is recorded")
    })
}

/// Removes a file that later stages read, if it is there.
///
/// # Errors
/// `FILE_NOT_WRITABLE` with the path.
pub fn remove(path: &Path) -> Result<(), CommandError> {
    remove_durably(path).map_err(|error| {
        let detail = format!("`{}`: {error}", path.display());
        CommandError::broke("FILE_NOT_WRITABLE", "A file cannot be removed", detail)
            .hint("remove it by hand: what it describes is gone")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_told_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = replace(&file.join("below"), b"x").unwrap_err();
        assert_eq!(error.diagnostics[0].code, "FILE_NOT_WRITABLE");
        assert!(error.diagnostics[0].detail.contains("below"), "{error:?}");
    }
}
