//! Files that the user names to be read. A pipe is one as well: `<(...)` of a shell is nothing else. It is waited for, and not for ever.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// How long a pipe may be without anybody who writes into it.
const WRITER_COMES_WITHIN: Duration = Duration::from_secs(10);

/// How long whoever has it open may write nothing: a person may be typing a password there.
const WRITES_WITHIN: Duration = Duration::from_mins(10);

/// How much is read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// What a file or a pipe holds, or as much of it as shows that it is more than `most` bytes.
///
/// # Errors
/// What the operating system says; that it is a directory; that nobody writes into a pipe.
pub fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    read_within(path, most, (WRITER_COMES_WITHIN, WRITES_WITHIN))
}

fn read_within(path: &Path, most: usize, (writer, word): (Duration, Duration)) -> io::Result<Vec<u8>> {
    // To open a pipe otherwise is to wait for who writes.
    let mut file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut pipe = found.file_type().is_fifo().then_some(Silence::NobodyYet);
    let (mut bytes, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    while bytes.len() <= most {
        let room = (most + 1 - bytes.len()).min(PIECE_BYTES);
        match file.read(&mut piece[..room]) {
            // A pipe that nobody has opened to write looks as one that is at its end.
            Ok(0) => match pipe {
                Some(Silence::NobodyYet) => {
                    pipe = if has_word(&file, writer)? { None } else { Some(Silence::StillNobody) };
                }
                Some(Silence::StillNobody) => return Err(nobody(writer)),
                None => break,
            },
            Ok(count) => {
                bytes.extend_from_slice(&piece[..count]);
                pipe = None;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                pipe = None;
                if !has_word(&file, word)? {
                    let words = format!("who has this pipe open wrote nothing for {} s", word.as_secs());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, words));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Of a pipe from which nothing came yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    NobodyYet,
    /// After it was waited for: who came in the meantime is seen by another look.
    StillNobody,
}

fn nobody(waited: Duration) -> io::Error {
    let words = format!("it is a pipe, and nobody wrote into it within {} s", waited.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, words)
}

/// Waits until there is something to read, or its end; false when there is nothing within that time.
fn has_word(file: &File, patience: Duration) -> io::Result<bool> {
    let time = Timespec::try_from(patience).map_err(io::Error::other)?;
    loop {
        match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&time)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a path leads to a pipe, which can be read once.
pub fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);

    fn pipe() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        (directory, path)
    }

    #[test]
    fn a_pipe_is_read_to_its_end_however_slowly_it_is_written() {
        let (_directory, path) = pipe();
        let writer = std::thread::spawn({
            let path = path.clone();
            move || {
                std::thread::sleep(SHORT / 3);
                let mut file = OpenOptions::new().write(true).open(path).unwrap();
                for piece in ["a: ", "1\n"] {
                    std::thread::sleep(SHORT / 3);
                    file.write_all(piece.as_bytes()).unwrap();
                }
            }
        });
        assert_eq!(read(&path, 100).unwrap(), b"a: 1\n");
        writer.join().unwrap();
        // One that was closed before it was read, as a shell may leave it: its other end is still open here.
        let _open =
            OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().write_all(b"b").unwrap();
        assert_eq!(read(&path, 100).unwrap(), b"b");
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        let (_directory, path) = pipe();
        let error = read_within(&path, 100, (SHORT, SHORT)).unwrap_err();
        assert!(error.kind() == io::ErrorKind::TimedOut && error.to_string().contains("nobody wrote"), "{error}");
        let _silent = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let error = read_within(&path, 100, (SHORT, SHORT)).unwrap_err();
        assert!(error.to_string().contains("wrote nothing"), "{error}");
    }

    #[test]
    fn files_are_read_and_what_has_no_end_is_read_no_further_than_asked_for() {
        let (directory, pipe) = pipe();
        let file = directory.path().join("file");
        fs::write(&file, "12345678").unwrap();
        assert_eq!(read(&file, 8).unwrap(), b"12345678");
        assert_eq!(read(&file, 4).unwrap(), b"12345");
        assert_eq!(read(Path::new("/dev/zero"), 4).unwrap(), [0; 5]);
        assert_eq!(read(Path::new("/dev/null"), 4).unwrap(), b"");
        assert_eq!(read(directory.path(), 4).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read(&directory.path().join("none"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(is_pipe(&pipe) && !is_pipe(&file));
    }
}
