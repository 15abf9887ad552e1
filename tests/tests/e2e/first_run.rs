//! The first start after an installation: the machine code of what is bundled comes with the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_tests::configs::EXAMPLE;
use nic_tests::nic::Workspace;

/// Compiling the component of AWS takes four times as much.
const MOST_MIB: u64 = 100;

/// What the build made of the component of AWS.
fn machine_code() -> Result<Vec<u8>> {
    let built = std::env::var_os("NIC_COMPONENTS_DIR").map(PathBuf::from);
    let built = built.context("NIC_COMPONENTS_DIR names no directory: run `cargo xtask test`")?;
    let path = built.join("bundled").join(nic_engine::TARGET).join("aws.code.zst");
    Ok(nic_engine::unpack(&fs::read(&path).with_context(|| path.display().to_string())?)?)
}

fn files(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache.join("compiled")).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn is_code(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "cwasm")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_compiled_and_the_code_that_came_along_is_kept() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.config(EXAMPLE)?;
    let cache = tempfile::tempdir()?;
    workspace.env("NIC_CACHE_DIR", cache.path().display().to_string());
    let (ran, peak) = workspace.run_measured(&["validate"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    ensure!(peak > 0 && peak < MOST_MIB, "{peak} MiB");
    let [kept] = &files(cache.path())[..] else { anyhow::bail!("not one file: {:?}", files(cache.path())) };
    ensure!(is_code(kept) && fs::read(kept)? == machine_code()?, "it is not what came along");

    // Nor where nothing can be kept: the directory cannot be made, or would be wherever NIC is called.
    let below_a_file = kept.join("cache").display().to_string();
    for directory in [below_a_file.as_str(), "relative"] {
        workspace.env("NIC_CACHE_DIR", directory).env("XDG_CACHE_HOME", directory).env("HOME", directory);
        let ran = workspace.run(&["validate"]).await?;
        ensure!(ran.code == 0, "{}", ran.said());
        ensure!(!workspace.path().join(directory).exists(), "{directory}");
        let doctor = workspace.run(&["doctor"]).await?;
        ensure!(doctor.said().contains("FILE_NOT_WRITABLE"), "{}", doctor.said());
    }
    for variable in ["NIC_CACHE_DIR", "XDG_CACHE_HOME", "HOME"] {
        workspace.env(variable, "");
    }
    let (ran, peak) = workspace.run_measured(&["validate"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    ensure!(peak < 2 * MOST_MIB, "{peak} MiB");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_that_is_killed_at_any_time_leaves_nothing_broken() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.config(EXAMPLE)?;
    let whole = machine_code()?;
    let (mut after, mut met) = (Duration::ZERO, 0);
    loop {
        let cache = tempfile::tempdir()?;
        workspace.env("NIC_CACHE_DIR", cache.path().display().to_string());
        let mut nic = workspace.command(&["validate"])?.spawn()?;
        if tokio::time::timeout(after, nic.wait()).await.is_ok() {
            break;
        }
        nic.kill().await?;
        let left = files(cache.path());
        if !left.is_empty() && !left.iter().any(|path| is_code(path)) {
            // It was killed while it unpacked.
            met += 1;
            workspace.ok(&["validate"]).await?;
        }
        for path in files(cache.path()).iter().filter(|path| is_code(path)) {
            ensure!(fs::read(path)? == whole, "what stands in its place is not whole");
        }
        after += Duration::from_millis(3);
    }
    ensure!(met > 0, "no kill met the unpacking: the test would prove nothing");
    Ok(())
}
