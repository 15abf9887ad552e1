//! Proxies on the way to a cluster, as its client takes them.

use http::Uri;
use nic_core::error::ProviderError;
use nic_gate::egress::Proxy;
use serde_json::json;

/// The URL by which the client knows a proxy. It takes SOCKS 5 without a login, by a name that leaves the looking up of names to the proxy.
pub(super) fn url(cluster: &str, proxy: &Proxy) -> Result<Uri, ProviderError> {
    let own = proxy.url();
    let text = match own.scheme() {
        "http" | "https" => own.as_str().to_owned(),
        "socks5" | "socks5h" if own.username().is_empty() && own.password().is_none() => {
            format!("socks5://{}:{}", own.host_str().unwrap_or_default(), own.port().unwrap_or(1080))
        }
        _ => return Err(not_implemented(cluster, proxy)),
    };
    text.parse().map_err(|_| not_implemented(cluster, proxy))
}

fn not_implemented(cluster: &str, proxy: &Proxy) -> ProviderError {
    let (scheme, told) = (proxy.url().scheme(), proxy.told());
    let message = format!(
        "the way to cluster `{cluster}` leads through the proxy `{told}`, and NIC reaches no cluster through {scheme} with what its URL says"
    );
    let hint = "a proxy that speaks HTTP may have a login, one that speaks SOCKS 5 none; it comes from `proxy-url` in the kubeconfig, or from \
                HTTPS_PROXY or ALL_PROXY";
    ProviderError::Other { code: "PROXY_NOT_IMPLEMENTED".to_owned(), message, detail: json!({ "hint": hint }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_told_of_a_proxy_what_it_can_do() {
        for (text, taken) in [
            ("proxy:3128", "http://proxy:3128/"),
            ("http://ann:p%40ss@proxy:3128", "http://ann:p%40ss@proxy:3128/"),
            ("https://proxy", "https://proxy/"),
            ("socks5h://127.0.0.1:1080", "socks5://127.0.0.1:1080/"),
            ("socks5://proxy", "socks5://proxy:1080/"),
        ] {
            assert_eq!(url("c", &Proxy::parse(text).unwrap()).unwrap().to_string(), taken, "{text}");
        }
        for text in ["socks4://proxy:1", "socks5://ann:PLANTED@proxy:1"] {
            let refused = url("c", &Proxy::parse(text).unwrap()).unwrap_err();
            assert_eq!(refused.code(), "PROXY_NOT_IMPLEMENTED");
            assert!(
                refused.to_string().contains("`proxy:1`") && !format!("{refused:?}").contains("PLANTED"),
                "{refused:?}"
            );
        }
    }
}
