//! Embeds the bundled components: every `<name>.wasm` in `NIC_BUNDLE_DIR`, where that is set, with its digest, its manifest and what
//! `nic-precompile` made of it for the target.

use std::fmt::Write as _;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

#[path = "../sandbox/src/section.rs"]
mod section;

fn main() {
    println!("cargo::rerun-if-env-changed=NIC_BUNDLE_DIR");
    println!("cargo::rerun-if-changed=../sandbox/src/section.rs");
    let mut list = String::from(
        "/// Each bundled component: its name and its code.\npub const BUNDLED: &[(&str, nic_sandbox::Code)] = &[\n",
    );
    let target = std::env::var("TARGET").unwrap_or_default();
    if let Some(directory) = std::env::var_os("NIC_BUNDLE_DIR").map(PathBuf::from) {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("NIC_BUNDLE_DIR {}: {error}", directory.display()))
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
            .collect();
        files.sort();
        println!("cargo::rerun-if-changed={}", directory.display());
        for file in files {
            println!("cargo::rerun-if-changed={}", file.display());
            let path = file.display().to_string();
            let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
            let manifest = match section::find(&bytes).as_deref() {
                Ok([manifest]) => manifest.clone(),
                other => panic!("{path} has not one manifest: {other:?}"),
            };
            let digest = Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let made =
                |extension: &str| directory.join(&target).join(format!("{name}.{extension}")).display().to_string();
            let stamp = std::fs::read_to_string(made("stamp")).unwrap_or_default();
            println!("cargo::rerun-if-changed={}", made("stamp"));
            assert!(
                stamp.starts_with(&digest),
                "there is no machine code of {path} for {target}: run `cargo xtask components`"
            );
            let _ = writeln!(
                list,
                "    ({name:?}, nic_sandbox::Code::bundled(&nic_sandbox::Bundled {{ wasm: include_bytes!({:?}), digest: {digest:?}, manifest: &{manifest:?}, \
                 machine_code: include_bytes!({:?}), stamp: {stamp:?} }})),",
                made("wasm.zst"),
                made("code.zst"),
            );
        }
    }
    list.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("bundled.rs");
    std::fs::write(&out, list).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}
