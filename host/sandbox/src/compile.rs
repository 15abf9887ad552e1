//! Machine code for a component from a file, made by a process of its own.
//!
//! What a compiler takes is the file's to choose: a few kilobytes can cost it gigabytes, or hours. So this very program compiles in a
//! second process, which has nothing of this one (no environment, no open file but its pipes), may take so much and no more, and
//! dies with it. That bounds what compiling takes, and is no wall against a fault of the compiler: what the process answers is run here.
//! What is bundled is as trusted as the binary, and brings its machine code; if that cannot be used, it compiles here.

mod child;

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::limits::{CompileLimits, MAX_COMPILER_THREADS, MAX_COMPILER_WORDS_BYTES, max_compiled_bytes};

pub use child::serve;

/// The first argument that makes the program the compiler. It is for the program alone: no help, completion or man page has it.
const COMMAND: &str = "compile-component";

/// Who compiles what comes from a file and is not in the cache.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// This process, without limits: for files as trusted as it is.
    InProcess,
    /// A process of the program that NIC is.
    Program(Program),
}

/// The program that compiles, and what it may take.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file of NIC's program. What it answers is run.
    pub path: PathBuf,
    /// What it may take.
    pub limits: CompileLimits,
}

/// Why there is no machine code, in words that may hold text of the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CompileError {
    /// The bytes are no component that can be compiled.
    Invalid(String),
    /// It took more than a component may.
    TooExpensive(String),
    /// The compiler could not be started, or broke.
    Failed(String),
}

impl Program {
    /// The program that runs.
    pub fn own() -> Self {
        let path = if cfg!(target_os = "linux") {
            // The file that runs, also when another version was put in its place.
            PathBuf::from("/proc/self/exe")
        } else {
            // Where the system does not say it, nothing can be started, and that is told.
            std::env::current_exe().unwrap_or_default()
        };
        Self { path, limits: CompileLimits::default() }
    }

    /// The machine code of a component.
    pub(super) fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
        let failed = |error: io::Error| CompileError::Failed(format!("the compiler could not be run: {error}"));
        let child = Command::new(&self.path)
            .arg0("nic")
            .arg(COMMAND)
            .arg(self.limits.memory_bytes.to_string())
            .arg(self.limits.cpu.as_secs().max(1).to_string())
            .arg(std::process::id().to_string())
            // Credentials stand in the environment.
            .env_clear()
            .env("RAYON_NUM_THREADS", MAX_COMPILER_THREADS.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let most = max_compiled_bytes(wasm.len());
        self.judge(talk(child, wasm, most, self.limits.wall).map_err(failed)?, most)
    }

    fn judge(&self, ended: Option<Ended>, most: usize) -> Result<Vec<u8>, CompileError> {
        let limits = &self.limits;
        let too_long = |limit: Duration, of: &str| {
            CompileError::TooExpensive(format!("it was not done after {} s{of}", limit.as_secs_f32()))
        };
        let Some(Ended { status, output, words }) = ended else { return Err(too_long(limits.wall, "")) };
        let too_much = || {
            let mib = limits.memory_bytes / (1024 * 1024);
            CompileError::TooExpensive(format!("the compiler had not enough with {mib} MiB of memory"))
        };
        if output.len() > most {
            let mib = most / (1024 * 1024);
            return Err(CompileError::TooExpensive(format!("its machine code is larger than {mib} MiB")));
        }
        let signal = status.signal().and_then(Signal::from_named_raw);
        match status.code() {
            Some(child::DONE) => Ok(output),
            Some(child::INVALID) => Err(CompileError::Invalid(words)),
            Some(child::OUT_OF_MEMORY) => Err(too_much()),
            _ if signal == Some(Signal::XCPU) => Err(too_long(limits.cpu, " of computing")),
            // Where memory is refused Rust ends the process, with these words.
            _ if signal == Some(Signal::ABORT) && words.contains("memory allocation of") => Err(too_much()),
            // Nobody else does that to a process by itself.
            _ if signal == Some(Signal::KILL) => Err(CompileError::TooExpensive(
                "the system killed the compiler, as it does when the machine has no memory left".to_owned(),
            )),
            _ => Err(CompileError::Failed(format!("the compiler broke off: {status} {words}").trim_end().to_owned())),
        }
    }
}

/// How the process ended, and what it gave.
struct Ended {
    status: ExitStatus,
    output: Vec<u8>,
    words: String,
}

/// Gives the process its input and takes what it says, until it ends; none when that takes too long. It is gone afterwards.
fn talk(mut child: Child, wasm: &[u8], most: usize, wall: Duration) -> io::Result<Option<Ended>> {
    let deadline = Instant::now() + wall;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
    // Who talks to the process is waited for, and ends when it is gone.
    thread::scope(|scope| {
        let mut child = Killed(child);
        let own = || thread::Builder::new().name("nic-compile".to_owned());
        own().spawn_scoped(scope, move || {
            // If it did not take all, it says why.
            let _ = stdin.write_all(wasm);
        })?;
        let words = own().spawn_scoped(scope, move || {
            let mut words = Vec::new();
            let read = stderr.take(MAX_COMPILER_WORDS_BYTES).read_to_end(&mut words);
            read.map(|_| String::from_utf8_lossy(&words).trim_end().to_owned())
        })?;
        let (done, is_done) = mpsc::channel();
        own().spawn_scoped(scope, move || {
            let mut output = Vec::new();
            let read = stdout.take(most as u64 + 1).read_to_end(&mut output);
            let _ = done.send(read.map(|_| output));
        })?;
        let Ok(output) = is_done.recv_timeout(wall) else { return Ok(None) };
        let Some(status) = child.ended(deadline)? else { return Ok(None) };
        let words = words.join().map_err(|_| io::Error::other("a thread panicked"))??;
        Ok(Some(Ended { status, output: output?, words }))
    })
}

/// A process that does not outlive this.
struct Killed(Child);

impl Killed {
    fn ended(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let status = self.0.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::super::limits::MAX_COMPILED_BYTES;
    use super::*;

    /// What comes of a program that does this in the compiler's place.
    fn of(script: &str, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let limits = CompileLimits { wall: Duration::from_secs(2), ..CompileLimits::default() };
        let program = Program { path, limits };
        loop {
            match program.compile(wasm) {
                // Another test has begun a process just when this file was written.
                Err(CompileError::Failed(why)) if why.contains("Text file busy") => {}
                ended => return ended,
            }
        }
    }

    #[test]
    fn it_gets_the_bytes_and_gives_the_code_however_much_there_is() {
        let wasm = vec![7; 1 << 20];
        assert_eq!(of("exec /bin/cat", &wasm), Ok(wasm));
        // One that takes nothing is no reason to wait.
        assert_eq!(of("echo code", &vec![7; 1 << 20]), Ok(b"code\n".to_vec()));
    }

    #[test]
    fn there_is_no_more_code_than_in_proportion_to_the_file() {
        let ended = of("exec /usr/bin/head -c 9000000 /dev/zero", &vec![7; 1 << 10]);
        assert!(
            matches!(&ended, Err(CompileError::TooExpensive(why)) if why.contains("larger than 4 MiB")),
            "{ended:?}"
        );
        assert_eq!(
            of("exec /usr/bin/head -c 9000000 /dev/zero", &vec![7; 1 << 20]).map(|code| code.len()),
            Ok(9_000_000)
        );
        assert_eq!(max_compiled_bytes(usize::MAX), MAX_COMPILED_BYTES);
    }

    #[test]
    fn it_has_nothing_of_the_environment() {
        let given = String::from_utf8(of("/usr/bin/env", b"").unwrap()).unwrap();
        // What a shell sets by itself.
        let own = ["PWD=", "OLDPWD=", "SHLVL=", "_=", "RAYON_NUM_THREADS="];
        let other: Vec<&str> = given.lines().filter(|line| !own.iter().any(|own| line.starts_with(own))).collect();
        assert!(other.is_empty() && given.contains("RAYON_NUM_THREADS="), "{given}");
    }

    #[test]
    fn each_way_to_end_is_told_apart() {
        let too_expensive = |script: &str| match of(script, b"") {
            Err(CompileError::TooExpensive(why)) => why,
            other => panic!("{script}: {other:?}"),
        };
        assert_eq!(
            of("echo no such section >&2; exit 1", b""),
            Err(CompileError::Invalid("no such section".to_owned()))
        );
        assert!(too_expensive("exit 3").contains("MiB of memory"));
        assert!(too_expensive("echo memory allocation of 8 bytes failed >&2; kill -ABRT $$").contains("MiB of memory"));
        assert!(too_expensive("kill -XCPU $$").contains("of computing"));
        assert!(too_expensive("kill -KILL $$").contains("the system killed"));
        for script in ["kill -ABRT $$", "kill -SEGV $$", "echo at a.rs:1:2 >&2; exit 101", "exit 2"] {
            assert!(matches!(of(script, b""), Err(CompileError::Failed(_))), "{script}");
        }
        let nobody = Program { path: "/nowhere/nic".into(), limits: CompileLimits::default() };
        assert!(matches!(nobody.compile(b""), Err(CompileError::Failed(why)) if why.contains("could not be run")));
    }

    #[test]
    fn whoever_takes_too_long_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let began = Instant::now();
        // Busy with nothing, or its pipe closed and still there.
        for script in ["exec /bin/sleep 60", "exec >&-; exec /bin/sleep 60"] {
            let ended = of(&format!("echo $$ > {}; {script}", pid.display()), &vec![7; 1 << 20]);
            assert!(matches!(&ended, Err(CompileError::TooExpensive(why)) if why.contains("after 2 s")), "{ended:?}");
            let pid = fs::read_to_string(&pid).unwrap();
            assert!(!Path::new("/proc").join(pid.trim()).exists());
        }
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
