//! The plan: ordered changes with action, reason and difference. A pure function of the three truths.

mod decision;
mod refusal;
mod retain;
mod scope;
mod shared;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use self::decision::never_made;
pub(crate) use self::decision::{Basis, Decision, Wanted, decide, removal};
pub(crate) use self::refusal::another_state;
pub use self::refusal::{ANOTHER_STATE, UNREADABLE};
use self::refusal::{gathered, goes_unread, kind_unknown, of_another_state, secrets_unclear, unconfirmed, unusable};
pub use self::retain::retained;
pub(crate) use self::scope::known;
pub use self::scope::scope;
use self::shared::{Held, conflicts, differs};
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Severity};
use crate::diff::AttributeChange;
use crate::document::{DocumentError, Resolution, digest, has_unknown, is_mark, pointer_token, resolve, secret_names};
use crate::graph::{DesiredGraph, order};
use crate::kind::{CreateSafety, Kind};
use crate::resource::{Desired, Observed, PendingAction, Record, Status};
use crate::secret::{Fingerprints, SecretChange};

/// One resource's step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing is changed in the cloud.
    NoOp,
    /// It is created.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted, then created.
    Replace,
    /// It is deleted.
    Delete,
    /// It is gone already: only its record goes.
    Forget,
}

impl From<PendingAction> for Action {
    fn from(pending: PendingAction) -> Self {
        match pending {
            PendingAction::Create => Self::Create,
            PendingAction::Update => Self::Update,
            PendingAction::Delete => Self::Delete,
        }
    }
}

impl Action {
    /// The symbol shown to users.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::NoOp => " ",
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
            Self::Forget => ".",
        }
    }

    /// Whether anything in the cloud changes.
    pub fn is_change(self) -> bool {
        !matches!(self, Self::NoOp | Self::Forget)
    }
}

/// Why an action was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is as the config asks.
    UpToDate,
    /// It is not ours: only read.
    External,
    /// The config asks for it and it does not exist.
    InConfig,
    /// It exists with our marks and was not recorded.
    Found,
    /// State has it, the cloud does not.
    GoneFromCloud,
    /// The config was edited.
    Edited,
    /// The cloud differs from what was accepted.
    Drift,
    /// An attribute that cannot be changed in place differs.
    CannotUpdateInPlace,
    /// It failed and cannot be mended in place.
    Failed,
    /// The last run did not finish it.
    PendingFromLastRun,
    /// The cloud is changing it, and not for us.
    ChangedByOthers,
    /// What replaced it stands under another name.
    Deposed,
    /// It is not ours to delete: it stood before, or somebody else made it.
    Shared,
    /// Other platforms use it: they have it from now on.
    UsedByOthers,
    /// The config no longer asks for it.
    NotInConfig,
    /// Everything is destroyed.
    Destroy,
    /// Everything is destroyed but what `retain` lists.
    Retained,
    /// The cloud no longer has it.
    AlreadyGone,
}

/// One resource in the plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedChange {
    pub address: Address,
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What differs.
    pub differences: Vec<AttributeChange>,
    /// The cloud's name for it, if it is there.
    pub remote_id: Option<String>,
    /// What it needs to be done before it.
    pub needs: BTreeSet<Address>,
    /// The cloud is changing it: that is waited for first.
    pub in_progress: bool,
    /// SHA-256 of what is wanted, for whatever is changed: two plans that agree in it mean the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_digest: Option<String>,
    /// Of what is made, for the first time or in the place of another: what it is going to be. In it, marks stand for what is sensitive and
    /// for what is known after apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Value>,
    /// Of a replacement: the new one is made, under another name, before the old one goes.
    pub create_first: bool,
    /// It is an old one that was not gone when the last run ended: the address it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposed: Option<Address>,
    /// What would be lost, and why nobody loses that without having named it: deploy refuses until it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<String>,
    /// It stood before, or somebody else made it: it is used, and never deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Which other platforms use what NIC made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<String>,
    /// It cannot be read, and is not deleted by itself: it is gone when this is, in which it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goes_with: Option<Address>,
}

impl PlannedChange {
    /// The symbol shown to users.
    pub fn symbol(&self) -> &'static str {
        if self.create_first { "+/-" } else { self.action.symbol() }
    }

    /// Whether a deploy does anything for it. What is as it should be, but not recorded so, is looked at and recorded in its turn, and is
    /// changed if what it refers to has become something else by then.
    pub fn is_step(&self) -> bool {
        self.action != Action::NoOp || !matches!(self.reason, Reason::UpToDate | Reason::Retained)
    }
}

/// What a plan was computed from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanInputs {
    /// SHA-256 of the config without secret leaves.
    pub configuration_hash: String,
    /// Serial of the state.
    pub serial: u64,
    /// Lineage of the state.
    pub lineage: String,
    /// Digests of the components, by provider.
    pub components: BTreeMap<String, String>,
    /// Keyed fingerprints of the config's secrets, where there is a key already.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: Fingerprints,
}

/// Ordered changes, and what they were computed from.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// Every resource, deletes first in reverse order of need, then the rest in order of need.
    pub changes: Vec<PlannedChange>,
    /// What it was computed from.
    pub inputs: PlanInputs,
    /// Differences that are told but not acted on (imported resources).
    pub notes: Vec<Diagnostic>,
    /// What would be lost and was not confirmed: the plan can be looked at, and is not carried out.
    pub needs_confirmation: Vec<Address>,
}

impl Plan {
    /// How many changes there are in the cloud.
    pub fn change_count(&self) -> usize {
        self.changes.iter().filter(|change| change.action.is_change()).count()
    }

    /// Whether whatever it would lose was confirmed.
    ///
    /// # Errors
    /// `PROTECTED_NEEDS_CONFIRMATION`, once for all of it.
    pub fn confirmed(&self) -> Result<(), Vec<Diagnostic>> {
        if self.needs_confirmation.is_empty() { Ok(()) } else { Err(vec![unconfirmed(self)]) }
    }
}

/// Whether the config is followed or everything goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Make it as the config asks.
    Deploy,
    /// Delete everything that is recorded.
    Destroy,
    /// Bring the cloud back to what was accepted, imported resources too. See `Run::plan_restore`.
    Restore,
}

/// Everything a plan is made of.
pub struct PlanRequest<'a> {
    /// Deploy or destroy.
    pub purpose: Purpose,
    /// What the config asks for; empty to destroy.
    pub graph: &'a DesiredGraph,
    /// What state says.
    pub records: &'a BTreeMap<Address, Record>,
    /// What the cloud shows, for every desired and recorded address.
    pub observed: &'a BTreeMap<Address, Observed>,
    /// The kinds of all providers.
    pub kinds: &'a BTreeMap<String, Kind>,
    /// Addresses whose replacement or deletion the user has confirmed by name.
    pub confirmed: &'a BTreeSet<Address>,
    /// What stays when everything else is destroyed.
    pub retained: &'a BTreeSet<Address>,
    /// Of every secret of the config, as it is now.
    pub fingerprints: &'a Fingerprints,
    /// What the plan is computed from.
    pub inputs: PlanInputs,
}

/// What stands behind an address for references, as far as it is known.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What is there, or what is wanted there.
    pub document: Value,
    /// Whether members that are missing will appear later.
    pub settled: bool,
}

/// Looks a reference up among outcomes.
pub fn look_up(outcomes: &BTreeMap<Address, Outcome>, address: &Address, pointer: &str) -> Resolution {
    match outcomes.get(address) {
        Some(outcome) => match outcome.document.pointer(pointer) {
            Some(value) if !value.is_null() && !has_unknown(value) => Resolution::Known(value.clone()),
            _ if outcome.settled => Resolution::Missing,
            _ => Resolution::Unknown,
        },
        None => Resolution::Unknown,
    }
}

/// Makes the plan.
///
/// # Errors
/// Every reason not to go on: `RESOURCE_UNREADABLE`, `RESOURCE_FOREIGN`, `RESOURCE_AMBIGUOUS`, `EXTERNAL_NOT_FOUND`,
/// `FIELD_MANAGER_CONFLICT`, `SHARED_OBJECT_DIFFERS`, `KIND_UNKNOWN`, `GRAPH_BAD_REFERENCE`.
pub fn plan(request: &PlanRequest<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let mut planner = Planner {
        request,
        outcomes: BTreeMap::new(),
        changes: BTreeMap::new(),
        notes: Vec::new(),
        problems: Vec::new(),
        held: Vec::new(),
        unread: BTreeMap::new(),
        unclear: false,
    };
    for desired in request.graph.ordered() {
        planner.plan_desired(desired);
    }
    for record in request.records.values().filter(|record| request.graph.get(&record.address).is_none()) {
        planner.plan_removal(record);
    }
    planner.audit_state_paths();
    planner.let_go_first();
    let Planner { changes, mut notes, mut problems, held, unread, unclear, .. } = planner;
    let (refused, told): (Vec<_>, Vec<_>) = conflicts(&held).into_iter().partition(|d| d.severity == Severity::Error);
    problems.extend(refused);
    notes.extend(told);
    if unclear {
        notes.push(secrets_unclear());
    }
    for (host, problems) in unread {
        let title = changes.get(&host).map_or("resource", |change| change.title.as_str());
        notes.extend(goes_unread(title, &host, gathered(problems, request.observed)));
    }
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(of_another_state(gathered(problems, request.observed), request.observed));
    }
    let changes = in_order(changes, request);
    let unconfirmed = changes.iter().filter(|change| change.confirmation.is_some());
    let needs_confirmation = unconfirmed.map(|change| change.address.clone()).collect();
    Ok(Plan { changes, inputs: request.inputs.clone(), notes, needs_confirmation })
}

/// What would become of something that is protected.
enum Loss<'a> {
    Deleted,
    /// With what differs.
    Replaced(&'a [AttributeChange]),
}

impl std::fmt::Display for Loss<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Replaced(differences) = self else { return f.write_str("deleted") };
        f.write_str("replaced")?;
        let forcing = differences.iter().filter(|change| change.forces_replace);
        let pointers: Vec<&str> = forcing.map(|change| change.pointer.as_str()).collect();
        if pointers.is_empty() {
            Ok(())
        } else {
            write!(f, " (`{}` cannot be changed in place)", pointers.join("`, `"))
        }
    }
}

struct Planner<'a> {
    request: &'a PlanRequest<'a>,
    outcomes: BTreeMap<Address, Outcome>,
    changes: BTreeMap<Address, PlannedChange>,
    notes: Vec<Diagnostic>,
    problems: Vec<Diagnostic>,
    /// What others decide of shared things.
    held: Vec<Held>,
    /// Why what goes with something else could not be read, by the address of that.
    unread: BTreeMap<Address, Vec<Diagnostic>>,
    /// Whether some secret cannot be compared.
    unclear: bool,
}

impl Planner<'_> {
    fn plan_desired(&mut self, desired: &Desired) {
        let address = &desired.address;
        let Some(kind) = self.request.kinds.get(&desired.kind) else {
            self.problems.push(kind_unknown(address, &desired.kind));
            return;
        };
        let document = match resolve(&desired.document, &|to, pointer| look_up(&self.outcomes, to, pointer)) {
            Ok(document) => document,
            Err(error @ (DocumentError::Dangling { .. } | DocumentError::Malformed { .. })) => {
                self.problems.push(
                    Diagnostic::error("GRAPH_BAD_REFERENCE", "A reference leads nowhere", error.to_string())
                        .at(address),
                );
                return;
            }
        };
        let record = self.request.records.get(address);
        let absent = Observed::absent(address);
        let observed = self.request.observed.get(address).unwrap_or(&absent);
        let document = desired.named(document, record, Some(observed));
        if let Some(problem) = unusable(observed, kind) {
            self.problems.push(problem);
            return;
        }
        if desired.external {
            if !observed.is_present() {
                self.problems.push(
                    Diagnostic::error(
                        "EXTERNAL_NOT_FOUND",
                        "Something that should exist does not",
                        format!("`{address}` is not ours to create, and it was not found"),
                    )
                    .at(address),
                );
                return;
            }
            self.push(desired, kind, (Action::NoOp, Reason::External), Vec::new(), observed, false);
            self.outcomes.insert(address.clone(), Outcome { document: observed.document.clone(), settled: true });
            return;
        }
        let (action, reason, differences) =
            self.decide(&Wanted { kind, document: &document, record, graph: self.request.graph }, address, observed);
        let title = kind.title_of(&desired.document);
        self.held.extend(Held::of(&title, observed));
        if action == Action::Replace && observed.shared {
            self.problems.push(differs(&title, address, &differences));
        }
        let replaced = (action == Action::Replace && !observed.shared).then_some(Loss::Replaced(&differences));
        let confirmation = replaced.and_then(|loss| self.guard(kind, record, address, &loss));
        let document_digest = if action.is_change() { digest(&document) } else { String::new() };
        let is_made = matches!(action, Action::Create | Action::Replace);
        let values = is_made.then(|| values::shown(kind, &document));
        // Two stand side by side then: a place in the state for one, or a mark by which it alone is found, have no room for that.
        let room = kind.state_path.ends_with("[]") && kind.create != CreateSafety::Tagged && address.leaves_room();
        let create_first = action == Action::Replace && room && record.is_some() && desired.create_first.is_some();
        let mut expected = Self::expected(document, record, observed, action);
        if let Some(pointer) = desired.create_first.as_deref().filter(|_| create_first) {
            // It will have another name.
            forget_member(&mut expected, pointer);
        }
        let outcome = Outcome { document: expected, settled: action == Action::NoOp };
        self.outcomes.insert(address.clone(), outcome);
        self.push(desired, kind, (action, reason), differences, observed, create_first);
        if action.is_change()
            && let Some(change) = self.changes.get_mut(address)
        {
            change.document_digest = Some(document_digest);
            change.values = values;
            change.confirmation = confirmation;
        }
    }

    /// What references see: what is wanted, over what is there and stays.
    fn expected(document: Value, record: Option<&Record>, observed: &Observed, action: Action) -> Value {
        let deleting = record.and_then(|r| r.pending.as_ref()).is_some_and(|p| p.action == PendingAction::Delete);
        match &observed.status {
            // The cloud may write a value in its own way, and does not show every value.
            Status::Present if action == Action::NoOp => overlay(&document, &observed.document),
            Status::Present if action != Action::Replace => overlay(&observed.document, &document),
            // What is changing keeps its identity: were it unknown, everything that stands on it would be replaced.
            Status::InProgress(_) if !deleting => match record {
                Some(record) if !observed.document.is_object() => overlay(&record.attributes, &document),
                _ => overlay(&observed.document, &document),
            },
            _ => document,
        }
    }

    /// What becomes of it, and why; what is told and not acted on goes to the notes.
    fn decide(
        &mut self,
        wanted: &Wanted<'_>,
        address: &Address,
        observed: &Observed,
    ) -> (Action, Reason, Vec<AttributeChange>) {
        let PlanRequest { purpose, fingerprints, .. } = *self.request;
        let standing = Basis::of(wanted.record, wanted.document, fingerprints, purpose);
        let Decision { action, reason, difference } = decide(wanted, observed, &standing);
        self.notes.extend(difference.left.iter().map(|change| {
            Diagnostic::warning(
                "IMPORTED_DIFFERS",
                "An imported resource differs from the config",
                format!("`{}` of `{address}` is left as it is", change.pointer),
            )
            .at(address)
        }));
        self.unclear |= observed.is_present()
            && standing.secrets.iter().any(|(name, change)| {
                // A kind that can compare shows the reference where the value is the wanted one.
                *change == SecretChange::Unclear && !secret_names(&observed.document).contains(name.as_str())
            });
        (action, reason, difference.acted_on)
    }

    fn plan_removal(&mut self, record: &Record) {
        let address = &record.address;
        let Some(kind) = self.request.kinds.get(&record.kind) else {
            self.problems.push(kind_unknown(address, &record.kind));
            return;
        };
        let absent = Observed::absent(address);
        let observed = self.request.observed.get(address).unwrap_or(&absent);
        let is_unread = matches!(observed.status, Status::Unreadable(_));
        let goes_with = is_unread.then(|| self.host_that_goes(record)).flatten();
        if let Some(problem) = unusable(observed, kind).filter(|_| !never_made(record, observed)) {
            let Some(host) = &goes_with else {
                self.problems.push(problem);
                return;
            };
            self.unread.entry(host.clone()).or_default().push(problem);
        }
        let destroy = self.request.purpose == Purpose::Destroy;
        let (action, reason) = removal(record, observed, self.request.purpose, self.request.retained);
        // The replacement of what is deposed was confirmed.
        let guarded = action == Action::Delete && !destroy && record.deposed.is_none();
        let confirmation = if guarded { self.guard(kind, Some(record), address, &Loss::Deleted) } else { None };
        self.changes.insert(
            address.clone(),
            PlannedChange {
                address: address.clone(),
                kind: record.kind.clone(),
                title: kind.title_of(&record.baseline),
                action,
                reason,
                differences: Vec::new(),
                remote_id: observed.remote_id.clone().or_else(|| record.remote_id.clone()),
                needs: record.dependencies.clone(),
                in_progress: matches!(observed.status, Status::InProgress(_)),
                document_digest: None,
                values: None,
                create_first: false,
                deposed: record.deposed.clone(),
                confirmation,
                shared: observed.shared,
                used_by: observed.used_by.clone(),
                goes_with,
            },
        );
    }

    /// Of a destroy: what a resource stands in, when that is there and is deleted too. What stands in it is gone with it, whether or
    /// not it can be read.
    fn host_that_goes(&self, record: &Record) -> Option<Address> {
        let PlanRequest { purpose, records, observed, kinds, retained, .. } = self.request;
        if *purpose != Purpose::Destroy || retained.contains(&record.address) {
            return None;
        }
        let is_there = |host: &Record| {
            let seen = observed.get(&host.address).map(|seen| &seen.status);
            matches!(seen, Some(Status::Present | Status::InProgress(_) | Status::Failed(_)))
        };
        let (mut known, mut open) = (BTreeSet::new(), vec![record]);
        while let Some(next) = open.pop() {
            for host in next.dependencies.iter().filter_map(|need| records.get(need)) {
                let hosts = kinds.get(&host.kind).and_then(Kind::hosts) == Some(record.kind.as_str());
                if hosts && !host.external && !retained.contains(&host.address) && is_there(host) {
                    return Some(host.address.clone());
                }
                if known.insert(&host.address) {
                    open.push(host);
                }
            }
        }
        None
    }

    /// Protected and imported things go only when the user named them: until then, what would become of them and why that is no small
    /// matter.
    fn guard(&self, kind: &Kind, record: Option<&Record>, address: &Address, loss: &Loss<'_>) -> Option<String> {
        let why = guarded(kind, record)?;
        (!self.request.confirmed.contains(address)).then(|| format!("it would be {loss}, and {why}"))
    }

    fn push(
        &mut self,
        desired: &Desired,
        kind: &Kind,
        (action, reason): (Action, Reason),
        differences: Vec<AttributeChange>,
        observed: &Observed,
        create_first: bool,
    ) {
        self.changes.insert(
            desired.address.clone(),
            PlannedChange {
                address: desired.address.clone(),
                kind: desired.kind.clone(),
                title: kind.title_of(&desired.document),
                action,
                reason,
                differences,
                remote_id: observed.remote_id.clone(),
                needs: self.request.graph.needs(&desired.address).cloned().collect(),
                in_progress: matches!(observed.status, Status::InProgress(_)),
                document_digest: None,
                values: None,
                create_first,
                deposed: None,
                confirmation: None,
                shared: observed.shared,
                used_by: observed.used_by.clone(),
                goes_with: None,
            },
        );
    }

    /// What stands on something that goes before its own replacement comes has to go before that.
    fn let_go_first(&mut self) {
        loop {
            let goes_first = |change: &PlannedChange| match change.action {
                Action::Delete => true,
                Action::Replace => !change.create_first,
                _ => false,
            };
            let going: BTreeSet<Address> = self
                .changes
                .values()
                .filter(|change| goes_first(change))
                .map(|change| change.address.clone())
                .collect();
            let records = self.request.records;
            let stands_on_it = |change: &&mut PlannedChange| {
                let recorded = records.get(&change.address).map(|record| &record.dependencies);
                change.create_first && recorded.is_some_and(|needs| !needs.is_disjoint(&going))
            };
            let Some(change) = self.changes.values_mut().find(stands_on_it) else { return };
            change.create_first = false;
        }
    }

    /// A state path without `[]` has room for one record.
    fn audit_state_paths(&mut self) {
        let mut taken: BTreeMap<&str, &Address> = BTreeMap::new();
        for change in self.changes.values().filter(|c| !matches!(c.action, Action::Delete | Action::Forget)) {
            let Some(kind) = self.request.kinds.get(&change.kind) else { continue };
            if kind.state_path.ends_with("[]") {
                continue;
            }
            if let Some(first) = taken.insert(&kind.state_path, &change.address) {
                self.problems.push(
                    Diagnostic::error(
                        "STATE_PATH_CONFLICT",
                        "Two resources want one place in the state",
                        format!("`{first}` and `{}` both stand at `{}`", change.address, kind.state_path),
                    )
                    .at(&change.address),
                );
            }
        }
    }
}

/// Why nobody loses it without having named it.
pub(crate) fn guarded(kind: &Kind, record: Option<&Record>) -> Option<&'static str> {
    let never_ready = record.is_some_and(|record| record.baseline.is_null());
    match record {
        Some(record) if record.imported => Some("it was imported"),
        _ if kind.protected && !never_ready => Some("its kind is protected"),
        _ => None,
    }
}

fn forget_member(document: &mut Value, pointer: &str) {
    let Some((above, member)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(members)) = document.pointer_mut(above) {
        members.remove(&pointer_token(member));
    }
}

/// The second laid over the first.
pub(crate) fn overlay(below: &Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Object(there), Value::Object(wanted)) if !is_mark(below) && !is_mark(above) => {
            let mut merged = there.clone();
            for (key, value) in wanted {
                let value = there.get(key).map_or_else(|| value.clone(), |old| overlay(old, value));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        _ => above.clone(),
    }
}

/// Deletes first, dependents before what they need; then the rest, each after what it needs.
fn in_order(mut changes: BTreeMap<Address, PlannedChange>, request: &PlanRequest<'_>) -> Vec<PlannedChange> {
    let needs = |kept: bool| {
        changes
            .values()
            .filter(|c| matches!(c.action, Action::Delete | Action::Forget) != kept)
            .map(|c| (c.address.clone(), c.needs.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let (kept, gone) = (needs(true), needs(false));
    // Recorded dependencies may hold a circle only if a state was edited by hand; fall back to the addresses' order.
    let mut ordered = order(&gone).unwrap_or_else(|_| gone.keys().cloned().collect());
    ordered.reverse();
    ordered
        .extend(order(&kept).unwrap_or_else(|_| request.graph.ordered().iter().map(|d| d.address.clone()).collect()));
    ordered.iter().filter_map(|address| changes.remove(address)).collect()
}
