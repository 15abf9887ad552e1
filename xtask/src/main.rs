//! The one entry to the build: `cargo xtask components|demo|test|dist|bench|ci`.

mod architecture;
mod beside;
mod command;
mod components;
mod deny;
mod features;
mod places;
mod progress;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::beside::Beside;
use crate::command::cargo;
use crate::components::Size;
use crate::features::{BINARY, Set};
use crate::progress::Steps;

const HELP: &str = "\
cargo xtask <command>

  components   build every component for wasm32-wasip2, and the machine code of those
               that are bundled
  dist         the release binary `nic` to give away, with the bundled components embedded:
               takes many minutes more for small components than the other commands do
               --target TRIPLE    for another system than this one
  demo         deploy an example platform on this machine, change it, destroy it
  record       record a deploy in a terminal for the README: docs/deploy.svg
  test         every test but the sweep
  test --sweep the sweep, and nothing else: nic is killed at every request and at every
               write of the state; takes hours, goes on where the last call ended.
               --shard I/N        a share of it, the others elsewhere
               --emulator NAME    `ministack` or `moto` only
               --topology NAME    `classic` or `design` only
               --point POINT      this point only, also again; may be repeated
               --retry            what failed again
               --fail-fast        ends at the first failure
               --jobs COUNT       so many platforms side by side, else 2
  bench        the benchmarks behind docs/performance.md
  architecture where the host's sources name a cloud, and who imports whom
  lint         that, and clippy on every package; warnings are errors
  deny         licences, bans and sources of every dependency; with `advisories` also
               known vulnerabilities, for which the network is needed
  ci           formatting, lints, then `test`

Builds go to CARGO_TARGET_DIR, else to a cache directory that outlives the checkout
(NIC_CACHE_DIR, else XDG_CACHE_HOME/nic, else ~/.cache/nic).
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match run(&command, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, rest: &[String]) -> Result<()> {
    match command {
        "components" => {
            let mut steps = Steps::new(&components::STEPS);
            components::build(&mut steps, Size::Quick, None)?;
            steps.done();
            Ok(())
        }
        "dist" => {
            let target = match rest {
                [] => None,
                [option, target] if option == "--target" => Some(target.as_str()),
                _ => bail!("`dist` takes `--target TRIPLE` and nothing else"),
            };
            let mut steps = Steps::new(&with_binary(&[]));
            binary(&mut steps, Size::Small, target)?;
            steps.done();
            Ok(())
        }
        "demo" => {
            let mut steps = Steps::new(&with_binary(&[HARNESS, PROVISIONS, "the demo"]));
            let provisions = Beside::begin()?;
            let nic = binary(&mut steps, Size::Quick, None)?;
            steps.next();
            cargo(&["build", "--release", "-p", "nic-tests", "--bin", "nic-demo"]).run()?;
            steps.next();
            provisions.wait()?;
            steps.next();
            let demo = places::target_dir()?.join("release/nic-demo");
            command::Command::new(demo).arg(&nic).args(rest).env("NIC_BIN", &nic).run()?;
            steps.done();
            Ok(())
        }
        "record" => {
            let mut steps = Steps::new(&with_binary(&[HARNESS, "the recording"]));
            let nic = binary(&mut steps, Size::Quick, None)?;
            steps.next();
            cargo(&["build", "--release", "-p", "nic-tests", "--bin", "nic-record"]).run()?;
            steps.next();
            let record = places::target_dir()?.join("release/nic-record");
            command::Command::new(record).arg("docs/deploy.svg").env("NIC_BIN", &nic).run()?;
            steps.done();
            Ok(())
        }
        "test" if rest.iter().any(|argument| argument == "--sweep") => sweep(rest),
        "test" => test(&mut Steps::new(&with_binary(TEST_STEPS)), Beside::begin()?, rest),
        "bench" => {
            let mut steps = Steps::new(&with_binary(&["criterion benchmarks", "whole-process measurements"]));
            let nic = binary(&mut steps, Size::Quick, None)?;
            steps.next();
            cargo(&["bench", "-p", "nic-core", "-p", "nic-sandbox", "--benches"])
                .env("NIC_BUNDLE_DIR", places::components_dir()?.join("bundled"))
                .env("NIC_COMPONENTS_DIR", places::components_dir()?)
                .run()?;
            steps.next();
            cargo(&["run", "--release", "-p", "nic-tests", "--bin", "nic-measure"]).env("NIC_BIN", &nic).run()?;
            steps.done();
            Ok(())
        }
        "ci" => {
            let names = [&["formatting", "lints", "no path of one machine"][..], &with_binary(TEST_STEPS)].concat();
            let mut steps = Steps::new(&names);
            let provisions = Beside::begin()?;
            steps.next();
            cargo(&["fmt", "--all", "--check"]).run()?;
            steps.next();
            lints()?;
            steps.next();
            no_place_names()?;
            test(&mut steps, provisions, rest)
        }
        "deny" => deny::check(rest),
        "lint" => lints(),
        "architecture" => architecture::check(places::workspace()),
        "" | "help" | "-h" | "--help" => {
            progress::say(HELP);
            Ok(())
        }
        other => bail!("`{other}` is not a command\n\n{HELP}"),
    }
}

const DIST: &str = "the release binary `nic`";
const HARNESS: &str = "the test harness";
const PROVISIONS: &str = "what is left of the control plane and the Python environment, begun at the start";
const TEST_STEPS: &[&str] = &[
    "native tests of the core, the host and the SDK",
    "native tests of the AWS provider",
    HARNESS,
    PROVISIONS,
    "end-to-end tests on real parts",
];

/// The names of the steps to a binary, and of those that follow.
fn with_binary<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&components::STEPS[..], &[DIST], more].concat()
}

/// One binary with the bundled components embedded.
fn binary(steps: &mut Steps, size: Size, target: Option<&str>) -> Result<std::path::PathBuf> {
    let directory = components::build(steps, size, target)?;
    steps.next();
    let packages: Vec<&str> = BINARY.iter().flat_map(|package| ["-p", *package]).collect();
    let build = cargo(&["build", "--release", "--bin", "nic"]).args(&packages);
    let mut build = build.env("NIC_BUNDLE_DIR", directory.join("bundled"));
    if size == Size::Small {
        build = build.args(&["--config", "profile.release.package.nic.strip=\"symbols\""]);
    }
    let mut directory = places::target_dir()?;
    if let Some(target) = target {
        build = build.args(&["--target", target]);
        directory.push(target);
    }
    build.run()?;
    let nic = directory.join("release/nic");
    let bytes = std::fs::metadata(&nic).with_context(|| format!("{} was not built", nic.display()))?.len();
    progress::say(&format!("   {} ({} KiB)", nic.display(), bytes / 1024));
    Ok(nic)
}

fn test(steps: &mut Steps, provisions: Beside, rest: &[String]) -> Result<()> {
    let nic = binary(steps, Size::Quick, None)?;
    let components = places::components_dir()?;
    // Every test binary sees the same environment, so that the host crate is compiled once.
    let in_test = |arguments: &[&str]| {
        cargo(arguments)
            .env("NIC_BUNDLE_DIR", components.join("bundled"))
            .env("NIC_COMPONENTS_DIR", &components)
            .env("NIC_BIN", &nic)
    };
    steps.next();
    // One set of packages for both runs of the host's: another set would have other features, and compile the host again.
    let native = |more: &[&str]| {
        let packages = NATIVE.iter().flat_map(|package| ["-p", *package]);
        let arguments: Vec<&str> =
            ["test", "--release"].into_iter().chain(packages).chain(more.iter().copied()).collect();
        in_test(&arguments)
    };
    in_test(&["test", "--release", "-p", "xtask"]).args(rest).run()?;
    native(&[]).args(rest).run()?;
    // What the sandbox promises, on real components.
    native(&["--lib"])
        .env("NIC_TEST_COMPONENTS", &components)
        .args(&["--", "--ignored", "--skip", "cluster_tests"])
        .run()?;
    steps.next();
    components::native(in_test(&["test", "-p", "nic-provider-aws"])).args(rest).run()?;
    steps.next();
    let end_to_end = || in_test(&["test", "--release", "-p", "nic-tests", "--no-fail-fast"]);
    end_to_end().arg("--no-run").run()?;
    steps.next();
    provisions.wait()?;
    steps.next();
    // One test binary at a time, few tests at a time: each starts servers of its own on two cores.
    end_to_end().args(rest).args(&["--", "--test-threads=2"]).run()?;
    steps.done();
    Ok(())
}

/// Kills at every point, which is too long for `test`. What was done is kept beside the build.
fn sweep(rest: &[String]) -> Result<()> {
    let mut steps = Steps::new(&with_binary(&[HARNESS, "the sweep"]));
    let nic = binary(&mut steps, Size::Quick, None)?;
    steps.next();
    cargo(&["build", "--release", "-p", "nic-tests", "--bin", "nic-sweep"]).run()?;
    steps.next();
    let target = places::target_dir()?;
    let options: Vec<&String> = rest.iter().filter(|argument| *argument != "--sweep").collect();
    command::Command::new(target.join("release/nic-sweep"))
        .arg("--kept-in")
        .arg(target.join("sweep"))
        .args(&options)
        .env("NIC_BIN", &nic)
        .run()?;
    steps.done();
    Ok(())
}

/// Packages whose tests need no AWS SDK and no server.
const NATIVE: &[&str] = &[
    "nic-core",
    "nic-system",
    "nic-authority",
    "nic-engine",
    "nic-gate",
    "nic-sandbox",
    "nic-cluster",
    "nic",
    "nic-aws-partitions",
    "nic-sdk",
    "nic-kubernetes-initialize",
    "nic-provider-existing",
    "nic-provisions",
];

/// Every package but the AWS provider, which has a profile of its own, and this one, which asks more of a crate that macros stand on.
const LINTED: &[&str] = &[
    "nic-core",
    "nic-system",
    "nic-authority",
    "nic-gate",
    "nic-sandbox",
    "nic-cluster",
    "nic-engine",
    "nic",
    "nic-aws-partitions",
    "nic-sdk",
    "nic-kubernetes-initialize",
    "nic-provider-existing",
    "nic-provider-scripted",
    "nic-provider-hello",
    "nic-tests",
    "nic-provisions",
];

/// Every set of packages that CI builds for this machine in the profile `release`.
fn built_once() -> Result<()> {
    let set = |name, packages, with_tests| Set { name, packages, with_tests };
    features::check(&[
        set("the binary", BINARY, false),
        set("the native tests", NATIVE, true),
        set("the end-to-end tests", &["nic-tests"], true),
        set("the lints", LINTED, true),
    ])
}

/// What takes a moment first.
fn lints() -> Result<()> {
    architecture::check(places::workspace())?;
    built_once()?;
    lint(&["xtask"])?;
    lint(LINTED)?;
    lint_aws()
}

fn lint(packages: &[&str]) -> Result<()> {
    let mut arguments = vec!["clippy", "--release", "--all-targets"];
    for package in packages {
        arguments.extend(["-p", package]);
    }
    arguments.extend(["--", "-D", "warnings"]);
    cargo(&arguments).run()
}

/// The AWS provider is built in a profile of its own.
fn lint_aws() -> Result<()> {
    components::native(cargo(&["clippy", "-p", "nic-provider-aws", "--all-targets"]))
        .args(&["--", "-D", "warnings"])
        .run()
}

/// A path of one machine has no place in a tracked file.
fn no_place_names() -> Result<()> {
    let output = std::process::Command::new("git")
        .args(["grep", "-nE", r"(^|[^A-Za-z0-9_.])/(work|farm|root)/", "--", ".", ":!*.lock", ":!xtask/src/main.rs"])
        .output()
        .context("git is needed")?;
    if output.stdout.is_empty() {
        Ok(())
    } else {
        bail!("a path of one machine is in a tracked file:\n{}", String::from_utf8_lossy(&output.stdout))
    }
}
