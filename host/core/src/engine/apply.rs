//! Carrying a plan out: steps in graph order, as many at a time as the graph allows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};

use super::step::{Step, StepError, Verb, Worker};
use super::{Planned, Run, RunError};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::plan::{Action, Reason};
use crate::ports::Event;

/// How one resource came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done, in this time.
    Done(Duration),
    /// Failed.
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
    pub outcomes: BTreeMap<Address, (Action, Outcome)>,
}

impl ApplyReport {
    /// Whether everything was done.
    pub fn is_complete(&self) -> bool {
        self.outcomes.values().all(|(_, outcome)| matches!(outcome, Outcome::Done(_)))
    }

    /// Whether the user stopped it.
    pub fn was_interrupted(&self) -> bool {
        self.outcomes.values().any(|(_, outcome)| matches!(outcome, Outcome::Interrupted))
    }

    /// How many changes in the cloud were done.
    pub fn changes_done(&self) -> usize {
        let done = |(action, outcome): &&(Action, Outcome)| action.is_change() && matches!(outcome, Outcome::Done(_));
        self.outcomes.values().filter(done).count()
    }

    /// What failed.
    pub fn failures(&self) -> impl Iterator<Item = &Diagnostic> {
        self.outcomes.values().filter_map(|(_, outcome)| match outcome {
            Outcome::Failed(diagnostic) => Some(diagnostic),
            _ => None,
        })
    }
}

type Key = (Address, Verb);

/// Carries the plan out; see [`Run::apply`].
pub(super) async fn apply(run: &Run, planned: &Planned) -> Result<ApplyReport, RunError> {
    let facts = run.facts.lock().await.clone();
    run.journal.change(|state| state.facts.extend(facts)).await?;

    let steps = steps(planned);
    let mut waits: BTreeMap<Key, BTreeSet<Key>> = steps.clone();
    let mut done: BTreeSet<Key> = BTreeSet::new();
    let mut report = ApplyReport::default();
    let actions: BTreeMap<&Address, Action> = planned.plan.changes.iter().map(|c| (&c.address, c.action)).collect();
    let worker = Worker::new(run, planned).await;
    let mut running = FuturesUnordered::new();
    let mut fatal = None;

    loop {
        let stop = run.interrupt.requested() || fatal.is_some();
        // What needs something that failed is not begun, nor what needs that.
        let blocked = |needs: &BTreeSet<Key>, report: &ApplyReport| {
            needs.iter().find(|(address, _)| {
                matches!(report.outcomes.get(address), Some((_, Outcome::Failed(_) | Outcome::Skipped(_) | Outcome::Interrupted)))
            }).map(|(address, _)| address.clone())
        };
        let mut settled = Vec::new();
        for (key, needs) in &waits {
            let because = blocked(needs, &report);
            if because.is_some() || needs.iter().all(|need| done.contains(need)) {
                settled.push((key.clone(), because));
            }
        }
        let moved = !settled.is_empty();
        for (key, because) in settled {
            waits.remove(&key);
            let (address, verb) = key.clone();
            let action = actions.get(&address).copied().unwrap_or(Action::NoOp);
            if let Some(because) = because {
                run.reporter.report(Event::Skipped { address: address.clone(), because: because.clone() });
                report.outcomes.insert(address, (action, Outcome::Skipped(because)));
            } else if stop {
                report.outcomes.insert(address, (action, Outcome::Interrupted));
            } else {
                let step = Step { address, verb, action };
                running.push(worker.run(step));
            }
        }
        if moved {
            continue;
        }
        let Some((step, took, result)) = running.next().await else { break };
        let Step { address, verb, action } = step;
        match result {
            Ok(()) => {
                done.insert((address.clone(), verb));
                // A replacement is done when its second half is.
                let last = !(action == Action::Replace && verb == Verb::Delete);
                if last && (action.is_change() || action == Action::Forget) {
                    run.reporter.report(Event::Finished { address: address.clone(), action, took });
                    report.outcomes.insert(address, (action, Outcome::Done(took)));
                }
            }
            Err(StepError::Interrupted) => {
                report.outcomes.insert(address, (action, Outcome::Interrupted));
            }
            Err(StepError::Failed(diagnostic)) => {
                run.reporter.report(Event::Failed { address: address.clone(), diagnostic: (*diagnostic).clone() });
                report.outcomes.insert(address, (action, Outcome::Failed(*diagnostic)));
            }
            Err(StepError::Backend(error)) => {
                report.outcomes.insert(address, (action, Outcome::Interrupted));
                fatal.get_or_insert(error);
            }
        }
    }
    match fatal {
        Some(error) => Err(error.into()),
        None => Ok(report),
    }
}

/// The steps of a plan and what each waits for.
fn steps(planned: &Planned) -> BTreeMap<Key, BTreeSet<Key>> {
    let mut steps: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
    for change in &planned.plan.changes {
        let address = &change.address;
        match change.action {
            Action::Delete | Action::Forget => {
                steps.insert((address.clone(), Verb::Delete), BTreeSet::new());
            }
            Action::Replace => {
                steps.insert((address.clone(), Verb::Delete), BTreeSet::new());
                steps.insert((address.clone(), Verb::Converge), BTreeSet::from([(address.clone(), Verb::Delete)]));
            }
            // Something that is as it should be but whose record does not say so is recorded in its turn.
            Action::NoOp if matches!(change.reason, Reason::UpToDate) => {}
            Action::NoOp | Action::Create | Action::Update => {
                steps.insert((address.clone(), Verb::Converge), BTreeSet::new());
            }
        }
    }
    let present: BTreeSet<Key> = steps.keys().cloned().collect();
    for change in &planned.plan.changes {
        let address = &change.address;
        for need in &change.needs {
            // Made after what it needs.
            let converge = (address.clone(), Verb::Converge);
            let needed = (need.clone(), Verb::Converge);
            if present.contains(&converge) && present.contains(&needed) {
                steps.entry(converge.clone()).or_default().insert(needed);
            }
        }
    }
    // What is deleted goes after everything that was recorded as needing it: deleted too, or changed so that it no longer does.
    for change in &planned.plan.changes {
        for need in planned.recorded_needs(&change.address) {
            let gone = (need.clone(), Verb::Delete);
            if !present.contains(&gone) {
                continue;
            }
            let delete = (change.address.clone(), Verb::Delete);
            let converge = (change.address.clone(), Verb::Converge);
            if present.contains(&delete) {
                steps.entry(gone).or_default().insert(delete);
            } else if present.contains(&converge) && !change.needs.contains(&need) {
                steps.entry(gone).or_default().insert(converge);
            }
        }
    }
    steps
}
