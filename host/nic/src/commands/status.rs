//! `nic status`: is it there, and is it well? What could not be asked is told as that, never as well.

use std::collections::BTreeMap;

use nic_cluster::{Ask, ClusterHealth, NotReady, cluster_health};
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::drift::{DriftReport, drift};
use nic_core::error::ProviderError;
use nic_core::graph::DesiredGraph;
use nic_core::health::{CloudHealth, NodeGroup};
use nic_core::kind::KUBERNETES_OBJECT;
use nic_core::lease::Holder;
use nic_core::resource::{Observed, Record, Status as Seen};
use nic_core::secret::without_edits;
use nic_core::state::State;
use serde_json::Value;

use super::Result;
use crate::backend;
use crate::cli::StatusArgs;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::status::{
    Cluster, DriftSummary, Health, Namespace, NamespaceState, Platform, Report, Resources, text,
};
use crate::output::{Printer, drift_report as drift_views, json as views};
use crate::reach;
use crate::readiness::{self, Scope};
use crate::session::Session;

/// How many things that are wrong in the same way are named before the rest is counted.
const NAMED: usize = 3;

pub(super) async fn run(flags: &StatusArgs, printer: Printer) -> Result {
    let session = Session::of_state(&flags.of, printer).await?;
    let state = session.run.journal.state().await;
    let lock = backend::holder(&session.location).map_err(CommandError::from)?;
    let kinds = session.run.kinds();
    let of_cluster = readiness::ask(&state, &kinds, &Scope::Whole);
    let (looked, asked) = tokio::join!(Box::pin(look(&session, flags.drift)), ask(&session, &of_cluster));
    let Looked { observed, drift, blind, unsure } = looked?;
    let cloud = CloudHealth::observed(&state.records, &observed, &kinds);
    let found = Found { state: &state, observed: &observed, cloud: &cloud, asked: &asked, lock: lock.as_ref() };
    let namespaces = found.namespaces();
    let mut issues = found.issues(&namespaces);
    issues.unknown.extend(blind.iter().chain(&unsure).map(|diagnostic| diagnostic.detail.clone()));
    let health = match issues {
        Issues { ref wrong, .. } if !wrong.is_empty() => Health::Unhealthy,
        Issues { ref unknown, .. } if !unknown.is_empty() => Health::Unknown,
        _ => Health::Healthy,
    };
    let resources = found.resources();
    // What only deletes is there whether anybody answers or not.
    let is_asked = |record: &&Record| kinds.get(&record.kind).is_none_or(|kind| !kind.only_deletes());
    let told =
        resources.unknown < state.records.values().filter(is_asked).count() || !matches!(asked, Asked::Failed { .. });
    let (cluster, nodes) = match asked {
        Asked::None => (Cluster::None, None),
        Asked::Answered(name, health) => (Cluster::Reachable { name, version: health.version }, Some(health.nodes)),
        Asked::Failed { name, error } => {
            let (code, mut hints, error) = (error.code().to_owned(), error.hints(), error.to_string());
            hints.splice(0..0, reach::hint(&session, &code).await);
            (Cluster::Unreachable { name, code, error, hints }, None)
        }
    };
    let document = drift_views::document(&drift);
    let report = Report {
        healthy: health == Health::Healthy,
        health,
        issues: issues.wrong.into_iter().chain(issues.unknown).collect(),
        platform: platform(&state),
        cluster,
        nodes,
        namespaces,
        resources,
        drift: DriftSummary {
            has_drift: document["has_drift"].as_bool(),
            looked_for_unrecorded: flags.drift && blind.is_empty(),
            summary: document["summary"].clone(),
        },
        lock,
    };
    printer.line(text(&report));
    let mut document = serde_json::to_value(&report).unwrap_or(Value::Null);
    if told {
        printer.document(&document);
        return Ok(match health {
            Health::Unhealthy if flags.detailed_exitcode => ExitStatus::Found,
            Health::Unknown if flags.detailed_exitcode => ExitStatus::Broke,
            _ => ExitStatus::Success,
        });
    }
    let why = report.issues.first().cloned().unwrap_or_default();
    let error = CommandError::broke("STATUS_UNKNOWN", "Nobody can say how the platform is", why)
        .hint("`nic doctor` looks at credentials and at the way to the cloud and the cluster");
    printer.diagnostics(&error.diagnostics, None);
    if let (Value::Object(document), Value::Object(error)) = (&mut document, views::error_document(&error)) {
        document.extend(error);
    }
    printer.document(&document);
    Ok(error.status)
}

/// What was read of everything that is recorded.
struct Looked {
    observed: BTreeMap<Address, Observed>,
    drift: DriftReport,
    /// Who could not look for what is not recorded.
    blind: Vec<Diagnostic>,
    /// Why nobody can be sure whose platform it is.
    unsure: Vec<Diagnostic>,
}

/// Reads what is recorded; what it differs in costs no further request, what is not recorded does.
async fn look(session: &Session, further: bool) -> std::result::Result<Looked, CommandError> {
    if further {
        let found = session.run.drift().await?;
        let unsure = found.owner.warnings;
        return Ok(Looked { observed: found.observed, drift: found.report, blind: found.diagnostics, unsure });
    }
    let looked = session.run.look(&DesiredGraph::default()).await?;
    let (mut observed, unsure) = (looked.observed, looked.owner.warnings);
    let state = session.run.journal.state().await;
    for (address, seen) in &mut observed {
        // A secret that was edited in the config is no drift.
        let Some(record) = state.records.get(address) else { continue };
        let edits = record.secret_changes(&record.baseline, &session.run.fingerprints);
        if !edits.is_empty() {
            seen.document = without_edits(std::mem::take(&mut seen.document), &record.baseline, &edits);
        }
    }
    let drift = drift(&state.records, &observed, &[], &session.run.kinds());
    Ok(Looked { observed, drift, blind: Vec::new(), unsure })
}

/// What came of asking the cluster.
enum Asked {
    /// There is none.
    None,
    Answered(String, ClusterHealth),
    Failed {
        name: Option<String>,
        error: ProviderError,
    },
}

async fn ask(session: &Session, of_cluster: &Ask) -> Asked {
    let cluster = match session.connect_cluster().await {
        Ok(Some(cluster)) => cluster,
        Ok(None) => return Asked::None,
        Err(error) => return Asked::Failed { name: None, error },
    };
    let name = cluster.name().to_owned();
    match cluster_health(&cluster, of_cluster).await {
        Ok(health) => Asked::Answered(name, health),
        Err(error) => Asked::Failed { name: Some(name), error },
    }
}

fn platform(state: &State) -> Platform {
    let metadata = &state.metadata;
    Platform {
        provider: state.provider.clone(),
        project_name: state.project_name.clone(),
        namespace: state.namespace.clone(),
        region: state.region.clone(),
        topology: state.topology.clone(),
        resource_count: state.records.len(),
        serial: state.serial,
        nic_version: metadata.nic_version.clone(),
        updated_at: metadata.updated_at.clone(),
        last_successful_deploy: metadata.last_successful_deploy.clone(),
        deploy_count: metadata.deploy_count,
    }
}

/// What is wrong, and what nobody knows.
#[derive(Default)]
struct Issues {
    wrong: Vec<String>,
    unknown: Vec<String>,
}

/// Everything that was found, to be told.
struct Found<'a> {
    state: &'a State,
    observed: &'a BTreeMap<Address, Observed>,
    cloud: &'a CloudHealth,
    asked: &'a Asked,
    lock: Option<&'a Holder>,
}

impl Found<'_> {
    fn namespaces(&self) -> Vec<Namespace> {
        let recorded = self.state.records.values().filter_map(|record| Some((record, namespace_name(record)?)));
        recorded
            .map(|(record, name)| {
                let state = match self.asked {
                    Asked::Answered(_, cluster) => match cluster.namespaces.get(name).map(String::as_str) {
                        None => NamespaceState::Missing,
                        Some("Terminating") => NamespaceState::Terminating,
                        Some(_) => NamespaceState::Active,
                    },
                    Asked::None => NamespaceState::Missing,
                    Asked::Failed { .. } => NamespaceState::Unknown,
                };
                Namespace { name: name.to_owned(), address: record.address.clone(), state }
            })
            .collect()
    }

    fn resources(&self) -> Resources {
        let mut resources = Resources::default();
        for observed in self.observed.values() {
            let count = match &observed.status {
                Seen::Present => &mut resources.present,
                Seen::Absent => &mut resources.missing,
                Seen::InProgress(_) => &mut resources.changing,
                Seen::Failed(_) | Seen::Foreign(_) | Seen::Ambiguous(_) => &mut resources.wrong,
                Seen::Unreadable(_) => &mut resources.unknown,
            };
            *count += 1;
        }
        resources
    }

    fn issues(&self, namespaces: &[Namespace]) -> Issues {
        let mut issues = Issues::default();
        if self.state.records.is_empty() {
            issues.wrong.push("nothing is deployed".to_owned());
        }
        self.of_cluster(namespaces, &mut issues);
        self.of_platform(&mut issues);
        let mut unread: BTreeMap<String, (String, Vec<&Address>)> = BTreeMap::new();
        for (address, observed) in self.observed {
            // Of these the cluster itself has told.
            let told = namespaces.iter().any(|n| n.address == *address && n.state != NamespaceState::Active);
            let in_cluster = self.state.records.get(address).is_some_and(|record| record.kind == KUBERNETES_OBJECT);
            let wrong = match &observed.status {
                Seen::Present => continue,
                _ if told => continue,
                Seen::Absent => format!("{address} is recorded, and the cloud does not have it"),
                Seen::InProgress(what) => format!("{address} is changing ({what})"),
                Seen::Failed(how) => format!("{address} failed: {how}"),
                Seen::Foreign(what) => format!("{address} is not ours: {what}"),
                Seen::Ambiguous(ids) => format!("{address} is ambiguous: {}", ids.join(", ")),
                Seen::Unreadable(_) if in_cluster && matches!(self.asked, Asked::Failed { .. }) => continue,
                Seen::Unreadable(error) => {
                    let told = || (error.to_string(), Vec::new());
                    unread.entry(error.cause()).or_insert_with(told).1.push(address);
                    continue;
                }
            };
            issues.wrong.push(wrong);
        }
        for (error, addresses) in unread.into_values() {
            issues.unknown.push(format!("{} could not be read: {error}", listed(&addresses)));
        }
        for record in self.state.records.values().filter(|record| record.pending.is_some()) {
            issues.wrong.push(match self.lock {
                Some(lock) => {
                    format!("{} is being changed by `nic {}`, which {} runs", record.address, lock.operation, lock.who)
                }
                None => format!("{} was begun and not finished; `nic deploy` goes on with it", record.address),
            });
        }
        issues
    }

    fn of_cluster(&self, namespaces: &[Namespace], issues: &mut Issues) {
        match self.asked {
            Asked::None => {}
            Asked::Answered(_, cluster) => {
                let few = |group: &str| {
                    let groups = self.cloud.groups.iter().filter(|known| known.name == group);
                    groups.into_iter().any(|group| readiness::too_few(group, &cluster.nodes).is_some())
                };
                // Of a group that has too few nodes, that is told.
                let nodes: Vec<&NotReady> = cluster.nodes.not_ready.iter().filter(|node| !few(&node.group)).collect();
                issues.wrong.extend(
                    nodes
                        .iter()
                        .take(NAMED)
                        .map(|node| format!("node {} of group {} is not ready: {}", node.name, node.group, node.why)),
                );
                if nodes.len() > NAMED {
                    issues.wrong.push(format!("{} more nodes are not ready", nodes.len() - NAMED));
                }
            }
            Asked::Failed { name, error } => {
                let name = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
                let objects = self.state.records.values().filter(|record| record.kind == KUBERNETES_OBJECT).count();
                issues.unknown.push(format!(
                    "the cluster{name} cannot be asked, so nobody can say how its nodes and {objects} objects are: {error}"
                ));
            }
        }
        for Namespace { name, state, .. } in namespaces {
            match state {
                NamespaceState::Terminating => issues.wrong.push(format!("the namespace {name} is being deleted")),
                NamespaceState::Missing => {
                    issues.wrong.push(format!("the namespace {name} is recorded, and the cluster does not have it"));
                }
                NamespaceState::Active | NamespaceState::Unknown => {}
            }
        }
    }

    /// What cloud and cluster say of what is there: what is not is told elsewhere.
    fn of_platform(&self, issues: &mut Issues) {
        let (nodes, troubles) = match self.asked {
            Asked::Answered(_, cluster) => (Some(&cluster.nodes), cluster.troubles.as_slice()),
            _ => (None, [].as_slice()),
        };
        let is_there = |address: &Address| self.observed.get(address).is_some_and(Observed::is_present);
        let causes = readiness::causes(self.cloud, nodes, troubles);
        let told = causes.into_iter().filter(|cause| cause.address.as_ref().is_none_or(is_there));
        issues.wrong.extend(told.map(|cause| cause.words));
        // Of a group that has too few nodes, that is told.
        let enough = |group: &&NodeGroup| nodes.is_none_or(|nodes| readiness::too_few(group, nodes).is_none());
        let ailing = self.cloud.groups.iter().filter(enough).filter_map(|group| group.ailment.as_deref());
        issues.wrong.extend(ailing.map(readiness::one_line));
    }
}

/// `a, b, c and 4 more`
fn listed(addresses: &[&Address]) -> String {
    let named: Vec<&str> = addresses.iter().take(NAMED).map(|address| address.as_str()).collect();
    match addresses.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The name of the namespace that a record stands for.
fn namespace_name(record: &Record) -> Option<&str> {
    let sent = record.pending.as_ref().map(|pending| &pending.document);
    let document = Some(&record.baseline).filter(|baseline| baseline.is_object()).or(sent)?;
    let is_namespace = record.kind == KUBERNETES_OBJECT && document["kind"] == "Namespace";
    document.pointer("/metadata/name").and_then(Value::as_str).filter(|_| is_namespace)
}
