//! What is known of a run while it goes: fed with events, asked by whoever shows it. Knows no clock and no terminal, so that every
//! view can be tested with a list of events.

use std::collections::BTreeMap;
use std::time::Duration;

use nic_core::address::Address;
use nic_core::kind::KUBERNETES_OBJECT;
use nic_core::plan::{Action, Plan, PlannedChange};
use nic_core::ports::Event;

use super::durations::Durations;
use super::estimate;
use super::groups::{Group, groups};
use super::words::{plain_text, spoken};

/// How a resource of the plan is doing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// Nothing is done to it.
    Kept,
    /// Not begun: it waits for what it needs.
    Waits,
    /// Begun.
    Runs(Running),
    Done,
    Failed,
    /// Not begun because something it needs failed.
    Skipped,
}

/// A change that was begun.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Running {
    /// When, on the clock of the events.
    pub(super) since: Duration,
    /// What is done at the moment: a replacement deletes and creates.
    pub(super) doing: Action,
    /// The cloud's own words, or why a call is made again.
    pub(super) message: Option<String>,
}

/// One resource of the plan.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    /// `<provider>.<kind>`.
    pub(super) kind: String,
    /// The kind, for people.
    pub(super) title: String,
    /// What people call it: `Node group general`.
    pub(super) name: String,
    /// What the plan does to it.
    pub(super) action: Action,
    /// What it needs, by place in the plan.
    pub(super) needs: Vec<usize>,
    /// How it is doing.
    pub(super) standing: Standing,
    /// How long the same usually took.
    pub(super) usual: Option<Duration>,
}

impl Thing {
    /// Whether the run does anything about it.
    pub(super) fn is_changed(&self) -> bool {
        self.action != Action::NoOp
    }

    /// Whether it goes away.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Forget)
    }

    /// How long it has been running.
    pub(super) fn elapsed(&self, now: Duration) -> Option<Duration> {
        match &self.standing {
            Standing::Runs(running) => Some(now.saturating_sub(running.since)),
            _ => None,
        }
    }
}

/// How many of some things are how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) all: usize,
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Tally {
    /// Whether nothing is left to be done.
    pub(super) fn is_settled(self) -> bool {
        self.done + self.failed + self.skipped == self.all
    }
}

/// Everything that is known of a run.
#[derive(Debug, Default)]
pub struct Board {
    things: Vec<Thing>,
    places: BTreeMap<Address, usize>,
    groups: Vec<Group>,
    history: Durations,
    learned: bool,
    began: Option<Duration>,
    unready: Option<Unready>,
}

/// What the platform lacks after the last change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unready {
    /// Since when it is waited for, on the clock of the events.
    pub(super) since: Duration,
    /// What is missing, a line each.
    pub(super) causes: Vec<String>,
}

impl Board {
    /// Nothing is known but what earlier runs took.
    pub fn new(history: Durations) -> Self {
        Self { history, ..Self::default() }
    }

    /// Notes an event of this moment.
    pub fn note(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Planned(plan) => self.plan(plan),
            Event::Started { address, action } => {
                self.began.get_or_insert(now);
                if let Some(thing) = self.thing_mut(address) {
                    // The second half of a replacement goes on with the time of the first.
                    let since = now.saturating_sub(thing.elapsed(now).unwrap_or_default());
                    thing.standing = Standing::Runs(Running { since, doing: *action, message: None });
                }
            }
            Event::Waiting { address, message } => self.tell(address, plain_text(message)),
            Event::Retrying { address, error, after } => {
                let when =
                    if after.is_zero() { "retrying".to_owned() } else { format!("retrying in {}", spoken(*after)) };
                self.tell(address, format!("{when}: {}", plain_text(error)));
            }
            Event::Finished { address, took, .. } => self.finish(address, *took, now),
            Event::Failed { address, .. } => self.settle(address, Standing::Failed),
            Event::Skipped { address, .. } => self.settle(address, Standing::Skipped),
            Event::NotReady { causes } => {
                let since = self.unready.as_ref().map_or(now, |unready| unready.since);
                let causes = causes.iter().map(|cause| plain_text(cause)).collect();
                self.unready = Some(Unready { since, causes });
            }
            Event::Ready => self.unready = None,
            _ => {}
        }
    }

    fn plan(&mut self, plan: &Plan) {
        self.places = plan.changes.iter().enumerate().map(|(place, change)| (change.address.clone(), place)).collect();
        self.things = plan.changes.iter().map(|change| self.thing_of(change)).collect();
        self.groups = groups(&self.things);
        self.began = None;
    }

    fn thing_of(&self, change: &PlannedChange) -> Thing {
        let key = key(&change.kind, &change.title);
        Thing {
            kind: change.kind.clone(),
            title: plain_text(&change.title),
            name: plain_text(&format!("{} {}", change.title, change.address.name())),
            action: change.action,
            needs: change.needs.iter().filter_map(|need| self.places.get(need).copied()).collect(),
            standing: if change.action == Action::NoOp { Standing::Kept } else { Standing::Waits },
            usual: self.history.usual(&key, change.action),
        }
    }

    fn thing_mut(&mut self, address: &Address) -> Option<&mut Thing> {
        self.places.get(address).and_then(|place| self.things.get_mut(*place))
    }

    fn tell(&mut self, address: &Address, message: String) {
        if let Some(Standing::Runs(running)) = self.thing_mut(address).map(|thing| &mut thing.standing) {
            running.message = Some(message);
        }
    }

    fn settle(&mut self, address: &Address, standing: Standing) {
        if let Some(thing) = self.thing_mut(address) {
            thing.standing = standing;
        }
    }

    fn finish(&mut self, address: &Address, took: Duration, now: Duration) {
        let Some(thing) = self.thing_mut(address) else { return };
        // The engine times the last half of a replacement.
        let took = thing.elapsed(now).unwrap_or(took);
        thing.standing = Standing::Done;
        let (key, action) = (key(&thing.kind, &thing.title), thing.action);
        if action.is_change() {
            self.history.add(&key, action, took);
            self.learned = true;
        }
    }

    /// What was learned about durations, once something was.
    pub fn learned(&self) -> Option<&Durations> {
        self.learned.then_some(&self.history)
    }

    /// What people call a resource.
    pub fn name(&self, address: &Address) -> String {
        self.thing(address).map_or_else(|| address.to_string(), |thing| thing.name.clone())
    }

    pub(super) fn thing(&self, address: &Address) -> Option<&Thing> {
        self.places.get(address).and_then(|place| self.things.get(*place))
    }

    pub(super) fn things(&self) -> &[Thing] {
        &self.things
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What runs, with its address.
    pub(super) fn running(&self) -> impl Iterator<Item = (&Address, &Thing, &Running)> {
        self.places.iter().filter_map(|(address, place)| {
            let thing = self.things.get(*place)?;
            match &thing.standing {
                Standing::Runs(running) => Some((address, thing, running)),
                _ => None,
            }
        })
    }

    /// How far these are.
    pub(super) fn tally(&self, places: impl IntoIterator<Item = usize>) -> Tally {
        let mut tally = Tally::default();
        for thing in places.into_iter().filter_map(|place| self.things.get(place)).filter(|t| t.is_changed()) {
            tally.all += 1;
            match thing.standing {
                Standing::Done => tally.done += 1,
                Standing::Failed => tally.failed += 1,
                Standing::Skipped => tally.skipped += 1,
                Standing::Kept | Standing::Waits | Standing::Runs(_) => {}
            }
        }
        tally
    }

    /// How far the run is.
    pub(super) fn whole(&self) -> Tally {
        self.tally(0..self.things.len())
    }

    /// What the platform lacks after the last change, while it is waited for.
    pub(super) fn unready(&self) -> Option<&Unready> {
        self.unready.as_ref()
    }

    /// How long the run has been changing things; none before it does.
    pub(super) fn elapsed(&self, now: Duration) -> Option<Duration> {
        self.began.map(|began| now.saturating_sub(began))
    }

    /// How long the rest will take, as far as earlier runs tell; none when something is left that no earlier run did.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        estimate::left(&self.things, now)
    }

    /// How long a change usually takes.
    pub fn usual(&self, address: &Address) -> Option<Duration> {
        self.thing(address).and_then(|thing| thing.usual)
    }

    /// How long a change has been running.
    pub fn running_for(&self, address: &Address, now: Duration) -> Option<Duration> {
        self.thing(address).and_then(|thing| thing.elapsed(now))
    }
}

/// What durations are kept by: objects in the cluster are of one kind, and take as long as what they are.
fn key(kind: &str, title: &str) -> String {
    if kind == KUBERNETES_OBJECT { format!("{kind}.{title}") } else { kind.to_owned() }
}
