//! Carrying a plan out: steps in graph order, as many at a time as the graph allows.

mod schedule;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};

use self::schedule::{Key, Schedule};
use super::step::{Failure, Step, StepError, StepKind, Worker};
use super::{Planned, Run, RunError};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::document::without_secrets;
use crate::plan::{Action, Reason};
use crate::ports::{BackendError, Event};
use crate::secret::accepted;
use crate::state::State;

/// How one resource came out.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// Done, in this time.
    Done(Duration),
    Failed(Diagnostic),
    /// Not begun: what it needs failed.
    Skipped(Address),
    /// Not begun, or left pending: the user wanted to stop.
    Interrupted,
}

/// How every change came out.
#[derive(Debug, Clone, Default)]
pub struct ApplyReport {
    /// By address, with the planned action. Resources without a change are not listed.
    pub outcomes: BTreeMap<Address, (Action, StepOutcome)>,
    /// Of what failed, what it has in common with whatever else failed for the same cause.
    pub causes: BTreeMap<Address, String>,
}

impl ApplyReport {
    /// Whether everything was done.
    pub fn is_complete(&self) -> bool {
        self.outcomes.values().all(|(_, outcome)| matches!(outcome, StepOutcome::Done(_)))
    }

    /// Whether the user stopped it.
    pub fn was_interrupted(&self) -> bool {
        self.outcomes.values().any(|(_, outcome)| matches!(outcome, StepOutcome::Interrupted))
    }

    /// How many changes in the cloud were done.
    pub fn changes_done(&self) -> usize {
        let done =
            |(action, outcome): &&(Action, StepOutcome)| action.is_change() && matches!(outcome, StepOutcome::Done(_));
        self.outcomes.values().filter(done).count()
    }

    /// What failed.
    pub fn failures(&self) -> impl Iterator<Item = &Diagnostic> {
        self.outcomes.values().filter_map(|(_, outcome)| match outcome {
            StepOutcome::Failed(diagnostic) => Some(diagnostic),
            _ => None,
        })
    }
}

/// Carries the plan out; see [`Run::apply`].
pub(super) async fn apply(run: &Run, planned: &Planned) -> Result<ApplyReport, RunError> {
    record_what_was_seen(run, planned).await?;
    let (births, mut born) = mpsc::unbounded();
    let worker = Worker::new(run, planned, births).await;
    let mut running = FuturesUnordered::new();
    let mut settling = Settling {
        run,
        schedule: Schedule::new(run, planned),
        actions: planned.plan.changes.iter().map(|c| (&c.address, c.action)).collect(),
        create_first: planned.plan.changes.iter().filter(|c| c.create_first).map(|c| &c.address).collect(),
        report: ApplyReport::default(),
    };
    let mut fatal: Option<BackendError> = None;
    loop {
        while fatal.is_none() && !run.interrupt.requested() {
            let Some((address, verb)) = settling.schedule.next_ready() else { break };
            let action = settling.action(&address);
            let create_first = settling.create_first.contains(&address);
            let gone = verb == StepKind::Delete && settling.schedule.is_part(&address);
            running.push(worker.run(Step { address, verb, action, create_first, gone }));
        }
        match select(born.next(), running.next()).await {
            Either::Left((birth, _)) => {
                if let Some(birth) = birth {
                    settling
                        .schedule
                        .born(&birth.address, |dependent| birth.is_enough_for(planned.graph.get(dependent)));
                    worker.note(&birth);
                }
            }
            Either::Right((None, _)) => break,
            Either::Right((Some((step, took, result)), _)) => {
                if let Some(error) = settling.settle(step, took, result) {
                    fatal.get_or_insert(error);
                }
            }
        }
    }
    match fatal {
        Some(error) => Err(error.into()),
        None => Ok(settling.close()),
    }
}

/// Whose platform it is, facts, and the attributes and secrets of what is as it should be, in one write. The results of changes are recorded by their steps.
async fn record_what_was_seen(run: &Run, planned: &Planned) -> Result<(), RunError> {
    let facts = run.facts.lock().await.clone();
    let up_to_date = planned.plan.changes.iter().filter(|c| c.action == Action::NoOp && c.reason == Reason::UpToDate);
    let state = run.journal.state().await;
    let seen: Vec<_> = up_to_date
        .filter_map(|c| planned.observed.get(&c.address).zip(state.records.get(&c.address)))
        .filter(|(observed, _)| observed.is_present())
        .map(|(observed, record)| {
            let shown = observed.attributes.as_ref().unwrap_or(&observed.document).clone();
            let attributes = without_secrets(shown, &record.baseline);
            let secrets = accepted(&record.baseline, planned.fingerprints(run));
            (record.address.clone(), attributes, observed.shared, secrets, observed.remote_id.clone())
        })
        .collect();
    drop(state);
    let identity = planned.identity.clone();
    let record_it = move |state: &mut State| {
        state.facts.extend(facts);
        state.identity = identity.or(state.identity.take());
        for (address, attributes, shared, secrets, remote_id) in seen {
            let Some(record) = state.records.get_mut(&address) else { continue };
            (record.attributes, record.shared) = (attributes, shared);
            record.secrets.extend(secrets);
            record.remote_id = remote_id.or(record.remote_id.take());
        }
    };
    Ok(run.journal.change(record_it).await?)
}

/// What has become of the steps so far.
struct Settling<'a> {
    run: &'a Run,
    schedule: Schedule,
    actions: BTreeMap<&'a Address, Action>,
    create_first: BTreeSet<&'a Address>,
    report: ApplyReport,
}

impl Settling<'_> {
    fn action(&self, address: &Address) -> Action {
        self.actions.get(address).copied().unwrap_or(Action::NoOp)
    }

    /// Notes one result, and gives back the error after which nothing may be begun.
    fn settle(&mut self, step: Step, took: Duration, result: Result<(), StepError>) -> Option<BackendError> {
        let Step { address, verb, action, create_first, .. } = step;
        let key = (address.clone(), verb);
        match result {
            Ok(()) => {
                self.schedule.done(&key);
                // A replacement is done when its second half is.
                let first = if create_first { StepKind::Converge } else { StepKind::Delete };
                let last = !(action == Action::Replace && verb == first);
                if last && (action.is_change() || action == Action::Forget) {
                    self.run.reporter.report(Event::Finished { address: address.clone(), action, took });
                    self.report.outcomes.insert(address, (action, StepOutcome::Done(took)));
                }
                None
            }
            Err(StepError::Failed(failure)) => {
                let Failure { diagnostic, cause } = *failure;
                let again = self.report.causes.values().any(|other| *other == cause);
                self.run.reporter.report(Event::Failed {
                    address: address.clone(),
                    diagnostic: diagnostic.clone(),
                    again,
                });
                self.report.causes.insert(address.clone(), cause);
                self.report.outcomes.insert(address, (action, StepOutcome::Failed(diagnostic)));
                self.skip_after(&key);
                None
            }
            Err(StepError::Interrupted) => {
                self.report.outcomes.insert(address, (action, StepOutcome::Interrupted));
                None
            }
            Err(StepError::Backend(error)) => Some(error),
        }
    }

    /// What needs something that failed is not begun, nor what needs that.
    fn skip_after(&mut self, failed: &Key) {
        for (address, _) in self.schedule.drop_dependents(failed) {
            let action = self.action(&address);
            // The second half of a failed replacement: its own failure says more.
            if self.report.outcomes.contains_key(&address) {
                continue;
            }
            let because = failed.0.clone();
            self.run.reporter.report(Event::Skipped { address: address.clone(), because: because.clone() });
            self.report.outcomes.insert(address, (action, StepOutcome::Skipped(because)));
        }
    }

    /// Whatever was not begun was held back by what failed, which is told in one, or by an interrupt.
    fn close(mut self) -> ApplyReport {
        let (addresses, because) = self.report.not_begun();
        if !addresses.is_empty() {
            self.run.reporter.report(Event::NotBegun { addresses, because });
        }
        for (address, _) in self.schedule.left() {
            let action = self.action(&address);
            self.report.outcomes.entry(address).or_insert((action, StepOutcome::Interrupted));
        }
        self.report
    }
}
