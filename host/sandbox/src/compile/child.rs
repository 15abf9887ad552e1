//! The other side: the process that compiles.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use nic_system::{limits, source_file};
use rustix::process::{Resource, Rlimit};

use super::super::limits::MAX_COMPONENT_BYTES;
use super::COMMAND;

/// The code is on stdout, whole.
pub(super) const DONE: i32 = 0;
/// The bytes do not compile; stderr says why.
pub(super) const INVALID: i32 = 1;
/// Anything else; stderr may say what.
const BROKE: i32 = 2;
/// Memory was refused.
pub(super) const OUT_OF_MEMORY: i32 = 3;

/// Compiles, if that is what the arguments ask this process for. It is to be asked before anything else is done: every descriptor
/// but the three of the pipes is closed.
pub fn serve(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, command, limits @ ..] = arguments else { return None };
    if command != COMMAND {
        return None;
    }
    std::panic::set_hook(Box::new(say_where));
    let (code, words) = match confine(limits).and_then(|()| compile()) {
        Ok(()) => (DONE, String::new()),
        Err(ended) => ended,
    };
    let _ = io::stderr().write_all(words.as_bytes());
    Some(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

type Ended = (i32, String);

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn broke(error: impl ToString) -> Ended {
    (BROKE, error.to_string())
}

/// Takes everything from this process that it does not need, before it has read a byte.
fn confine(limits: &[OsString]) -> Result<(), Ended> {
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse::<u64>().ok());
    let given: Option<Vec<u64>> = limits.iter().map(number).collect();
    let Some(&[memory_bytes, cpu_seconds, parent]) = given.as_deref() else {
        return Err(broke("two limits and the number of the process that asks are expected"));
    };
    die_with(parent)?;
    close_what_was_left_open().map_err(broke)?;
    let memory = limit(Resource::As, memory_bytes, memory_bytes);
    // Other systems may not know this one, or not keep to it.
    if cfg!(target_os = "linux") {
        memory?;
    }
    // The soft one ends the process by a signal of its own, which tells why.
    limit(Resource::Cpu, cpu_seconds, cpu_seconds + 1)?;
    // A dump would hold the file's bytes, and take their place on the disk.
    limit(Resource::Core, 0, 0)?;
    // It writes to a pipe, and to no file.
    limit(Resource::Fsize, 0, 0)
}

/// Ends this process when the one that asks is gone, or was before that could be asked of the system.
#[cfg(target_os = "linux")]
fn die_with(parent: u64) -> Result<(), Ended> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(broke)?;
    // What it may do to begin with is all that it may ever do, whatever it starts.
    rustix::thread::set_no_new_privs(true).map_err(broke)?;
    let own = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if own.and_then(|pid| u64::try_from(pid).ok()) == Some(parent) {
        Ok(())
    } else {
        Err(broke("whoever asked for it is gone"))
    }
}

/// No other system tells: it ends when nobody gives it its bytes, or takes the code, or its computing time is over.
#[cfg(not(target_os = "linux"))]
fn die_with(_: u64) -> Result<(), Ended> {
    Ok(())
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> Result<(), Ended> {
    let before = rustix::process::getrlimit(resource);
    let lower = |own: u64, before: Option<u64>| Some(before.map_or(own, |before| own.min(before)));
    let maximum = lower(hard, before.maximum);
    let current = lower(soft, before.current);
    rustix::process::setrlimit(resource, Rlimit { current, maximum }).map_err(broke)
}

/// Closes what whoever started NIC had open and did not mean for this process.
fn close_what_was_left_open() -> io::Result<()> {
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<i32>().ok();
    let open: Vec<i32> = fs::read_dir("/dev/fd")?.filter_map(number).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        #[expect(unsafe_code, reason = "only the system knows of what was inherited")]
        // SAFETY: this is the first thing that the process does (see `serve`), so nothing in it owns a descriptor yet, but the list
        // that was just read, which closed its own: to close that again does nothing.
        unsafe {
            rustix::io::close(descriptor);
        }
    }
    Ok(())
}

fn compile() -> Result<(), Ended> {
    let mut wasm = Vec::new();
    io::stdin().take(MAX_COMPONENT_BYTES as u64 + 1).read_to_end(&mut wasm).map_err(of_memory_or_broke)?;
    let engine = nic_engine::native().map_err(broke)?;
    let compiled = engine.precompile_component(&wasm).map_err(|error| {
        let words = format!("{error:#}");
        let no_memory = error.is::<wasmtime::OutOfMemory>() || words.contains("(os error 12)");
        (if no_memory { OUT_OF_MEMORY } else { INVALID }, words)
    })?;
    let mut stdout = io::stdout();
    stdout.write_all(&compiled).and_then(|()| stdout.flush()).map_err(broke)
}

fn of_memory_or_broke(error: io::Error) -> Ended {
    if error.kind() == io::ErrorKind::OutOfMemory { (OUT_OF_MEMORY, String::new()) } else { broke(error) }
}

/// The place of a panic, and none of its words: they may be the file's.
fn say_where(info: &PanicHookInfo<'_>) {
    let words = info.payload().downcast_ref::<String>().map_or("", String::as_str);
    let limit = limits::in_panic(words).map(|limit| format!(": {limit}")).unwrap_or_default();
    let place =
        info.location().map(|at| format!("{}:{}", source_file::short(at.file()), at.line())).unwrap_or_default();
    let _ = writeln!(io::stderr(), "at {place}{limit}");
}
