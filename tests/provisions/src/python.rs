//! The Python environments of the tests, made once and kept in the cache: that of the emulators and of boto3, and Nebari's own, whose
//! packages do not go with those.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::process::run;
use crate::{Priority, lock};

/// Packages that are installed together.
struct Environment {
    /// What it is for.
    of: &'static str,
    /// The file that pins them, and what it says; its digest names the environment, so a new pin makes a new environment.
    requirements: (&'static str, &'static str),
    /// Further options of pip.
    options: &'static [&'static str],
}

const EMULATORS: Environment = Environment {
    of: "the AWS emulators and boto3",
    requirements: ("tests/requirements.txt", include_str!("../../requirements.txt")),
    options: &[],
};

const NEBARI: Environment = Environment {
    of: "Nebari",
    requirements: ("tests/requirements-nebari.txt", include_str!("../../requirements-nebari.txt")),
    options: &["--no-deps"],
};

/// Returns the directory of the emulators' environment, making it first where it is missing; `bin/python` in it has every package.
///
/// `progress` is told in a sentence what takes long. Two processes that come at the same time wait for each other.
pub fn ensure(priority: Priority, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    EMULATORS.ensure(priority, progress)
}

/// The same of Nebari's.
pub fn ensure_nebari(priority: Priority, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    NEBARI.ensure(priority, progress)
}

impl Environment {
    fn ensure(&self, priority: Priority, progress: &dyn Fn(&str)) -> Result<PathBuf> {
        let (of, pinned) = (self.of, self.requirements.1);
        let digest = format!("{:x}", Sha256::digest(pinned));
        let cache = crate::cache::dir();
        let directory = cache.join(format!("venv-{}", &digest[..16]));
        // Written last: an interrupted installation has no marker and is made anew.
        let ready = directory.join("ready");
        if ready.exists() {
            return Ok(directory);
        }
        let _lock = lock::take(&cache, &format!("venv-{}.lock", &digest[..16]), || {
            progress(&format!("another process is installing {of}, waiting for it"));
        })?;
        if ready.exists() {
            return Ok(directory);
        }
        progress(&format!("installing {of} from PyPI (once)"));
        if directory.exists() {
            fs::remove_dir_all(&directory)
                .with_context(|| format!("remove the unfinished `{}`", directory.display()))?;
        }
        self.install(&directory, priority)?;
        fs::write(&ready, pinned).with_context(|| format!("write `{}`", ready.display()))?;
        Ok(directory)
    }

    fn install(&self, directory: &Path, priority: Priority) -> Result<()> {
        // The requirements are compiled in: a test binary runs without the source tree.
        let (file, pinned) = self.requirements;
        let requirements = directory.with_extension("requirements.txt");
        fs::write(&requirements, pinned).with_context(|| format!("write `{}`", requirements.display()))?;
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
        let install = || {
            let words = quiet.iter().chain(self.options).chain(&["-r"]).map(Path::new);
            words.chain([requirements.as_path()]).collect::<Vec<_>>()
        };
        match run(priority, "python3", [Path::new("-m"), Path::new("venv"), directory]) {
            Ok(()) => run(priority, directory.join("bin/python"), install())
                .with_context(|| format!("install the packages of {file}; pip needs PyPI or a mirror of it")),
            // Debian ships python3 without `venv`; with pip alone a plain directory and a wrapper do as well.
            Err(no_venv) => {
                if directory.exists() {
                    fs::remove_dir_all(directory).with_context(|| format!("remove `{}`", directory.display()))?;
                }
                let packages = directory.join("packages");
                let target = [Path::new("--target"), &packages];
                run(priority, "python3", install().into_iter().chain(target)).with_context(|| {
                    format!("python3 can neither make a virtual environment ({no_venv:#}) nor run pip: `apt-get install python3-venv`")
                })?;
                wrapper(&directory.join("bin"), &packages)
            }
        }
    }
}

/// A `bin/python` that finds the packages, so that callers need not know how they were installed.
fn wrapper(bin: &Path, packages: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = bin.join("python");
    fs::create_dir_all(bin).with_context(|| format!("create `{}`", bin.display()))?;
    fs::write(&path, format!("#!/bin/sh\nPYTHONPATH='{}' exec python3 \"$@\"\n", packages.display()))
        .with_context(|| format!("write `{}`", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make `{}` executable", path.display()))
}
