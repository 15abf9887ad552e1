//! The programs of the control plane: found, or built once with Go and kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process::{Supervised, last_lines};
use crate::{Priority, go, lock};

const GO_MOD: &str = include_str!("../../control-plane/go.mod");
const GO_SUM: &str = include_str!("../../control-plane/go.sum");

/// How often a line says that the build goes on.
const STILL_BUILDING: Duration = Duration::from_secs(30);

/// One program of the control plane.
#[derive(Clone, Copy)]
struct Program {
    name: &'static str,
    package: &'static str,
    /// Whether `KUBEBUILDER_ASSETS` is a place where it may be found.
    in_kubebuilder_assets: bool,
}

const PROGRAMS: [Program; 5] = [
    Program { name: "etcd", package: "go.etcd.io/etcd/server/v3", in_kubebuilder_assets: true },
    Program { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver", in_kubebuilder_assets: true },
    Program {
        name: "kube-controller-manager",
        package: "k8s.io/kubernetes/cmd/kube-controller-manager",
        in_kubebuilder_assets: false,
    },
    Program { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler", in_kubebuilder_assets: false },
    Program { name: "kwok", package: "sigs.k8s.io/kwok/cmd/kwok", in_kubebuilder_assets: false },
];

/// Makes sure that the control plane can be started, building what is missing, and returns the
/// folder of what is built. Programs that `KUBEBUILDER_ASSETS` provides are neither built nor in
/// that folder; [`program`] finds all of them.
///
/// The folder is named after the build's inputs, so other versions get another one. Blocks: a
/// first build takes minutes. `progress` is told what takes long, a line at a time.
pub fn ensure(priority: Priority, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let wanted: Vec<Program> =
        PROGRAMS.into_iter().filter(|program| from_kubebuilder_assets(program).is_none()).collect();
    let flags = flags()?;
    let cache = crate::cache::dir();
    let finished = cache.join(format!("control-plane-{}", key(&flags, &wanted)));
    if finished.is_dir() {
        return Ok(finished);
    }

    let _lock = lock::take(&cache, "control-plane.lock", || {
        progress("another process is building the control plane, waiting for it");
    })?;
    if finished.is_dir() {
        return Ok(finished);
    }
    let go = go::find(&cache, priority, progress)?;
    // Named, not random, so that what a killed build has left is found and cleared by the next.
    let partial = finished.with_extension("partial");
    clear(&partial)?;
    build(&go, &partial, &flags, &wanted, priority, progress)?;
    fs::rename(partial.join("bin"), &finished)
        .with_context(|| format!("cannot move the built control plane to {}", finished.display()))?;
    clear(&partial)?;
    Ok(finished)
}

/// Where the program `name` is: in `KUBEBUILDER_ASSETS` if it is there, else in `folder`, which
/// [`ensure`] returned.
pub fn program(folder: &Path, name: &str) -> PathBuf {
    PROGRAMS
        .iter()
        .find(|program| program.name == name)
        .and_then(from_kubebuilder_assets)
        .unwrap_or_else(|| folder.join(name))
}

fn from_kubebuilder_assets(program: &Program) -> Option<PathBuf> {
    if !program.in_kubebuilder_assets {
        return None;
    }
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty())?;
    let path = PathBuf::from(folder).join(program.name);
    path.is_file().then_some(path)
}

/// Flags of `go build`. The version is stamped, as nothing but Kubernetes' own scripts does it, and
/// an unstamped server calls itself v0.0.0.
fn flags() -> Result<[String; 3]> {
    let version = GO_MOD
        .lines()
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v"))
        .and_then(|rest| rest.split_whitespace().next())
        .context("control-plane/go.mod requires no k8s.io/kubernetes")?;
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let stamp = "-X k8s.io/component-base/version.git";
    Ok([
        "-trimpath".to_owned(),
        "-ldflags".to_owned(),
        format!("-s -w {stamp}Version=v{version} {stamp}Major={major} {stamp}Minor={minor}"),
    ])
}

/// Sixteen hexadecimal digits that differ as soon as anything that goes into the build does.
fn key(flags: &[String], programs: &[Program]) -> String {
    let mut hash = Sha256::new();
    hash.update(GO_MOD);
    hash.update(GO_SUM);
    for part in flags.iter().map(String::as_str).chain(programs.iter().map(|program| program.package)) {
        hash.update(part);
        hash.update([0]);
    }
    let mut digits = format!("{:x}", hash.finalize());
    digits.truncate(16);
    digits
}

fn build(
    go: &Path,
    partial: &Path,
    flags: &[String],
    programs: &[Program],
    priority: Priority,
    progress: &dyn Fn(&str),
) -> Result<()> {
    let bin = partial.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot create {}", bin.display()))?;
    fs::write(partial.join("go.mod"), GO_MOD)?;
    fs::write(partial.join("go.sum"), GO_SUM)?;
    let log_path = partial.join("build.log");
    let log = File::create(&log_path).with_context(|| format!("cannot create {}", log_path.display()))?;

    let names: Vec<&str> = programs.iter().map(|program| program.name).collect();
    progress(&format!("building {} with Go (some minutes, only this once)", names.join(", ")));
    let started = Instant::now();
    // Supervised: a build whose starter was killed must not write under the next one's feet.
    let mut supervised = Supervised::new("go build", go);
    supervised
        .priority(priority)
        .with_children()
        .arguments(["build"])
        .arguments(flags)
        // The slash makes it one file a package.
        .arguments(["-o".to_owned(), format!("{}/", bin.display())])
        .arguments(programs.iter().map(|program| program.package));
    let mut child = supervised
        .command()
        .current_dir(partial)
        .env("CGO_ENABLED", "0")
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .spawn()
        .with_context(|| format!("cannot run {}", go.display()))?;
    // Waiting closes the pipe by which the supervisor knows that we live.
    let life_line = child.stdin.take();
    let mut next_line = STILL_BUILDING;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for go build")? {
            break status;
        }
        if started.elapsed() >= next_line {
            progress(&format!("still building the control plane ({} s)", started.elapsed().as_secs()));
            next_line += STILL_BUILDING;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    drop(life_line);
    if !status.success() {
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        bail!(
            "go build of the control plane failed ({status}); is the Go module proxy reachable?\n{}",
            last_lines(&log, 20)
        );
    }
    // Go names a program after its folder, and etcd's is called server.
    if bin.join("server").is_file() {
        fs::rename(bin.join("server"), bin.join("etcd"))?;
    }
    progress(&format!("built the control plane in {} s", started.elapsed().as_secs()));
    Ok(())
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
