//! Logins to clusters.

use async_trait::async_trait;
use nic_core::error::ProviderError;
use nic_gate::SecretString;

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
