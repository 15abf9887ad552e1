//! The user's own proxies, as the environment names them.

use std::fmt;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use nic_core::error::ProviderError;
use url::Url;

/// Ways of speaking with a proxy.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// Why a text names no proxy.
const NO_PROXY_URL: &str = "expected a URL such as `http://proxy.example:3128`";

/// What begins every error between us and a proxy, and what follows where there is none. The connectors' error types are not ours to
/// name; their texts are fixed.
const BETWEEN: [&str; 2] = ["tunnel error: ", "SOCKS error: "];
const NOBODY_THERE: &str = "failed to create underlying connection";

/// One proxy, with the login that its URL may hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

impl Proxy {
    /// The proxy of a setting: a URL, or host and port alone, which is one that speaks HTTP.
    ///
    /// # Errors
    /// What is wrong with it. The text is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
        let url = url.filter(|url| SCHEMES.contains(&url.scheme())).ok_or(NO_PROXY_URL)?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if bare { Ok(Self(url)) } else { Err(NO_PROXY_URL) }
    }

    /// The URL, with its login.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Host and port, for people: a password may stand beside those.
    pub fn told(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy")
    }
}

/// A setting that names no proxy.
#[derive(Debug, Clone)]
struct Wrong {
    variable: &'static str,
    why: &'static str,
}

type Setting = Result<Option<Proxy>, Wrong>;

/// Which requests go through a proxy, and which one.
#[derive(Clone)]
pub struct Proxies {
    http: Setting,
    https: Setting,
    /// It knows what needs none, and is never asked where to go.
    needs_one: Arc<Matcher>,
}

impl Proxies {
    /// What the variables say. Of each the first spelling counts that has a value.
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| Some((name, variable(name).filter(|value| !value.trim().is_empty())?)))
        };
        let setting = |names| match first(names) {
            Some((variable, text)) => Proxy::parse(&text).map(Some).map_err(|why| Wrong { variable, why }),
            None => Ok(None),
        };
        let all = setting(["ALL_PROXY", "all_proxy"]);
        let or_all = |own: Setting| if matches!(own, Ok(None)) { all.clone() } else { own };
        let none = first(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default();
        Self {
            http: or_all(setting(["HTTP_PROXY", "http_proxy"])),
            https: or_all(setting(["HTTPS_PROXY", "https_proxy"])),
            needs_one: Arc::new(Matcher::builder().all("http://any.invalid").no(spelled(&none)).build()),
        }
    }

    /// The proxy that a request goes through.
    ///
    /// # Errors
    /// `PROXY_INVALID`: the variable that says which names none.
    pub fn of(&self, url: &Url) -> Result<Option<&Proxy>, ProviderError> {
        let setting = match url.scheme() {
            "http" => &self.http,
            "https" => &self.https,
            _ => return Ok(None),
        };
        let needs_one = url.as_str().parse().is_ok_and(|url| self.needs_one.intercept(&url).is_some());
        match setting {
            _ if !needs_one => Ok(None),
            Ok(proxy) => Ok(proxy.as_ref()),
            Err(Wrong { variable, why }) => Err(ProviderError::Other {
                code: "PROXY_INVALID".to_owned(),
                message: format!("`{variable}` names no proxy: {why}"),
                detail: serde_json::json!({ "hint": format!("mend {variable}, or unset it; NO_PROXY lists what needs no proxy") }),
            }),
        }
    }

    /// A client for what a proxy was found for.
    pub(crate) fn put_into(&self, mut builder: reqwest::ClientBuilder) -> reqwest::Result<reqwest::ClientBuilder> {
        if let Ok(Some(proxy)) = &self.http {
            builder = builder.proxy(reqwest::Proxy::http(proxy.url().as_str())?);
        }
        if let Ok(Some(proxy)) = &self.https {
            builder = builder.proxy(reqwest::Proxy::https(proxy.url().as_str())?);
        }
        Ok(builder)
    }

    /// This one, for what goes over plain HTTP.
    #[cfg(test)]
    pub fn http(proxy: &str) -> Self {
        Self::from_variables(|name| (name == "HTTP_PROXY").then(|| proxy.to_owned()))
    }
}

/// A list of what needs no proxy, as the matcher spells it: `*.example.com` means what `.example.com` does, `*` is every address too, and
/// blanks part entries.
fn spelled(list: &str) -> String {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
    let spelled = entries.map(|entry| match entry.strip_prefix('*') {
        Some("") => "*,0.0.0.0/0,::/0",
        Some(rest) if rest.starts_with('.') => rest,
        _ => entry,
    });
    spelled.collect::<Vec<_>>().join(",")
}

impl Default for Proxies {
    fn default() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }
}

// A proxy's URL may hold a password.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies")
    }
}

/// Why a proxy lets nothing through, if an error's own text says that one does so.
pub fn refusal_of(text: &str) -> Option<&str> {
    BETWEEN.iter().find_map(|begins| text.strip_prefix(begins)).filter(|why| *why != NOBODY_THERE)
}

/// A request that came no further than to the proxy on its way. Status 503 lets the engine try again; nothing was sent.
pub fn stopped_at(proxy: &str, target: &str, refusal: Option<&str>, last: &str) -> ProviderError {
    let (code, message) = match refusal {
        Some(why) => ("PROXY_REFUSED", format!("the proxy `{proxy}` lets nothing through to {target}: {why}")),
        None => {
            ("PROXY_UNREACHABLE", format!("the proxy `{proxy}`, on the way to {target}, cannot be reached: {last}"))
        }
    };
    ProviderError::Remote { status: 503, code: code.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_variables(|wanted| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        })
    }

    fn of(variables: &[(&str, &str)], url: &str) -> Option<String> {
        proxies(variables).of(&Url::parse(url).unwrap()).unwrap().map(Proxy::told)
    }

    #[test]
    fn what_needs_no_proxy_is_what_the_list_says() {
        for (list, direct, through) in [
            ("", "", "a.example b.example 10.0.0.1 localhost 127.0.0.1"),
            ("*", "a.example 10.0.0.1 [::1]", ""),
            (
                "eks.amazonaws.com",
                "eks.amazonaws.com x.gr7.eks.amazonaws.com EKS.AMAZONAWS.COM",
                "notx-eks.amazonaws.com.evil ec2.amazonaws.com",
            ),
            (".internal", "a.internal internal", "notinternal a.internal.example"),
            ("*.internal", "a.internal", "a.internal.example"),
            ("10.0.0.0/8,.internal", "10.1.2.3 a.internal", "11.1.2.3 ten.example"),
            ("a.example  b.example, c.example", "a.example b.example c.example", "d.example"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("fd00::/8,[::1]", "[fd00::1]", "[2600::1]"),
            ("a.example,", "a.example", "b.example"),
        ] {
            let variables = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", list)];
            for host in direct.split_whitespace() {
                assert_eq!(of(&variables, &format!("https://{host}:6443/x")), None, "{list}: {host}");
            }
            for host in through.split_whitespace() {
                assert_eq!(
                    of(&variables, &format!("https://{host}/")).as_deref(),
                    Some("proxy:3128"),
                    "{list}: {host}"
                );
            }
        }
    }

    #[test]
    fn of_each_variable_the_first_spelling_with_a_value_counts() {
        let url = "https://a.example/";
        assert_eq!(of(&[("HTTPS_PROXY", ""), ("https_proxy", "http://low:1")], url).as_deref(), Some("low:1"));
        assert_eq!(
            of(&[("HTTPS_PROXY", "http://up:1"), ("https_proxy", "http://low:1")], url).as_deref(),
            Some("up:1")
        );
        assert_eq!(of(&[("ALL_PROXY", "socks5h://all:1080")], url).as_deref(), Some("all:1080"));
        assert_eq!(of(&[("HTTP_PROXY", "http://plain:1")], url), None);
        let listed = [("https_proxy", "up:1"), ("NO_PROXY", ""), ("no_proxy", ".example")];
        assert_eq!(of(&listed, url), None);
    }

    #[test]
    fn a_proxy_has_a_scheme_or_none_and_its_login_is_not_told() {
        for text in
            ["127.0.0.1:3128", "http://127.0.0.1:3128/", "ann:p%40ss@127.0.0.1:3128", " socks5://127.0.0.1:3128"]
        {
            assert_eq!(Proxy::parse(text).unwrap().told(), "127.0.0.1:3128", "{text}");
        }
        for text in ["ftp://ann:PLANTED@a:1", "http://", "http://ann:PLANTED@a b", "http://a/path", "http://a:99999"] {
            let refused = proxies(&[("https_proxy", text)]).of(&Url::parse("https://a.example").unwrap()).unwrap_err();
            assert_eq!(refused.code(), "PROXY_INVALID");
            assert!(refused.to_string().contains("`https_proxy` names no proxy"), "{refused}");
            assert!(!format!("{refused:?}").contains("PLANTED"), "{refused:?}");
        }
        assert!(!format!("{:?}", Proxy::parse("http://ann:PLANTED@a").unwrap()).contains("PLANTED"));
    }

    #[test]
    fn who_lets_nothing_through_is_told_by_the_text() {
        assert_eq!(refusal_of("tunnel error: unsuccessful"), Some("unsuccessful"));
        assert_eq!(refusal_of("tunnel error: failed to create underlying connection"), None);
        assert_eq!(refusal_of("Connection refused (os error 111)"), None);
    }
}
