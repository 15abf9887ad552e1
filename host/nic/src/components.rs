//! Which component serves a provider, and where its bytes are.

use std::path::{Path, PathBuf};

use nic_core::diagnostic::Diagnostic;
use nic_gate::grant::Grants;
use nic_sandbox::limits::MAX_COMPONENT_BYTES;
use nic_sandbox::{Code, Manifest};
use nic_system::files;

use crate::clouds::{self, Support};
use crate::error::CommandError;
use crate::lockfile::{COMPONENT_CHANGED, LockFile};
use crate::spelling::nearest;

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Names the directory of further components, `<name>.wasm`, in the place of the user's own; what stands there wins over what is bundled.
const COMPONENTS_DIR: &str = "NIC_COMPONENTS_DIR";

/// A component that can be loaded.
#[derive(Debug, Clone)]
pub struct AvailableComponent {
    /// The name it goes by.
    pub name: String,
    /// Where it comes from.
    pub origin: ComponentSource,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentSource {
    /// In the binary.
    Bundled,
    File(PathBuf),
}

/// A digest that people can tell from another one.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Whether a component of that name comes with NIC.
pub fn is_bundled(name: &str) -> bool {
    BUNDLED.iter().any(|(bundled, _)| *bundled == name)
}

/// Whether a component of this digest comes with NIC.
pub fn comes_with_nic(digest: &str) -> bool {
    BUNDLED.iter().any(|(_, code)| code.digest() == digest)
}

/// The component for a `provider` of a config, which may serve several.
pub fn component_of(provider: &str) -> &str {
    clouds::of(provider).map_or(provider, |cloud| cloud.component)
}

/// The directory of further components; none when nothing says where the user keeps such things.
pub fn directory() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os(COMPONENTS_DIR) {
        return Some(PathBuf::from(directory)).filter(|directory| !directory.as_os_str().is_empty());
    }
    let absolute = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("nic/providers"))
}

/// Every component that is there, by name.
pub fn all() -> Vec<AvailableComponent> {
    let mut found: Vec<AvailableComponent> = Vec::new();
    if let Some(directory) = directory() {
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "wasm")) {
            if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) {
                found.push(AvailableComponent { name: name.to_owned(), origin: ComponentSource::File(path.clone()) });
            }
        }
    }
    for (name, _) in BUNDLED {
        if !found.iter().any(|other| other.name == *name) {
            found.push(AvailableComponent { name: (*name).to_owned(), origin: ComponentSource::Bundled });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The component that serves a provider.
///
/// # Errors
/// `PROVIDER_NOT_AVAILABLE` with what is there. A name that stands for nothing is wrong; what is only not here is missing.
pub fn find(provider: &str) -> Result<AvailableComponent, CommandError> {
    let all = all();
    let names = served(&all);
    all.into_iter().find(|found| found.name == component_of(provider)).ok_or_else(|| not_available(provider, &names))
}

/// What a config can name, with these components.
fn served(components: &[AvailableComponent]) -> Vec<String> {
    let mut names: Vec<String> = components.iter().map(|found| found.name.clone()).collect();
    let other_names = clouds::CLOUDS.iter().filter(|cloud| cloud.provider != cloud.component);
    let here = |cloud: &&clouds::Cloud| names.iter().any(|name| name == cloud.component);
    let other_names: Vec<String> = other_names.filter(here).map(|cloud| cloud.provider.to_owned()).collect();
    names.extend(other_names);
    names
}

fn not_available(provider: &str, here: &[String]) -> CommandError {
    const SUMMARY: &str = "There is no component for this provider";
    const CODE: &str = "PROVIDER_NOT_AVAILABLE";
    let names = if here.is_empty() {
        "this binary has no components: build one that does with `cargo xtask dist`".to_owned()
    } else {
        format!("providers that are here: {}", here.join(", "))
    };
    let unknown = format!("this version of NIC has no provider `{provider}`");
    let of_others = "to use a component of somebody else's: `nic provider add ./component.wasm`";
    match clouds::of(provider).map(|cloud| cloud.support) {
        Some(Support::NotBuilt) => {
            let detail = format!("the provider `{provider}` is not built into NIC yet; a later version will have it");
            let error = CommandError::broke(CODE, SUMMARY, detail);
            error.hint(names).hint("until then, deploy this platform with Nebari itself")
        }
        Some(_) => CommandError::broke(CODE, SUMMARY, unknown).hint(names).hint(of_others),
        None => {
            let mut told = Diagnostic::error(CODE, SUMMARY, unknown);
            if let Some(meant) = nearest(provider, here.iter().map(String::as_str)) {
                told = told.hint(format!("did you mean `{meant}`?"));
            }
            CommandError::refused(vec![told.hint(names).hint(of_others)])
        }
    }
}

impl AvailableComponent {
    /// What it is called in messages: the provider's name, or the path of its file.
    pub fn file(&self) -> String {
        match &self.origin {
            ComponentSource::Bundled => self.name.clone(),
            ComponentSource::File(path) => path.display().to_string(),
        }
    }

    /// What it is granted: a bundled one what its manifest wants, also when its very bytes stand in a file; any other what `nic.lock` gives it.
    ///
    /// # Errors
    /// `COMPONENT_NOT_GRANTED`, `COMPONENT_CHANGED`, `LOCK_FILE_NOT_READABLE`.
    pub fn grants(&self, manifest: &Manifest, digest: &str) -> Result<Grants, CommandError> {
        match &self.origin {
            ComponentSource::File(path) if !comes_with_nic(digest) => {
                let directory = path.parent().unwrap_or(Path::new(""));
                LockFile::read(directory)?.grants(&self.name, path, digest).cloned()
            }
            _ => Ok(manifest.grants.clone()),
        }
    }

    /// What is wrong when a file is another one than was granted.
    pub fn changed(&self, digest: &str) -> Option<CommandError> {
        let ComponentSource::File(path) = &self.origin else { return None };
        let lock = LockFile::read(path.parent().unwrap_or(Path::new(""))).ok()?;
        let refused = lock.grants(&self.name, path, digest).err()?;
        refused.diagnostics.first().is_some_and(|found| found.code == COMPONENT_CHANGED).then_some(refused)
    }

    /// Its code.
    ///
    /// # Errors
    /// `PROVIDER_NOT_READABLE`.
    pub fn code(&self) -> Result<Code, CommandError> {
        let unreadable =
            |what: String| CommandError::broke("PROVIDER_NOT_READABLE", "A component cannot be read", what);
        match &self.origin {
            ComponentSource::Bundled => {
                let bundled = BUNDLED.iter().find(|(name, _)| *name == self.name).map(|(_, code)| code.clone());
                bundled.ok_or_else(|| unreadable(format!("`{}` is not in this binary", self.name)))
            }
            ComponentSource::File(path) => files::read_at_most(path, MAX_COMPONENT_BYTES)
                .map(Code::from)
                .map_err(|error| unreadable(format!("`{}`: {error}", path.display()))),
        }
    }
}
