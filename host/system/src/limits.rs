//! Limits of the operating system on this process, in words.

use std::io;
use std::sync::OnceLock;

/// What Linux answers when this process has as many files open as it may, when the whole machine has, and when there is no memory.
const TOO_MANY_OPEN: i32 = 24;
const TOO_MANY_ON_THE_MACHINE: i32 = 23;
const NO_MEMORY: i32 = 12;
/// What it answers when a user, or a container, may have no more threads.
const TRY_AGAIN: i32 = 11;

/// How many files this process may have open, where that could be read.
static OPEN_FILES: OnceLock<Option<u64>> = OnceLock::new();

/// Reads what may have to be told later: once a limit is reached, nothing more can be opened to read it.
pub fn note() {
    OPEN_FILES.get_or_init(|| soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?));
}

/// The soft limit of open files in what Linux says of a process.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What to do about an error, if a limit is what caused it.
pub fn hint(error: &io::Error) -> Option<String> {
    match error.raw_os_error()? {
        TOO_MANY_OPEN => {
            let may = OPEN_FILES.get().copied().flatten();
            let may = may.map_or_else(String::new, |most| format!(" ({most} at a time)"));
            Some(format!(
                "this process may open no more files{may}: raise the limit, with `ulimit -n 1024` in this shell"
            ))
        }
        TOO_MANY_ON_THE_MACHINE => {
            Some("the whole machine may open no more files: end what holds many, or raise `fs.file-max`".to_owned())
        }
        NO_MEMORY => Some("the system gives no more memory: see `ulimit -v`, and what else runs here".to_owned()),
        TRY_AGAIN => Some(
            "the system gives no more threads: see `ulimit -u`, the limits of the container, and what else runs here"
                .to_owned(),
        ),
        _ => None,
    }
}

/// The same for the words of an error that has passed through other hands. Of threads they say nothing: that code has other meanings.
pub fn hint_in(words: &str) -> Option<String> {
    let says = |code: &i32| words.contains(&format!("(os error {code})"));
    let code = [TOO_MANY_OPEN, TOO_MANY_ON_THE_MACHINE, NO_MEMORY].into_iter().find(says)?;
    hint(&io::Error::from_raw_os_error(code))
}

/// The error of a limit that a library panicked at, as they do where they are given no thread.
pub fn in_panic(words: &str) -> Option<io::Error> {
    // In their own words, or as they are debugged.
    let says =
        |code: &i32| words.contains(&format!("(os error {code})")) || words.contains(&format!("Os {{ code: {code},"));
    let code = [TOO_MANY_OPEN, TOO_MANY_ON_THE_MACHINE, NO_MEMORY, TRY_AGAIN].into_iter().find(says)?;
    Some(io::Error::from_raw_os_error(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_was_reached_is_named() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             31817                31817                processes \n\
                      Max open files            1024                 1048576              files     \n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit("Max open files            unlimited            unlimited            files"), None);
        let words = |code| format!("connect: {}", io::Error::from_raw_os_error(code));
        assert!(hint_in(&words(TOO_MANY_OPEN)).is_some_and(|hint| hint.contains("`ulimit -n 1024`")));
        assert!(hint_in(&words(TRY_AGAIN)).is_none());
        assert!(hint(&in_panic(&words(TRY_AGAIN)).unwrap()).is_some_and(|hint| hint.contains("`ulimit -u`")));
        let debugged =
            format!("ThreadPoolBuildError {{ kind: IOError({:?}) }}", io::Error::from_raw_os_error(TRY_AGAIN));
        assert_eq!(in_panic(&debugged).unwrap().raw_os_error(), Some(TRY_AGAIN));
        assert_eq!(hint(&io::Error::from_raw_os_error(2)), None);
    }
}
