//! Kinds of clusters: how each is found, connected to and handed on. The rest of this crate knows the traits and the tables of clouds and
//! kinds, and no cloud by name.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use nic_core::error::ProviderError;
use nic_core::ports::Locator;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connection::Connected;
use super::exec::ExecCommand;
use super::{ClusterAccess, Reach};

/// One cluster that a locator leads to, whether or not it is there.
#[async_trait]
pub(crate) trait ClusterKind: fmt::Debug + Send + Sync {
    /// Whether the cluster itself says which one it is. Others belong to an account, whose that is.
    fn is_its_own_owner(&self) -> bool {
        false
    }

    /// The cluster as it is named at this moment; none while there is none to connect to.
    async fn find(&self) -> Result<Option<Arc<dyn FoundCluster>>, ProviderError>;
}

/// A cluster that was found.
#[async_trait]
pub(crate) trait FoundCluster: fmt::Debug + Send + Sync {
    /// What is the same as long as it is the same cluster, reached in the same way; none where only connecting tells.
    fn fingerprint(&self) -> Option<String> {
        None
    }

    /// Opens a connection.
    async fn connect(&self) -> Result<Connected, ProviderError>;

    /// From where its API server lets anybody in, as far as its cloud says, and unless that is from everywhere.
    fn reach(&self) -> Option<Reach> {
        None
    }

    /// How others reach it. `exec` is how the user calls this program for a login.
    fn access(&self, exec: &ExecCommand) -> Result<ClusterAccess, ProviderError>;

    /// A login in the words of Nebari's output `kubernetes_credentials`. `written` is where deploy leaves its kubeconfig.
    async fn credentials(&self, written: &Path) -> Result<Value, ProviderError>;
}

/// The parameters of a locator.
pub(crate) fn parameters<T: DeserializeOwned>(locator: &Locator) -> Result<T, ProviderError> {
    T::deserialize(&locator.parameters).map_err(|error| {
        let message = format!("the locator of the {} cluster cannot be read: {error}", locator.kind);
        ProviderError::other("CLUSTER_LOCATOR_INVALID", message)
    })
}
