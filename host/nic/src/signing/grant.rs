//! What a component may ask of the clouds.

use serde::Deserialize;
use url::Url;

/// The entries of capability `cloud-http` that the user granted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Entry")]
pub struct Grant {
    entries: Vec<Entry>,
}

/// One entry, as the manifest writes it.
#[derive(Debug, Clone, Default, Deserialize)]
struct Entry {
    #[serde(default)]
    schemes: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    /// `api.example.com`, or with scheme and port where these are not those of HTTPS.
    #[serde(default)]
    hosts: Vec<String>,
    /// `ec2:Describe*`; every action of the services when absent.
    actions: Option<Vec<String>>,
    /// `POST api.example.com/v1/search`: requests to those hosts that are reads all the same.
    #[serde(default)]
    reads: Vec<String>,
}

impl From<Entry> for Grant {
    fn from(entry: Entry) -> Self {
        Self { entries: vec![entry] }
    }
}

impl FromIterator<Grant> for Grant {
    /// What any of them allows.
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Self { entries: grants.into_iter().flat_map(|grant| grant.entries).collect() }
    }
}

impl Grant {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    fn of_scheme<'a>(&'a self, scheme: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.schemes.iter().any(|s| s == scheme))
    }

    /// Whether requests may be signed that way at all.
    pub fn allows_scheme(&self, scheme: &str) -> bool {
        self.of_scheme(scheme).next().is_some()
    }

    /// Whether any action of the service may be asked for.
    pub fn allows_service(&self, scheme: &str, service: &str) -> bool {
        self.of_scheme(scheme).any(|entry| entry.services.iter().any(|s| s == service))
    }

    /// Whether this action, `ec2:CreateVpc`, may be asked for.
    pub fn allows_action(&self, scheme: &str, service: &str, qualified: &str) -> bool {
        self.of_scheme(scheme).filter(|entry| entry.services.iter().any(|s| s == service)).any(|entry| {
            entry.actions.as_ref().is_none_or(|actions| actions.iter().any(|pattern| matches(pattern, qualified)))
        })
    }

    /// Whether requests may go to this origin.
    pub fn allows_origin(&self, scheme: &str, origin: &str) -> bool {
        self.of_scheme(scheme).flat_map(|entry| &entry.hosts).any(|host| origin_of(host).as_deref() == Some(origin))
    }

    /// Whether a request to a granted host is a read although its method does not say so.
    pub fn is_read(&self, scheme: &str, method: &str, host: &str, path: &str) -> bool {
        let wanted = format!("{method} {host}{path}");
        self.of_scheme(scheme).any(|entry| entry.reads.contains(&wanted))
    }
}

fn origin_of(host: &str) -> Option<String> {
    let url = if host.contains("://") { Url::parse(host) } else { Url::parse(&format!("https://{host}")) };
    url.ok().map(|url| url.origin().ascii_serialization())
}

/// A `*` at the end stands for anything; elsewhere it stands for itself.
fn matches(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_allows_what_it_names_and_nothing_else() {
        let grant: Grant = serde_json::from_str(
            r#"{"capability": "cloud-http", "schemes": ["aws-sigv4"], "services": ["ec2"],
                "actions": ["ec2:Describe*", "ec2:CreateVpc"], "reason": "makes the network"}"#,
        )
        .unwrap();
        assert!(grant.allows_scheme("aws-sigv4") && !grant.allows_scheme("none"));
        assert!(grant.allows_service("aws-sigv4", "ec2") && !grant.allows_service("aws-sigv4", "eks"));
        assert!(grant.allows_action("aws-sigv4", "ec2", "ec2:DescribeVpcs"));
        assert!(grant.allows_action("aws-sigv4", "ec2", "ec2:CreateVpc"));
        assert!(!grant.allows_action("aws-sigv4", "ec2", "ec2:CreateVpcEndpoint"));
        assert!(!grant.allows_action("aws-sigv4", "eks", "eks:CreateCluster"));
        assert!(!Grant::none().allows_scheme("aws-sigv4"));
    }

    #[test]
    fn several_entries_do_not_lend_each_other_their_hosts() {
        let parse = |text: &str| serde_json::from_str::<Grant>(text).unwrap();
        let grant: Grant = [
            parse(r#"{"schemes": ["none"], "hosts": ["api.example.com"]}"#),
            parse(r#"{"schemes": ["bearer"], "hosts": ["http://127.0.0.1:8080"], "reads": ["POST 127.0.0.1/search"]}"#),
        ]
        .into_iter()
        .collect();
        assert!(grant.allows_origin("none", "https://api.example.com"));
        assert!(!grant.allows_origin("none", "http://api.example.com"));
        assert!(!grant.allows_origin("none", "https://api.example.com:8443"));
        assert!(!grant.allows_origin("bearer", "https://api.example.com"));
        assert!(grant.allows_origin("bearer", "http://127.0.0.1:8080"));
        assert!(grant.is_read("bearer", "POST", "127.0.0.1", "/search"));
        assert!(!grant.is_read("none", "POST", "127.0.0.1", "/search"));
    }
}
