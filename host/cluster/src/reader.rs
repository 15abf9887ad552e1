//! Reads on the cluster for guests.

use async_trait::async_trait;
use nic_core::error::ProviderError;
use nic_core::ports::ClusterReader;
use serde_json::Value;

use super::connection::{Connected, Most, ObjectName};

/// Most of one list: more would not be handed on to a guest.
const MOST: Most = Most { objects: 5_000, bytes: 64 << 20 };

/// Where the cluster is at this moment. It is asked before each read: the cluster may have been made, or replaced, since the
/// last one.
#[async_trait]
pub trait FindCluster: Send + Sync {
    /// The connection, or none while there is no cluster.
    async fn find(&self) -> Result<Option<Connected>, ProviderError>;
}

/// Reads on the cluster that is found.
#[derive(Debug, Clone)]
pub struct FoundClusterReader<F>(F);

impl<F: FindCluster> FoundClusterReader<F> {
    /// Finds it when it is first asked.
    pub fn new(find: F) -> Self {
        Self(find)
    }

    async fn connected(&self) -> Result<Connected, ProviderError> {
        let none = || ProviderError::denied("CLUSTER_NOT_READY", "no cluster is known yet");
        self.0.find().await?.ok_or_else(none)
    }
}

#[async_trait]
impl<F: FindCluster> ClusterReader for FoundClusterReader<F> {
    async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ProviderError> {
        let object = ObjectName {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        let cluster = self.connected().await?;
        cluster.check_scope(&object).await?;
        Ok(cluster.get(&object).await?.map(without_noise))
    }

    async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        label_selector: &str,
    ) -> Result<Value, ProviderError> {
        let cluster = self.connected().await?;
        let found = cluster.list(api_version, kind, namespace, label_selector, MOST).await?;
        Ok(Value::Array(found.into_iter().map(without_noise).collect()))
    }
}

/// Without the bookkeeping of field managers, which is longer than most objects.
fn without_noise(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bookkeeping_is_left_out() {
        let noisy = json!({"metadata": {"name": "a", "managedFields": [1],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x", "kept": "y"}}});
        assert_eq!(without_noise(noisy), json!({"metadata": {"name": "a", "annotations": {"kept": "y"}}}));
    }
}
