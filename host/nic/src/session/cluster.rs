//! The cluster of the one component that has it: for the objects that the host applies there, and for the component's own reads.

use std::sync::Arc;

use async_trait::async_trait;
use nic_core::engine::Journal;
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use nic_core::ports::{Call, Context, Locator, Provider};
use nic_core::resource::Record;
use serde_json::Value;
use tokio::sync::Mutex;

use nic_cluster::kubernetes::ClusterResolver;
use nic_cluster::{ClusterSource, Connected, FindCluster, Generation};

/// What a provider said of its cluster, and the records that it said it of.
struct Located {
    records: Arc<Vec<Record>>,
    place: Option<(Locator, Generation)>,
}

/// Asks a provider where its cluster is, once for the records as they are: the cluster is known only once it is recorded, and changes when
/// it is replaced.
#[derive(Clone)]
pub(super) struct ClusterOf {
    clusters: ClusterSource,
    provider: Arc<dyn Provider>,
    config: Value,
    located: Arc<Mutex<Option<Located>>>,
}

impl ClusterOf {
    pub(super) fn new(clusters: ClusterSource, provider: Arc<dyn Provider>, config: Value) -> Self {
        Self { clusters, provider, config, located: Arc::default() }
    }

    /// Which cluster the provider means; none while there is none, or where it belongs to an account.
    pub(super) async fn identity(&self, call: &Call) -> Result<Option<Identity>, ProviderError> {
        let Some((locator, generation)) = self.locate(call).await? else { return Ok(None) };
        self.clusters.identity(&locator, generation).await
    }

    async fn locate(&self, call: &Call) -> Result<Option<(Locator, Generation)>, ProviderError> {
        // Whoever asks meanwhile waits for the answer. The records are kept with it, so that no others come to stand in their place.
        let mut located = self.located.lock().await;
        if let Some(Located { place, .. }) = located.as_ref().filter(|known| Arc::ptr_eq(&known.records, &call.records))
        {
            return Ok(place.clone());
        }
        let generation =
            |locator: &Locator| Generation::of(&self.provider.description().name, locator, call.records.iter());
        let place = self.provider.cluster(call, &self.config).await?;
        let place = place.map(|locator| {
            let generation = generation(&locator);
            (locator, generation)
        });
        *located = Some(Located { records: call.records.clone(), place: place.clone() });
        Ok(place)
    }
}

#[async_trait]
impl ClusterResolver for ClusterOf {
    async fn connect(&self, call: &Call) -> Result<Option<Connected>, ProviderError> {
        let Some((locator, generation)) = self.locate(call).await? else { return Ok(None) };
        self.clusters.connect(&locator, generation).await
    }
}

/// The cluster as a component's own call sees it. A call may last, so the records are those of the moment of each read, not
/// those that the call began with.
pub(super) struct OwnCluster {
    cluster: ClusterOf,
    context: Context,
    journal: Arc<Journal>,
}

impl OwnCluster {
    pub(super) fn new(cluster: ClusterOf, context: Context, journal: Arc<Journal>) -> Self {
        Self { cluster, context, journal }
    }
}

#[async_trait]
impl FindCluster for OwnCluster {
    async fn find(&self) -> Result<Option<Connected>, ProviderError> {
        let call = Call { context: self.context.clone(), records: self.journal.records().await, cluster: None };
        self.cluster.connect(&call).await
    }
}

#[cfg(test)]
mod tests;
