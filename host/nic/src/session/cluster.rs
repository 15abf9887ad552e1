//! The cluster of the one component that has it: for the objects that the host applies there, and for the component's own reads.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use nic_core::engine::Journal;
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use nic_core::ports::{Call, Context, Locator, Provider};
use serde_json::Value;

use nic_cluster::kubernetes::ClusterResolver;
use nic_cluster::{ClusterSource, Connected, FindCluster, Generation};

/// Asks a provider where its cluster is, each time anew: it is known only once it is recorded, and changes when it is replaced.
#[derive(Clone)]
pub(super) struct ClusterOf {
    clusters: ClusterSource,
    /// Weak, because the provider itself keeps a reader of its cluster.
    provider: Weak<dyn Provider>,
    config: Value,
}

impl ClusterOf {
    pub(super) fn new(clusters: ClusterSource, provider: &Arc<dyn Provider>, config: Value) -> Self {
        Self { clusters, provider: Arc::downgrade(provider), config }
    }

    /// Which cluster the provider means; none while there is none, or where it belongs to an account.
    pub(super) async fn identity(&self, call: &Call) -> Result<Option<Identity>, ProviderError> {
        let Some((locator, generation)) = self.locate(call).await? else { return Ok(None) };
        self.clusters.identity(&locator, generation).await
    }

    async fn locate(&self, call: &Call) -> Result<Option<(Locator, Generation)>, ProviderError> {
        let over = || ProviderError::other("HOST_FAILED", "the cluster was asked for after the run");
        let provider = self.provider.upgrade().ok_or_else(over)?;
        let Some(locator) = provider.cluster(call, &self.config).await? else { return Ok(None) };
        let generation = Generation::of(&provider.description().name, &locator, call.records.iter());
        Ok(Some((locator, generation)))
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
        let call = Call { context: self.context.clone(), records: self.journal.records().await };
        self.cluster.connect(&call).await
    }
}

#[cfg(test)]
mod tests;
