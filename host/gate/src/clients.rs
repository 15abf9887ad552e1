//! HTTP clients, by where they may reach. What goes through a proxy of the user's has one of its own, and no other ever dials a proxy: so the
//! proxy's name opens nothing to whoever names it as a host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nic_core::error::ProviderError;
use tokio::sync::OnceCell;
use url::{Host, Url};

use super::GateOptions;
use crate::egress::{Authorities, EgressRefused, Guarded, Lookup, Proxies, Proxy, Reach, check_machine};

/// Longest time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Services hang up on idle connections after some 20 s; a request that meets that end may or may not have arrived.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who calls, for the cloud's audit log.
const USER_AGENT: &str = concat!("nic/", env!("CARGO_PKG_VERSION"));

/// What sets clients apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    /// None for what a proxy dials.
    reach: Option<Reach>,
    /// What is trusted in place of the machine's certificates.
    authorities: Option<Arc<Authorities>>,
}

/// The clients, each made when it is first needed.
#[derive(Debug)]
pub struct Clients {
    timeout: Duration,
    lookup: Lookup,
    proxies: Proxies,
    made: Mutex<BTreeMap<Way, Arc<OnceCell<reqwest::Client>>>>,
}

impl Clients {
    /// Opens nothing yet.
    pub fn new(options: &GateOptions) -> Self {
        let GateOptions { timeout, lookup, proxies, .. } = options;
        Self { timeout: *timeout, lookup: lookup.clone(), proxies: proxies.clone(), made: Mutex::default() }
    }

    /// The client for a URL that may be within this reach, and the proxy that it goes through.
    ///
    /// # Errors
    /// `PROXY_INVALID`, `CA_BUNDLE_INVALID`.
    pub async fn of(
        &self,
        url: &Url,
        reach: Reach,
        authorities: Option<Arc<Authorities>>,
    ) -> Result<(reqwest::Client, Option<String>), ProviderError> {
        let proxy = self.proxies.of(url)?;
        let way = Way { reach: proxy.is_none().then_some(reach), authorities };
        let slot = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.entry(way.clone()).or_default().clone()
        };
        let client = slot.get_or_try_init(async || self.make(&way)).await?;
        Ok((client.clone(), proxy.map(Proxy::told)))
    }

    /// Looks where a host is that a component names, if a proxy is to dial it: nothing of ours sees the address then.
    ///
    /// # Errors
    /// `ADDRESS_NOT_ALLOWED`, `PROXY_INVALID`.
    pub async fn look_ahead(&self, url: &Url, reach: Reach) -> Result<(), ProviderError> {
        match url.host() {
            Some(Host::Domain(name)) if self.proxies.of(url)?.is_some() => {
                let looked = Guarded::new(reach, self.lookup.clone()).look_ahead(name).await;
                looked.map_err(|refused| ProviderError::denied(EgressRefused::CODE, refused.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Reads the certificates that this machine trusts, which takes a while.
    fn make(&self, Way { reach, authorities }: &Way) -> Result<reqwest::Client, ProviderError> {
        super::install_crypto_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .timeout(self.timeout)
            // The user's own proxy may be anywhere and dials for us.
            .dns_resolver(Guarded::new(reach.unwrap_or(Reach::Anywhere), self.lookup.clone()));
        match authorities {
            Some(authorities) => {
                let certificates = authorities.der().map(reqwest::Certificate::from_der).collect::<Result<Vec<_>, _>>();
                builder = builder.tls_certs_only(certificates.map_err(|error| no_client(&error))?);
            }
            None => check_machine()?,
        }
        let builder = match reach {
            Some(_) => builder.no_proxy(),
            None => self.proxies.put_into(builder).map_err(|error| no_client(&error))?,
        };
        builder.build().map_err(|error| no_client(&error))
    }
}

fn no_client(error: &reqwest::Error) -> ProviderError {
    ProviderError::other("HTTP_CLIENT_FAILED", format!("the HTTP client cannot be set up: {error}"))
}
