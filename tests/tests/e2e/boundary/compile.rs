//! A file cannot make the compiler take the machine, and nobody's machine code is run but the compiler's.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nic_gate::{Gate, GateOptions};
use nic_sandbox::compile::Program;
use nic_sandbox::limits::CompileLimits;
use nic_sandbox::{Code, Compiler, Host, HostOptions, Manifest, PluginError};
use nic_tests::nic::{Workspace, binary};
use nic_tests::published::HELLO;
use nic_tests::things::use_scripted;
use serde_json::json;
use wasm_encoder::{
    BlockType, CodeSection, Component, CustomSection, Function, FunctionSection, Module, ModuleSection, RawSection,
    TypeSection, ValType,
};

/// A component of one section with a core module, and a manifest.
fn component(section: &ModuleSection<'_>) -> Vec<u8> {
    let manifest =
        json!({ "name": "bomb", "version": "0.1.0", "wit": "nic:plugin@0.1.0", "world": "provider", "grants": [] })
            .to_string();
    let mut component = Component::new();
    component.section(&CustomSection { name: "nic:manifest".into(), data: manifest.into_bytes().into() });
    component.section(section);
    component.finish()
}

/// Valid, and small: loops within loops, the innermost of which sets every local. To the compiler each local is another value in each
/// of the loops: it takes `n` times `n`.
fn bomb(n: u32) -> Vec<u8> {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    let mut body = Function::new([(n, ValType::I32)]);
    let mut to = body.instructions();
    for _ in 0..n {
        to.loop_(BlockType::Empty);
    }
    for local in 0..n {
        to.local_get(local).i32_const(1).i32_add().local_set(local);
    }
    for _ in 0..n {
        to.local_get(0).br_if(0).end();
    }
    to.end();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    component(&ModuleSection(&module))
}

/// What comes of loading it with this compiler and no cache.
async fn load(bytes: Vec<u8>, compiler: Compiler) -> Result<Option<PluginError>> {
    let code = Code::from(bytes);
    let manifest = Manifest::of("bomb", &code)?;
    let granted = manifest.grants.clone();
    let host = Host::new(HostOptions::new(Gate::new(GateOptions::default()), compiler))?;
    Ok(host.load(manifest, code, granted).await.err())
}

/// The binary under test as the compiler, with other limits.
fn program(limits: CompileLimits) -> Result<Compiler> {
    Ok(Compiler::Program(Program { path: binary()?, limits }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_makes_the_compiler_take_gigabytes_fails_by_name() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", "providers");
    let bytes = bomb(10_000);
    ensure!(bytes.len() < 256 * 1024, "{} bytes", bytes.len());
    fs::write(workspace.path().join("bomb.wasm"), bytes)?;
    let ran = workspace.run(&["provider", "add", "bomb.wasm", "--yes", "--format", "json"]).await?;
    ensure!(ran.code == 2, "{}", ran.said());
    let error = &ran.json()?["error"];
    ensure!(error["code"] == "PLUGIN_TOO_EXPENSIVE_TO_COMPILE", "{error:#}");
    ensure!(error["message"].as_str().is_some_and(|text| text.contains("`bomb`") && text.contains("MiB")), "{error:#}");
    ensure!(!workspace.path().join("providers").exists(), "it was added");
    // Nobody is the worse for it.
    use_scripted(&mut workspace)?;
    workspace.config("project_name: abc\nprovider: scripted\nscripted: {endpoint: \"http://127.0.0.1:7070\"}\n")?;
    workspace.ok(&["validate"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_keeps_the_compiler_busy_fails_by_name() -> Result<()> {
    let began = Instant::now();
    let (second, whole) = (Duration::from_secs(1), CompileLimits::default());
    for (limits, word) in [
        (CompileLimits { cpu: second, ..whole.clone() }, "1 s of computing"),
        (CompileLimits { wall: second / 2, ..whole.clone() }, "after 0.5 s"),
    ] {
        let refused = load(bomb(1000), program(limits)?).await?.context("it was compiled")?;
        ensure!(refused.code() == "PLUGIN_TOO_EXPENSIVE_TO_COMPILE", "{refused}");
        ensure!(refused.to_string().contains(word), "{refused}");
    }
    ensure!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_webassembly_is_told_as_ever() -> Result<()> {
    let mut module = Module::new();
    module.section(&RawSection { id: 1, data: &[1, 0x33] });
    let bytes = component(&ModuleSection(&module));
    let here = load(bytes.clone(), Compiler::InProcess).await?.context("it was compiled")?;
    let there = load(bytes, program(CompileLimits::default())?).await?.context("it was compiled")?;
    ensure!(here.code() == "PLUGIN_INVALID" && here == there, "{here}\n{there}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_a_components_place_is_not_waited_for() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", "providers");
    fs::create_dir(workspace.path().join("providers"))?;
    for path in ["pipe.wasm", "providers/pipe.wasm"] {
        let made = Command::new("mkfifo").arg(workspace.path().join(path)).status()?;
        ensure!(made.success(), "mkfifo {path}: {made}");
    }
    for arguments in [&["provider", "add", "pipe.wasm", "--yes"][..], &["provider", "list"]] {
        let arguments = [arguments, &["--format", "json"]].concat();
        let ran =
            tokio::time::timeout(Duration::from_secs(30), workspace.run(&arguments)).await.context("it waits")??;
        ensure!(ran.json()?["error"]["code"] == "PROVIDER_NOT_READABLE", "{}", ran.said());
    }
    Ok(())
}

/// The processes that one has started.
fn children(of: u32) -> Vec<PathBuf> {
    let parent = |path: &Path| {
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    processes.filter(|path| parent(path) == Some(of)).collect()
}

/// Whether it is there and not only waits to be reaped.
fn runs(process: &Path) -> bool {
    fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compiler_has_nothing_of_its_parent_and_dies_with_it() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", "providers").env("AWS_SECRET_ACCESS_KEY", "of-nobody-else");
    fs::write(workspace.path().join("bomb.wasm"), bomb(1000))?;
    // Somebody left a file open.
    let wrapper = ["sh", "-c", "exec 7<bomb.wasm; exec \"$0\" \"$@\""];
    let mut nic = workspace.command_under(&wrapper, &["provider", "add", "bomb.wasm", "--yes"])?.spawn()?;
    let pid = nic.id().context("a process")?;
    let soon = async |is: &dyn Fn() -> bool| {
        // By itself it would go on for longer.
        let deadline = Instant::now() + Duration::from_secs(3);
        while !is() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        is()
    };
    ensure!(soon(&|| !children(pid).is_empty()).await, "nobody compiles");
    let compiler = children(pid).remove(0);
    // Its last act before it reads.
    let limits = || fs::read_to_string(compiler.join("limits")).unwrap_or_default();
    let is = |name: &str, most: &str| {
        limits().lines().any(|l| l.starts_with(name) && l.split_whitespace().any(|w| w == most))
    };
    ensure!(soon(&|| is("Max file size", "0")).await, "{}", limits());
    ensure!(
        is("Max address space", "2147483648") && is("Max cpu time", "120") && is("Max core file size", "0"),
        "{}",
        limits()
    );
    let environment = fs::read_to_string(compiler.join("environ"))?;
    ensure!(environment.split_terminator('\0').all(|entry| entry.starts_with("RAYON_")), "{environment}");
    let status = fs::read_to_string(compiler.join("status"))?;
    ensure!(status.lines().any(|line| line == "NoNewPrivs:\t1"), "{status}");
    let open: Vec<_> = fs::read_dir(compiler.join("fd"))?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(open.iter().all(|descriptor| ["0", "1", "2"].iter().any(|own| descriptor == own)), "{open:?}");

    nic.start_kill()?;
    nic.wait().await?;
    ensure!(soon(&|| !runs(&compiler)).await, "it lives on");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_whose_parent_was_gone_before_it_began_does_nothing() -> Result<()> {
    let compiler = |parent: u32| {
        let parent = parent.to_string();
        let mut command = Command::new(binary()?);
        command.args(["compile-component", "2147483648", "120", parent.as_str()]);
        command.stdin(Stdio::null()).output().context("run the compiler")
    };
    // Bytes that there are not are no component; whoever is not asked by its parent does not even look.
    let own = compiler(std::process::id())?;
    ensure!(own.status.code() == Some(1), "{own:?}");
    let other = compiler(1)?;
    ensure!(other.status.code() == Some(2) && other.stdout.is_empty(), "{other:?}");
    ensure!(String::from_utf8_lossy(&other.stderr).contains("is gone"), "{other:?}");
    Ok(())
}

/// The only machine code in a cache.
fn kept(cache: &Path) -> Result<PathBuf> {
    let paths: Vec<_> = fs::read_dir(cache)?.flatten().map(|entry| entry.path()).collect();
    let [path] = <[PathBuf; 1]>::try_from(paths).map_err(|paths| anyhow::anyhow!("not one file: {paths:?}"))?;
    Ok(path)
}

/// Machine code of another component, for the processor and engine at hand.
async fn decoy() -> Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let options = HostOptions::new(Gate::new(GateOptions::default()), Compiler::InProcess);
    let host = Host::new(HostOptions { cache_dir: Some(directory.path().to_owned()), ..options })?;
    let code = Code::from(HELLO.bytes()?);
    let manifest = Manifest::of("hello", &code)?;
    // Granted nothing it is refused, compiled as it is.
    let _ = Arc::clone(&host).load(manifest.clone(), code, manifest.grants).await;
    Ok(fs::read(kept(directory.path())?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_code_that_others_could_have_put_there_is_not_run() -> Result<()> {
    let mut workspace = Workspace::new()?;
    use_scripted(&mut workspace)?;
    let cache = workspace.path().join("cache/compiled");
    workspace.env("NIC_CACHE_DIR", workspace.path().join("cache").display().to_string());
    workspace.config("project_name: abc\nprovider: scripted\nscripted: {endpoint: \"http://127.0.0.1:7070\"}\n")?;
    workspace.ok(&["validate"]).await?;
    let path = kept(&cache)?;
    let (own, decoy) = (fs::read(&path)?, decoy().await?);
    ensure!(own != decoy);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let plant = |path: &Path| fs::write(path, &decoy).and_then(|()| mode(path, 0o600));

    // It would be run, if it were this user's.
    plant(&path)?;
    let ran = workspace.run(&["validate"]).await?;
    ensure!(ran.code != 0, "{}", ran.said());

    // One that the group may write to.
    mode(&path, 0o660)?;
    workspace.ok(&["validate"]).await?;
    ensure!(fs::read(&path)? == own, "it was not compiled anew");

    // One that is somebody else's, where a test may make such a thing.
    if fs::metadata(&path)?.uid() == 0 {
        plant(&path)?;
        chown(&path, Some(65534), None)?;
        workspace.ok(&["validate"]).await?;
        ensure!(fs::read(&path)? == own, "it was not compiled anew");
    }

    // A link to one that is this user's own.
    let elsewhere = workspace.path().join("decoy");
    plant(&elsewhere)?;
    fs::remove_file(&path)?;
    symlink(&elsewhere, &path)?;
    workspace.ok(&["validate"]).await?;
    ensure!(fs::symlink_metadata(&path)?.is_file() && fs::read(&path)? == own, "it was not compiled anew");
    ensure!(fs::read(&elsewhere)? == decoy, "it was written through the link");

    // One in a directory that the group may write to.
    plant(&path)?;
    mode(&cache, 0o770)?;
    workspace.ok(&["validate"]).await?;
    Ok(())
}
