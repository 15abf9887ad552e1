//! The state: what NIC made or imported, in memory. `docs/state.md` has the document and its schema.

pub mod format_v1;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Address;
use crate::identity::Identity;
use crate::ports::Facts;
use crate::resource::Record;

/// The state of one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The `provider` of the config.
    pub provider: String,
    /// The `project_name` of the config.
    pub project_name: String,
    /// The Nebari environment.
    pub namespace: String,
    /// The region, for clouds that have one.
    pub region: Option<String>,
    /// `classic` or `design`: set at the first deploy, never changed by an edit.
    pub topology: String,
    /// Goes up with every write.
    pub serial: u64,
    /// Identity of this state: two states of one lineage are older and newer, others are unrelated.
    pub lineage: String,
    /// Whether Terraform made what is recorded.
    pub imported_from_terraform: bool,
    /// Whose platform it is; none before the first deploy, and in states of before it was recorded.
    pub identity: Option<Identity>,
    /// The records by address.
    pub records: BTreeMap<Address, Record>,
    /// Recorded answers by provider and key.
    pub facts: BTreeMap<String, Facts>,
    /// What descriptions picked out of the config when anything was first made, by provider.
    pub settings: BTreeMap<String, BTreeMap<String, Value>>,
    /// When, by which version, from which config.
    pub metadata: Metadata,
    /// Top-level members that this version does not know; kept as they are.
    pub unknown: Map<String, Value>,
}

/// When, by which version, from which config.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// RFC 3339 instant of the first write.
    pub created_at: String,
    /// RFC 3339 instant of the last write.
    pub updated_at: String,
    /// Version of NIC that wrote last.
    pub nic_version: String,
    /// SHA-256 of the config sections that providers own, without secret leaves.
    pub configuration_hash: String,
    /// RFC 3339 instant of the last deploy that finished without error.
    pub last_successful_deploy: Option<String>,
    /// How many deploys finished without error.
    pub deploy_count: u64,
    /// Digests of the components of others that the user agreed to act with, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<String, String>,
    /// What immutable keys of the config said at the last of them, and settings when anything was first made, by RFC 6901 pointer.
    pub immutable_configuration: BTreeMap<String, Value>,
    /// Members that this version does not know; kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl State {
    /// A state with nothing in it.
    pub fn empty(
        provider: &str,
        project_name: &str,
        namespace: &str,
        topology: &str,
        lineage: &str,
        now: &str,
    ) -> Self {
        Self {
            provider: provider.to_owned(),
            project_name: project_name.to_owned(),
            namespace: namespace.to_owned(),
            region: None,
            topology: topology.to_owned(),
            serial: 0,
            lineage: lineage.to_owned(),
            imported_from_terraform: false,
            identity: None,
            records: BTreeMap::new(),
            facts: BTreeMap::new(),
            settings: BTreeMap::new(),
            metadata: Metadata { created_at: now.to_owned(), ..Metadata::default() },
            unknown: Map::new(),
        }
    }

    /// The records as they are now, shared.
    pub fn snapshot(&self) -> Arc<Vec<Record>> {
        Arc::new(self.records.values().cloned().collect())
    }
}
