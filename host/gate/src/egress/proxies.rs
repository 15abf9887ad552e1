//! The user's own proxies, as the environment names them.

use std::fmt;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// Which requests go through a proxy, and which one.
#[derive(Clone)]
pub struct Proxies {
    matcher: Arc<Matcher>,
    /// Of a test; else the client reads the environment as the matcher did.
    #[cfg(test)]
    given: Option<reqwest::Proxy>,
}

impl Proxies {
    /// The proxy that a request goes through, as host and port: a password may stand beside those.
    pub fn of(&self, url: &Url) -> Option<String> {
        let proxy = self.matcher.intercept(&url.as_str().parse().ok()?)?;
        let host = proxy.uri().host()?;
        Some(proxy.uri().port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    /// A client that goes through them.
    pub fn put_into(&self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        #[cfg(test)]
        if let Some(given) = &self.given {
            return builder.proxy(given.clone());
        }
        builder
    }

    /// This one, for what goes over plain HTTP.
    #[cfg(test)]
    pub fn http(proxy: &str) -> Self {
        let matcher = Arc::new(Matcher::builder().http(proxy.to_owned()).build());
        Self { matcher, given: reqwest::Proxy::http(proxy).ok() }
    }
}

impl Default for Proxies {
    fn default() -> Self {
        Self {
            matcher: Arc::new(Matcher::from_env()),
            #[cfg(test)]
            given: None,
        }
    }
}

// A proxy's URL may hold a password.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies")
    }
}
