//! Building components: WASI 0.2 components for wasm32-wasip2, whichever way this machine allows, and the machine code that goes into
//! the binary with them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{Command, cargo, cargo_at};
use crate::features::BINARY;
use crate::places;
use crate::progress::{Steps, say};

/// The steps' names.
pub const STEPS: [&str; 2] = ["components (wasm32-wasip2)", "machine code of the bundled components"];

/// How much time is taken for small files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// What is worked with.
    Quick,
    /// What is given away: many minutes for the component of AWS alone.
    Small,
}

impl Size {
    fn profile(self) -> &'static str {
        match self {
            Self::Quick => "component",
            Self::Small => "component-dist",
        }
    }

    /// zstd's.
    fn level(self) -> &'static str {
        match self {
            Self::Quick => "3",
            Self::Small => "19",
        }
    }

    /// Each has its own, so that neither makes the other build again.
    fn directory(self) -> Result<PathBuf> {
        match self {
            Self::Quick => places::components_dir(),
            Self::Small => Ok(places::target_dir()?.join("nic-components-dist")),
        }
    }
}

const TARGET: &str = "wasm32-wasip2";

/// Package, file it builds, name it goes by, whether it is in the release binary.
const COMPONENTS: [(&str, &str, &str, bool); 4] = [
    ("nic-provider-aws", "nic_provider_aws", "aws", true),
    ("nic-provider-existing", "nic_provider_existing", "existing", true),
    ("nic-provider-hello", "nic_provider_hello", "hello", false),
    ("nic-provider-scripted", "nic_provider_scripted", "scripted", false),
];

/// The AWS SDK crates have thousands of operations of which a few are used. The compiler then need not generate code for the
/// rest: docs/adr/0002 has the measurement (14 minutes became 2.5).
const MOSTLY_UNUSED: [&str; 9] = [
    "aws-sdk-autoscaling",
    "aws-sdk-ec2",
    "aws-sdk-ecr",
    "aws-sdk-efs",
    "aws-sdk-eks",
    "aws-sdk-elasticloadbalancing",
    "aws-sdk-elasticloadbalancingv2",
    "aws-sdk-iam",
    "aws-sdk-resourcegroups",
];

/// Debian's packages for the fallback.
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "wasi-libc"];

/// Takes Debian's way although rustup could serve, to see that it works.
const FORCE_DEBIAN: &str = "NIC_COMPONENTS_BY_DEBIAN";

/// How this machine builds for the target.
enum Way {
    /// rustup has the target's standard library.
    Rustup,
    /// Debian's compiler with its library source.
    Debian,
}

/// Builds every component, of the small ones those that are bundled, and the machine code that a binary for the target (else for this
/// machine) holds of them. Gives the directory that they are put into.
pub fn build(steps: &mut Steps, size: Size, target: Option<&str>) -> Result<PathBuf> {
    steps.next();
    let way = find_way()?;
    let built = || COMPONENTS.iter().filter(|(.., bundled)| *bundled || size == Size::Quick);
    let mut arguments = vec!["build", "--profile", size.profile(), "--target", TARGET];
    arguments.extend(built().flat_map(|(package, ..)| ["-p", *package]));
    match way {
        Way::Rustup => hinted(cargo(&arguments), size).run()?,
        Way::Debian => debian(hinted(cargo_at(Path::new("/usr/bin/cargo"), &arguments), size))?.run()?,
    }
    let directory = size.directory()?;
    for (_, file, name, bundled) in built() {
        collect(&directory, file, name, *bundled, size)?;
    }
    steps.next();
    precompile(&directory.join("bundled"), size, target)?;
    Ok(directory)
}

/// A native build that has the AWS SDK crates below it. It shares the components' profile: `RUSTC_BOOTSTRAP` makes build scripts
/// run anew, and in the release profile every other build would then compile everything again. Its tests compute next to nothing, and
/// what optimising hundreds of crates for them takes is minutes.
pub fn native(command: Command) -> Command {
    let profile = Size::Quick.profile();
    hinted(command.args(&["--profile", profile]), Size::Quick)
        .arg("--config")
        .arg(format!("profile.{profile}.opt-level=0"))
}

fn hinted(command: Command, size: Size) -> Command {
    let profile = size.profile();
    let command = MOSTLY_UNUSED.iter().fold(command.arg("-Zprofile-hint-mostly-unused"), |command, package| {
        command.arg("--config").arg(format!("profile.{profile}.package.{package}.hint-mostly-unused=true"))
    });
    command.env("RUSTC_BOOTSTRAP", "1")
}

fn installed() -> bool {
    let rustc = std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
    let output = std::process::Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(places::workspace())
        .output();
    let directory = output.ok().and_then(|o| String::from_utf8(o.stdout).ok());
    directory.is_some_and(|directory| Path::new(directory.trim()).is_dir())
}

fn find_way() -> Result<Way> {
    if std::env::var_os(FORCE_DEBIAN).is_some() {
        say(&format!("   {FORCE_DEBIAN} is set: taking Debian's compiler with its library source"));
        return debian_packages().map(|()| Way::Debian);
    }
    if installed() {
        say("   the toolchain has the target's standard library");
        return Ok(Way::Rustup);
    }
    say(&format!("   adding {TARGET} with rustup"));
    if Command::new("rustup").args(&["target", "add", TARGET]).succeeds() && installed() {
        return Ok(Way::Rustup);
    }
    say("   rustup could not fetch it; taking Debian's compiler with its library source");
    debian_packages().map(|()| Way::Debian)
}

fn debian_packages() -> Result<()> {
    if !Path::new("/usr/lib/wasm32-wasi").is_dir() || !Path::new("/usr/bin/rustc").is_file() {
        let apt = |arguments: &[&str]| Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        apt(&["update"]).run().context("neither rustup nor apt-get can provide a compiler for wasm32-wasip2")?;
        apt(&[&["install", "-y", "--no-install-recommends"][..], &PACKAGES[..]].concat())
            .run()
            .context("install them as root: apt-get install rustc-web cargo-web rust-web-src wasi-libc")?;
    }
    Ok(())
}

/// Debian's rustc builds the standard library from source; the linkers are the rustup toolchain's.
fn debian(command: Command) -> Result<Command> {
    let output =
        std::process::Command::new("rustc").args(["--print", "sysroot"]).output().context("rustc is needed")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let bin = sysroot.join("lib/rustlib/x86_64-unknown-linux-gnu/bin");
    if !bin.join("rust-lld").is_file() {
        bail!("no rust-lld in {}; a rustup toolchain is needed beside Debian's", bin.display());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    Ok(command
        .arg("-Zbuild-std=std,panic_abort")
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTFLAGS", "-L native=/usr/lib/wasm32-wasi")
        .env("PATH", format!("{}:{}:{path}", bin.display(), bin.join("gcc-ld").display())))
}

fn collect(directory: &Path, file: &str, name: &str, bundled: bool, size: Size) -> Result<()> {
    let from = places::target_dir()?.join(TARGET).join(size.profile()).join(format!("{file}.wasm"));
    let bytes = std::fs::read(&from).with_context(|| format!("{} was not built", from.display()))?;
    say(&format!("   {name:<10} {:>6} KiB", bytes.len() / 1024));
    let directory = if bundled { directory.join("bundled") } else { directory.to_owned() };
    std::fs::create_dir_all(&directory)?;
    let to = directory.join(format!("{name}.wasm"));
    // An unchanged file keeps its time, so that nothing that embeds it is built again.
    if std::fs::read(&to).ok().as_deref() != Some(&bytes[..]) {
        std::fs::write(&to, &bytes)?;
    }
    Ok(())
}

/// Has the host's own engine compile what is bundled.
fn precompile(bundled: &Path, size: Size, target: Option<&str>) -> Result<()> {
    // With `nic` among the packages the engine has the features that it has there, and is compiled once for both.
    let mut arguments = vec!["build", "--release", "--bin", "nic-precompile"];
    arguments.extend(BINARY.iter().flat_map(|package| ["-p", *package]));
    if target.is_some_and(|target| !target.starts_with(std::env::consts::ARCH)) {
        arguments.extend(["--features", "nic-engine/all-arch"]);
    }
    cargo(&arguments).run()?;
    let program = places::target_dir()?.join("release/nic-precompile");
    Command::new(program).arg(bundled).arg(size.level()).args(target.as_slice()).run()
}
