//! What a component may do: one type, from its manifest to the places that decide.
//!
//! Whatever no entry names is refused, and says by which name it could be granted.

mod entry;
mod members;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

pub use self::entry::{
    CloudHttpGrant, ClusterGrant, ConfigGrant, Grant, HostsGrant, KindsGrant, KubernetesGrant, ObjectsGrant,
};
pub use self::members::{NotAGrant, parse_all, parse_locked};

/// Everything that a component is granted, or wants to be: what any entry allows is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(pub Vec<Grant>);

impl Grants {
    fn clouds<'a>(&'a self, scheme: &'a str) -> impl Iterator<Item = &'a CloudHttpGrant> {
        let clouds =
            self.0.iter().filter_map(|grant| if let Grant::CloudHttp(grant) = grant { Some(grant) } else { None });
        clouds.filter(move |grant| grant.scheme == scheme)
    }

    fn kinds(&self) -> impl Iterator<Item = &BTreeMap<String, Vec<String>>> {
        self.0.iter().filter_map(|grant| if let Grant::Kinds(grant) = grant { Some(&grant.kinds) } else { None })
    }

    /// Every entry for hosts by name, whatever credential goes there.
    pub fn hosts_of_any(&self) -> impl Iterator<Item = &HostsGrant> {
        self.0.iter().filter_map(|grant| if let Grant::Hosts(grant) = grant { Some(grant) } else { None })
    }

    /// The hosts with which that credential and that way of signing it may be used.
    fn hosts<'a>(&'a self, scheme: &'a str, credential: &'a str) -> impl Iterator<Item = &'a HostsGrant> {
        self.hosts_of_any().filter(move |grant| grant.is_for(scheme, credential))
    }

    /// Whether requests may be signed that way at all.
    pub fn allows_scheme(&self, scheme: &str) -> bool {
        self.schemes().any(|granted| granted == scheme)
    }

    /// The ways of signing that are granted.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|grant| match grant {
            Grant::CloudHttp(grant) => Some(grant.scheme.as_str()),
            Grant::Hosts(grant) => Some(grant.scheme.as_str()),
            _ => None,
        })
    }

    /// Whether a cloud's service may be asked anything.
    pub fn allows_service(&self, scheme: &str, service: &str) -> bool {
        self.clouds(scheme).any(|grant| grant.services.iter().any(|granted| granted == service))
    }

    /// Whether a cloud may be asked to show this, `service:Action`.
    pub fn allows_read(&self, scheme: &str, service: &str, action: &str) -> bool {
        let of_service = |grant: &&CloudHttpGrant| grant.services.iter().any(|granted| granted == service);
        let named = |grant: &CloudHttpGrant| {
            grant.reads.as_ref().is_none_or(|reads| reads.iter().any(|pattern| matches(pattern, action)))
        };
        self.clouds(scheme).filter(of_service).any(named)
    }

    /// Whether a change of this kind may do this: `service:Action`, `POST api.example.com/v1/things`.
    pub fn allows_mutation(&self, kind: &str, action: &str) -> bool {
        self.mutation(kind, action).is_some()
    }

    /// By which pattern a change of this kind may do this.
    pub fn mutation(&self, kind: &str, action: &str) -> Option<&str> {
        let mut of_kind = self.kinds().filter_map(|kinds| kinds.get(kind)).flatten();
        of_kind.find(|pattern| matches(pattern, action)).map(String::as_str)
    }

    /// Whether the component may manage a kind at all.
    pub fn allows_kind(&self, kind: &str) -> bool {
        self.kinds().any(|kinds| kinds.contains_key(kind))
    }

    /// Whether requests with that credential may go to this origin.
    pub fn allows_origin(&self, scheme: &str, credential: &str, origin: &str) -> bool {
        self.hosts(scheme, credential).any(|grant| grant.is_at(origin))
    }

    /// How requests to this origin are granted: the scheme, and the credential that goes there.
    pub fn how_at(&self, origin: &str) -> Option<(&str, &str)> {
        self.hosts_of_any().find(|grant| grant.is_at(origin)).map(HostsGrant::how)
    }

    /// A rule that no request can meet: no entry lists its host, or it has the `https://` that requests are called without.
    pub fn idle_rule(&self) -> Option<&str> {
        let reads = self.hosts_of_any().map(|grant| &grant.reads);
        let mut rules = self.kinds().flat_map(BTreeMap::values).chain(reads).flatten().map(String::as_str);
        rules.find(|rule| {
            let Some((_, place)) = rule.split_once(' ') else { return false };
            let host = place.trim_start_matches("http://");
            let listed = |origin: &str| self.how_at(origin).is_some();
            place.starts_with("https://")
                || host.contains('/') && origin_of(place).is_some_and(|origin| !listed(&origin))
        })
    }

    /// Where the user keeps the credential that goes to an origin.
    pub fn credential_at(&self, scheme: &str, credential: &str, origin: &str) -> Option<&str> {
        let at = |grant: &&HostsGrant| grant.is_for(scheme, credential) && grant.is_at(origin);
        self.hosts_of_any().filter(at).find_map(|grant| grant.from.as_deref())
    }

    /// Whether the user lets what is at this origin be at a private address.
    pub fn allows_private(&self, scheme: &str, credential: &str, origin: &str) -> bool {
        let private = self.hosts(scheme, credential).filter(|grant| grant.is_at(origin));
        private.flat_map(|grant| &grant.private).any(|host| is_at(host, origin))
    }

    /// Whether a request to a granted host is a read although its method does not say so.
    pub fn is_read(&self, scheme: &str, credential: &str, request: &str) -> bool {
        self.hosts(scheme, credential).any(|grant| grant.reads.iter().any(|read| read == request))
    }

    /// Whether a section of the config may be shown to it.
    pub fn allows_section(&self, section: &str) -> bool {
        self.0
            .iter()
            .any(|grant| matches!(grant, Grant::Config(grant) if grant.sections.iter().any(|own| own == section)))
    }

    /// Whether it may read objects of this kind on the cluster.
    pub fn allows_cluster_read(&self, verb: &str, api_version: &str, kind: &str) -> bool {
        self.0.iter().any(|grant| {
            matches!(grant, Grant::Kubernetes(grant)
                if grant.verbs.iter().any(|granted| granted == verb)
                    && grant.kinds.iter().any(|granted| is_kind(granted, api_version, kind)))
        })
    }

    /// Whether it may declare such an object; one that names no namespace is the whole cluster's.
    pub fn allows_object(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> bool {
        self.0.iter().any(|grant| {
            let Grant::KubernetesObjects(grant) = grant else { return false };
            let placed = match (&grant.namespaces, namespace) {
                (None, None) => true,
                (Some(namespaces), Some(namespace)) => namespaces.iter().any(|granted| matches(granted, namespace)),
                _ => false,
            };
            placed && grant.kinds.iter().any(|granted| is_kind(granted, api_version, kind))
        })
    }

    /// Whether it may say that its cluster is found this way.
    pub fn allows_locator(&self, kind: &str) -> bool {
        self.cluster_grants().any(|grant| grant.locators.iter().any(|granted| granted == kind))
    }

    /// Whether it may lead to a context of the user's kubeconfig that the config does not name.
    pub fn allows_context(&self, context: &str) -> bool {
        self.cluster_grants().any(|grant| grant.contexts.iter().any(|granted| matches(granted, context)))
    }

    fn cluster_grants(&self) -> impl Iterator<Item = &ClusterGrant> {
        self.0.iter().filter_map(|grant| if let Grant::Cluster(grant) = grant { Some(grant) } else { None })
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `apps/v1/Deployment`, `Deployment` of any API version, or `*` for every kind.
fn is_kind(granted: &str, api_version: &str, kind: &str) -> bool {
    let of_version = granted.strip_prefix(api_version).and_then(|rest| rest.strip_prefix('/'));
    granted == "*" || granted == kind || of_version == Some(kind)
}

/// Whether a host as grants write it is at this origin.
fn is_at(host: &str, origin: &str) -> bool {
    origin_of(host).is_some_and(|own| own == origin)
}

/// The origin of a host as grants write it: `https://api.example.com` for `api.example.com`.
pub fn origin_of(host: &str) -> Option<String> {
    let url = if host.contains("://") { Url::parse(host) } else { Url::parse(&format!("https://{host}")) };
    url.ok().map(|url| url.origin().ascii_serialization())
}

/// A `*` at the end stands for anything; elsewhere it stands for itself.
fn matches(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |start| text.starts_with(start))
}

#[cfg(test)]
mod tests;
