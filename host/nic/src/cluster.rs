//! From a locator to a connected cluster.
//!
//! A provider says which cluster is meant, never where it is: endpoint, certificate and login are the cloud's own answer to the
//! host, or the user's kubeconfig. So no provider can point the host's tokens at a server of its own.

mod connection;
mod eks;
mod kubeconfig;
mod reader;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use nic_core::document;
use nic_core::error::ProviderError;
use nic_core::ports::Locator;
use serde::Deserialize;
use serde_json::Value;

pub use self::connection::{Apply, Connected, ObjectName, RequestError};
pub use self::eks::{EksCluster, eks_token};
pub use self::kubeconfig::{ExecCommand, KubeconfigText};
pub use self::reader::{GrantedReader, KubernetesGrant};

use crate::signing::Gate;

/// A connection older than this is checked against the cloud's answer again: the cluster may have been replaced.
const CHECK_AFTER: Duration = Duration::from_mins(5);

/// How long "no such cluster" is believed, so that a batch of reads asks once.
const ABSENT_FOR: Duration = Duration::from_millis(500);

/// Reads on the cluster, within a grant.
#[async_trait]
pub trait ClusterReader: Send + Sync {
    /// One object, or none.
    async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ProviderError>;

    /// The objects of one kind as a JSON array.
    async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        label_selector: &str,
    ) -> Result<Value, ProviderError>;
}

/// What a user or a later stage needs to reach the cluster.
#[derive(Debug, Clone)]
pub struct ClusterAccess {
    /// Its name.
    pub name: String,
    /// `https://...`.
    pub endpoint: String,
    /// The certificate authority, PEM in base64; none when the system's own are meant.
    pub ca_certificate_base64: Option<String>,
    /// A kubeconfig for this cluster alone.
    pub kubeconfig: KubeconfigText,
}

/// The kinds of locators that the host can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Eks { region: String, name: String },
    Kubeconfig { context: Option<String> },
}

#[derive(Deserialize)]
struct EksParameters {
    region: String,
    name: String,
}

#[derive(Deserialize)]
struct KubeconfigParameters {
    #[serde(default)]
    context: Option<String>,
}

impl Place {
    fn of(locator: &Locator) -> Result<Self, ProviderError> {
        let bad = |error: serde_json::Error| {
            let message = format!("the locator of the {} cluster cannot be read: {error}", locator.kind);
            ProviderError::other("CLUSTER_LOCATOR_INVALID", message)
        };
        match locator.kind.as_str() {
            "eks" => {
                let EksParameters { region, name } = EksParameters::deserialize(&locator.parameters).map_err(bad)?;
                Ok(Self::Eks { region, name })
            }
            "kubeconfig" => {
                let KubeconfigParameters { context } =
                    KubeconfigParameters::deserialize(&locator.parameters).map_err(bad)?;
                Ok(Self::Kubeconfig { context })
            }
            other => Err(ProviderError::other(
                "CLUSTER_KIND_NOT_IMPLEMENTED",
                format!("clusters of kind `{other}` cannot be reached yet"),
            )),
        }
    }
}

#[derive(Debug, Default)]
struct Kept {
    connection: Option<Connected>,
    eks: Option<EksCluster>,
    checked: Option<Instant>,
}

type Slot = Arc<tokio::sync::Mutex<Kept>>;

/// Connects to clusters, each once.
#[derive(Debug, Clone)]
pub struct ClusterSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gate: Gate,
    kept: Mutex<BTreeMap<String, Slot>>,
}

impl ClusterSource {
    /// Connects to nothing yet.
    pub fn new(gate: Gate) -> Self {
        Self(Arc::new(Inner { gate, kept: Mutex::new(BTreeMap::new()) }))
    }

    fn slot(&self, locator: &Locator) -> Slot {
        let key = format!("{} {}", locator.kind, document::canonical(&locator.parameters));
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
    }

    /// The connection, or none while there is no cluster that answers.
    pub async fn connect(&self, locator: &Locator) -> Result<Option<Connected>, ProviderError> {
        let place = Place::of(locator)?;
        let slot = self.slot(locator);
        let mut kept = slot.lock().await;
        let good_for = if kept.connection.is_some() { CHECK_AFTER } else { ABSENT_FOR };
        if kept.checked.is_some_and(|checked| checked.elapsed() < good_for) {
            return Ok(kept.connection.clone());
        }
        match place {
            Place::Eks { region, name } => {
                let found = eks::describe(&self.0.gate, &region, &name).await?;
                if found != kept.eks || kept.connection.is_none() {
                    kept.connection = found.as_ref().map(|cluster| eks::connect(&self.0.gate, cluster)).transpose()?;
                    kept.eks = found;
                }
            }
            Place::Kubeconfig { context } => {
                kept.connection = Some(kubeconfig::connect(context.as_deref()).await?);
            }
        }
        kept.checked = Some(Instant::now());
        Ok(kept.connection.clone())
    }

    /// How others reach the cluster, or none while there is none. `exec` is how the user calls this program for a token.
    pub async fn access(&self, locator: &Locator, exec: &ExecCommand) -> Result<Option<ClusterAccess>, ProviderError> {
        match Place::of(locator)? {
            Place::Eks { region, name } => {
                let found = eks::describe(&self.0.gate, &region, &name).await?;
                found.map(|cluster| kubeconfig::eks_access(&cluster, exec)).transpose()
            }
            Place::Kubeconfig { context } => kubeconfig::context_access(context.as_deref()).map(Some),
        }
    }

    /// Forgets the connection: the cluster was created, replaced or deleted just now.
    pub fn forget(&self, locator: &Locator) {
        let key = format!("{} {}", locator.kind, document::canonical(&locator.parameters));
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

#[cfg(test)]
mod tests;
