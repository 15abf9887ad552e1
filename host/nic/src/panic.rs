//! What nobody foresaw: told as `INTERNAL`, with what to report and nothing of the user's.
//!
//! The process ends before anything unwinds, whichever thread it is, a task's or one for blocking work: nobody is left waiting for what
//! will not come, and the state stays as it was last written. What was under way is pending in it, as after `kill -9`.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nic_system::{limits, source_file};
use serde_json::json;

use crate::error::CommandError;
use crate::output::{Printer, screen};

/// Where a panic is to be reported.
const ISSUES: &str = "https://github.com/nebari-dev/nebari-infrastructure-core/issues";

/// What runs, and who tells of it.
#[derive(Clone, Copy)]
struct Running {
    command: &'static str,
    printer: Printer,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// Whether somebody tells of a panic at the moment.
static TELLING: AtomicBool = AtomicBool::new(false);

/// From now on every panic ends the process, and is told as this command's.
pub fn is_told(command: &'static str, printer: Printer) {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { command, printer });
    std::panic::set_hook(Box::new(tell));
}

/// The end of a run must not overtake who tells why it broke.
pub fn wait_until_told() {
    while TELLING.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[expect(clippy::exit, reason = "a thread that panics cannot end the process by returning")]
fn tell(info: &PanicHookInfo<'_>) {
    if TELLING.swap(true, Ordering::SeqCst) {
        // One is enough, and it ends this thread too.
        loop {
            std::thread::park();
        }
    }
    // Who panics may be the one who holds the screen.
    screen::give_up();
    let running = RUNNING.try_lock().ok().and_then(|running| *running);
    let place = info.location().map(|at| format!("{}:{}:{}", source_file::short(at.file()), at.line(), at.column()));
    let error = error(running.map_or("", |running| running.command), place.as_deref(), info.payload());
    let backtrace = Backtrace::capture();
    if let Some(Running { printer, .. }) = running {
        printer.error(&error);
    }
    if backtrace.status() == BacktraceStatus::Captured {
        let _ = writeln!(std::io::stderr(), "{backtrace}");
    }
    std::process::exit(2);
}

fn error(command: &str, place: Option<&str>, payload: &(dyn Any + Send)) -> CommandError {
    let place = place.unwrap_or("an unknown place");
    let words = payload.downcast_ref::<String>().map_or("", String::as_str);
    if let Some(limit) = limits::in_panic(words) {
        let detail = format!("{limit}, at {place}");
        let error = CommandError::broke("PROCESS_LIMIT_REACHED", "The system gives this process no more", detail);
        return limits::hint(&limit).into_iter().fold(error, CommandError::hint);
    }
    let version = env!("CARGO_PKG_VERSION");
    // Words that were put together while running may hold anything; those in the source hold nothing.
    let fixed = payload.downcast_ref::<&'static str>().map(|words| format!(": {words}")).unwrap_or_default();
    let detail = format!("nic {version} broke off in `nic {command}` at {place}{fixed}");
    let mut error = CommandError::broke("INTERNAL", "This is a fault in NIC", detail)
        .hint(format!("report it with these lines, and with what you did: {ISSUES}"))
        .hint("the state is as it was last written: `nic plan` shows what is left to do");
    let platform = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    error.diagnostics[0].details =
        json!({ "version": version, "command": command, "place": place, "platform": platform });
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_together_while_running_is_not_repeated() {
        let formatted: Box<dyn Any + Send> = Box::new("a password".to_owned());
        let told = error("deploy", Some("host/nic/src/x.rs:1:2"), &*formatted);
        let first = &told.diagnostics[0];
        assert!(!format!("{told:?}").contains("password"), "{told:?}");
        assert_eq!(first.code, "INTERNAL");
        assert!(first.detail.contains("`nic deploy` at host/nic/src/x.rs:1:2"), "{}", first.detail);
        assert_eq!(
            (&first.details["command"], &first.details["place"]),
            (&json!("deploy"), &json!("host/nic/src/x.rs:1:2"))
        );
        assert!(first.hints[0].contains("/issues"));
        let fixed: Box<dyn Any + Send> = Box::new("what goes well is one line");
        assert!(error("plan", None, &*fixed).diagnostics[0].detail.ends_with(": what goes well is one line"));
    }

    #[test]
    fn a_thread_that_is_not_given_is_a_limit_and_no_fault_of_nic() {
        let words = "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)";
        let payload: Box<dyn Any + Send> = Box::new(words.to_owned());
        let told = error("plan", Some("tokio/pool.rs:1:1"), &*payload);
        assert_eq!(told.diagnostics[0].code, "PROCESS_LIMIT_REACHED");
        assert!(told.diagnostics[0].hints[0].contains("`ulimit -u`"), "{told:?}");
    }
}
