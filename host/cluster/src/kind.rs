//! Kinds of clusters: how each is found, logged in to and handed on. The rest of this crate knows the traits and the table at the end, and
//! no cloud by name.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use nic_core::error::ProviderError;
use nic_core::ports::Locator;
use nic_gate::{Gate, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ClusterAccess;
use super::connection::Connected;
use super::kubeconfig::{self, ExecCommand};
use crate::aws;

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

    /// How others reach it. `exec` is how the user calls this program for a login.
    fn access(&self, exec: &ExecCommand) -> Result<ClusterAccess, ProviderError>;

    /// A login in the words of Nebari's output `kubernetes_credentials`. `written` is where deploy leaves its kubeconfig.
    async fn credentials(&self, written: &Path) -> Result<Value, ProviderError>;
}

/// As whom the host logs in.
#[async_trait]
pub(crate) trait Login: Send + Sync {
    /// What the cluster knows us by, where that is not part of the connection. Another one than was refused.
    async fn token(&self, refused: Option<&SecretString>) -> Result<Option<SecretString>, ProviderError>;

    /// The user of the kubeconfig; none where it names none.
    fn user(&self) -> Option<&str> {
        None
    }

    /// Why the cluster does not know who asks, where more can be said than that.
    async fn stranger(&self) -> Option<ProviderError> {
        None
    }
}

/// What leads from a locator to a cluster.
type Lead = fn(&Gate, &Locator) -> Result<Box<dyn ClusterKind>, ProviderError>;

/// The table of kinds, by what locators call them.
const KINDS: &[(&str, Lead)] = &[(aws::KIND, aws::lead), (kubeconfig::KIND, kubeconfig::lead)];

/// Labels that say which group a node is of, by cloud.
pub(crate) const GROUP_LABELS: &[&str] =
    &[aws::GROUP_LABEL, "cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool"];

/// Variables of the plugins of kubeconfigs that choose a login and are none.
pub(crate) const PLAIN_VARIABLES: &[&[&str]] = &[aws::PLAIN_VARIABLES, &["KUBECONFIG"]];

/// Short options of those plugins whose values are no secret: the plugin, and its options.
pub(crate) const PLAIN_OPTIONS: &[(&str, &[&str])] = &[aws::PLAIN_OPTIONS];

/// Variables by which the user chooses a login of a cloud, and which a kubeconfig of ours takes along. Never a key.
pub(crate) const CHOOSING_VARIABLES: &[&str] = &[aws::CHOOSING_VARIABLE];

/// The cluster that a locator leads to.
pub(crate) fn of(gate: &Gate, locator: &Locator) -> Result<Box<dyn ClusterKind>, ProviderError> {
    match KINDS.iter().find(|(kind, _)| *kind == locator.kind) {
        Some((_, lead)) => lead(gate, locator),
        None => Err(ProviderError::other(
            "CLUSTER_KIND_NOT_IMPLEMENTED",
            format!("clusters of kind `{}` cannot be reached yet", locator.kind),
        )),
    }
}

/// The parameters of a locator.
pub(crate) fn parameters<T: DeserializeOwned>(locator: &Locator) -> Result<T, ProviderError> {
    T::deserialize(&locator.parameters).map_err(|error| {
        let message = format!("the locator of the {} cluster cannot be read: {error}", locator.kind);
        ProviderError::other("CLUSTER_LOCATOR_INVALID", message)
    })
}

/// The `ExecCredential` that the exec plugin of a kubeconfig prints, for the cluster of a region. Kubeconfigs that name no kind are of the
/// first that there was.
///
/// # Errors
/// What the cloud's login says.
pub async fn exec_credential(gate: &Gate, region: &str, name: &str) -> Result<Value, ProviderError> {
    aws::exec_credential(gate, region, name).await
}

/// Whether a `ConfigMap` is, or may be, one that says who may log in; what is not known yet may be any.
pub fn is_access_map(namespace: Option<&str>, name: Option<&str>) -> bool {
    aws::is_access_map(namespace, name)
}
