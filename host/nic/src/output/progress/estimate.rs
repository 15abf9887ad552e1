//! How long the rest will take: the longest chain of what is left, each taking as long as it usually does.

use std::collections::BTreeMap;
use std::time::Duration;

use nic_core::plan::Action;

use super::board::{Standing, Thing};

/// None when something is left of which nobody knows how long it takes: a sum without it would be wrong by just that.
pub(super) fn left(things: &[Thing], now: Duration) -> Option<Duration> {
    // Deletes come first in a plan, each before what it stands on; the rest follows, each after what it needs. So one pass sees
    // everything after what it waits for.
    let mut waits_for: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, thing) in things.iter().enumerate() {
        for need in &thing.needs {
            match (thing.is_gone(), things.get(*need).is_some_and(Thing::is_gone)) {
                (true, true) => waits_for.entry(*need).or_default().push(place),
                (false, false) => waits_for.entry(place).or_default().push(*need),
                _ => {}
            }
        }
    }
    let mut ends: Vec<Duration> = vec![Duration::ZERO; things.len()];
    for (place, thing) in things.iter().enumerate() {
        let takes = match (&thing.standing, thing.action) {
            (Standing::Runs(running), _) => thing.usual?.saturating_sub(now.saturating_sub(running.since)),
            (Standing::Waits, Action::Forget) => Duration::ZERO,
            (Standing::Waits, _) => thing.usual?,
            _ => continue,
        };
        let before = waits_for.get(&place).into_iter().flatten().filter_map(|other| ends.get(*other));
        ends[place] = takes + before.max().copied().unwrap_or_default();
    }
    ends.into_iter().max()
}
