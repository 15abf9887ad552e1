//! What becomes of a resource. The plan asks this of what it was shown, and the step that carries the plan out of what is there by then: by the
//! same functions, so that they cannot disagree.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Action, Purpose, Reason};
use crate::address::Address;
use crate::diff::{AttributeChange, DifferenceCause, Truths, differences_since};
use crate::document::has_unknown;
use crate::graph::DesiredGraph;
use crate::kind::Kind;
use crate::resource::{Observed, PendingAction, Record, Status};
use crate::secret::{Fingerprints, SecretChange, SecretChanges};

/// What a resource is compared by, besides what is wanted and what is there.
pub(crate) struct Basis {
    /// What was last accepted, or sent since.
    pub(crate) baseline: Value,
    /// Secrets that stand for something else since.
    pub(crate) secrets: SecretChanges,
    /// Only what the user edited is touched.
    pub(crate) imported: bool,
}

/// What differs.
pub(crate) struct Difference {
    /// What is acted on.
    pub(crate) acted_on: Vec<AttributeChange>,
    /// Drift of what was imported: told, and left as it is.
    pub(crate) left: Vec<AttributeChange>,
}

impl Basis {
    /// Of what is recorded.
    pub(crate) fn of(record: Option<&Record>, document: &Value, fingerprints: &Fingerprints, purpose: Purpose) -> Self {
        let Some(record) = record else {
            return Self { baseline: Value::Null, secrets: SecretChanges::new(), imported: false };
        };
        let restores = purpose == Purpose::Restore;
        // What the config says now is not what is brought back.
        let secrets = if restores { SecretChanges::new() } else { record.secret_changes(document, fingerprints) };
        Self { baseline: record.claimed(document), secrets, imported: record.imported && !restores }
    }

    pub(crate) fn difference(&self, kind: &Kind, document: &Value, shown: &Value) -> Difference {
        let truths = Truths { desired: document, baseline: &self.baseline, observed: shown };
        let found = differences_since(&kind.schema, truths, &self.secrets);
        let acts = |change: &AttributeChange| !self.imported || change.origin != DifferenceCause::Drift;
        let (acted_on, left) = found.into_iter().partition(acts);
        Difference { acted_on, left }
    }
}

/// A resource that is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: &'a Kind,
    /// As far as its references are known.
    pub(crate) document: &'a Value,
    pub(crate) record: Option<&'a Record>,
    pub(crate) graph: &'a DesiredGraph,
}

/// What becomes of it, and why.
pub(crate) struct Decision {
    pub(crate) action: Action,
    pub(crate) reason: Reason,
    pub(crate) difference: Difference,
}

/// What becomes of something that is wanted, and can be gone on from.
pub(crate) fn decide(wanted: &Wanted<'_>, observed: &Observed, standing: &Basis) -> Decision {
    let Wanted { kind, document, record, .. } = *wanted;
    let pending = record.and_then(|r| r.pending.as_ref());
    let nothing = || Difference { acted_on: Vec::new(), left: Vec::new() };
    let decided = |action, reason, difference| Decision { action, reason, difference };
    match &observed.status {
        Status::Absent => {
            let reason = match (record, pending) {
                (None, _) => Reason::InConfig,
                (Some(_), Some(_)) => Reason::PendingFromLastRun,
                // It was to replace what is deposed now.
                (Some(record), None) if record.name_suffix.is_some() && record.baseline.is_null() => {
                    Reason::PendingFromLastRun
                }
                (Some(_), None) => Reason::GoneFromCloud,
            };
            decided(Action::Create, reason, nothing())
        }
        Status::InProgress(_) if record.is_some() && pending.is_none() => {
            // What it is becoming is not known; what it is now may differ all the same, and an upgrade is not to be hidden.
            let shown = observed.document.is_object();
            let found = if shown { standing.difference(kind, document, &observed.document) } else { nothing() };
            decided(Action::Update, Reason::ChangedByOthers, found)
        }
        Status::InProgress(_) if record.is_none() => decided(Action::Update, Reason::Found, nothing()),
        Status::InProgress(_) => decided(Action::Update, Reason::PendingFromLastRun, nothing()),
        Status::Failed(_) => decided(Action::Replace, Reason::Failed, nothing()),
        _ => {
            let found = standing.difference(kind, document, &observed.document);
            let replace = found.acted_on.iter().any(|change| change.forces_replace);
            let edited = found.acted_on.iter().any(|change| change.origin != DifferenceCause::Drift);
            let (action, reason) = if found.acted_on.is_empty() {
                let reason = match (record, pending) {
                    (None, _) => Reason::Found,
                    (_, Some(_)) => Reason::PendingFromLastRun,
                    (Some(record), None) if is_accepted(wanted, record, standing) => Reason::UpToDate,
                    _ => Reason::Edited,
                };
                (Action::NoOp, reason)
            } else if replace {
                (Action::Replace, Reason::CannotUpdateInPlace)
            } else if pending.is_some() {
                (Action::Update, Reason::PendingFromLastRun)
            } else if record.is_none() {
                (Action::Update, Reason::Found)
            } else {
                (Action::Update, if edited { Reason::Edited } else { Reason::Drift })
            };
            decided(action, reason, found)
        }
    }
}

/// Whether the record says what the config asks for, and on what it stands. An edit may ask for what is there already.
fn is_accepted(wanted: &Wanted<'_>, record: &Record, standing: &Basis) -> bool {
    let same = record.baseline == *wanted.document || has_unknown(wanted.document);
    let same_secrets = standing.secrets.values().all(|change| *change == SecretChange::Unclear);
    same && same_secrets && wanted.graph.needs(&record.address).eq(&record.dependencies)
}

/// What becomes of something that is recorded, and no longer wanted.
pub(crate) fn removal(
    record: &Record,
    observed: &Observed,
    purpose: Purpose,
    retained: &BTreeSet<Address>,
) -> (Action, Reason) {
    let destroy = purpose == Purpose::Destroy;
    // A create of unknown outcome is looked for once more, when applied, before its record goes.
    let unsure =
        record.pending.as_ref().is_some_and(|p| p.action == PendingAction::Create) && record.remote_id.is_none();
    match observed.status {
        _ if record.external => (Action::Forget, Reason::External),
        Status::Absent if unsure => (Action::Forget, Reason::PendingFromLastRun),
        _ if never_made(record, observed) => (Action::Forget, Reason::AlreadyGone),
        Status::Absent => (Action::Forget, Reason::AlreadyGone),
        _ if destroy && retained.contains(&record.address) => (Action::NoOp, Reason::Retained),
        _ if observed.shared => (Action::Forget, Reason::Shared),
        _ if !observed.used_by.is_empty() => (Action::Forget, Reason::UsedByOthers),
        _ if destroy => (Action::Delete, Reason::Destroy),
        _ if record.deposed.is_some() => (Action::Delete, Reason::Deposed),
        _ => (Action::Delete, Reason::NotInConfig),
    }
}

/// Found by its name alone, and not ours: ours was never made.
pub(crate) fn never_made(record: &Record, observed: &Observed) -> bool {
    matches!(observed.status, Status::Foreign(_)) && record.remote_id.is_none()
}
