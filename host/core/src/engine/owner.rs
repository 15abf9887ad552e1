//! Whose platform it is, asked beside the first reads: nothing that reads as absent is acted on before that agrees.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join;

use super::{Run, RunError};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::error::ProviderError;
use crate::graph::DesiredGraph;
use crate::identity::{Doubt, Identity, Question, vanished};
use crate::resource::Observed;

/// What the user's own login said.
pub(super) type Told = Result<Option<Identity>, ProviderError>;

/// What is there, and whose it is.
pub struct Looked {
    /// By address.
    pub observed: BTreeMap<Address, Observed>,
    /// Whose platform it is.
    pub owner: Owner,
}

/// Whose platform was looked at, as far as it can be told.
#[derive(Debug, Clone, Default)]
pub struct Owner {
    /// To be recorded by whatever changes something; none when there was nobody to ask.
    pub identity: Option<Identity>,
    /// What keeps anybody from being sure, though nothing reads as absent.
    pub warnings: Vec<Diagnostic>,
}

impl Run {
    /// Reads everything desired or recorded, and makes sure that it was read in the right place.
    ///
    /// # Errors
    /// `STATE_OF_ANOTHER_PLATFORM`, and `IDENTITY_UNKNOWN` when something reads as absent.
    pub async fn look(&self, graph: &DesiredGraph) -> Result<Looked, RunError> {
        let (observed, told) = self.asking_whose(self.refresh(graph)).await?;
        let owner = self.owner(told, &observed).await?;
        Ok(Looked { observed, owner })
    }

    /// Asks whose it is while something is read. When that fails, nobody waits for the other answer.
    pub(super) async fn asking_whose<T>(
        &self,
        read: impl Future<Output = Result<T, RunError>>,
    ) -> Result<(T, Told), RunError> {
        let call = self.call().await;
        let told = async { Ok(self.until_answered(|| self.identity.identity(&call)).await) };
        try_join(read, told).await
    }

    /// Whether it is the platform that the state records.
    pub(super) async fn owner(&self, told: Told, observed: &BTreeMap<Address, Observed>) -> Result<Owner, RunError> {
        let state = self.journal.state().await;
        let question = Question {
            recorded: state.identity.as_ref(),
            told: &told,
            records: &state.records,
            observed,
            accept_loss: self.settings.accept_loss,
        };
        let warnings = question.answer().map_err(|doubt| match doubt {
            Doubt::Another(diagnostic) => RunError::Refused(vec![*diagnostic]),
            Doubt::Unknown(diagnostic) => RunError::Broke(vec![*diagnostic]),
        })?;
        let identity = told.ok().flatten().map(|told| match &state.identity {
            // What could not be compared takes no one's place.
            Some(recorded) if !state.records.is_empty() && told.is(recorded).is_none() => recorded.clone(),
            Some(recorded) => told.or(recorded),
            None => told,
        });
        Ok(Owner { identity, warnings })
    }

    /// What is there, read once more a little later when everything that the rest stands on reads as absent: clouds show late what was
    /// just made, as it is after a first deploy that was cut short.
    pub(super) async fn not_too_soon(
        &self,
        graph: &DesiredGraph,
        observed: BTreeMap<Address, Observed>,
    ) -> Result<BTreeMap<Address, Observed>, RunError> {
        let (state, kinds) = (self.journal.state().await, self.kinds());
        if self.settings.accept_loss || vanished(&state.records, &observed, &kinds, None).is_none() {
            return Ok(observed);
        }
        let roots = state.records.values().filter_map(|record| kinds.get(&record.kind)).filter(|kind| kind.is_root());
        let settle = roots.map(|kind| kind.settle_seconds).max().unwrap_or_default();
        if settle == 0 || self.wait(Duration::from_secs(settle.into())).await {
            return Ok(observed);
        }
        self.refresh(graph).await
    }

    /// Refuses to act on a platform of which nothing is left, unless the user accepts that loss.
    pub(super) async fn still_stands(
        &self,
        observed: &BTreeMap<Address, Observed>,
        identity: Option<&Identity>,
    ) -> Result<(), RunError> {
        let state = self.journal.state().await;
        match vanished(&state.records, observed, &self.kinds(), identity) {
            Some(diagnostic) if !self.settings.accept_loss => Err(RunError::Refused(vec![diagnostic])),
            _ => Ok(()),
        }
    }
}
