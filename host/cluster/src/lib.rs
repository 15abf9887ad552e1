//! From a locator to a connected cluster.
//!
//! A provider says which cluster is meant, never where it is: endpoint, certificate and login are the cloud's own answer to the
//! host, or the user's kubeconfig. So no provider can point the host's tokens at a server of its own.

mod aws;
mod clouds;
mod connection;
mod disruption;
mod exec;
mod generation;
mod health;
mod kind;
mod kinds;
mod kubeconfig;
pub mod kubernetes;
mod login;
mod proxied;
mod reader;
mod served;
mod watch;
mod workload;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nic_core::diagnostic::Diagnostic;
use nic_core::document;
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use nic_core::ports::Locator;
use serde_json::Value;

use self::kind::FoundCluster;

pub use self::clouds::{exec_credential, is_access_map};
pub use self::connection::{Applied, Apply, Connected, Most, ObjectName, RequestError};
pub use self::disruption::{HeldPod, Hold, holds};
pub use self::exec::ExecCommand;
pub use self::generation::Generation;
pub use self::health::{
    Ask, ClusterHealth, Count, Nodes, NotReady, PlatformHealth, Trouble, cluster_health, platform_health,
};
pub use self::kubeconfig::context_credential;
pub use self::reader::{FindCluster, FoundClusterReader};
pub use self::workload::Workload;

use nic_gate::HostGate;

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

/// From where an API server lets anybody in, where that is not from everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Who is let in: `its public endpoint lets in 203.0.113.7/32 alone`
    pub words: String,
    /// The key of the config that decides it, as an RFC 6901 pointer.
    pub pointer: String,
    /// What whoever is shut out can do.
    pub hint: String,
}

#[derive(Debug, Default)]
struct Kept {
    connection: Option<Connected>,
    found: Option<Arc<dyn FoundCluster>>,
    /// Why what was found gives no connection: a plugin that does not answer is not waited for by each of those who wait.
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
    gate: HostGate,
    kept: Mutex<BTreeMap<String, Slot>>,
}

impl ClusterSource {
    /// Connects to nothing yet.
    pub fn new(gate: HostGate) -> Self {
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
        let cluster = kinds::of(&self.0.gate, locator)?;
        let slot = self.slot(locator);
        let mut kept = slot.lock().await;
        if kept.is_good(generation) {
            return kept.answer();
        }
        // Taken out: when the check fails, what was not checked is not there to be used.
        let before = std::mem::take(&mut *kept);
        let found = cluster.find().await?;
        let same = !before.has_failed() && is_same(before.found.as_deref(), found.as_deref());
        let (connection, refused) = match (before.connection.filter(|_| same), &found) {
            (Some(connection), _) => (Some(connection), None),
            (None, None) => (None, None),
            (None, Some(found)) => match found.connect().await {
                Ok(connection) => (Some(connection), None),
                Err(error) => (None, Some(error)),
            },
        };
        // Only now: it may have taken longer than the answer is believed.
        *kept = Kept { connection, found, refused, checked: Some((Instant::now(), generation)) };
        kept.answer()
    }

    /// Which cluster it is, where the user's kubeconfig says it; none of clusters that belong to an account, whose that is.
    pub async fn identity(&self, locator: &Locator, generation: Generation) -> Result<Option<Identity>, ProviderError> {
        if !kinds::of(&self.0.gate, locator)?.is_its_own_owner() {
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
        let found = self.found(locator, generation).await?;
        found.map(|cluster| cluster.access(exec)).transpose()
    }

    /// From where it is reached; none while there is no cluster, and where nothing is known to shut anybody out.
    pub async fn reach(&self, locator: &Locator, generation: Generation) -> Result<Option<Reach>, ProviderError> {
        Ok(self.found(locator, generation).await?.and_then(|cluster| cluster.reach()))
    }

    /// A login in the words of Nebari's output `kubernetes_credentials`, or none while there is no cluster. For stdout alone, when
    /// somebody asks for it. `written` is where deploy leaves its kubeconfig.
    pub async fn credentials(
        &self,
        locator: &Locator,
        generation: Generation,
        written: &Path,
    ) -> Result<Option<Value>, ProviderError> {
        match self.found(locator, generation).await? {
            Some(cluster) => cluster.credentials(written).await.map(Some),
            None => Ok(None),
        }
    }

    async fn found(
        &self,
        locator: &Locator,
        generation: Generation,
    ) -> Result<Option<Arc<dyn FoundCluster>>, ProviderError> {
        let slot = self.slot(locator);
        // Whoever connects holds it for as long as a login plugin takes to answer; to find the cluster needs no login of that sort.
        let known = slot.try_lock().ok().and_then(|kept| kept.found.clone().filter(|_| kept.is_good(generation)));
        match known {
            Some(cluster) => Ok(Some(cluster)),
            None => kinds::of(&self.0.gate, locator)?.find().await,
        }
    }
}

/// Whether both are one cluster, as far as that can be told without connecting.
fn is_same(before: Option<&dyn FoundCluster>, now: Option<&dyn FoundCluster>) -> bool {
    let (before, now) = (before.and_then(FoundCluster::fingerprint), now.and_then(FoundCluster::fingerprint));
    now.is_some() && before == now
}

#[cfg(test)]
mod tests;
