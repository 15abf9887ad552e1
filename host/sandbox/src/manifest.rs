//! What a component says it is and wants, read from its bytes before anything of it runs.

use nic_gate::grant::{Grants, NotAGrant, parse_all};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::code::Code;
use super::error::PluginError;
use super::guest_text::paragraph;
use super::limits::{DEFAULT_MEMORY_MIB, MAX_COMPONENT_BYTES, MAX_MANIFEST_BYTES, MAX_MEMORY_MIB};
use super::section;

pub use super::section::SECTION;

/// The boundary this host speaks.
pub const WIT: &str = "nic:plugin@0.1.0";

/// The world that providers are of. Those of another one are run by other commands, or by a later NIC.
const PROVIDER: &str = "provider";

/// Names that no component has: `local` is a word for `existing`, the others begin addresses and outputs of the host.
const RESERVED: [&str; 4] = ["kubernetes", "local", "nic", "platform"];

/// What a component says it is and wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The provider's name, the first segment of every address it declares.
    pub name: String,
    pub version: String,
    /// The boundary it was made for.
    pub wit: String,
    /// The world of that boundary: `provider`.
    pub world: String,
    /// What it wants to be allowed.
    #[serde(default)]
    pub grants: Grants,
    /// Linear memory of one instance, when the default is too little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
}

impl Manifest {
    /// Reads the manifest of a component without running any of it.
    ///
    /// `file` names the component in errors.
    ///
    /// # Errors
    /// [`PluginError`]: too large, not a component, no manifest or several, a manifest that cannot be used, another boundary.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, PluginError> {
        let name = || file.to_owned();
        if bytes.len() > MAX_COMPONENT_BYTES {
            return Err(PluginError::TooLarge { name: name(), bytes: bytes.len(), limit: MAX_COMPONENT_BYTES });
        }
        let sections = section::find(bytes).map_err(|why| PluginError::NotAComponent { name: name(), why })?;
        match sections.as_slice() {
            [] => Err(PluginError::NoManifest { name: name() }),
            [section] => Self::parse(file, section),
            several => {
                let why = format!("there are {}, where one is expected", several.len());
                Err(PluginError::BadManifest { name: name(), why })
            }
        }
    }

    /// The manifest of code; that of bundled code was found when the binary was built.
    pub fn of(file: &str, code: &Code) -> Result<Self, PluginError> {
        match code.manifest() {
            Some(section) => Self::parse(file, section),
            None => Self::read(file, &code.bytes()),
        }
    }

    fn parse(file: &str, section: &[u8]) -> Result<Self, PluginError> {
        let name = || file.to_owned();
        let bad = |why: String| PluginError::BadManifest { name: name(), why };
        if section.len() > MAX_MANIFEST_BYTES {
            return Err(bad(format!("it has {} bytes; at most {MAX_MANIFEST_BYTES} are read", section.len())));
        }
        let unfit = |error: serde_json::Error| bad(paragraph(&error.to_string()));
        let mut document: Value = serde_json::from_slice(section).map_err(unfit)?;
        let wanted = document.get_mut("grants").map_or_else(|| Value::Array(Vec::new()), Value::take);
        // A manifest of another boundary may have another shape.
        if let Some(wit) = document.get("wit").and_then(Value::as_str).filter(|wit| !speaks(wit)) {
            return Err(PluginError::WitUnsupported { name: name(), wit: paragraph(wit), ours: WIT });
        }
        let mut manifest = Self::deserialize(without_grants(document)).map_err(unfit)?;
        if manifest.world != PROVIDER {
            return Err(PluginError::WorldUnsupported { name: name(), world: paragraph(&manifest.world) });
        }
        let Value::Array(wanted) = wanted else { return Err(bad("`grants` is not a list".to_owned())) };
        manifest.grants = Grants(parse_all(&wanted).map_err(|why| match why {
            NotAGrant::Unknown(what) => PluginError::NeedsNewerHost { name: name(), what: paragraph(&what) },
            NotAGrant::Wrong(why) => bad(paragraph(&why)),
        })?);
        manifest.check().map_err(bad)?;
        if let Some(rule) = manifest.grants.idle_rule() {
            return Err(bad(format!(
                "no request meets the rule `{}`: no grant of `hosts` lists its host, or `https://` stands before it",
                paragraph(rule)
            )));
        }
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err("`name` is not lower-case letters, digits and `-`, at most 32".to_owned());
        }
        if RESERVED.contains(&self.name.as_str()) {
            return Err(format!("`{}` is a name that NIC has a meaning for itself", self.name));
        }
        if self.version.is_empty() || self.version.len() > 64 || !self.version.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("`version` is not a version".to_owned());
        }
        if let Some(mib) = self.memory_mib
            && !(1..=MAX_MEMORY_MIB).contains(&mib)
        {
            return Err(format!("`memory_mib` is {mib}; between 1 and {MAX_MEMORY_MIB} are allowed"));
        }
        Ok(())
    }

    /// Linear memory of one instance.
    pub fn memory_bytes(&self) -> usize {
        self.memory_in_mib() as usize * 1024 * 1024
    }

    /// The same for people.
    pub fn memory_in_mib(&self) -> u32 {
        self.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB)
    }
}

fn without_grants(mut document: Value) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.remove("grants");
    }
    document
}

/// Whether a text can name a provider.
pub fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Within 0.1.x only things are added: an older component runs, and a newer one fails to link if it needs what is not here.
fn speaks(wit: &str) -> bool {
    wit.strip_prefix("nic:plugin@0.1.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn leb(mut value: usize) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let byte = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                out.push(byte);
                return out;
            }
            out.push(byte | 0x80);
        }
    }

    fn custom(data: &[u8]) -> Vec<u8> {
        let mut body = leb(SECTION.len());
        body.extend(SECTION.as_bytes());
        body.extend(data);
        let mut out = vec![0];
        out.extend(leb(body.len()));
        out.extend(body);
        out
    }

    fn module(sections: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"\0asm\x01\0\0\0".to_vec();
        out.extend(sections.concat());
        out
    }

    fn component(sections: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"\0asm\x0d\0\x01\0".to_vec();
        out.extend(sections.concat());
        out
    }

    /// A component with the section in a nested module.
    fn nested(sections: &[Vec<u8>]) -> Vec<u8> {
        let module = module(sections);
        let mut section = vec![1];
        section.extend(leb(module.len()));
        section.extend(module);
        component(&[section])
    }

    fn valid() -> Value {
        json!({
            "name": "aws", "version": "0.1.0", "wit": "nic:plugin@0.1.0", "world": "provider",
            "grants": [
                {"capability": "cloud-http", "scheme": "aws-sigv4", "services": ["ec2"], "reason": "to read networks"},
                {"capability": "kubernetes", "verbs": ["get"], "kinds": ["v1/Node"], "reason": "to see nodes"},
            ],
        })
    }

    fn read(value: &Value) -> Result<Manifest, PluginError> {
        Manifest::read("x.wasm", &nested(&[custom(value.to_string().as_bytes())]))
    }

    #[test]
    fn the_manifest_is_found_in_a_nested_module() {
        let manifest = read(&valid()).unwrap();
        assert_eq!(manifest.name, "aws");
        assert_eq!(manifest.memory_bytes(), 256 << 20);
        assert_eq!(serde_json::to_value(&manifest).unwrap(), valid());
        assert!(
            manifest.grants.allows_service("aws-sigv4", "ec2")
                && manifest.grants.allows_cluster_read("get", "v1", "Node")
        );
    }

    #[test]
    fn what_this_version_does_not_know_of_a_grant_refuses_the_component() {
        for (pointer, value, what) in [
            ("/grants/0/capability", json!("shell"), "the capability `shell`"),
            (
                "/grants/0",
                json!({"capability": "cluster", "locators": [], "until": "noon", "reason": "r"}),
                "the member `until`",
            ),
        ] {
            let mut manifest = valid();
            *manifest.pointer_mut(pointer).unwrap() = value;
            let error = read(&manifest).unwrap_err();
            assert_eq!(error.code(), "COMPONENT_NEEDS_NEWER_HOST");
            assert!(error.to_string().contains(what), "{error}");
        }
        let mut hinted = valid();
        hinted["grants"][0]["hint-colour"] = json!("red");
        hinted["elsewhere"] = json!("passed over");
        assert_eq!(read(&hinted).unwrap(), read(&valid()).unwrap());
    }

    #[test]
    fn what_is_no_component_or_has_no_single_manifest_is_refused_by_code() {
        let code = |bytes: &[u8]| Manifest::read("x.wasm", bytes).unwrap_err().code();
        assert_eq!(code(b""), "PLUGIN_NOT_A_COMPONENT");
        assert_eq!(code(b"\x7fELF...."), "PLUGIN_NOT_A_COMPONENT");
        assert_eq!(code(&module(&[custom(b"{}")])), "PLUGIN_NOT_A_COMPONENT");
        assert_eq!(code(&component(&[])), "PLUGIN_NO_MANIFEST");
        let section = custom(valid().to_string().as_bytes());
        assert_eq!(code(&component(&[section.clone(), section.clone()])), "PLUGIN_BAD_MANIFEST");
        let mut truncated = nested(&[section]);
        truncated.truncate(truncated.len() - 5);
        assert_eq!(code(&truncated), "PLUGIN_NOT_A_COMPONENT");
        assert_eq!(code(&component(&[custom(&vec![b' '; MAX_MANIFEST_BYTES + 1])])), "PLUGIN_BAD_MANIFEST");
    }

    #[test]
    fn other_boundaries_are_refused_and_later_patches_are_not() {
        let with = |wit: &str| {
            let mut manifest = valid();
            manifest["wit"] = json!(wit);
            read(&manifest).map_err(|error| error.code())
        };
        for wit in ["nic:plugin@0.2.0", "nic:plugin@1.0.0", "nic:plugin", "other:plugin@0.1.0", "nic:plugin@0.1.x", ""]
        {
            assert_eq!(with(wit), Err("PLUGIN_WIT_UNSUPPORTED"), "{wit}");
        }
        assert!(with("nic:plugin@0.1.7").is_ok());
        let mut importer = valid();
        importer["world"] = json!("importer");
        assert_eq!(read(&importer).unwrap_err().code(), "PLUGIN_WORLD_UNSUPPORTED");
    }

    #[test]
    fn absurd_manifests_are_refused() {
        let refused = |pointer: &str, value: Value| {
            let mut manifest = valid();
            *manifest.pointer_mut(pointer).unwrap() = value;
            read(&manifest).unwrap_err().code()
        };
        for (pointer, value) in [
            ("/name", json!("../aws")),
            ("/name", json!("")),
            ("/name", json!("local")),
            ("/version", json!("1.0\u{1b}[2J")),
            ("/grants/0/reason", json!(" ")),
            ("/grants/0/reason", json!("a\u{1b}[2Jb")),
            ("/grants", json!({})),
            ("/grants/0/services", json!(["a\nb"])),
            ("/grants/1/verbs", json!(["delete"])),
        ] {
            assert_eq!(refused(pointer, value.clone()), "PLUGIN_BAD_MANIFEST", "{pointer} {value}");
        }
        let mut manifest = valid();
        manifest["memory_mib"] = json!(4096);
        assert_eq!(read(&manifest).unwrap_err().code(), "PLUGIN_BAD_MANIFEST");
    }
}
