//! `nic-precompile DIRECTORY LEVEL [TARGET]`: what a binary for the target holds of each `<name>.wasm` in the directory, put into its
//! subdirectory named by the target. `cargo xtask` runs it before `nic` is built.
//!
//! `<name>.wasm.zst` and `<name>.code.zst` are the component and its machine code, compressed; `<name>.stamp` says what they were made
//! from and for and which bytes they are, and is written last.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use nic_engine::{Packed, TARGET, baseline, pack, sha256, stamp};
use wasmtime::Engine;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (directory, level, target) = match arguments.as_slice() {
        [directory, level] => (directory, level, TARGET),
        [directory, level, target] => (directory, level, target.as_str()),
        _ => bail!("nic-precompile DIRECTORY LEVEL [TARGET]"),
    };
    let level = level.parse().context("LEVEL is zstd's, a number")?;
    let engine = baseline(target).map_err(anyhow::Error::from).with_context(|| {
        format!("no machine code can be made for {target}; for another architecture than this one's, build with the feature `all-arch`")
    })?;
    let to = Path::new(directory).join(target);
    fs::create_dir_all(&to)?;
    let mut stdout = io::stdout();
    for entry in fs::read_dir(directory).with_context(|| directory.clone())? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("wasm")) {
            let told = precompile(&engine, &path, &to, level).with_context(|| path.display().to_string())?;
            writeln!(stdout, "   {told}")?;
        }
    }
    Ok(())
}

fn precompile(engine: &Engine, path: &Path, to: &Path, level: i32) -> Result<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let file = |extension: &str| to.join(format!("{name}.{extension}"));
    let wasm = fs::read(path)?;
    let (stamped, own) = (file("stamp"), stamp(&sha256(&wasm), engine));
    let is_there = || {
        let (written, wasm, code) =
            (fs::read_to_string(&stamped)?, fs::read(file("wasm.zst"))?, fs::read(file("code.zst"))?);
        io::Result::Ok(Packed { wasm: &wasm, code: &code }.stamp(&written) == Some(own.as_str()))
    };
    if is_there().unwrap_or(false) {
        return Ok(format!("{name:<10} is there"));
    }
    // Whatever interrupts this, a stamp stands beside what it was made with only.
    if stamped.exists() {
        fs::remove_file(&stamped)?;
    }
    let code = engine.precompile_component(&wasm)?;
    let (packed_wasm, packed_code) = (pack(&wasm, level)?, pack(&code, level)?);
    fs::write(file("wasm.zst"), &packed_wasm)?;
    fs::write(file("code.zst"), &packed_code)?;
    fs::write(stamped, Packed { wasm: &packed_wasm, code: &packed_code }.stamped(&own))?;
    let kib = |bytes: &[u8]| bytes.len() / 1024;
    let (wasm, code, packed_wasm, packed_code) = (kib(&wasm), kib(&code), kib(&packed_wasm), kib(&packed_code));
    Ok(format!("{name:<10} {wasm:>6} KiB, packed {packed_wasm}; machine code {code} KiB, packed {packed_code}"))
}
