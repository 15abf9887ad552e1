//! What is there before its create is done: it has an id, and whatever needs no more than that need not wait.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use super::{Subject, Worker};
use crate::address::Address;
use crate::document::{Resolution, has_unknown, resolve};
use crate::engine::journal::Created;
use crate::error::{ProviderError, Retry};
use crate::plan::{Outcome, look_up};
use crate::ports::Change;
use crate::resource::Desired;

/// For how long clouds may not find what was just made where others name it. Their own advice is to go on asking for minutes.
const FRESH: Duration = Duration::from_mins(2);

/// A create told the remote id, which is durable, and goes on.
pub(in crate::engine) struct Birth {
    pub(in crate::engine) address: Address,
    /// The member that is the remote id.
    member: String,
    /// What was asked for, and the remote id.
    document: Value,
}

impl Birth {
    /// Whether a resource that needs this one can do with what is known of it.
    pub(in crate::engine) fn is_enough_for(&self, dependent: Option<&Desired>) -> bool {
        let Some(dependent) = dependent.filter(|d| !d.depends_on.contains(&self.address)) else { return false };
        let known = BTreeMap::from([(self.address.clone(), self.outcome())]);
        // Of the others it waits for the same or more.
        let resolution = |to: &Address, pointer: &str| {
            if to == &self.address { look_up(&known, to, pointer) } else { Resolution::Known(Value::Bool(true)) }
        };
        resolve(&dependent.document, &resolution).is_ok_and(|document| !has_unknown(&document))
    }

    fn outcome(&self) -> Outcome {
        Outcome { document: self.document.clone(), settled: false }
    }
}

impl Worker<'_> {
    /// From here on references resolve to what is known of it.
    pub(in crate::engine) fn note(&self, birth: &Birth) {
        self.note_made(&birth.address);
        let mut outcomes = self.outcomes();
        let id = |document: &Value| document.get(&birth.member).cloned();
        // A create that is done by now knows more. What is replaced has another id.
        if outcomes.get(&birth.address).and_then(|known| id(&known.document)) != id(&birth.document) {
            outcomes.insert(birth.address.clone(), birth.outcome());
        }
    }

    /// Who hears the remote id of what is being created.
    pub(super) fn created(&self, subject: &Subject<'_>, change: &Change) -> Created {
        let (address, document, births) = (change.address.clone(), change.document.clone(), self.births.clone());
        let member = subject.kind.remote_id_member().map(str::to_owned);
        Created::new(self.run.journal.clone(), subject.address, move |remote_id| {
            let Some(member) = &member else { return };
            let mut document = document.clone();
            if let Some(members) = document.as_object_mut() {
                members.insert(member.clone(), remote_id.into());
                // Nobody listens any more when the run has been given up.
                let _ = births.unbounded_send(Birth { address: address.clone(), member: member.clone(), document });
            }
        })
    }

    /// It exists as of now.
    pub(super) fn note_made(&self, address: &Address) {
        let now = self.run.clock.elapsed();
        self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(address.clone()).or_insert(now);
    }

    /// What follows from a failed create or update. What this run made a moment ago may not be found yet by who refers to it.
    pub(super) fn retry(&self, subject: &Subject<'_>, error: &ProviderError) -> Retry {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.run.clock.elapsed();
        let fresh = |address: &Address| made.get(address).is_some_and(|at| now.saturating_sub(*at) < FRESH);
        let named = || std::iter::once(subject.address).chain(self.planned.graph.needs(subject.address));
        match error {
            ProviderError::NotFound(_) if named().any(fresh) => Retry::Safe,
            error => error.retry(),
        }
    }
}
