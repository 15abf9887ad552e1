//! Which step waits for which.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::engine::step::StepKind;
use crate::engine::{Planned, Run};
use crate::graph::order;
use crate::kind::Kind;
use crate::plan::{Action, PlannedChange};

/// A step: a resource may be deleted and made again in one plan.
pub(super) type Key = (Address, StepKind);

type Waits = BTreeMap<Key, BTreeSet<Key>>;

/// The steps that were not begun, with what each still waits for.
pub(super) struct Schedule {
    waits: Waits,
    needed_by: BTreeMap<Key, Vec<Key>>,
    /// How many steps come one after another behind each: what most waits for is begun first.
    behind: BTreeMap<Key, usize>,
    ready: BTreeSet<(Reverse<usize>, Key)>,
    parts: BTreeSet<Address>,
}

impl Schedule {
    /// The steps of a plan.
    pub(super) fn new(run: &Run, planned: &Planned) -> Self {
        let parts = parts(run, planned);
        let waits = steps(run, planned, &parts);
        let mut needed_by: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
        for (key, needs) in &waits {
            for need in needs {
                needed_by.entry(need.clone()).or_default().push(key.clone());
            }
        }
        let free: Vec<Key> = waits.iter().filter(|(_, needs)| needs.is_empty()).map(|(key, _)| key.clone()).collect();
        let behind = behind(&waits, &needed_by);
        let parts = parts.into_keys().collect();
        let mut schedule = Self { waits, needed_by, behind, ready: BTreeSet::new(), parts };
        for key in free {
            schedule.is_ready(key);
        }
        schedule
    }

    fn is_ready(&mut self, key: Key) {
        let behind = self.behind.get(&key).copied().unwrap_or_default();
        self.ready.insert((Reverse(behind), key));
    }

    /// Whether a resource that is to be deleted goes with something else.
    pub(super) fn is_part(&self, address: &Address) -> bool {
        self.parts.contains(address)
    }

    /// A step that waits for nothing; it counts as begun.
    pub(super) fn next_ready(&mut self) -> Option<Key> {
        loop {
            let (_, key) = self.ready.pop_first()?;
            // It may have been dropped since.
            if self.waits.remove(&key).is_some() {
                return Some(key);
            }
        }
    }

    /// The step was done: what waited for it alone is ready.
    pub(super) fn done(&mut self, key: &Key) {
        for dependent in self.needed_by.remove(key).unwrap_or_default() {
            self.release(&dependent, key);
        }
    }

    /// The step goes on, and what it makes is there: what waited for that alone is ready, as far as `enough` says.
    pub(super) fn born(&mut self, address: &Address, enough: impl Fn(&Address) -> bool) {
        let key = (address.clone(), StepKind::Converge);
        let dependents = self.needed_by.get(&key).cloned().unwrap_or_default();
        for dependent in dependents.iter().filter(|(address, verb)| *verb == StepKind::Converge && enough(address)) {
            self.release(dependent, &key);
        }
    }

    fn release(&mut self, dependent: &Key, need: &Key) {
        if let Some(needs) = self.waits.get_mut(dependent)
            && needs.remove(need)
            && needs.is_empty()
        {
            self.is_ready(dependent.clone());
        }
    }

    /// Takes out everything that was not begun and needs the step, or what does.
    pub(super) fn drop_dependents(&mut self, key: &Key) -> Vec<Key> {
        let mut dropped = Vec::new();
        let mut failed = vec![key.clone()];
        while let Some(key) = failed.pop() {
            for dependent in self.needed_by.remove(&key).unwrap_or_default() {
                if self.waits.remove(&dependent).is_some() {
                    dropped.push(dependent.clone());
                    failed.push(dependent);
                }
            }
        }
        dropped
    }

    /// What was not begun.
    pub(super) fn left(&self) -> Vec<Key> {
        self.waits.keys().cloned().collect()
    }
}

/// The length of the longest chain behind each step.
fn behind(waits: &Waits, needed_by: &BTreeMap<Key, Vec<Key>>) -> BTreeMap<Key, usize> {
    let mut behind: BTreeMap<Key, usize> = BTreeMap::new();
    for key in order(waits).unwrap_or_default().into_iter().rev() {
        let dependents = needed_by.get(&key).into_iter().flatten();
        let longest = dependents.map(|dependent| 1 + behind.get(dependent).copied().unwrap_or_default()).max();
        behind.insert(key, longest.unwrap_or_default());
    }
    behind
}

/// What is to be deleted and goes with something else that is: by its address, that of the other.
fn parts<'a>(run: &Run, planned: &'a Planned) -> BTreeMap<Address, &'a Address> {
    let deleted = |change: &&PlannedChange| change.action == Action::Delete && change.deposed.is_none();
    let deletions: BTreeMap<&Address, &PlannedChange> =
        planned.plan.changes.iter().filter(deleted).map(|change| (&change.address, change)).collect();
    let whole_of = |part: &PlannedChange| {
        if let Some(host) = &part.goes_with {
            return deletions.get(host).map(|host| &host.address);
        }
        let kind = run.kind(&part.kind)?.goes_with()?;
        let needs = planned.recorded_needs(&part.address);
        needs.filter_map(|need| deletions.get(need)).find(|whole| whole.kind == kind).map(|whole| &whole.address)
    };
    deletions.values().filter_map(|part| Some((part.address.clone(), whole_of(part)?))).collect()
}

/// The steps of a plan and what each waits for, without a circle.
fn steps(run: &Run, planned: &Planned, parts: &BTreeMap<Address, &Address>) -> Waits {
    let mut strict = needed(run, planned, parts);
    for (fresh, gone) in successions(run, planned) {
        if let Some(waits) = strict.get_mut(&fresh) {
            waits.insert(gone);
        }
    }
    let mut steps = strict.clone();
    for (gone, lets_go) in letting_go(planned, &strict).into_iter().chain(succeeded(planned, &strict)) {
        steps.entry(gone).or_default().insert(lets_go);
    }
    if order(&steps).is_ok() {
        return steps;
    }
    // Something is deleted only after others let go of it, and they wait for something that it stands on. The cloud decides.
    if order(&strict).is_err() {
        // Only a state edited by hand has a circle of recorded needs.
        for ((_, verb), needs) in &mut strict {
            if *verb == StepKind::Delete {
                needs.clear();
            }
        }
    }
    strict
}

/// Creates after what they need, deletes after what was recorded as needing them.
fn needed(run: &Run, planned: &Planned, parts: &BTreeMap<Address, &Address>) -> Waits {
    let mut steps = Waits::new();
    for change in &planned.plan.changes {
        let address = &change.address;
        match change.action {
            _ if !change.is_step() => {}
            Action::Delete | Action::Forget => {
                steps.insert((address.clone(), StepKind::Delete), BTreeSet::new());
            }
            Action::Replace if change.create_first => {
                steps.insert((address.clone(), StepKind::Converge), BTreeSet::new());
                steps.insert(
                    (address.clone(), StepKind::Delete),
                    BTreeSet::from([(address.clone(), StepKind::Converge)]),
                );
            }
            Action::Replace => {
                steps.insert((address.clone(), StepKind::Delete), BTreeSet::new());
                steps.insert(
                    (address.clone(), StepKind::Converge),
                    BTreeSet::from([(address.clone(), StepKind::Delete)]),
                );
            }
            Action::NoOp | Action::Create | Action::Update => {
                steps.insert((address.clone(), StepKind::Converge), BTreeSet::new());
            }
        }
    }
    claim_first(planned, &mut steps);
    let kinds: BTreeMap<&Address, &str> =
        planned.plan.changes.iter().map(|change| (&change.address, change.kind.as_str())).collect();
    for change in &planned.plan.changes {
        let kind = run.kind(&change.kind);
        let converge = (change.address.clone(), StepKind::Converge);
        let for_deletion_only = |need: &Address| {
            let desired = planned.graph.get(&change.address);
            let only_deletes = kind.is_some_and(Kind::only_deletes);
            desired.is_some_and(|desired| {
                desired.deleted_before.contains(need) || only_deletes && desired.depends_on.contains(need)
            })
        };
        let needs = change.needs.iter().filter(|need| !for_deletion_only(need));
        let needs: Vec<Key> = needs.map(|need| (need.clone(), StepKind::Converge)).collect();
        let needs: Vec<Key> = needs.into_iter().filter(|need| steps.contains_key(need)).collect();
        if let Some(waits) = steps.get_mut(&converge) {
            waits.extend(needs);
        }
        let delete = (change.address.clone(), StepKind::Delete);
        if let Some(whole) = parts.get(&change.address) {
            // Nothing waits for it: it is gone when the whole is.
            steps.entry(delete).or_default().insert(((*whole).clone(), StepKind::Delete));
        } else if steps.contains_key(&delete) {
            let outlived = kind.and_then(Kind::outlives);
            let holds = |need: &&Address| outlived.is_none() || kinds.get(need).copied() != outlived;
            for need in planned.recorded_needs(&change.address).filter(holds) {
                // What stands on a part stands on the whole.
                let need = parts.get(need).map_or(need, |whole| *whole);
                if let Some(waits) = steps.get_mut(&(need.clone(), StepKind::Delete)) {
                    waits.insert(delete.clone());
                }
            }
        }
    }
    steps
}

/// While what claims the platform is to be created, nothing else is made, changed or recorded: but what it needs itself.
fn claim_first(planned: &Planned, steps: &mut Waits) {
    let creates = |change: &&PlannedChange| change.action == Action::Create;
    let claims = |change: &&PlannedChange| planned.graph.get(&change.address).is_some_and(|desired| desired.claim);
    let claims: Vec<&PlannedChange> = planned.plan.changes.iter().filter(creates).filter(claims).collect();
    for claim in &claims {
        // Two claims do not wait for each other.
        let mut needed: BTreeSet<&Address> = claims.iter().map(|claim| &claim.address).collect();
        let mut open = vec![&claim.address];
        while let Some(address) = open.pop() {
            open.extend(planned.graph.needs(address).filter(|need| needed.insert(*need)));
        }
        let made = (claim.address.clone(), StepKind::Converge);
        for ((address, verb), waits) in steps.iter_mut() {
            if *verb == StepKind::Converge && !needed.contains(address) {
                waits.insert(made.clone());
            }
        }
    }
}

/// What was deposed goes when its replacement is there, and nothing stands on it any more.
fn succeeded(planned: &Planned, steps: &Waits) -> Vec<(Key, Key)> {
    let mut found = Vec::new();
    for old in &planned.plan.changes {
        let address = match &old.deposed {
            Some(address) => address,
            None if old.create_first => &old.address,
            None => continue,
        };
        let gone = (old.address.clone(), StepKind::Delete);
        for change in &planned.plan.changes {
            let recorded = planned.recorded_needs(&change.address).any(|need| need == address);
            for verb in [StepKind::Converge, StepKind::Delete] {
                let step = (change.address.clone(), verb);
                let stands_on_it = change.address == *address && verb == StepKind::Converge
                    || change.address != old.address && (recorded || change.needs.contains(address));
                if stands_on_it && step != gone && steps.contains_key(&step) {
                    found.push((gone.clone(), step));
                }
            }
        }
    }
    found
}

/// A place in the state that has room for one record: who stood there goes before who comes.
fn successions(run: &Run, planned: &Planned) -> Vec<(Key, Key)> {
    let single = |kind: &str| run.kind(kind).map(|k| k.state_path.as_str()).filter(|path| !path.ends_with("[]"));
    let mut gone: BTreeMap<&str, Key> = BTreeMap::new();
    for change in planned.plan.changes.iter().filter(|c| matches!(c.action, Action::Delete | Action::Forget)) {
        if let Some(path) = single(&change.kind) {
            gone.insert(path, (change.address.clone(), StepKind::Delete));
        }
    }
    let comes = planned.plan.changes.iter().filter(|c| !matches!(c.action, Action::Delete | Action::Forget));
    comes
        .filter_map(|change| {
            let gone = single(&change.kind).and_then(|path| gone.get(path))?;
            Some(((change.address.clone(), StepKind::Converge), gone.clone()))
        })
        .collect()
}

/// What is deleted, and what is changed so that it no longer needs it: better in that order.
fn letting_go(planned: &Planned, steps: &Waits) -> Vec<(Key, Key)> {
    let mut found = Vec::new();
    for change in &planned.plan.changes {
        let converge = (change.address.clone(), StepKind::Converge);
        if !steps.contains_key(&converge) || steps.contains_key(&(change.address.clone(), StepKind::Delete)) {
            continue;
        }
        for need in planned.recorded_needs(&change.address).filter(|need| !change.needs.contains(*need)) {
            let gone = (need.clone(), StepKind::Delete);
            if steps.contains_key(&gone) {
                found.push((gone, converge.clone()));
            }
        }
    }
    found
}
