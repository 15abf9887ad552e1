//! Comparison: told, accepted, or planned away.

use std::collections::BTreeMap;

use super::{Looked, Owner, Planned, Run, RunError, provider_failed};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::document::without_secrets;
use crate::drift::{Condition, DriftReport, Unrecorded, accepted, drift, undecided, unrecorded};
use crate::error::NOT_IMPLEMENTED;
use crate::graph::DesiredGraph;
use crate::plan::{Action, Purpose, another_state, known};
use crate::resource::{Desired, Observed, Record};
use crate::secret::without_edits;
use crate::state::State;

/// What was compared, and by what.
pub struct Comparison {
    /// How everything compares.
    pub report: DriftReport,
    /// What the cloud shows, for every record.
    pub observed: BTreeMap<Address, Observed>,
    /// Whose platform it is.
    pub owner: Owner,
    /// Who could not look for what is not recorded, and why.
    pub diagnostics: Vec<Diagnostic>,
}

impl Run {
    /// Compares what was accepted with what the cloud shows, and looks for what is marked as ours and not recorded. With targets these
    /// alone are compared.
    ///
    /// # Errors
    /// As [`Run::look`]; `TARGET_UNKNOWN`; what cannot be read is in the report as unreadable.
    pub async fn drift(&self) -> Result<Comparison, RunError> {
        let Looked { mut observed, owner } = self.look(&DesiredGraph::default()).await?;
        let (discovered, diagnostics) = self.discovered().await;
        let state = self.journal.state().await;
        for seen in observed.values_mut() {
            let Some(record) = state.records.get(&seen.address) else { continue };
            let edits = record.secret_changes(&record.baseline, &self.fingerprints);
            if !edits.is_empty() {
                seen.document = without_edits(std::mem::take(&mut seen.document), &record.baseline, &edits);
            }
        }
        let mut report = drift(&state.records, &observed, &discovered, &self.kinds());
        let targets = &self.settings.targets;
        if !targets.is_empty() {
            known(targets, &DesiredGraph::default(), &state.records).map_err(RunError::Refused)?;
            report.resources.retain(|resource| targets.contains(&resource.address));
            report.unrecorded.clear();
        }
        Ok(Comparison { report, observed, owner, diagnostics })
    }

    /// What bears our marks and is not recorded, as after everything was destroyed; and who could not look, and why.
    pub async fn left_over(&self) -> (Vec<Unrecorded>, Vec<Diagnostic>) {
        let (discovered, diagnostics) = self.discovered().await;
        let state = self.journal.state().await;
        (unrecorded(&state.records, &discovered, &self.kinds()), diagnostics)
    }

    async fn discovered(&self) -> (Vec<Observed>, Vec<Diagnostic>) {
        let call = self.call().await;
        let (mut discovered, mut diagnostics) = (Vec::new(), Vec::new());
        for participant in self.participants.iter().filter(|p| p.declares) {
            match self.until_answered(|| participant.provider.discover(&call)).await {
                Ok(found) => discovered.extend(found.into_iter().filter(Observed::is_present)),
                // It marks nothing that could be looked for.
                Err(error) if error.code() == NOT_IMPLEMENTED => {}
                Err(error) => diagnostics.push(provider_failed(participant, "discover", &error)),
            }
        }
        (discovered, diagnostics)
    }

    /// Takes what the cloud shows for what is accepted from now on: the state changes, the cloud does not.
    ///
    /// # Errors
    /// `DRIFT_UNKNOWN` while something could not be compared; `PLATFORM_VANISHED`; what the backend says.
    pub async fn accept_drift(&self, drift: &Comparison) -> Result<usize, RunError> {
        comparable(drift)?;
        self.still_stands(&drift.observed, drift.owner.identity.as_ref()).await?;
        let state = self.journal.state().await;
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for resource in &drift.report.resources {
            let Some(record) = state.records.get(&resource.address) else { continue };
            match &resource.condition {
                Condition::Differs(changes) => {
                    let baseline = accepted(&record.baseline, changes);
                    kept.push(shown(Record { baseline, ..record.clone() }, drift));
                }
                // Used from now on as what it is, and never deleted.
                Condition::Foreign(_) => {
                    kept.push(shown(Record { shared: true, pending: None, ..record.clone() }, drift));
                }
                Condition::Gone => gone.push(record.address.clone()),
                _ => {}
            }
        }
        drop(state);
        let (count, identity) = (kept.len() + gone.len(), drift.owner.identity.clone());
        let accept = move |state: &mut State| {
            state.identity = identity.or(state.identity.take());
            state.records.retain(|address, _| !gone.contains(address));
            state.records.extend(kept.into_iter().map(|record| (record.address.clone(), record)));
        };
        self.journal.change(accept).await?;
        Ok(count)
    }

    /// The plan that brings the cloud back to what was accepted, whatever the config says now.
    ///
    /// # Errors
    /// `DRIFT_UNKNOWN` while something could not be compared; `DRIFT_NEEDS_DEPLOY` when something is gone that others stand on;
    /// every reason of a plan.
    pub async fn plan_restore(&self, drift: Comparison) -> Result<Planned, RunError> {
        comparable(&drift)?;
        let state = self.journal.state().await;
        let records = &state.records;
        let desired = records.values().map(|record| Desired {
            depends_on: record.dependencies.iter().filter(|need| records.contains_key(*need)).cloned().collect(),
            external: record.external,
            ..Desired::new(record.address.clone(), record.kind.as_str(), record.baseline.clone())
        });
        let graph = DesiredGraph::build(desired.collect()).map_err(RunError::Refused)?;
        let looked = Looked { observed: drift.observed, owner: drift.owner };
        let planned = self.plan_graph(Purpose::Restore, graph, looked, drift.diagnostics).await?;
        let gone = planned.plan.changes.iter().filter(|c| c.action == Action::Create);
        let theirs: Vec<Diagnostic> = gone
            .filter(|change| records.get(&change.address).is_some_and(|record| record.shared))
            .map(|change| {
                let detail = format!("{} `{}` was not made by NIC", change.title, change.address.name());
                Diagnostic::error("DRIFT_NEEDS_DEPLOY", "Something of others is gone", detail)
                    .at(&change.address)
                    .hint("run `nic deploy`, which makes one of its own; or have it made anew by whoever had made it")
            })
            .collect();
        let renamed = planned.plan.changes.iter().filter(|c| matches!(c.action, Action::Create | Action::Replace));
        let mut broken: Vec<Diagnostic> = renamed
            .filter_map(|change| {
                let gone = records.get(&change.address)?;
                let dependent = records.values().find(|other| stands_on(other, gone))?;
                let detail = format!(
                    "`{}` would get a new identity, and `{}` was accepted with the old one",
                    change.address, dependent.address
                );
                let summary = "Something that others stand on cannot be brought back alone";
                Some(Diagnostic::error("DRIFT_NEEDS_DEPLOY", summary, detail).at(&change.address))
            })
            .map(|diagnostic| diagnostic.hint("run `nic deploy`, which makes it again and links the others to it"))
            .collect();
        broken.extend(theirs);
        if broken.is_empty() { Ok(planned) } else { Err(RunError::Refused(broken)) }
    }
}

/// The record with what the cloud shows of it.
fn shown(mut record: Record, drift: &Comparison) -> Record {
    if let Some(seen) = drift.observed.get(&record.address) {
        let attributes = seen.attributes.as_ref().unwrap_or(&seen.document).clone();
        record.attributes = without_secrets(attributes, &record.baseline);
    }
    record
}

/// Whether a record was accepted with the identity that another one has now.
fn stands_on(record: &Record, other: &Record) -> bool {
    let Some(id) = other.remote_id.as_deref().filter(|_| record.dependencies.contains(&other.address)) else {
        return false;
    };
    record.baseline.to_string().contains(id)
}

/// Nothing is accepted or changed back while somebody else's things, or what cannot be read, stand in between.
fn comparable(drift: &Comparison) -> Result<(), RunError> {
    let compared = drift.report.resources.iter().filter_map(|resource| drift.observed.get(&resource.address));
    let marked: Vec<_> =
        compared.filter_map(|seen| Some((seen.address.clone(), seen.other_lineage.clone()?))).collect();
    if !marked.is_empty() {
        return Err(RunError::Refused(vec![another_state(&marked)]));
    }
    let unknown = undecided(&drift.report);
    if unknown.is_empty() { Ok(()) } else { Err(RunError::Broke(unknown)) }
}
