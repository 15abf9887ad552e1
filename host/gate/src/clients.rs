//! HTTP clients, by where they may reach. What goes through a proxy of the user's has one of its own, and no other ever dials a proxy: so the
//! proxy's name opens nothing to whoever names it as a host.

use std::time::Duration;

use nic_core::error::ProviderError;
use tokio::sync::OnceCell;
use url::{Host, Url};

use super::GateOptions;
use crate::egress::{EgressRefused, Guarded, Lookup, Proxies, Reach};

/// Longest time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Services hang up on idle connections after some 20 s; a request that meets that end may or may not have arrived.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who calls, for the cloud's audit log.
const USER_AGENT: &str = concat!("nic/", env!("CARGO_PKG_VERSION"));

/// The clients, each made when it is first needed.
#[derive(Debug)]
pub struct Clients {
    timeout: Duration,
    lookup: Lookup,
    proxies: Proxies,
    public: OnceCell<reqwest::Client>,
    not_metadata: OnceCell<reqwest::Client>,
    anywhere: OnceCell<reqwest::Client>,
    proxied: OnceCell<reqwest::Client>,
}

impl Clients {
    /// Opens nothing yet.
    pub fn new(options: &GateOptions) -> Self {
        Self {
            timeout: options.timeout,
            lookup: options.lookup.clone(),
            proxies: options.proxies.clone(),
            public: OnceCell::new(),
            not_metadata: OnceCell::new(),
            anywhere: OnceCell::new(),
            proxied: OnceCell::new(),
        }
    }

    /// The client for a URL that may be within this reach, and the proxy that it goes through.
    pub async fn of(&self, url: &Url, reach: Reach) -> Result<(&reqwest::Client, Option<String>), ProviderError> {
        let proxy = self.proxies.of(url);
        let slot = match (&proxy, reach) {
            (Some(_), _) => &self.proxied,
            (None, Reach::Public) => &self.public,
            (None, Reach::NotMetadata) => &self.not_metadata,
            (None, Reach::Anywhere) => &self.anywhere,
        };
        let client = slot.get_or_try_init(async || {
            // It dials the user's own proxy, which may be anywhere and dials for us.
            if proxy.is_some() { self.made(Reach::Anywhere, true) } else { self.made(reach, false) }
        });
        Ok((client.await?, proxy))
    }

    /// Looks where a host is that a component names, if a proxy is to dial it: nothing of ours sees the address then.
    ///
    /// # Errors
    /// `ADDRESS_NOT_ALLOWED`.
    pub async fn look_ahead(&self, url: &Url, reach: Reach) -> Result<(), ProviderError> {
        match url.host() {
            Some(Host::Domain(name)) if self.proxies.of(url).is_some() => {
                let looked = Guarded::new(reach, self.lookup.clone()).look_ahead(name).await;
                looked.map_err(|refused| ProviderError::denied(EgressRefused::CODE, refused.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Reads the certificates that this machine trusts, which takes a while.
    fn made(&self, reach: Reach, proxied: bool) -> Result<reqwest::Client, ProviderError> {
        super::install_crypto_provider();
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .timeout(self.timeout)
            .dns_resolver(Guarded::new(reach, self.lookup.clone()));
        let builder = if proxied { self.proxies.put_into(builder) } else { builder.no_proxy() };
        builder.build().map_err(|error| {
            ProviderError::other("HTTP_CLIENT_FAILED", format!("the HTTP client cannot be set up: {error}"))
        })
    }
}
