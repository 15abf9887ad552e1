//! The Python environment of the emulators and of boto3, made once and kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::process::run;
use crate::{Priority, lock};

/// The pinned packages; their digest names the environment, so a new pin makes a new environment.
const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// Returns the environment's directory, making it first where it is missing; `bin/python` in it has every package.
///
/// `progress` is told in a sentence what takes long. Two processes that come at the same time wait for each other.
pub fn ensure(priority: Priority, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let digest = format!("{:x}", Sha256::digest(REQUIREMENTS));
    let cache = crate::cache::dir();
    let directory = cache.join(format!("venv-{}", &digest[..16]));
    // Written last: an interrupted installation has no marker and is made anew.
    let ready = directory.join("ready");
    if ready.exists() {
        return Ok(directory);
    }
    let _lock = lock::take(&cache, &format!("venv-{}.lock", &digest[..16]), || {
        progress("another process is installing the AWS emulators, waiting for it");
    })?;
    if ready.exists() {
        return Ok(directory);
    }
    progress("installing the AWS emulators and boto3 from PyPI (once)");
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("remove the unfinished `{}`", directory.display()))?;
    }
    install(&directory, priority)?;
    fs::write(&ready, REQUIREMENTS).with_context(|| format!("write `{}`", ready.display()))?;
    Ok(directory)
}

fn install(directory: &Path, priority: Priority) -> Result<()> {
    // The requirements are compiled in: a test binary runs without the source tree.
    let requirements = directory.with_extension("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).with_context(|| format!("write `{}`", requirements.display()))?;
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
    let install = || quiet.map(Path::new).into_iter().chain([requirements.as_path()]);
    match run(priority, "python3", [Path::new("-m"), Path::new("venv"), directory]) {
        Ok(()) => run(priority, directory.join("bin/python"), install())
            .context("install the packages of tests/requirements.txt; pip needs PyPI or a mirror of it"),
        // Debian ships python3 without `venv`; with pip alone a plain directory and a wrapper do as well.
        Err(no_venv) => {
            if directory.exists() {
                fs::remove_dir_all(directory).with_context(|| format!("remove `{}`", directory.display()))?;
            }
            let packages = directory.join("packages");
            run(priority, "python3", install().chain([Path::new("--target"), &packages])).with_context(|| {
                format!("python3 can neither make a virtual environment ({no_venv:#}) nor run pip: `apt-get install python3-venv`")
            })?;
            wrapper(&directory.join("bin"), &packages)
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
