//! URLs of servers and proxies: without the login that may stand in them, and compared.

use url::Url;

/// A URL that holds no login.
pub(super) struct Bare {
    pub(super) url: String,
    /// Whether there was a name or a password in it.
    pub(super) had_login: bool,
}

/// The URL without the name and the password in it; none of what is no URL and may hold them all the same.
pub(super) fn bare(text: &str) -> Option<Bare> {
    match Url::parse(text).ok().filter(Url::has_host) {
        Some(mut url) if !url.username().is_empty() || url.password().is_some() => {
            url.set_username("").ok()?;
            url.set_password(None).ok()?;
            Some(Bare { url: url.to_string(), had_login: true })
        }
        None if text.contains('@') => None,
        _ => Some(Bare { url: text.to_owned(), had_login: false }),
    }
}

/// Whether two URLs lead to one server, however they are written.
pub(super) fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let url = bare(text).map_or_else(|| text.to_owned(), |bare| bare.url);
        // As a URL it has its port only where that is not the usual one, and its host in small letters.
        let url = Url::parse(&url).map_or(url, String::from);
        url.trim_end_matches('/').to_owned()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("https://a.example:6443", "https://A.example:6443/"),
            ("https://a.example", "https://a.example:443"),
            ("https://ann:secret@a.example", "https://a.example"),
            ("https://[::1]:6443", "https://[0:0::1]:6443/"),
            ("https://a.example/k8s/one", "https://a.example/k8s/one/"),
            ("no url", "no url"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("https://a.example:6443", "https://b.example:6443"),
            ("https://a.example:6443", "https://a.example:7443"),
            ("https://a.example", "http://a.example"),
            // One front with several clusters behind it.
            ("https://a.example/k8s/one", "https://a.example/k8s/two"),
            ("no url", "another"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
