//! The file that a state's path leads to. A link is followed, so that two paths to one state meet at one lock, and a write replaces the
//! file and leaves the link.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nic_core::ports::BackendError;
use serde_json::json;

use super::file_error::{Doing, failed};

/// How many links are followed; as many as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// The file itself, which may not be there yet.
///
/// # Errors
/// `STATE_NOT_READABLE`: a link that leads nowhere or in a circle, something that is no file, a place that may not be looked at. None
/// of that is a state that is not there.
pub(super) fn real(path: &Path) -> Result<PathBuf, BackendError> {
    let mut at = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && at != path => return Err(dangling(path, &at)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let lost = at.ancestors().skip(1).find(|above| fs::symlink_metadata(above).is_ok());
                return match lost.filter(|above| fs::metadata(above).is_err()) {
                    Some(link) => Err(dangling(link, &fs::read_link(link).unwrap_or_default())),
                    None => Ok(at),
                };
            }
            Err(error) => return Err(failed(Doing::Reading, "cannot look at", &at, &error)),
        };
        if found.is_file() {
            return Ok(at);
        }
        if !found.is_symlink() {
            return Err(no_file(path, found.is_dir()));
        }
        let target = fs::read_link(&at).map_err(|error| failed(Doing::Reading, "cannot follow", &at, &error))?;
        // A relative target is relative to the directory that the link is in.
        at = at.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(refused(
        format!("`{}` is a link that leads to itself", path.display()),
        "remove the link, or let it lead to the state; `--state` names another place",
    ))
}

fn dangling(link: &Path, target: &Path) -> BackendError {
    refused(
        format!("`{}` is a link to `{}`, and nothing is there", link.display(), target.display()),
        "put the state back where the link leads (is a disk not mounted?), or remove the link if there is to be a new state",
    )
}

fn no_file(path: &Path, is_directory: bool) -> BackendError {
    let what = if is_directory { "a directory" } else { "no file, but a pipe, a socket or a device" };
    refused(format!("`{}` is {what}", path.display()), "give `--state` the path of the state's own file")
}

fn refused(message: String, hint: &str) -> BackendError {
    BackendError { code: "STATE_NOT_READABLE", message, hints: vec![hint.to_owned()], details: json!({}) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn links_are_followed_to_the_file_that_they_lead_to() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("shared/a")).unwrap();
        fs::write(at("shared/a/state"), "{}").unwrap();
        symlink("a/state", at("shared/relative")).unwrap();
        symlink(at("shared/relative"), at("chain")).unwrap();
        symlink("shared", at("by-directory")).unwrap();
        let same = |name: &str| {
            assert_eq!(
                fs::canonicalize(real(&at(name)).unwrap()).unwrap(),
                fs::canonicalize(at("shared/a/state")).unwrap()
            );
        };
        ["shared/a/state", "shared/relative", "chain", "by-directory/relative"].into_iter().for_each(same);
        // Where nothing is, something may come to be.
        assert_eq!(real(&at("new/state")).unwrap(), at("new/state"));
    }

    #[test]
    fn what_leads_nowhere_or_is_no_file_is_no_absent_state() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        symlink("gone", at("dangling")).unwrap();
        symlink("dangling", at("chain")).unwrap();
        symlink("no-directory", at("lost")).unwrap();
        symlink("circle", at("other")).unwrap();
        symlink("other", at("circle")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (name, words) in [
            ("dangling", "nothing is there"),
            ("chain", "nothing is there"),
            ("lost/deep/state", "nothing is there"),
            ("circle", "leads to itself"),
            ("directory", "is a directory"),
            ("socket", "a socket or a device"),
        ] {
            let error = real(&at(name)).unwrap_err();
            assert!(error.code == "STATE_NOT_READABLE" && error.message.contains(words), "{name}: {error:?}");
            assert_eq!(error.hints.len(), 1);
        }
    }
}
