//! The engine: walks the values once, downwards. Each step is a file; this one holds what they share.

mod apply;
mod comparison;
mod desire;
mod health;
mod journal;
mod owner;
mod poll;
mod preflight;
mod refresh;
mod step;
mod upgrade;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use apply::{ApplyReport, StepOutcome};
pub use comparison::Comparison;
pub use journal::{Journal, Writer};
pub use owner::{Looked, Owner};
pub use upgrade::upgrade;

use crate::address::Address;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::too_deep;
use crate::error::ProviderError;
use crate::graph::DesiredGraph;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::plan::{Plan, PlanInputs, PlanRequest, Purpose, UNREADABLE, plan, retained, scope};
use crate::ports::{
    BackendError, Call, Clock, ClusterReader, Context, Event, Facts, History, IdentitySource, Interrupt, Provider,
    Reporter,
};
use crate::resource::{Observed, Record};
use crate::secret::Fingerprints;
use crate::state::format_v1::holds_a_mark;

/// One provider in a run, with the config sections it owns.
#[derive(Clone)]
pub struct Participant {
    pub provider: Arc<dyn Provider>,
    /// An object of its sections, secrets replaced by references.
    pub config: Value,
    /// Whether it declares resources; host-native kinds only serve them.
    pub declares: bool,
}

/// What a run can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses whose loss the user has confirmed by name.
    pub confirmed: BTreeSet<Address>,
    /// Only these, and what they need; everything when empty.
    pub targets: BTreeSet<Address>,
    /// Addresses and kinds that stay when everything else is destroyed, as [`retained`] reads them.
    pub retain: Vec<String>,
    /// Whether the loss of everything that is recorded and reads as absent is accepted.
    pub accept_loss: bool,
    /// Every wait is multiplied by this; 1 outside tests.
    pub pace: f64,
    /// Version of NIC, for the state.
    pub version: String,
}

/// Everything a run needs. The functions of [`Run`] are the steps of docs/lifecycle.md.
pub struct Run {
    /// Who takes part.
    pub participants: Vec<Participant>,
    /// What calls run for.
    pub context: Context,
    /// Whose platform it is.
    pub identity: Arc<dyn IdentitySource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What components read their own cluster with.
    pub cluster: Option<Arc<dyn ClusterReader>>,
    /// How long things took in earlier runs.
    pub history: Arc<dyn History>,
    /// Who shows what happens.
    pub reporter: Arc<dyn Reporter>,
    /// Whether the user wants to stop.
    pub interrupt: Arc<dyn Interrupt>,
    /// What it was told.
    pub settings: Settings,
    /// The state under its lock.
    pub journal: Arc<Journal>,
    /// Of every secret of the config, as it is now: all that the engine knows of their values.
    pub fingerprints: Fingerprints,
    /// SHA-256 of the config sections that providers own.
    pub configuration_hash: String,
    /// The facts that the desired graph was made from, by provider; filled by [`Run::desire`].
    pub facts: futures::lock::Mutex<BTreeMap<String, Facts>>,
}

/// Why a run stopped.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunError {
    /// Problems to tell; nothing was changed by the step that found them.
    #[error("{}", .0.first().map_or("the run was refused", |d| d.summary.as_str()))]
    Refused(Vec<Diagnostic>),
    /// Something could not be asked or read, or a provider broke its contract: the question itself was not answered. Nothing was
    /// changed by the step that found it.
    #[error("{}", .0.first().map_or("the run broke off", |d| d.summary.as_str()))]
    Broke(Vec<Diagnostic>),
    /// The user stopped it before there was anything to report on. Nothing was changed.
    #[error("the run was stopped")]
    Interrupted,
    /// The state could not be read or written.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// What was planned, and from what.
pub struct Planned {
    /// What it is for.
    pub purpose: Purpose,
    pub plan: Plan,
    /// What the config asks for.
    pub graph: DesiredGraph,
    /// What the cloud showed.
    pub observed: BTreeMap<Address, Observed>,
    /// Of a destroy: what stays.
    pub retained: BTreeSet<Address>,
    /// What each recorded resource was recorded as needing.
    pub recorded: BTreeMap<Address, BTreeSet<Address>>,
    /// Whose platform it is; recorded when the plan is carried out.
    pub identity: Option<Identity>,
    /// Warnings of the providers.
    pub diagnostics: Vec<Diagnostic>,
}

impl Run {
    /// The kinds of everyone who takes part.
    pub fn kinds(&self) -> BTreeMap<String, Kind> {
        let descriptions = self.participants.iter().map(|p| p.provider.description());
        descriptions.flat_map(|d| &d.kinds).map(|kind| (kind.kind.clone(), kind.clone())).collect()
    }

    /// A kind, and who serves it: the last one that describes it, as in [`Run::kinds`].
    fn served(&self, kind: &str) -> Option<(&Kind, &Arc<dyn Provider>)> {
        self.participants.iter().rev().find_map(|participant| {
            let found = participant.provider.description().kinds.iter().rfind(|k| k.kind == kind)?;
            Some((found, &participant.provider))
        })
    }

    /// A kind of someone who takes part.
    fn kind(&self, kind: &str) -> Option<&Kind> {
        self.served(kind).map(|(kind, _)| kind)
    }

    /// A call as of now.
    pub async fn call(&self) -> Call {
        let (context, cluster) = (self.context.clone(), self.cluster.clone());
        Call { context, records: self.journal.records().await, cluster }
    }

    /// Desired, refresh, plan: everything that changes nothing.
    ///
    /// # Errors
    /// [`RunError`] with every problem that was found.
    pub async fn plan(&self, purpose: Purpose) -> Result<Planned, RunError> {
        if purpose == Purpose::Restore {
            let drift = self.drift().await?;
            return self.plan_restore(drift).await;
        }
        let mut diagnostics = Vec::new();
        let read = async {
            let graph = if purpose == Purpose::Destroy {
                DesiredGraph::default()
            } else {
                diagnostics.extend(self.validate().await?);
                self.desire().await?
            };
            let observed = self.refresh(&graph).await?;
            Ok((graph, observed))
        };
        let ((graph, observed), told) = self.asking_whose(read).await?;
        let owner = self.owner(told, &observed).await?;
        let observed = self.not_too_soon(&graph, observed).await?;
        self.plan_graph(purpose, graph, Looked { observed, owner }, diagnostics).await
    }

    /// The plan for a graph, from what the cloud shows.
    async fn plan_graph(
        &self,
        purpose: Purpose,
        graph: DesiredGraph,
        Looked { observed, owner }: Looked,
        mut diagnostics: Vec<Diagnostic>,
    ) -> Result<Planned, RunError> {
        let Owner { identity, warnings } = owner;
        self.still_stands(&observed, identity.as_ref()).await?;
        diagnostics.extend(warnings);
        let state = self.journal.state().await;
        let recorded = state.records.values().map(|r| (r.address.clone(), r.dependencies.clone())).collect();
        let (graph, records) = if self.settings.targets.is_empty() {
            (graph, Cow::Borrowed(&state.records))
        } else {
            let mut targets = self.settings.targets.clone();
            targets.extend(unrecorded_claims(&graph, &state.records));
            let scope = match purpose {
                // What is brought back was accepted as it is: it needs nothing else to be changed.
                Purpose::Restore => targets,
                Purpose::Deploy | Purpose::Destroy => {
                    scope(&targets, &graph, &state.records).map_err(RunError::Refused)?
                }
            };
            let within = state.records.iter().filter(|(address, _)| scope.contains(*address));
            (graph.within(&scope), Cow::Owned(within.map(|(a, r)| (a.clone(), r.clone())).collect()))
        };
        let kinds = self.kinds();
        let retained = retained(&self.settings.retain, &graph, &state.records, &kinds).map_err(RunError::Refused)?;
        let request = PlanRequest {
            purpose,
            graph: &graph,
            records: &records,
            observed: &observed,
            kinds: &kinds,
            confirmed: &self.settings.confirmed,
            retained: &retained,
            fingerprints: &self.fingerprints,
            inputs: PlanInputs {
                configuration_hash: self.configuration_hash.clone(),
                serial: state.serial,
                lineage: state.lineage.clone(),
                components: self
                    .participants
                    .iter()
                    .map(|p| (p.provider.description().name.clone(), p.provider.digest().to_owned()))
                    .collect(),
                secrets: self.fingerprints.clone(),
            },
        };
        // What could not be read is no answer; everything else that keeps a plan from being made is one.
        let plan = plan(&request).map_err(|problems| {
            let unread = problems.iter().any(|problem| problem.code == UNREADABLE);
            if unread { RunError::Broke(problems) } else { RunError::Refused(problems) }
        })?;
        self.reporter.report(Event::Planned(Arc::new(plan.clone())));
        Ok(Planned { purpose, plan, graph, observed, retained, recorded, identity, diagnostics })
    }

    /// What providers say is wrong with the config; refused when any of it is an error.
    ///
    /// # Errors
    /// [`RunError::Refused`] with all diagnostics; [`RunError::Broke`] when a provider could not say.
    pub async fn validate(&self) -> Result<Vec<Diagnostic>, RunError> {
        let call = self.call().await;
        let (mut found, mut broke) = (Vec::new(), false);
        for participant in self.participants.iter().filter(|p| p.declares) {
            match participant.provider.validate(&call, &participant.config).await {
                Ok(diagnostics) | Err(ProviderError::Invalid(diagnostics)) => found.extend(diagnostics),
                Err(error) => {
                    broke = true;
                    found.push(provider_failed(participant, "validate", &error));
                }
            }
        }
        answered(found, broke)
    }

    /// Carries the plan out, if whatever it would lose was confirmed.
    ///
    /// # Errors
    /// [`RunError::Refused`] with [`Plan::confirmed`]'s; [`RunError::Backend`] when the journal cannot be written: nothing more is begun
    /// then. Failed changes are in the report.
    pub async fn apply(&self, planned: &Planned) -> Result<ApplyReport, RunError> {
        planned.plan.confirmed().map_err(RunError::Refused)?;
        apply::apply(self, planned).await
    }

    /// The document later stages read: the providers' parts, merged at the top level.
    ///
    /// # Errors
    /// [`RunError::Broke`] when a provider fails.
    pub async fn outputs(&self) -> Result<serde_json::Map<String, Value>, RunError> {
        let call = self.call().await;
        let mut outputs = serde_json::Map::new();
        for participant in self.participants.iter().filter(|p| p.declares) {
            match participant.provider.outputs(&call, &participant.config).await {
                Ok(Value::Object(part)) => {
                    if let Some(key) = part.keys().find(|key| outputs.contains_key(*key)) {
                        let what = format!("the outputs hold `{key}`, which another provider's hold too");
                        let error = ProviderError::other("PROVIDER_LIED", what);
                        return Err(RunError::Broke(vec![provider_failed(participant, "outputs", &error)]));
                    }
                    outputs.extend(part);
                }
                Ok(_) => {
                    let error = ProviderError::other("PROVIDER_BAD_ANSWER", "the outputs are not an object");
                    return Err(RunError::Broke(vec![provider_failed(participant, "outputs", &error)]));
                }
                Err(error) => return Err(RunError::Broke(vec![provider_failed(participant, "outputs", &error)])),
            }
        }
        Ok(outputs)
    }

    /// A wait, scaled by the pace; returns early with true when the user wants to stop.
    pub async fn wait(&self, duration: Duration) -> bool {
        /// How long an interrupt may go unnoticed.
        const SLICE: Duration = Duration::from_millis(200);
        /// Whatever the pace, nobody is asked in a busy loop.
        const SHORTEST: Duration = Duration::from_millis(20);
        let mut left = duration.mul_f64(self.settings.pace).max(duration.min(SHORTEST));
        while !left.is_zero() {
            if self.interrupt.requested() {
                return true;
            }
            let slice = left.min(SLICE);
            self.clock.sleep(slice).await;
            left -= slice;
        }
        self.interrupt.requested()
    }
}

/// What claims the platform and is not recorded as made. Two first deploys of a part are two first deploys all the same; and what is there
/// already goes with the rest when everything goes.
fn unrecorded_claims(graph: &DesiredGraph, records: &BTreeMap<Address, Record>) -> impl Iterator<Item = Address> {
    let made = |address: &Address| records.get(address).is_some_and(|record| !record.baseline.is_null());
    let claims = graph.resources().filter(|desired| desired.claim).map(|desired| &desired.address);
    claims.filter(move |address| !made(address)).cloned()
}

/// What is wrong with an observation of something that is there.
fn lie_in(observed: &Observed) -> Option<&'static str> {
    if !observed.document.is_object() {
        return Some("the provider says that it is there, and shows nothing of it");
    }
    let shown = [Some(&observed.document), observed.attributes.as_ref()];
    if shown.into_iter().flatten().any(holds_a_mark) {
        return Some("the provider shows what would be taken for a record in the state");
    }
    shown.into_iter().flatten().any(too_deep).then_some("the provider shows a document that nests too deep")
}

fn provider_failed(participant: &Participant, call: &str, error: &ProviderError) -> Diagnostic {
    let name = &participant.provider.description().name;
    let mut diagnostic = Diagnostic::error(
        error.code(),
        "A provider call failed",
        format!("`{call}` of the provider `{name}`: {error}"),
    );
    diagnostic.details = serde_json::json!({ "provider": name, "phase": call });
    diagnostic.hints = error.hints();
    diagnostic
}

/// What was found, unless something in it stops the command.
fn answered(found: Vec<Diagnostic>, broke: bool) -> Result<Vec<Diagnostic>, RunError> {
    if broke {
        Err(RunError::Broke(found))
    } else if found.iter().any(|d| d.severity == Severity::Error) {
        Err(RunError::Refused(found))
    } else {
        Ok(found)
    }
}
