//! The Python environment of the emulators and of boto3, made once and kept in the cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// The pinned packages; their digest names the environment, so a new pin makes a new environment.
const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// Returns the environment's directory, making it first where it is missing; `bin/python` in it has every package.
///
/// `progress` is told in a sentence what takes long. Two processes that come at the same time wait for each other.
pub fn ensure_venv(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let digest = crate::sigv4::hex(&Sha256::digest(REQUIREMENTS));
    let cache = crate::cache::dir();
    let directory = cache.join(format!("venv-{}", &digest[..16]));
    // Written last: an interrupted installation has no marker and is made anew.
    let ready = directory.join("ready");
    if ready.exists() {
        return Ok(directory);
    }
    fs::create_dir_all(&cache).with_context(|| {
        format!("create the cache directory `{}`, or set NIC_CACHE_DIR to one that can be", cache.display())
    })?;
    let lock_path = cache.join(format!("venv-{}.lock", &digest[..16]));
    let lock = File::create(&lock_path).with_context(|| format!("create `{}`", lock_path.display()))?;
    lock.lock().with_context(|| format!("lock `{}`", lock_path.display()))?;
    if ready.exists() {
        return Ok(directory);
    }
    progress("installing the AWS emulators and boto3 from PyPI (once)");
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("remove the unfinished `{}`", directory.display()))?;
    }
    install(&directory)?;
    fs::write(&ready, REQUIREMENTS).with_context(|| format!("write `{}`", ready.display()))?;
    Ok(directory)
}

fn install(directory: &Path) -> Result<()> {
    // The requirements are compiled in: a test binary runs without the source tree.
    let requirements = directory.with_extension("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).with_context(|| format!("write `{}`", requirements.display()))?;
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
    match run(Command::new("python3").args(["-m", "venv"]).arg(directory)) {
        Ok(()) => run(Command::new(directory.join("bin/python")).args(quiet).arg(&requirements))
            .context("install the packages of tests/requirements.txt; pip needs PyPI or a mirror of it"),
        // Debian ships python3 without `venv`; with pip alone a plain directory and a wrapper do as well.
        Err(no_venv) => {
            if directory.exists() {
                fs::remove_dir_all(directory).with_context(|| format!("remove `{}`", directory.display()))?;
            }
            let packages = directory.join("packages");
            run(Command::new("python3").args(quiet).arg(&requirements).arg("--target").arg(&packages)).with_context(|| {
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

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}; is python3 installed?"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
