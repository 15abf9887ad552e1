//! A cluster that does not answer this machine: asked once after its endpoint was changed, and told with what shuts this machine out.

use std::fmt::Write as _;

use nic_cluster::Reach;
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::engine::{ApplyReport, Planned, StepOutcome};
use nic_core::error::ProviderError;
use nic_core::plan::Action;
use nic_core::resource::Record;
use serde_json::json;

use crate::readiness::one_line;
use crate::session::Session;

/// The code of a cluster that cannot be connected to.
const UNREACHABLE: &str = "CLUSTER_UNREACHABLE";

/// What to tell when a cluster was changed that lets in some only, and does not answer this machine now. It is asked once.
pub async fn lost(session: &Session, planned: &Planned, changes: usize) -> Option<Diagnostic> {
    let kinds = session.run.kinds();
    let hosts = |kind: &str| kinds.get(kind).is_some_and(|kind| kind.hosts().is_some());
    planned.plan.changes.iter().find(|change| change.action == Action::Update && hosts(&change.kind))?;
    let reach = session.cluster_reach().await.ok()??;
    let answer = match session.connect_cluster().await {
        Ok(Some(cluster)) => cluster.some("v1", "Namespace", None, &[], 1).await,
        Ok(None) => return None,
        Err(error) => Err(error),
    };
    let error =
        answer.err().filter(|error| error.code() == UNREACHABLE || matches!(error, ProviderError::TimedOut(_)))?;
    let done = if changes == 1 { "1 change is".to_owned() } else { format!("{changes} changes are") };
    let detail = format!("{done} done and recorded; {}", one_line(&error.to_string()));
    let summary = "The cluster does not answer this machine any more";
    let mut told = Diagnostic::error(UNREACHABLE, summary, detail).details(json!({ "cause": error.code() }));
    told.pointer = Some(reach.pointer.clone());
    explained(&mut told, &reach, way_around(session).await.as_deref());
    Some(told)
}

/// Adds to whatever says that the cluster cannot be reached from where it can.
pub async fn explain<'a>(session: &Session, told: impl Iterator<Item = &'a mut Diagnostic>) {
    let is_that = |told: &&mut Diagnostic| told.code == UNREACHABLE || told.details["cause"] == UNREACHABLE;
    let unreached: Vec<&mut Diagnostic> = told.filter(is_that).collect();
    if unreached.is_empty() {
        return;
    }
    let Ok(Some(reach)) = session.cluster_reach().await else { return };
    let way = way_around(session).await;
    for told in unreached {
        explained(told, &reach, way.as_deref());
    }
}

/// The same as one hint, for an error of this code.
pub async fn hint(session: &Session, code: &str) -> Option<String> {
    if code != UNREACHABLE {
        return None;
    }
    let reach = session.cluster_reach().await.ok()??;
    Some(format!("{}: {}", reach.words, reach.hint))
}

/// The failed changes of a deploy.
pub fn failures(report: &mut ApplyReport) -> impl Iterator<Item = &mut Diagnostic> {
    report.outcomes.values_mut().filter_map(|(_, outcome)| match outcome {
        StepOutcome::Failed(failure) => Some(failure),
        _ => None,
    })
}

fn explained(told: &mut Diagnostic, reach: &Reach, way: Option<&str>) {
    let _ = write!(told.detail, "; {}", reach.words);
    told.hints.insert(0, reach.hint.clone());
    told.hints.extend(way.map(str::to_owned));
    told.details["config_key"] = json!(reach.pointer);
}

/// How a config that was mended is carried out, which the cluster need not be asked for.
async fn way_around(session: &Session) -> Option<String> {
    let (state, kinds) = (session.run.journal.state().await, session.run.kinds());
    let hosts = |record: &&Record| kinds.get(&record.kind).is_some_and(|kind| kind.hosts().is_some());
    let cluster: &Address = &state.records.values().find(hosts)?.address;
    Some(format!(
        "once the config lets this machine in, `nic deploy --target {cluster}` changes that without asking the cluster"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shuts_out_is_told_first_and_the_way_around_last() {
        let mut told =
            Diagnostic::error("X", "x", "cannot connect").details(json!({ "cause": UNREACHABLE })).hint("own");
        let reach =
            Reach { words: "only some".to_owned(), pointer: "/cloud/networks".to_owned(), hint: "add it".to_owned() };
        explained(&mut told, &reach, Some("around"));
        assert_eq!(told.detail, "cannot connect; only some");
        assert_eq!(told.hints, ["add it", "own", "around"]);
        assert_eq!(told.details["config_key"], "/cloud/networks");
    }
}
