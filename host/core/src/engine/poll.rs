//! When an operation that takes its time is asked after again.
//!
//! A provider says how often it is worth asking while the cloud is at it. A cloud that is done at once would be waited for that long all
//! the same, so the first questions come early; and what usually takes long is asked after seldom until it is about to end. An update is
//! asked after as the provider says: a cloud that shows it late would show what was there before, as if it were done.

use std::time::Duration;

use crate::resource::PendingAction;

/// Shortest and longest time between two polls. A provider that asks for none would keep the cloud busy, one that asks for an hour would
/// oversleep the time limit.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_mins(2));

/// What is asked after as often as this keeps its rhythm: providers count those looks.
const FREQUENT: Duration = Duration::from_secs(2);

/// Longest time between two polls of what is far from its usual end: it may fail before.
const FAR_FROM_THE_END: Duration = Duration::from_secs(30);

/// How many polls come before it is believed that it takes as long as usual.
const EARLY: u32 = 2;

/// How long to wait before the next poll.
///
/// `asked` is what the provider asks for, `polls` how often it was asked after in this run, `spent` how long it has taken so far, and `usual`
/// how long its kind has taken in earlier runs.
pub(super) fn interval(
    action: PendingAction,
    asked: Duration,
    polls: u32,
    spent: Duration,
    usual: Option<Duration>,
) -> Duration {
    let asked = asked.clamp(INTERVAL.0, INTERVAL.1);
    if asked <= FREQUENT || action == PendingAction::Update {
        return asked;
    }
    let early = INTERVAL.0.saturating_mul(1 << polls.min(16)).min(asked);
    let left = usual.unwrap_or_default().saturating_sub(spent);
    if polls < EARLY { early } else { early.max((left / 4).min(FAR_FROM_THE_END)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: Duration = Duration::from_secs(15);

    /// The instants of the polls of something that is done after so long, in seconds.
    fn polls(takes: Duration, usual: Option<Duration>) -> Vec<f64> {
        let (mut spent, mut at) = (Duration::ZERO, Vec::new());
        while spent < takes {
            spent += interval(PendingAction::Create, CLUSTER, u32::try_from(at.len()).unwrap(), spent, usual);
            at.push(spent.as_secs_f64());
        }
        at
    }

    #[test]
    fn what_is_done_at_once_is_not_waited_for() {
        assert_eq!(polls(Duration::from_millis(100), None), [0.5]);
        assert_eq!(polls(Duration::from_millis(100), Some(Duration::from_mins(9))), [0.5]);
        assert_eq!(polls(Duration::from_secs(3), None), [0.5, 1.5, 3.5]);
    }

    #[test]
    fn ten_minutes_cost_a_few_requests_more_and_fewer_once_it_is_known_that_they_take_ten_minutes() {
        let ten = Duration::from_mins(10);
        let (plain, first, again) = (600 / 15, polls(ten, None), polls(ten, Some(ten)));
        assert!(first.len() <= plain + 5, "{first:?}");
        assert!(again.len() < plain * 3 / 4, "{again:?}");
        // Nobody waits longer at the end than before.
        for at in [first, again] {
            assert!(at.last().unwrap() - 600.0 < 15.0, "{at:?}");
        }
    }

    #[test]
    fn what_takes_longer_or_shorter_than_usual_is_not_overslept() {
        let usual = Some(Duration::from_mins(10));
        for seconds in [5_u32, 60, 300, 595, 900] {
            let at = polls(Duration::from_secs(seconds.into()), usual);
            assert!(at.last().unwrap() - f64::from(seconds) <= 30.0, "{at:?}");
        }
    }

    #[test]
    fn a_rhythm_that_providers_count_is_kept_and_so_is_that_of_updates() {
        let after = |action, asked, polls, usual| interval(action, asked, polls, Duration::ZERO, usual);
        for polls in 0..10 {
            assert_eq!(after(PendingAction::Create, FREQUENT, polls, Some(CLUSTER)), FREQUENT);
            assert_eq!(after(PendingAction::Delete, Duration::ZERO, polls, None), INTERVAL.0);
            assert_eq!(after(PendingAction::Update, CLUSTER, polls, Some(Duration::from_mins(9))), CLUSTER);
        }
        assert_eq!(after(PendingAction::Create, Duration::from_hours(1), 30, None), INTERVAL.1);
    }
}
