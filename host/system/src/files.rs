//! Files the host writes: replaced whole, readable by their owner alone, and still there after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How much is written at a time. Linux keeps together what it got together, and maps it together: of compiled code, of which a run needs
/// a little here and there, that is half as much memory again.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether a file or a directory is this user's, or root's, and nobody else can write to it, by its group or at all.
pub fn only_owner_writes(metadata: &fs::Metadata) -> bool {
    let owner = metadata.uid();
    (owner == rustix::process::geteuid().as_raw() || owner == 0) && metadata.permissions().mode() & 0o022 == 0
}

/// Makes a directory, and those above it, for this user alone, whatever the umask says. What is there stays as it is.
///
/// # Errors
/// What the operating system says.
pub fn make_own_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file to read it. A pipe, which would be waited for, or a device, which may have no end, is none.
///
/// # Errors
/// What the operating system says, and that it is no file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(NO_WAIT).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// Opens a file that stands for a lock, and makes it where there is none. A link is none: what is written into the file would go to whatever
/// it leads to.
///
/// # Errors
/// What the operating system says, and that it is a link, or no file.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).write(true).truncate(false).mode(0o600).custom_flags(NO_WAIT | NO_LINK);
    let file = options.open(path).map_err(|error| match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            io::Error::other("it is a link; a lock has to be a file of its own: remove it")
        }
        _ => error,
    })?;
    match file.metadata()? {
        found if found.is_file() && found.nlink() <= 1 => Ok(file),
        found if found.is_file() => Err(io::Error::other("it is a file of another name too: remove it")),
        _ => Err(io::Error::other("it is no regular file")),
    }
}

/// Whether that path still leads to this open file.
pub fn is_at(file: &File, path: &Path) -> bool {
    let id = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => id(open) == id(there),
        _ => false,
    }
}

/// What a file holds, or as much of it as shows that it is more than `most` bytes.
///
/// # Errors
/// As [`open_regular`].
pub fn read_at_most(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Does not wait for who writes into a pipe.
const NO_WAIT: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// Does not follow a link in the place of the file.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// Replaces a file: whenever this is interrupted, the whole old or the whole new content is there, and the new one once it
/// returns. Only its owner can read the file, whatever the permissions of the one before.
///
/// Two writers of one file at the same time are kept apart by the lock of the state, or of `nic.lock`, not by this.
///
/// # Errors
/// What the operating system says.
pub fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = suffixed(path, ".new");
    // What a run that was killed left behind may have other permissions, or lead elsewhere: it is not written to.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let write = || {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&temporary)?;
        bytes.chunks(PIECE_BYTES).try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // On a full disk, what was written in vain takes room that is needed.
        let _ = fs::remove_file(&temporary);
    })?;
    // The rename itself is durable only when the directory is.
    File::open(directory_of(path))?.sync_all()
}

/// Renames a file beside where it stands, durably.
///
/// # Errors
/// What the operating system says.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    File::open(directory_of(to))?.sync_all()
}

/// Removes a file, if it is there: gone once it returns, power cut or not.
///
/// # Errors
/// What the operating system says.
pub fn remove_durably(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| File::open(directory_of(path))?.sync_all()),
    }
}

/// A file beside another: its path with something added.
pub fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kubeconfig");
        replace_durably(&path, b"a longer text").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"a longer text"[..], 0o600));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace_durably(&path, b"short").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"short"[..], 0o600));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_left_behind_is_neither_followed_nor_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("state"), directory.path().join("other"));
        fs::write(&other, "untouched").unwrap();
        symlink(&other, suffixed(&path, ".new")).unwrap();
        replace_durably(&path, b"new").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"untouched");
        fs::write(suffixed(&path, ".new"), "half").unwrap();
        fs::set_permissions(suffixed(&path, ".new"), fs::Permissions::from_mode(0o666)).unwrap();
        replace_durably(&path, b"newer").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"newer"[..], 0o600));
        assert!(!suffixed(&path, ".new").exists());
    }

    #[test]
    fn a_lock_is_a_file_of_its_own_and_known_again() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("precious"), "untouched").unwrap();
        symlink(at("precious"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::hard_link(at("precious"), at("another")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).unwrap();
        for (name, why) in
            [("link", "is a link"), ("dangling", "is a link"), ("another", "another name"), ("pipe", "no regular file")]
        {
            let error = open_lock(&at(name)).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
        assert!(!at("nowhere").exists());

        let lock = open_lock(&at("lock")).unwrap();
        assert!(is_at(&lock, &at("lock")) && is_at(&open_lock(&at("lock")).unwrap(), &at("lock")));
        fs::remove_file(at("lock")).unwrap();
        assert!(!is_at(&lock, &at("lock")));
        let anew = open_lock(&at("lock")).unwrap();
        assert!(!is_at(&lock, &at("lock")) && is_at(&anew, &at("lock")));
    }

    #[test]
    fn what_others_can_write_is_not_the_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("deep/own");
        make_own_directory(&own).unwrap();
        assert_eq!((mode(&own), mode(own.parent().unwrap())), (0o700, 0o700));
        for (mode, expected) in [(0o755, true), (0o775, false), (0o757, false)] {
            fs::set_permissions(&own, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(only_owner_writes(&fs::metadata(&own).unwrap()), expected, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for_and_no_more_is_read_than_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let (pipe, file) = (directory.path().join("pipe"), directory.path().join("file"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        for path in [pipe.as_path(), directory.path(), Path::new("/dev/zero")] {
            assert!(read_at_most(path, 4).unwrap_err().to_string().contains("no regular file"), "{}", path.display());
        }
        fs::write(&file, "12345678").unwrap();
        assert_eq!(read_at_most(&file, 4).unwrap(), b"12345");
        assert_eq!(read_at_most(&file, 8).unwrap(), b"12345678");
    }
}
