//! nebari-config.yaml: read, checked as far as the host owns it, and handed on by sections.

mod characters;
mod dialect;
mod encoding;
mod floor;
mod found;
mod guards;
mod immutable;
mod known_keys;
mod layout;
mod load;
mod names;
mod overrides;
mod problems;
mod provider;
mod scalar;
mod schema;
mod source;
mod state_bucket;
mod storage;
#[cfg(test)]
mod tests;
pub mod typed;
pub mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nic_core::diagnostic::Diagnostic;
use serde_json::{Map, Value};

pub use self::immutable::immutable;
use self::overrides::{Override, name_variable};
pub use self::schema::host_schema;
pub use self::source::{ConfigError, ConfigSource};
use self::source::{place, span_of};
use self::yaml::Node;

/// A config that holds together as far as the host can tell.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its text, for excerpts.
    pub source: Arc<str>,
    /// The tree, overrides applied.
    root: Node,
    /// `project_name`.
    pub project_name: String,
    /// `namespace`, `dev` when absent.
    pub namespace: String,
    /// `provider`, inferred from the one section present when absent.
    pub provider: String,
    /// The topology that the spelling of keys says; used only while the state is empty.
    pub spelling: &'static str,
    /// What should be told although it stops nothing.
    pub warnings: Vec<Diagnostic>,
}

impl Config {
    /// Reads, parses and checks a config.
    ///
    /// # Errors
    /// `CONFIG_NOT_FOUND`, `CONFIG_NOT_READABLE`, `CONFIG_NOT_YAML`, `CONFIG_NOT_A_MAP`, `CONFIG_MISSING_KEY`,
    /// `CONFIG_INVALID_VALUE`, `CONFIG_PROVIDER_*`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        load::load(path, &Override::all(std::env::vars_os())?)
    }

    /// The sections a provider owns, typed by their schemas, with secret leaves taken out. Absent sections are absent. What a variable sets is
    /// shown where a trusted schema says that it is no secret.
    pub fn sections(&self, schemas: &BTreeMap<String, Value>, trusted: bool) -> (Value, Vec<typed::Secret>) {
        let mut secrets = Vec::new();
        let mut sections = Map::new();
        let used = schemas.iter().filter(|(key, _)| !provider::is_unused(&self.root, &self.provider, key));
        for (key, schema) in used {
            if let Some(node) = self.root.get(key) {
                sections.insert(key.clone(), typed::typed(node, schema, &format!("/{key}"), trusted, &mut secrets));
            }
        }
        (Value::Object(sections), secrets)
    }

    /// Keys at the top level that nobody is known to read: neither NIC, nor a stage of Nebari, nor the provider whose sections these are.
    /// Near misses of known keys are among [`Self::warnings`].
    pub fn unclaimed(&self, sections: &BTreeMap<String, Value>) -> Vec<Diagnostic> {
        known_keys::unclaimed(&self.root, sections)
    }

    /// The region the provider's section names, for clouds that have one. The section of a provider of somebody else's is called as it is.
    pub fn region(&self) -> Option<String> {
        provider::region(&self.root, &self.provider)
    }

    /// Where the region of the provider's section stands.
    pub fn region_pointer(&self) -> String {
        provider::region_pointer(&self.provider)
    }

    /// Where the config says which provider is meant: by its name, or by the one section that is there.
    pub fn provider_pointer(&self) -> String {
        provider::pointer(&self.root, &self.provider)
    }

    /// What stays when everything else is destroyed: addresses and kinds.
    pub fn retain(&self) -> Vec<String> {
        guards::retain(&self.root)
    }

    /// Whether the config says something at this RFC 6901 pointer.
    pub fn says(&self, pointer: &str) -> bool {
        self.root.key(pointer).is_some()
    }

    /// Whether the config forbids deploying.
    pub fn prevents_deploy(&self) -> bool {
        guards::prevents_deploy(&self.root)
    }

    /// Of what a provider found in its sections, that which matters with what the rest of the config says.
    pub fn matter(&self, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        found.retain(|diagnostic| !state_bucket::is_moot(&self.root, diagnostic));
        found
    }

    /// The diagnostic with file, line and column of what its pointer leads to.
    pub fn locate(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        found::say(&self.root, &mut diagnostic);
        name_variable(&self.root, &mut diagnostic);
        if let Some(span) = span_of(&self.root, &diagnostic) {
            let place = place(&self.path, &self.source, &span);
            match (&mut diagnostic.details, place) {
                (Value::Object(details), Value::Object(place)) => details.extend(place),
                (details, place) => *details = place,
            }
        }
        diagnostic
    }

    /// The text and places to show diagnostics in.
    pub fn excerpts(&self, diagnostics: &[Diagnostic]) -> ConfigSource {
        let spans = diagnostics.iter().map(|diagnostic| span_of(&self.root, diagnostic)).collect();
        ConfigSource { path: self.path.clone(), text: self.source.clone(), spans }
    }
}
