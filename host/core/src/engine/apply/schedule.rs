//! Which step waits for which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::address::Address;
use crate::engine::step::Verb;
use crate::engine::{Planned, Run};
use crate::graph::order;
use crate::plan::{Action, Reason};

/// A step: a resource may be deleted and made again in one plan.
pub(super) type Key = (Address, Verb);

type Waits = BTreeMap<Key, BTreeSet<Key>>;

/// The steps that were not begun, by how many others each still waits for.
pub(super) struct Schedule {
    waits: BTreeMap<Key, usize>,
    needed_by: BTreeMap<Key, Vec<Key>>,
    ready: VecDeque<Key>,
}

impl Schedule {
    /// The steps of a plan.
    pub(super) fn new(run: &Run, planned: &Planned) -> Self {
        let mut waits = BTreeMap::new();
        let mut needed_by: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
        let mut ready = VecDeque::new();
        for (key, needs) in steps(run, planned) {
            if needs.is_empty() {
                ready.push_back(key.clone());
            }
            waits.insert(key.clone(), needs.len());
            for need in needs {
                needed_by.entry(need).or_default().push(key.clone());
            }
        }
        Self { waits, needed_by, ready }
    }

    /// A step that waits for nothing; it counts as begun.
    pub(super) fn next_ready(&mut self) -> Option<Key> {
        let key = self.ready.pop_front()?;
        self.waits.remove(&key);
        Some(key)
    }

    /// The step was done: what waited for it alone is ready.
    pub(super) fn done(&mut self, key: &Key) {
        for dependent in self.needed_by.remove(key).unwrap_or_default() {
            let Some(left) = self.waits.get_mut(&dependent) else { continue };
            *left -= 1;
            if *left == 0 {
                self.ready.push_back(dependent);
            }
        }
    }

    /// Takes out everything that waits for the step, or for what does.
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

/// The steps of a plan and what each waits for, without a circle.
fn steps(run: &Run, planned: &Planned) -> Waits {
    let mut strict = needed(planned);
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
            if *verb == Verb::Delete {
                needs.clear();
            }
        }
    }
    strict
}

/// Creates after what they need, deletes after what was recorded as needing them.
fn needed(planned: &Planned) -> Waits {
    let mut steps = Waits::new();
    for change in &planned.plan.changes {
        let address = &change.address;
        match change.action {
            Action::Delete | Action::Forget => {
                steps.insert((address.clone(), Verb::Delete), BTreeSet::new());
            }
            Action::Replace if change.create_first => {
                steps.insert((address.clone(), Verb::Converge), BTreeSet::new());
                steps.insert((address.clone(), Verb::Delete), BTreeSet::from([(address.clone(), Verb::Converge)]));
            }
            Action::Replace => {
                steps.insert((address.clone(), Verb::Delete), BTreeSet::new());
                steps.insert((address.clone(), Verb::Converge), BTreeSet::from([(address.clone(), Verb::Delete)]));
            }
            // Something that is as it should be but whose record does not say so is recorded in its turn.
            Action::NoOp if matches!(change.reason, Reason::UpToDate | Reason::Retained) => {}
            Action::NoOp | Action::Create | Action::Update => {
                steps.insert((address.clone(), Verb::Converge), BTreeSet::new());
            }
        }
    }
    for change in &planned.plan.changes {
        let converge = (change.address.clone(), Verb::Converge);
        let needs: Vec<Key> = change.needs.iter().map(|need| (need.clone(), Verb::Converge)).collect();
        let needs: Vec<Key> = needs.into_iter().filter(|need| steps.contains_key(need)).collect();
        if let Some(waits) = steps.get_mut(&converge) {
            waits.extend(needs);
        }
        let delete = (change.address.clone(), Verb::Delete);
        if steps.contains_key(&delete) {
            for need in planned.recorded_needs(&change.address) {
                if let Some(waits) = steps.get_mut(&(need.clone(), Verb::Delete)) {
                    waits.insert(delete.clone());
                }
            }
        }
    }
    steps
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
        let gone = (old.address.clone(), Verb::Delete);
        for change in &planned.plan.changes {
            let recorded = planned.recorded_needs(&change.address).any(|need| need == address);
            for verb in [Verb::Converge, Verb::Delete] {
                let step = (change.address.clone(), verb);
                let stands_on_it = change.address == *address && verb == Verb::Converge
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
            gone.insert(path, (change.address.clone(), Verb::Delete));
        }
    }
    let comes = planned.plan.changes.iter().filter(|c| !matches!(c.action, Action::Delete | Action::Forget));
    comes
        .filter_map(|change| {
            let gone = single(&change.kind).and_then(|path| gone.get(path))?;
            Some(((change.address.clone(), Verb::Converge), gone.clone()))
        })
        .collect()
}

/// What is deleted, and what is changed so that it no longer needs it: better in that order.
fn letting_go(planned: &Planned, steps: &Waits) -> Vec<(Key, Key)> {
    let mut found = Vec::new();
    for change in &planned.plan.changes {
        let converge = (change.address.clone(), Verb::Converge);
        if !steps.contains_key(&converge) || steps.contains_key(&(change.address.clone(), Verb::Delete)) {
            continue;
        }
        for need in planned.recorded_needs(&change.address).filter(|need| !change.needs.contains(*need)) {
            let gone = (need.clone(), Verb::Delete);
            if steps.contains_key(&gone) {
                found.push((gone, converge.clone()));
            }
        }
    }
    found
}
