//! The entries, as manifests and the lock file write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{is_at, origin_of};
use crate::clouds;

/// Most entries of one component.
pub(super) const MAX_GRANTS: usize = 32;
/// Most names in one list.
const MAX_LIST: usize = 512;
/// Longest name, in bytes: that of a host.
const MAX_NAME_BYTES: usize = 253;
/// Longest name of a credential, in bytes.
const MAX_CREDENTIAL_BYTES: usize = 64;
/// Headers that say how a request is read, or that a component may set itself: no credential goes there.
const OF_THE_REQUEST: [&str; 12] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Longest reason, in bytes.
const MAX_REASON_BYTES: usize = 2_000;

/// Something a component is allowed, or wants to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "capability", rename_all = "kebab-case")]
pub enum Grant {
    /// Sections of the config.
    Config(ConfigGrant),
    /// Kinds of resources, each with the changes that a change of it may make.
    Kinds(KindsGrant),
    /// Requests to a cloud whose hosts and actions the host knows.
    CloudHttp(CloudHttpGrant),
    /// Requests to hosts by name.
    Hosts(HostsGrant),
    /// Reads on the cluster.
    Kubernetes(KubernetesGrant),
    /// Objects that it may declare.
    KubernetesObjects(ObjectsGrant),
    /// Ways to say where the cluster is.
    Cluster(ClusterGrant),
}

/// Which sections of the config it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigGrant {
    /// Keys at the top level.
    pub sections: Vec<String>,
    /// The author's reason.
    pub reason: String,
}

/// Which kinds it manages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindsGrant {
    /// By kind, `provider.kind`, what else than reads a change of it may ask for: `service:Action`, `POST api.example.com/v1/things`, with a `*`
    /// at the end for anything; the service, or the method, stands there whole.
    pub kinds: BTreeMap<String, Vec<String>>,
    /// The author's reason.
    pub reason: String,
}

/// Which requests to a cloud. Changes are granted with the kinds that they are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudHttpGrant {
    /// A cloud, by its way of signing.
    pub scheme: String,
    /// Services by signing name.
    pub services: Vec<String>,
    /// Actions that read, `service:Describe*`; every one of the services when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Vec<String>>,
    /// The author's reason.
    pub reason: String,
}

/// Which hosts, and the one credential that goes there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostsGrant {
    /// `api.example.com`, or with scheme and port where these are not those of HTTPS.
    pub hosts: Vec<String>,
    /// How the credential is sent: `none`, `bearer`, `basic`, `header:NAME`.
    pub scheme: String,
    /// Which credential, by a name; the lock file says where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// `POST api.example.com/v1/search`: requests that are reads though their method does not say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// Where that credential is: `env:VARIABLE`, `file:/path`. The user says it, in the lock file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Those of `hosts` that may be at a private address. Only the user says so: it stands in the lock file, and in no manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<String>,
    /// The author's reason.
    pub reason: String,
}

/// Which reads on the cluster; never Secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesGrant {
    /// `get`, `list`.
    pub verbs: Vec<String>,
    /// `apps/v1/Deployment`, `Deployment` of any API version, or `*` for every kind.
    pub kinds: Vec<String>,
    /// The author's reason.
    pub reason: String,
}

/// Which objects it may declare. The host applies them with the user's login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectsGrant {
    /// As in [`KubernetesGrant`].
    pub kinds: Vec<String>,
    /// The namespaces in which, with a `*` at the end for anything; objects of the whole cluster when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The author's reason.
    pub reason: String,
}

/// How it may say where the cluster is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterGrant {
    /// Kinds of clusters: `kubeconfig`.
    pub locators: Vec<String>,
    /// Contexts of the user's kubeconfig beside those that the config names in its own sections; with a `*` at the end for anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contexts: Vec<String>,
    /// The author's reason.
    pub reason: String,
}

impl Grant {
    /// Why the author wants it.
    pub fn reason(&self) -> &str {
        match self {
            Self::Config(ConfigGrant { reason, .. })
            | Self::Kinds(KindsGrant { reason, .. })
            | Self::CloudHttp(CloudHttpGrant { reason, .. })
            | Self::Hosts(HostsGrant { reason, .. })
            | Self::Kubernetes(KubernetesGrant { reason, .. })
            | Self::KubernetesObjects(ObjectsGrant { reason, .. })
            | Self::Cluster(ClusterGrant { reason, .. }) => reason,
        }
    }

    /// The same without what says nothing of how far it goes: the author's reason, and what only the user adds.
    #[must_use]
    pub fn without_words(&self) -> Self {
        let mut bare = self.clone();
        match &mut bare {
            Self::Config(ConfigGrant { reason, .. })
            | Self::Kinds(KindsGrant { reason, .. })
            | Self::CloudHttp(CloudHttpGrant { reason, .. })
            | Self::Kubernetes(KubernetesGrant { reason, .. })
            | Self::KubernetesObjects(ObjectsGrant { reason, .. })
            | Self::Cluster(ClusterGrant { reason, .. }) => reason.clear(),
            Self::Hosts(HostsGrant { reason, from, private, .. }) => {
                reason.clear();
                *from = None;
                private.clear();
            }
        }
        bare
    }

    fn lists(&self) -> Vec<&Vec<String>> {
        match self {
            Self::Config(grant) => vec![&grant.sections],
            Self::Kinds(grant) => grant.kinds.values().collect(),
            Self::CloudHttp(grant) => std::iter::once(&grant.services).chain(&grant.reads).collect(),
            Self::Hosts(grant) => vec![&grant.hosts, &grant.reads, &grant.private],
            Self::Kubernetes(grant) => vec![&grant.verbs, &grant.kinds],
            Self::KubernetesObjects(grant) => std::iter::once(&grant.kinds).chain(&grant.namespaces).collect(),
            Self::Cluster(grant) => vec![&grant.locators, &grant.contexts],
        }
    }

    /// What is wrong with it, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        let sane = |text: &String| {
            !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        };
        if self.lists().iter().any(|list| list.len() > MAX_LIST || !list.iter().all(sane)) {
            return Err("a grant lists something empty, too long, or not plain ASCII".to_owned());
        }
        let reason = self.reason();
        if reason.trim().is_empty() || reason.len() > MAX_REASON_BYTES || reason.chars().any(char::is_control) {
            return Err(format!("every grant needs a `reason` of at most {MAX_REASON_BYTES} characters on one line"));
        }
        match self {
            Self::Kinds(grant) if grant.kinds.len() > MAX_LIST || !grant.kinds.keys().all(sane) => {
                Err("a grant names a kind that is empty, too long, or not plain ASCII".to_owned())
            }
            Self::Kinds(grant) => match grant.kinds.values().flatten().find(|pattern| !is_readable(pattern)) {
                Some(pattern) => Err(format!("`{pattern}` leaves open which service or method it is of")),
                None => Ok(()),
            },
            Self::Kubernetes(grant) => match grant.verbs.iter().find(|verb| !matches!(verb.as_str(), "get" | "list")) {
                Some(verb) => Err(format!("the verb `{verb}` is not offered; `get` and `list` are")),
                None => Ok(()),
            },
            Self::CloudHttp(grant) if !clouds::names().any(|name| name == grant.scheme) => {
                let offered: Vec<String> = clouds::names().map(|name| format!("`{name}`")).collect();
                Err(format!("of signing for clouds these ways are offered: {}", offered.join(", ")))
            }
            Self::Hosts(grant) => grant.check(),
            _ => Ok(()),
        }
    }
}

/// Whether people see of what a mutation is: its service, `service:*`, or its method, `POST *`, stands there whole. `*` is said to be everything.
fn is_readable(pattern: &str) -> bool {
    pattern == "*" || pattern.strip_suffix('*').is_none_or(|start| start.contains([':', ' ']))
}

impl HostsGrant {
    /// Whether it is of this credential, sent this way.
    pub(super) fn is_for(&self, scheme: &str, credential: &str) -> bool {
        self.scheme == scheme && (scheme == "none" || self.credential.as_deref() == Some(credential))
    }

    /// Whether it lists the host at this origin.
    pub(super) fn is_at(&self, origin: &str) -> bool {
        self.hosts.iter().any(|host| is_at(host, origin))
    }

    /// The way of sending a credential, and which one.
    pub(super) fn how(&self) -> (&str, &str) {
        (&self.scheme, self.credential.as_deref().unwrap_or("default"))
    }

    fn check(&self) -> Result<(), String> {
        // What is printed is what is reached: no user, no path, no second spelling.
        let plain = |host: &String| {
            let origin = origin_of(host).unwrap_or_default();
            let spoken = origin.starts_with("http://") || origin.starts_with("https://");
            spoken && (origin == *host || origin.strip_prefix("https://") == Some(host))
        };
        if let Some(host) = self.hosts.iter().chain(&self.private).find(|host| !plain(host)) {
            return Err(format!(
                "`{}` is not written as a host is: `api.example.com`, `http://127.0.0.1:8200`",
                host.escape_debug()
            ));
        }
        let is_name = |name: &String| {
            !name.is_empty()
                && name.len() <= MAX_CREDENTIAL_BYTES
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if !self.credential.iter().all(is_name) {
            return Err("`credential` is not letters, digits, `-` and `_`".to_owned());
        }
        let is_place = |from: &String| {
            from.strip_prefix("env:").or(from.strip_prefix("file:/")).is_some_and(|rest| !rest.trim().is_empty())
        };
        if !self.from.iter().all(is_place) {
            return Err("`from` is neither `env:VARIABLE` nor `file:` and an absolute path".to_owned());
        }
        let header = self.scheme.strip_prefix("header:");
        let is_header = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !OF_THE_REQUEST.contains(&name.to_ascii_lowercase().as_str())
        };
        match (self.scheme.as_str(), header, &self.credential) {
            ("none", _, None) | ("bearer" | "basic", _, Some(_)) => Ok(()),
            (_, Some(name), Some(_)) if is_header(name) => Ok(()),
            ("none", _, Some(_)) => Err("a credential is named for hosts that get none".to_owned()),
            ("bearer" | "basic", _, None) => Err(format!("`{}` needs the name of a `credential`", self.scheme)),
            (scheme, ..) => {
                Err(format!("the scheme `{scheme}` is none of `none`, `bearer`, `basic` and `header:NAME`"))
            }
        }
    }
}
