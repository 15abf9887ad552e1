//! From a locator to a connected cluster.
//!
//! A provider says which cluster is meant, never where it is: endpoint, certificate and login are the cloud's own answer to the
//! host, or the user's kubeconfig. So no provider can point the host's tokens at a server of its own.

mod connection;
mod eks;
mod generation;
mod health;
mod kubeconfig;
pub mod kubernetes;
mod reader;
mod served;
mod watch;
mod workload;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nic_core::diagnostic::Diagnostic;
use nic_core::document;
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use nic_core::ports::Locator;
use serde::Deserialize;
use serde_json::Value;

pub use self::connection::{Applied, Apply, Connected, Most, ObjectName, RequestError};
pub use self::eks::{EksCluster, eks_token, is_access_map};
pub use self::generation::Generation;
pub use self::health::{Ask, ClusterHealth, Count, Nodes, NotReady, Standing, Trouble, cluster_health, standing};
pub use self::kubeconfig::{ExecCommand, context_credential};
pub use self::reader::{FindCluster, FoundClusterReader};
pub use self::workload::Workload;

use nic_gate::Gate;

/// A connection older than this is checked against the cloud's answer again: someone else may have replaced the cluster.
const CHECK_AFTER: Duration = Duration::from_mins(5);

/// How long "no such cluster" and "no login" are believed, so that a batch of reads asks once.
const ABSENT_FOR: Duration = Duration::from_millis(500);

/// What a user or a later stage needs to reach the cluster.
#[derive(Debug, Clone)]
pub struct ClusterAccess {
    /// The context that stands for it in the kubeconfig.
    pub context: String,
    /// A kubeconfig for this cluster alone, YAML. It holds no login.
    pub kubeconfig: String,
    /// What it will not do by itself.
    pub warnings: Vec<Diagnostic>,
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
    /// Why the user's kubeconfig gives no connection: a plugin that does not answer is not waited for by each of those who wait.
    refused: Option<ProviderError>,
    checked: Option<(Instant, Generation)>,
}

impl Kept {
    fn answer(&self) -> Result<Option<Connected>, ProviderError> {
        self.refused.clone().map_or_else(|| Ok(self.connection.clone()), Err)
    }

    /// Whether it can be used as it is, without asking the cloud.
    fn is_good(&self, generation: Generation) -> bool {
        let good_for = if self.connection.is_some() { CHECK_AFTER } else { ABSENT_FOR };
        !self.has_failed() && self.checked.is_some_and(|(at, of)| of == generation && at.elapsed() < good_for)
    }

    fn has_failed(&self) -> bool {
        self.connection.as_ref().is_some_and(Connected::has_failed)
    }
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
    ///
    /// A connection made under another generation, or one that failed, is used again only if the cloud still names the same
    /// cluster: an endpoint or a login of a cluster that was replaced or deleted reaches nobody.
    pub async fn connect(&self, locator: &Locator, generation: Generation) -> Result<Option<Connected>, ProviderError> {
        let place = Place::of(locator)?;
        let slot = self.slot(locator);
        let mut kept = slot.lock().await;
        if kept.is_good(generation) {
            return kept.answer();
        }
        // Taken out: when the check fails, what was not checked is not there to be used.
        let before = std::mem::take(&mut *kept);
        let checked = Some((Instant::now(), generation));
        *kept = match place {
            Place::Eks { region, name } => {
                let eks = eks::describe(&self.0.gate, &region, &name).await?;
                let same = eks.is_some() && eks == before.eks && !before.has_failed();
                let connection = match before.connection.filter(|_| same) {
                    Some(connection) => Some(connection),
                    None => eks.as_ref().map(|cluster| eks::connect(&self.0.gate, cluster)).transpose()?,
                };
                Kept { connection, eks, refused: None, checked }
            }
            Place::Kubeconfig { context } => {
                let (connection, refused) = match kubeconfig::connect(context.as_deref()).await {
                    Ok(connection) => (Some(connection), None),
                    Err(error) => (None, Some(error)),
                };
                // It may have taken longer than the answer is believed.
                Kept { connection, eks: None, refused, checked: Some((Instant::now(), generation)) }
            }
        };
        kept.answer()
    }

    /// Which cluster it is, where the user's kubeconfig says it; none of clusters that belong to an account, whose that is.
    pub async fn identity(&self, locator: &Locator, generation: Generation) -> Result<Option<Identity>, ProviderError> {
        if !matches!(Place::of(locator)?, Place::Kubeconfig { .. }) {
            return Ok(None);
        }
        match self.connect(locator, generation).await? {
            Some(cluster) => cluster.identity().await.map(Some),
            None => Ok(None),
        }
    }

    /// How others reach the cluster, or none while there is none. `exec` is how the user calls this program for a token.
    ///
    /// What a connection of the same generation was told is not asked again.
    pub async fn access(
        &self,
        locator: &Locator,
        generation: Generation,
        exec: &ExecCommand,
    ) -> Result<Option<ClusterAccess>, ProviderError> {
        match Place::of(locator)? {
            Place::Eks { region, name } => {
                let found = self.describe(locator, generation, &region, &name).await?;
                Ok(found.map(|cluster| kubeconfig::eks_access(&cluster, exec)))
            }
            Place::Kubeconfig { context } => kubeconfig::context_access(context.as_deref(), exec).map(Some),
        }
    }

    /// A login in the words of Nebari's output `kubernetes_credentials`, or none while there is no cluster. For stdout alone, when
    /// somebody asks for it. `written` is where deploy leaves its kubeconfig.
    pub async fn credentials(
        &self,
        locator: &Locator,
        generation: Generation,
        written: &Path,
    ) -> Result<Option<Value>, ProviderError> {
        match Place::of(locator)? {
            Place::Eks { region, name } => {
                let Some(cluster) = self.describe(locator, generation, &region, &name).await? else { return Ok(None) };
                eks::credentials(&self.0.gate, &cluster).await.map(Some)
            }
            Place::Kubeconfig { context } => kubeconfig::credentials(context.as_deref(), written).map(Some),
        }
    }

    async fn describe(
        &self,
        locator: &Locator,
        generation: Generation,
        region: &str,
        name: &str,
    ) -> Result<Option<EksCluster>, ProviderError> {
        let slot = self.slot(locator);
        let kept = slot.lock().await;
        let known = kept.eks.clone().filter(|_| kept.is_good(generation));
        drop(kept);
        match known {
            Some(cluster) => Ok(Some(cluster)),
            None => eks::describe(&self.0.gate, region, name).await,
        }
    }
}

#[cfg(test)]
mod tests;
