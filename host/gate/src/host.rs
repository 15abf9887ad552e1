//! What the host asks of clouds in its own name.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use nic_authority::HostAuthority;
use nic_core::error::ProviderError;
use nic_core::identity::Identity;

use super::admission::{self, Caller};
use super::refusal::Refusal;
use super::scheme::{Presigned, Scheme};
use super::{CloudRequest, CloudResponse, Gate, HostGate, target};

impl HostGate {
    /// Through this gate.
    pub fn new(gate: Gate, _: &HostAuthority) -> Self {
        Self(gate)
    }

    /// The same way out for components, from which nothing leads back here.
    pub fn for_guests(&self) -> &Gate {
        &self.0
    }

    /// Signs and sends a request. Only to clouds, and through the same checks of names and actions as a guest's.
    ///
    /// # Errors
    /// What the credentials, the network or the cloud say.
    pub async fn send(&self, request: CloudRequest) -> Result<CloudResponse, ProviderError> {
        let scheme = self.scheme(&request.scheme)?;
        let request = admission::to_cloud(scheme, Caller::Host, request)?;
        self.0.send_signed(scheme, &request, &mut self.0.0.host_room.begin()).await
    }

    /// A URL that stands for a GET while `expires_in` lasts.
    ///
    /// # Errors
    /// What the credentials say.
    pub async fn presign(
        &self,
        request: CloudRequest,
        signed_header: (HeaderName, HeaderValue),
        expires_in: Duration,
    ) -> Result<Presigned, ProviderError> {
        let scheme = self.scheme(&request.scheme)?;
        let request = admission::to_cloud(scheme, Caller::Host, request)?;
        let (url, _) = target(scheme, &request).await?;
        scheme.presign(&request, url, signed_header, expires_in).await
    }

    /// Whether the user put something in place of a cloud's service.
    ///
    /// # Errors
    /// `ENDPOINT_INVALID`.
    pub async fn is_overridden(&self, scheme: &str, service_id: &str) -> Result<bool, ProviderError> {
        Ok(self.scheme(scheme)?.endpoint(service_id).await?.is_some())
    }

    /// The account that requests act on that are signed this way; none for ways of signing that know no account.
    ///
    /// # Errors
    /// What the credential chain says, or the cloud: `CREDENTIALS_*`, `DENIED`, `REMOTE`.
    pub async fn account(&self, scheme: &str, region: Option<&str>) -> Result<Option<Identity>, ProviderError> {
        match self.scheme(scheme) {
            Ok(scheme) => scheme.account(self, region).await,
            Err(_) => Ok(None),
        }
    }

    fn scheme(&self, name: &str) -> Result<&dyn Scheme, Refusal> {
        let found = self.0.0.options.schemes.iter().find(|scheme| scheme.name() == name);
        found.map(|scheme| &**scheme).ok_or_else(|| Refusal::SchemeNotImplemented(name.to_owned()))
    }
}
