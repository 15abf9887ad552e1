//! What the component told.

use std::cell::RefCell;

use crate::error::Error;
use crate::report::Level;

/// What a component told, each in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reported {
    /// Log lines.
    pub log: Vec<(Level, String)>,
    /// Progress messages.
    pub progress: Vec<String>,
    /// Remote ids that went to the journal.
    pub created: Vec<String>,
}

thread_local! {
    static RECORDING: RefCell<Vec<Reported>> = const { RefCell::new(Vec::new()) };
}

/// Runs `test` and gives what was reported meanwhile on this thread. Without it, what is reported goes nowhere.
///
/// # Panics
///
/// When `test` does.
pub fn with_report<T>(test: impl FnOnce() -> T) -> (T, Reported) {
    struct Stop;
    impl Drop for Stop {
        fn drop(&mut self) {
            if std::thread::panicking() {
                RECORDING.with_borrow_mut(Vec::pop);
            }
        }
    }
    RECORDING.with_borrow_mut(|recording| recording.push(Reported::default()));
    let _stop = Stop;
    let answer = test();
    let reported = RECORDING.with_borrow_mut(Vec::pop).expect("it was pushed above");
    (answer, reported)
}

fn record(note: impl FnOnce(&mut Reported)) {
    RECORDING.with_borrow_mut(|recording| recording.last_mut().map(note));
}

pub(crate) fn log(level: Level, message: &str) {
    record(|reported| reported.log.push((level, message.to_owned())));
}

pub(crate) fn progress(message: &str) {
    record(|reported| reported.progress.push(message.to_owned()));
}

#[expect(clippy::unnecessary_wraps, reason = "the host can refuse it")]
pub(crate) fn created(remote_id: &str) -> Result<(), Error> {
    record(|reported| reported.created.push(remote_id.to_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report;

    #[test]
    fn what_is_told_is_kept_in_order() {
        let (answer, reported) = with_report(|| {
            report::log(Level::Warn, "odd");
            report::progress("making");
            report::created("vpc-1").unwrap();
            7
        });
        assert_eq!(answer, 7);
        assert_eq!(reported.log, [(Level::Warn, "odd".to_owned())]);
        assert_eq!(reported.progress, ["making"]);
        assert_eq!(reported.created, ["vpc-1"]);
    }
}
