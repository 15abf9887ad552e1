//! From a locator to a connected cluster.

use async_trait::async_trait;
use nic_core::error::ProviderError;
use serde_json::Value;

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
