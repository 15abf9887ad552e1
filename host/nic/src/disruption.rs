//! Pods that may not leave their nodes: told where a plan is to replace nodes, and where a cloud began that and gave up. The cloud names
//! nodes at best, and the cluster knows the budgets that hold their pods.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use nic_cluster::{Hold, holds};
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::engine::{ApplyReport, StepOutcome};
use nic_core::error::ProviderError;
use nic_core::kind::{Kind, Normalise, SchemaNode};
use nic_core::plan::{Action, Plan, PlannedChange};
use nic_core::resource::{PendingAction, Record};
use nic_core::state::State;
use serde_json::json;

use crate::output::Printer;
use crate::readiness::one_line;
use crate::session::Session;

/// How long the cluster has to answer after a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it has while a plan is made, which can do without.
const PLAN_PATIENCE: Duration = Duration::from_secs(5);

/// How long an update of nodes may take before its pods are looked at: a node that is replaced as it should be takes a few minutes.
const STANDS_AFTER: Duration = Duration::from_mins(5);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Where waits are shortened, no shorter than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// What to do about a budget.
const WAY_ON: &str = "a pod leaves its node as soon as its budget allows one disruption: run more replicas of it, or relax or delete the budget for \
                      the time of the upgrade; pods of two budgets need one of them deleted";

/// Does the work, and meanwhile tells once what holds the pods of nodes whose update does not come to its end.
pub async fn watched<T>(session: &Session, printer: Printer, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        told = Box::pin(standing(session)) => printer.diagnostics(&[told], None),
    }
    work.await
}

/// What there is to tell of updates that stand, once there is something.
async fn standing(session: &Session) -> Diagnostic {
    let kinds = session.run.kinds();
    let paced = |duration: Duration| duration.mul_f64(session.run.settings.pace);
    let (mut since, mut before) = (BTreeMap::new(), Vec::new());
    loop {
        tokio::time::sleep(paced(LOOK_EVERY).max(SHORTEST_PAUSE)).await;
        let (state, now) = (session.run.journal.state().await, session.run.clock.elapsed());
        let updates: BTreeSet<&Address> =
            state.records.values().filter(|record| is_updated(record)).map(|record| &record.address).collect();
        since.retain(|address, _| updates.contains(address));
        for address in updates {
            since.entry(address.clone()).or_insert(now);
        }
        let stand = since.iter().filter(|(_, began)| now.saturating_sub(**began) >= paced(STANDS_AFTER));
        let groups: Vec<String> = stand.filter_map(|(address, _)| group(&state, &kinds, address)).collect();
        if groups.is_empty() {
            continue;
        }
        let holds = look(session, &groups, "", PATIENCE).await.unwrap_or_default();
        // While pods move, budgets allow none for a moment.
        let lasting: Vec<Hold> = holds.iter().filter(|hold| before.contains(*hold)).cloned().collect();
        if !lasting.is_empty() {
            let summary = "Pods keep nodes from being replaced";
            return warning(summary, &format!("the update of {} stands", groups.join(", ")), &lasting);
        }
        before = holds;
    }
}

/// Whether the cloud works on a change of it.
fn is_updated(record: &Record) -> bool {
    let pending = record.pending.as_ref();
    pending.is_some_and(|pending| pending.action == PendingAction::Update && pending.operation.is_some())
}

fn warning(summary: &str, first: &str, holds: &[Hold]) -> Diagnostic {
    let lines = holds.iter().map(|hold| one_line(&hold.to_string()));
    let lines: Vec<String> =
        Some(first.to_owned()).filter(|first| !first.is_empty()).into_iter().chain(lines).collect();
    let warning = Diagnostic::warning("DISRUPTION_BUDGET_BLOCKS", summary, lines.join("\n"));
    warning.hint(WAY_ON).details(json!({ "disruption_budgets": holds }))
}

/// Adds to whatever failed while nodes were replaced what on the cluster keeps their pods from leaving.
pub async fn explain(session: &Session, report: &mut ApplyReport) {
    let (state, kinds) = (session.run.journal.state().await, session.run.kinds());
    let mut causes = BTreeMap::new();
    for (address, (action, outcome)) in &mut report.outcomes {
        let StepOutcome::Failed(failure) = outcome else { continue };
        if !matches!(action, Action::Update | Action::Replace) || !was_given_up(failure) {
            continue;
        }
        let Some(group) = group(&state, &kinds, address) else { continue };
        let found = look(session, &[group], &failure.detail, PATIENCE).await;
        tell(failure, found);
        causes.insert(address.clone(), failure.detail.clone());
    }
    // What is held by another budget failed for another cause, whatever the cloud said.
    for (address, words) in causes {
        report.causes.entry(address).and_modify(|cause| *cause = words);
    }
}

/// Whether the cloud began the change and did not end it well, rather than refused it.
fn was_given_up(failure: &Diagnostic) -> bool {
    failure.details["cause"].as_str().is_some_and(|cause| cause == "TIMED_OUT" || cause.ends_with("_UPDATE_FAILED"))
}

fn tell(failure: &mut Diagnostic, found: Result<Vec<Hold>, ProviderError>) {
    match found {
        Ok(holds) if holds.is_empty() => {}
        Ok(holds) => {
            for hold in &holds {
                let _ = write!(failure.detail, "\n{}", one_line(&hold.to_string()));
            }
            failure.details["disruption_budgets"] = json!(holds);
            failure.hints.insert(0, WAY_ON.to_owned());
        }
        Err(error) => {
            let words = one_line(&error.to_string());
            let _ =
                write!(failure.detail, "\nwhether disruption budgets hold its pods could not be looked at: {words}");
            failure.hints.insert(0, "see for yourself: `kubectl get poddisruptionbudgets --all-namespaces`".to_owned());
        }
    }
}

/// What is to be known before a plan that replaces nodes is carried out; none when nothing holds them, or the cluster does not say.
pub async fn note(session: &Session, plan: &Plan) -> Option<Diagnostic> {
    let kinds = session.run.kinds();
    let replaced = || plan.changes.iter().filter(|change| kinds.get(&change.kind).is_some_and(|k| replaces(k, change)));
    replaced().next()?;
    let state = session.run.journal.state().await;
    let groups: BTreeSet<String> = replaced().filter_map(|change| group(&state, &kinds, &change.address)).collect();
    let groups: Vec<String> = groups.into_iter().collect();
    let holds = look(session, &groups, "", PLAN_PATIENCE).await.ok().filter(|holds| !holds.is_empty())?;
    Some(warning("Pods may not leave nodes that are to be replaced", "", &holds))
}

/// Whether a change replaces the nodes of a group: all of them run the group's version.
fn replaces(kind: &Kind, change: &PlannedChange) -> bool {
    let is_version = |pointer: &str| {
        let members = pointer.split('/').skip(1);
        let place = members.fold(SchemaNode::root(&kind.schema), SchemaNode::member);
        place.annotations().normalise == Some(Normalise::Version)
    };
    kind.nodes().is_some()
        && change.action == Action::Update
        && change.differences.iter().any(|difference| is_version(&difference.pointer))
}

/// What the nodes are labelled with, where it is a group of nodes.
fn group(state: &State, kinds: &BTreeMap<String, Kind>, address: &Address) -> Option<String> {
    let record = state.records.get(address)?;
    let (group, _) = kinds.get(&record.kind)?.nodes()?;
    record.attributes.pointer(group).or_else(|| record.baseline.pointer(group))?.as_str().map(str::to_owned)
}

async fn look(
    session: &Session,
    groups: &[String],
    words: &str,
    patience: Duration,
) -> Result<Vec<Hold>, ProviderError> {
    let asked = async {
        match session.connect_cluster().await? {
            Some(cluster) => holds(&cluster, groups, words).await,
            None => Err(ProviderError::other("CLUSTER_NOT_READY", "its cloud knows of no cluster that could be asked")),
        }
    };
    let silent =
        |_| Err(ProviderError::TimedOut(format!("the cluster did not answer within {} s", patience.as_secs())));
    tokio::time::timeout(patience, Box::pin(asked)).await.unwrap_or_else(silent)
}

#[cfg(test)]
mod tests {
    use nic_cluster::HeldPod;

    use super::*;

    fn failure(cause: &str) -> Diagnostic {
        Diagnostic::error("GROUP_UPDATE_FAILED", "A resource could not be updated", "`c.group.a`: it does not go")
            .details(json!({ "cause": cause }))
            .hint("go on")
    }

    #[test]
    fn only_what_a_cloud_began_and_gave_up_has_its_cause_on_the_cluster() {
        assert!(was_given_up(&failure("CLOUD_UPDATE_FAILED")) && was_given_up(&failure("TIMED_OUT")));
        for refused in ["DENIED", "REMOTE_ERROR", "CREDENTIALS_EXPIRED", "CLUSTER_LOGIN_FAILED"] {
            assert!(!was_given_up(&failure(refused)), "{refused}");
        }
    }

    #[test]
    fn what_holds_is_told_and_so_is_that_nobody_could_look() {
        let mut held = failure("TIMED_OUT");
        let pod = HeldPod { name: "dev/a-1".to_owned(), node: "n-1".to_owned() };
        tell(&mut held, Ok(vec![Hold { budgets: vec!["dev/a".to_owned()], pods: vec![pod] }]));
        let line = "PodDisruptionBudget dev/a allows no disruption, and holds pod dev/a-1 on n-1";
        assert_eq!(held.detail, format!("`c.group.a`: it does not go\n{line}"));
        let listed = json!([{ "budgets": ["dev/a"], "pods": [{ "name": "dev/a-1", "node": "n-1" }] }]);
        assert_eq!(held.details, json!({ "cause": "TIMED_OUT", "disruption_budgets": listed }));
        assert_eq!(held.hints, [WAY_ON, "go on"]);

        let mut silent = failure("TIMED_OUT");
        tell(&mut silent, Err(ProviderError::TimedOut("no\nanswer".to_owned())));
        let words = "whether disruption budgets hold its pods could not be looked at: no answer in time: no answer";
        assert!(silent.detail.ends_with(words) && silent.hints[0].contains("kubectl get"), "{silent:?}");

        let mut free = failure("TIMED_OUT");
        tell(&mut free, Ok(Vec::new()));
        assert_eq!(free, failure("TIMED_OUT"));
    }
}
