//! Whose platform a run works on: the account that its provider's requests act on, else the cluster that it was pointed to.

use async_trait::async_trait;
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use nic_core::ports::{Call, IdentitySource};
use nic_gate::HostGate;

use super::cluster::ClusterOf;

/// Asks with the user's own login.
pub(super) struct PlatformOwner {
    gate: HostGate,
    cluster: ClusterOf,
    /// The ways of signing that the provider was granted.
    schemes: Vec<String>,
    region: Option<String>,
}

impl PlatformOwner {
    pub(super) fn new(gate: HostGate, cluster: ClusterOf, schemes: Vec<String>, region: Option<String>) -> Self {
        Self { gate, cluster, schemes, region }
    }
}

#[async_trait]
impl IdentitySource for PlatformOwner {
    async fn identity(&self, call: &Call) -> Result<Option<Identity>, ProviderError> {
        for scheme in &self.schemes {
            let account = self.gate.account(scheme, self.region.as_deref()).await?;
            if account.is_some() {
                return Ok(account);
            }
        }
        self.cluster.identity(call).await
    }
}
