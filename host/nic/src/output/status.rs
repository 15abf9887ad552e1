//! The forms of a status: lines for people, and the JSON document that docs/schemas/status.json describes.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use nic_cluster::{Count, Nodes};
use nic_core::address::Address;
use nic_core::lease::Holder;
use serde::Serialize;
use serde_json::Value;

use super::wrap;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

/// The answer in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Everything was asked, and is well.
    Healthy,
    /// Something is known to be wrong.
    Unhealthy,
    /// Nothing is known to be wrong, and something could not be asked.
    Unknown,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether everything was asked, and is well.
    pub healthy: bool,
    /// The same with "nobody can say" told apart from "no".
    pub health: Health,
    /// What is wrong, and what could not be asked, a sentence each.
    pub issues: Vec<String>,
    /// What the state says of the platform.
    #[serde(flatten)]
    pub platform: Platform,
    pub cluster: Cluster,
    /// Its nodes; none when it cannot be asked.
    pub nodes: Option<Nodes>,
    /// The namespaces that NIC made.
    pub namespaces: Vec<Namespace>,
    /// How many of the recorded resources are how.
    pub resources: Resources,
    /// What differs from what was accepted.
    pub drift: DriftSummary,
    /// Who works on it.
    pub lock: Option<Holder>,
}

/// What the state says of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Platform {
    pub provider: String,
    pub project_name: String,
    /// The Nebari environment.
    pub namespace: String,
    /// The region, where there are any.
    pub region: Option<String>,
    /// `classic` or `design`.
    pub topology: String,
    /// How many resources are recorded.
    pub resource_count: usize,
    /// How often the state was written.
    pub serial: u64,
    /// Which version wrote it.
    pub nic_version: String,
    /// When it was written.
    pub updated_at: String,
    /// When a deploy last ended well.
    pub last_successful_deploy: Option<String>,
    /// How many did.
    pub deploy_count: u64,
}

/// Whether the cluster answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Cluster {
    /// There is none.
    None,
    /// It answers.
    Reachable {
        name: String,
        /// Of its API server.
        version: String,
    },
    /// It does not: nobody can say how it is.
    Unreachable {
        /// Its name, if it got that far.
        name: Option<String>,
        /// The code of the error.
        code: String,
        error: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        hints: Vec<String>,
    },
}

/// A namespace that NIC made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Namespace {
    pub name: String,
    pub address: Address,
    /// How it is.
    pub state: NamespaceState,
}

/// How a namespace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceState {
    /// In use.
    Active,
    /// Being deleted.
    Terminating,
    /// Not there.
    Missing,
    /// The cluster cannot be asked.
    Unknown,
}

/// How many of the recorded resources are how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// There, and in a state that can be compared.
    pub present: usize,
    /// Recorded, and not there.
    pub missing: usize,
    pub changing: usize,
    /// Broken, not ours, or more than one.
    pub wrong: usize,
    /// Could not be read.
    pub unknown: usize,
}

/// What differs, as in the drift report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftSummary {
    /// None while something could not be compared and nothing is known to differ.
    pub has_drift: Option<bool>,
    /// Whether the cloud was also asked for what is not recorded.
    pub looked_for_unrecorded: bool,
    /// The report's counts.
    pub summary: Value,
}

/// Lines for people: a fact each, then what is wrong, then the answer.
pub fn text(report: &Report) -> String {
    let platform = &report.platform;
    let region = platform.region.as_deref().unwrap_or("no region");
    let mut text = format!(
        "{BOLD}{}-{}{BOLD:#} ({}, {region}, {} topology)\n",
        platform.project_name, platform.namespace, platform.provider, platform.topology
    );
    let mut fact = |name: &str, what: &str| {
        let _ = writeln!(text, "  {DIM}{name:<12}{DIM:#}{what}");
    };
    let deployed = match (&platform.last_successful_deploy, platform.deploy_count) {
        (Some(when), count) => format!("{when}, the last of {count}"),
        (None, _) => "never to the end".to_owned(),
    };
    fact("deployed", &deployed);
    fact("recorded", &recorded(platform, &report.resources));
    match &report.lock {
        Some(Holder { who, pid, operation, since }) => {
            fact("in use", &format!("for `nic {operation}` since {since}"));
            fact("", &format!("by {who} (process {pid})"));
        }
        None => fact("in use", "by nobody"),
    }
    match &report.cluster {
        Cluster::None => fact("cluster", "none"),
        Cluster::Reachable { name, version } => fact("cluster", &format!("{name} answers, Kubernetes {version}")),
        Cluster::Unreachable { name, code, .. } => {
            let how = match code.as_str() {
                // It did answer, and that is something else to mend.
                "CLUSTER_LOGIN_FAILED" => "does not know who asks",
                "CLUSTER_FORBIDS" => "answers, and does not let this login look",
                // Its cloud did, and the cluster was not asked.
                "DENIED" => "is not shown to this login",
                "CLUSTER_TLS_FAILED" => "answers, and is not who it should be",
                "CLUSTER_UNREACHABLE" | "TIMED_OUT" => "does not answer",
                _ => "cannot be asked",
            };
            fact("cluster", &format!("{} {how}", name.as_deref().unwrap_or("it")));
        }
    }
    match &report.nodes {
        Some(nodes) => fact("nodes", &counted(nodes)),
        None if report.cluster == Cluster::None => {}
        None => fact("nodes", "unknown"),
    }
    if !report.namespaces.is_empty() {
        let told = |namespace: &Namespace| {
            let state = match namespace.state {
                NamespaceState::Active => "active",
                NamespaceState::Terminating => "terminating",
                NamespaceState::Missing => "missing",
                NamespaceState::Unknown => "unknown",
            };
            format!("{} {state}", namespace.name)
        };
        fact("namespaces", &report.namespaces.iter().map(told).collect::<Vec<_>>().join(", "));
    }
    fact("drift", &drifted(&report.drift));
    for issue in &report.issues {
        let _ = writeln!(text, "  {YELLOW}!{YELLOW:#} {issue}");
    }
    if let Cluster::Unreachable { hints, .. } = &report.cluster {
        for hint in hints {
            let _ = writeln!(text, "{}", wrap::hanging(&format!("  {DIM}hint:{DIM:#} "), 8, hint));
        }
    }
    let (style, word) = match report.health {
        Health::Healthy => (GREEN, "Healthy."),
        Health::Unhealthy => (RED, "Not healthy."),
        Health::Unknown => (YELLOW, "Nobody can say: not everything could be asked."),
    };
    let _ = write!(text, "{style}{word}{style:#}");
    text
}

fn recorded(platform: &Platform, resources: &Resources) -> String {
    let mut parts = vec![match platform.resource_count {
        1 => "1 resource".to_owned(),
        count => format!("{count} resources"),
    }];
    let others = [
        (resources.missing, "missing"),
        (resources.changing, "changing"),
        (resources.wrong, "wrong"),
        (resources.unknown, "unknown"),
    ];
    parts.extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
    format!("{} (serial {})", parts.join(", "), platform.serial)
}

fn counted(nodes: &Nodes) -> String {
    let of = |count: &Count| format!("{} of {}", count.ready, count.total);
    if nodes.all.total == 0 {
        return "none".to_owned();
    }
    let groups: Vec<String> = nodes.groups.iter().map(|(group, count)| format!("{group} {}", of(count))).collect();
    format!("{} ready: {}", of(&nodes.all), groups.join(", "))
}

fn drifted(drift: &DriftSummary) -> String {
    let count = |name: &str| drift.summary[name].as_u64().unwrap_or_default();
    let counts = [
        (count("drifted_resources"), "changed"),
        (count("removed_resources"), "gone"),
        (count("added_resources"), "not recorded"),
        (count("unknown_resources"), "unknown"),
    ];
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    match (told.is_empty(), drift.looked_for_unrecorded) {
        (false, _) => format!("{}; `nic drift diff` shows it", told.join(", ")),
        (true, true) => "none".to_owned(),
        (true, false) => "none in what is recorded; `--drift` looks further".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nic_cluster::NotReady;
    use serde_json::json;

    use super::*;

    fn report() -> Report {
        let platform = Platform {
            provider: "aws".to_owned(),
            project_name: "my-nebari".to_owned(),
            namespace: "dev".to_owned(),
            region: Some("us-west-2".to_owned()),
            topology: "classic".to_owned(),
            resource_count: 55,
            serial: 168,
            nic_version: "0.1.0".to_owned(),
            updated_at: "2026-11-21T16:15:03Z".to_owned(),
            last_successful_deploy: Some("2026-11-21T16:15:03Z".to_owned()),
            deploy_count: 3,
        };
        let (general, user) = (Count { ready: 1, total: 1 }, Count { ready: 2, total: 3 });
        let (group, why) = ("user".to_owned(), "NodeStatusUnknown: Kubelet stopped posting node status.".to_owned());
        Report {
            healthy: false,
            health: Health::Unhealthy,
            issues: vec!["node ip-10-0-3-7 of group user is not ready: NodeStatusUnknown".to_owned()],
            platform,
            cluster: Cluster::Reachable { name: "my-nebari-dev".to_owned(), version: "v1.34.2".to_owned() },
            nodes: Some(Nodes {
                all: Count { ready: 3, total: 4 },
                groups: BTreeMap::from([("general".to_owned(), general), (group.clone(), user)]),
                not_ready: vec![NotReady { name: "ip-10-0-3-7".to_owned(), group, why }],
            }),
            namespaces: vec![Namespace {
                name: "dev".to_owned(),
                address: "aws.namespace.dev".parse().unwrap(),
                state: NamespaceState::Active,
            }],
            resources: Resources { present: 54, missing: 1, ..Resources::default() },
            drift: DriftSummary {
                has_drift: Some(true),
                looked_for_unrecorded: false,
                summary: json!({"drifted_resources": 2, "removed_resources": 1, "added_resources": 0, "unknown_resources": 0}),
            },
            lock: None,
        }
    }

    #[test]
    fn a_status_fits_the_screen_and_says_what_it_does_not_know() {
        let plain = |report: &Report| anstream::adapter::strip_str(&text(report)).to_string();
        insta::assert_snapshot!(plain(&report()));
        let unknown = Report {
            health: Health::Unknown,
            issues: vec!["the cluster cannot be asked: connection refused".to_owned()],
            cluster: Cluster::Unreachable {
                name: Some("my-nebari-dev".to_owned()),
                code: "CLUSTER_UNREACHABLE".to_owned(),
                error: "connection refused".to_owned(),
                hints: vec!["see whether the cluster is up".to_owned()],
            },
            nodes: None,
            lock: Some(Holder {
                who: "ada@laptop".to_owned(),
                pid: 4711,
                operation: "deploy".to_owned(),
                since: "2026-11-21T16:15:03Z".to_owned(),
            }),
            ..report()
        };
        insta::assert_snapshot!(plain(&unknown));
        for (code, how) in [
            ("CLUSTER_FORBIDS", "it answers, and does not let this login look"),
            ("DENIED", "it is not shown to this login"),
        ] {
            let (code, error) = (code.to_owned(), "403".to_owned());
            let cluster = Cluster::Unreachable { name: None, code, error, hints: Vec::new() };
            let refused = plain(&Report { cluster, ..unknown.clone() });
            assert!(refused.contains(how) && !refused.contains("does not answer"), "{refused}");
        }
        assert!(plain(&report()).lines().chain(plain(&unknown).lines()).all(|line| line.chars().count() <= 80));
    }
}
