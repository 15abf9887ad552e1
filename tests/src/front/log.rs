//! The list of requests that came.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use time::OffsetDateTime;

use super::locked;

/// One request, as the double saw it.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Counts from 1 since the start or the last `clear_log`.
    pub seq: u64,
    /// When it came, since the double started.
    pub at: Duration,
    /// When it was answered; none while it is not.
    pub answered: Option<Duration>,
    /// Of which service: `ec2`, `iam`, `eks`, ...; empty where the request does not say.
    pub service: String,
    /// `CreateVpc`; for services without a name for it, method and path.
    pub action: String,
    /// Whether it changes something; a dry run does not.
    pub mutating: bool,
    /// The status answered; 0 while it is not, and for ever when a fault swallowed the answer.
    pub status: u16,
    /// What it was about, for people.
    pub summary: String,
    /// The request's body, after `keep_bodies(true)`.
    pub body: Option<Bytes>,
}

/// What a double says of a request that came.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub service: &'a str,
    pub action: &'a str,
    pub mutating: bool,
    pub summary: String,
    pub body: &'a Bytes,
}

#[derive(Debug)]
pub(crate) struct Log {
    began: Instant,
    /// The same by the clock on the wall.
    pub(crate) began_at: OffsetDateTime,
    entries: Mutex<Vec<Logged>>,
    keep_bodies: AtomicBool,
}

impl Log {
    pub(crate) fn new() -> Self {
        let (began, began_at) = (Instant::now(), OffsetDateTime::now_utc());
        Self { began, began_at, entries: Mutex::default(), keep_bodies: AtomicBool::new(false) }
    }

    pub(crate) fn keep_bodies(&self, keep: bool) {
        self.keep_bodies.store(keep, Ordering::Relaxed);
    }

    /// Records a request before anything is done with it; returns its number.
    pub(crate) fn begin(&self, request: &Request<'_>) -> u64 {
        let mut entries = locked(&self.entries);
        let seq = entries.len() as u64 + 1;
        entries.push(Logged {
            seq,
            at: self.began.elapsed(),
            answered: None,
            service: request.service.to_owned(),
            action: request.action.to_owned(),
            mutating: request.mutating,
            status: 0,
            summary: request.summary.clone(),
            body: self.keep_bodies.load(Ordering::Relaxed).then(|| request.body.clone()),
        });
        seq
    }

    pub(crate) fn end(&self, seq: u64, action: &str, status: u16) {
        let mut entries = locked(&self.entries);
        // The log may have been cleared since; then the number is another request's, or nobody's.
        if let Some(entry) = usize::try_from(seq - 1).ok().and_then(|index| entries.get_mut(index))
            && entry.action == action
        {
            entry.status = status;
            entry.answered = Some(self.began.elapsed());
        }
    }

    pub(crate) fn entries(&self) -> Vec<Logged> {
        locked(&self.entries).clone()
    }

    pub(crate) fn clear(&self) {
        locked(&self.entries).clear();
    }
}

/// The longest run of requests in which each came after the one before had been answered. With the same latency on every request
/// that is the number of round trips that the whole took at least.
pub fn depth(log: &[Logged]) -> usize {
    let mut spans: Vec<(Duration, Duration)> =
        log.iter().filter_map(|entry| Some((entry.answered?, entry.at))).collect();
    // The one that is answered first leaves the most room for others.
    spans.sort_unstable();
    let mut last = None;
    let mut count = 0;
    for (answered, at) in spans {
        if last.is_none_or(|last| at >= last) {
            last = Some(answered);
            count += 1;
        }
    }
    count
}

/// How long at least one of them lasted. Each is when it began and when it ended.
pub fn together(spans: impl IntoIterator<Item = (Duration, Duration)>) -> Duration {
    let mut spans: Vec<_> = spans.into_iter().collect();
    spans.sort_unstable();
    let (mut whole, mut until) = (Duration::ZERO, Duration::ZERO);
    for (from, to) in spans {
        whole += to.saturating_sub(from.max(until));
        until = until.max(to);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: u64, answered: u64) -> Logged {
        Logged {
            seq: 1,
            at: Duration::from_millis(at),
            answered: Some(Duration::from_millis(answered)),
            service: String::new(),
            action: String::new(),
            mutating: false,
            status: 200,
            summary: String::new(),
            body: None,
        }
    }

    #[test]
    fn what_lasts_at_once_counts_once() {
        let milliseconds = |(from, to)| (Duration::from_millis(from), Duration::from_millis(to));
        let spans = [(50, 60), (55, 70), (51, 58), (150, 151)].map(milliseconds);
        assert_eq!(together(spans), Duration::from_millis(20 + 1));
        assert_eq!(together([(70, 60)].map(milliseconds)), Duration::ZERO);
    }

    #[test]
    fn the_depth_counts_what_had_to_wait() {
        assert_eq!(depth(&Log::new().entries()), 0);
        assert_eq!(depth(&[entry(0, 50), entry(10, 60), entry(20, 70)]), 1);
        assert_eq!(depth(&[entry(0, 50), entry(0, 90), entry(51, 101), entry(102, 152), entry(95, 200)]), 3);
    }
}
