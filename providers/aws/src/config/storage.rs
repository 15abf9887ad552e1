//! The top-level section `storage`: what users' files lie on. Only its type decides about infrastructure; the sizes are read
//! by later stages.

use nic_sdk::findings::Findings;
use nic_sdk::kit::Reader;
use nic_sdk::schema::{any, object, string};
use serde_json::{Value, json};

/// The section.
pub const SECTION: &str = "storage";

const KEYS: &[&str] = &["type", "conda_store", "shared_filesystem"];

/// Where the files of all users lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SharedStorage {
    /// An elastic file system.
    #[default]
    Efs,
    /// A server in the cluster, which a later stage makes.
    Nfs,
    /// Ceph in the cluster, which a later stage makes.
    Cephfs,
}

/// The section's type; EFS when there is none.
pub fn parse(config: &Value, findings: &mut Findings) -> SharedStorage {
    let Some(section) = Reader::new(config.get(SECTION), "/storage", findings) else {
        return SharedStorage::default();
    };
    section.tell_unknown(KEYS, findings);
    match section.text("type", findings).as_deref() {
        None | Some("efs") => SharedStorage::Efs,
        Some("nfs") => SharedStorage::Nfs,
        Some("cephfs") => SharedStorage::Cephfs,
        Some(other) => {
            findings.error(
                "STORAGE_TYPE_INVALID",
                "A value is not one of those allowed",
                format!("`{other}` is none of `efs`, `nfs`, `cephfs`"),
                &section.at("type"),
            );
            SharedStorage::default()
        }
    }
}

/// The JSON Schema of the section.
pub fn schema() -> Value {
    // Nebari has it so too: users' files do not move by themselves.
    let kind = string().nullable().default(json!("efs")).immutable();
    let kind = kind.description("efs, or nfs or cephfs for a server in the cluster. Not to be changed afterwards.");
    let section = object().optional("type", kind).optional("conda_store", any()).optional("shared_filesystem", any());
    section.nullable().with("additionalProperties", json!(true)).build()
}
