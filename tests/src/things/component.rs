//! The scripted component with a manifest for the test at hand.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Things;
use crate::nic::Workspace;
use crate::published;

/// The custom section of the manifest.
const SECTION: &str = "nic:manifest";

/// The manifest that is in the component.
const MANIFEST: &str = include_str!("../../components/scripted/manifest.json");

/// The built component, from the directory that `NIC_COMPONENTS_DIR` names.
pub fn scripted() -> Result<Vec<u8>> {
    let directory = std::env::var_os("NIC_COMPONENTS_DIR").map(PathBuf::from).context(
        "NIC_COMPONENTS_DIR names no directory: run `cargo xtask test`, or `cargo xtask components` and set it",
    )?;
    let path = directory.join("scripted.wasm");
    std::fs::read(&path).with_context(|| format!("read {}", path.display()))
}

/// The component with its manifest, which was this text, changed. The section stands in the bytes of a nested module, so its length
/// stays: blanks fill it up.
pub fn with_manifest(component: &[u8], manifest: &str, edit: impl FnOnce(&mut Value)) -> Result<Vec<u8>> {
    // The text alone may stand among the constants too.
    let section = format!("{SECTION}{manifest}");
    let places: Vec<usize> = (0..component.len().saturating_sub(section.len() - 1))
        .filter(|place| component[*place..].starts_with(section.as_bytes()))
        .collect();
    ensure!(
        places.len() == 1,
        "the manifest is {} times in the component: was it made with another one?",
        places.len()
    );
    let mut changed: Value = serde_json::from_str(manifest).context("the manifest is JSON")?;
    edit(&mut changed);
    let text = changed.to_string();
    ensure!(text.len() <= manifest.len(), "the changed manifest is longer than the old one:\n{text}");
    let begin = places[0] + SECTION.len();
    let mut component = component.to_vec();
    let bytes = &mut component[begin..begin + manifest.len()];
    bytes.fill(b' ');
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    Ok(component)
}

/// A directory for `NIC_COMPONENTS_DIR`, with the scripted component as `scripted`, granted this cloud besides what `edit` changes of what
/// its manifest wants.
pub fn granting(things: &Things, edit: impl FnOnce(&mut Value)) -> Result<TempDir> {
    let mut manifest: Value = serde_json::from_str(MANIFEST).context("the manifest is JSON")?;
    grant_its_cloud(&mut manifest, things, edit);
    granting_to(&scripted()?, &manifest)
}

/// The same with the scripted component of then.
pub fn granting_published(things: &Things) -> Result<TempDir> {
    let mut manifest = published::SCRIPTED.wanted()?;
    grant_its_cloud(&mut manifest, things, |_| ());
    granting_to(&published::SCRIPTED.bytes()?, &manifest)
}

fn grant_its_cloud(manifest: &mut Value, things: &Things, edit: impl FnOnce(&mut Value)) {
    let hosts = manifest["grants"].as_array_mut().into_iter().flatten();
    for grant in hosts.filter(|grant| grant["capability"] == "hosts") {
        grant["hosts"] = json!([things.origin()]);
        grant["private"] = json!([things.origin()]);
    }
    for grant in manifest["grants"].as_array_mut().into_iter().flatten().filter(|grant| grant["capability"] == "kinds")
    {
        for actions in grant["kinds"].as_object_mut().into_iter().flat_map(|kinds| kinds.values_mut()) {
            *actions = json!(["POST", "PUT", "DELETE"].map(|method| format!("{method} {}/*", things.origin())));
        }
    }
    edit(manifest);
}

fn granting_to(component: &[u8], manifest: &Value) -> Result<TempDir> {
    let directory = tempfile::tempdir().context("make a directory for components")?;
    place(directory.path(), component, manifest)?;
    Ok(directory)
}

/// Lets a workspace have the scripted component, with what its manifest wants.
pub fn use_scripted(workspace: &mut Workspace) -> Result<()> {
    let directory = workspace.path().join("components");
    std::fs::create_dir_all(&directory).context("make a directory for components")?;
    place(&directory, &scripted()?, &serde_json::from_str(MANIFEST)?)?;
    workspace.env("NIC_COMPONENTS_DIR", directory.display().to_string());
    Ok(())
}

/// Puts a component there, and into the lock file what the manifest says, as somebody does who grants it by hand.
pub fn place(directory: &Path, component: &[u8], manifest: &Value) -> Result<()> {
    let name = manifest["name"].as_str().context("a name")?;
    let path = directory.join(format!("{name}.wasm"));
    std::fs::write(&path, component).with_context(|| format!("write {}", path.display()))?;
    let locked = json!({
        "name": name,
        "version": manifest["version"],
        "source": path.display().to_string(),
        "digest": format!("sha256:{:x}", Sha256::digest(component)),
        "wit": manifest["wit"],
        "grants": manifest["grants"],
    });
    let lock = directory.join("nic.lock");
    std::fs::write(&lock, json!({ "version": 1, "providers": [locked] }).to_string())
        .with_context(|| format!("write {}", lock.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_changed_in_its_place_and_nothing_else_is() {
        let component = format!("\0asm....{MANIFEST}....{SECTION}{MANIFEST}....");
        let with = |edit: fn(&mut Value)| with_manifest(component.as_bytes(), MANIFEST, edit);
        let changed = with(|manifest| manifest["version"] = json!("9.9.9")).unwrap();
        assert_eq!(changed.len(), component.len());
        let text = String::from_utf8(changed).unwrap();
        let before = format!("\0asm....{MANIFEST}....{SECTION}");
        let manifest = text.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix("....")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(manifest).unwrap()["version"], "9.9.9");
        assert!(with_manifest(b"\0asm", MANIFEST, |_| ()).is_err());
        assert!(with(|manifest| manifest["x"] = json!("x".repeat(1000))).is_err());
    }
}
