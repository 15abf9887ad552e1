//! What the end-to-end tests stand on is made beside cargo's builds, whose long ends leave a core free.
//!
//! It is the harness's own code, under the harness's locks: a test that comes first waits, and what is there is not made again. When this
//! program ends, whatever ends it, so does what is being made.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};
use nic_provisions::{Priority, control_plane, python};

use crate::places;
use crate::progress::{say, took};

/// Makes something that is missing, and tells what takes long.
type Make = fn(Priority, &dyn Fn(&str)) -> Result<PathBuf>;

/// What is made.
const ALL: [(&str, Make); 3] = [
    ("the Kubernetes control plane", control_plane::ensure),
    ("the Python environment", python::ensure),
    ("Nebari's Python environment", python::ensure_nebari),
];

/// What is being made.
pub struct Beside {
    log: PathBuf,
    making: Vec<(&'static str, JoinHandle<Result<Duration>>)>,
}

impl Beside {
    /// Begins with everything. What is said meanwhile goes to a file beside cargo's builds.
    pub fn begin() -> Result<Self> {
        let directory = places::target_dir()?;
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Self::begin_with(&directory.join("beside.log"), &ALL)
    }

    fn begin_with(log: &Path, all: &[(&'static str, Make)]) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut making = Vec::new();
        for (name, make) in all {
            let (make, file) = (*make, file.try_clone()?);
            let making_it = move || {
                let began = Instant::now();
                // Progress is not worth failing for.
                make(Priority::Low, &|line| drop((&file).write_all(format!("{line}\n").as_bytes())))?;
                Ok(began.elapsed())
            };
            making.push((*name, std::thread::spawn(making_it)));
        }
        Ok(Self { log: log.to_owned(), making })
    }

    /// Waits until everything is there, and says how long each took, or why it is not.
    pub fn wait(self) -> Result<()> {
        if self.making.iter().any(|(_, making)| !making.is_finished()) {
            say(&format!("   not all of it is there yet; it tells how far it is in {}", self.log.display()));
        }
        for (name, making) in self.making {
            let ended = making.join().unwrap_or_else(|_| Err(Error::msg("it panicked")));
            let lasted = ended.with_context(|| format!("cannot provide {name}"))?;
            if lasted < Duration::from_secs(1) {
                say(&format!("   {name} was there"));
            } else {
                say(&format!("   {name} took {} beside the other steps", took(lasted)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(_: Priority, progress: &dyn Fn(&str)) -> Result<PathBuf> {
        progress("building");
        std::thread::sleep(Duration::from_millis(200));
        Ok(std::env::current_dir()?)
    }

    fn fails(priority: Priority, _: &dyn Fn(&str)) -> Result<PathBuf> {
        assert_eq!(priority, Priority::Low);
        Err(Error::msg("no module proxy"))
    }

    #[test]
    fn it_goes_on_beside_and_why_it_failed_is_told_when_it_is_needed() {
        let log = std::env::temp_dir().join(format!("nic-beside-{}.log", std::process::id()));
        let began = Instant::now();
        let well = Beside::begin_with(&log, &[("one", slow), ("another", slow)]).unwrap();
        assert!(began.elapsed() < Duration::from_millis(150), "it waits: {:?}", began.elapsed());
        well.wait().unwrap();
        assert!(began.elapsed() >= Duration::from_millis(200));
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "building\nbuilding\n");
        let failed = Beside::begin_with(&log, &[("one", slow), ("the control plane", fails)]).unwrap().wait();
        let told = format!("{:#}", failed.unwrap_err());
        assert!(told.contains("the control plane") && told.contains("no module proxy"), "{told}");
        std::fs::remove_file(&log).unwrap();
    }
}
