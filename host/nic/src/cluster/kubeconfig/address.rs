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
