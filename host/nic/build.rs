//! Embeds the bundled components: every `<name>.wasm` in `NIC_BUNDLE_DIR`, where that is set, with its digest, its manifest and what
//! `nic-precompile` made of it for the target.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use packed::{Packed, sha256};

#[path = "../engine/src/packed.rs"]
mod packed;
#[path = "../sandbox/src/section.rs"]
mod section;

fn main() {
    println!("cargo::rerun-if-env-changed=NIC_BUNDLE_DIR");
    println!("cargo::rerun-if-changed=../engine/src/packed.rs");
    println!("cargo::rerun-if-changed=../sandbox/src/section.rs");
    let mut list = String::from(
        "/// Each bundled component: its name and its code.\npub const BUNDLED: &[(&str, nic_sandbox::Code)] = &[\n",
    );
    let target = std::env::var("TARGET").unwrap_or_default();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    if let Some(directory) = std::env::var_os("NIC_BUNDLE_DIR").map(PathBuf::from) {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("NIC_BUNDLE_DIR {}: {error}", directory.display()))
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
            .collect();
        files.sort();
        println!("cargo::rerun-if-changed={}", directory.display());
        for file in files {
            let path = file.display().to_string();
            let bytes = read(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
            let manifest = match section::find(&bytes).as_deref() {
                Ok([manifest]) => manifest.clone(),
                other => panic!("{path} has not one manifest: {other:?}"),
            };
            let digest = sha256(&bytes);
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let made = |extension: &str| {
                read(&directory.join(&target).join(format!("{name}.{extension}"))).unwrap_or_default()
            };
            let (wasm, code, written) = (made("wasm.zst"), made("code.zst"), made("stamp"));
            let written = String::from_utf8_lossy(&written);
            let stamp = Packed { wasm: &wasm, code: &code }.stamp(&written);
            let stamp = stamp.filter(|stamp| stamp.starts_with(&digest)).unwrap_or_else(|| {
                panic!("there is no machine code of {path} for {target}, whole and of these bytes: run `cargo xtask components`")
            });
            // What was looked at is embedded, whatever becomes of the files until the compiler is there.
            let embedded = |extension: &str, bytes: &[u8]| {
                let copy = out.join(format!("{name}.{extension}"));
                write(&copy, bytes);
                copy.display().to_string()
            };
            let _ = writeln!(
                list,
                "    ({name:?}, nic_sandbox::Code::bundled(&nic_sandbox::Bundled {{ wasm: include_bytes!({:?}), digest: {digest:?}, manifest: &{manifest:?}, \
                 machine_code: include_bytes!({:?}), stamp: {stamp:?} }})),",
                embedded("wasm.zst", &wasm),
                embedded("code.zst", &code),
            );
        }
    }
    list.push_str("];\n");
    write(&out.join("bundled.rs"), list.as_bytes());
}

/// What a file holds. When it changes, all of this is done again.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    println!("cargo::rerun-if-changed={}", path.display());
    std::fs::read(path)
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
