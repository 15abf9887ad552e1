//! The clocks and the random source of a guest: the same in every replay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock};

/// A wall clock that stands still.
pub(super) struct FixedClock(Duration);

impl FixedClock {
    /// At the RFC 3339 instant; at the beginning of the epoch when there is none.
    pub(super) fn at(now: &str) -> Self {
        let nanoseconds = OffsetDateTime::parse(now, &Rfc3339).map_or(0, OffsetDateTime::unix_timestamp_nanos);
        Self(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
    }
}

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// A monotonic clock for pure calls: each look moves it by a microsecond, so that a loop that waits for it ends.
#[derive(Default)]
pub(super) struct Counting(AtomicU64);

impl HostMonotonicClock for Counting {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// How many bytes the random source gives before it repeats. A prime, so that reads of any even size start elsewhere each time.
const PERIOD: usize = 16_381;

/// The random source of a seed. Nobody may take it for secret: guests have nothing that could hang on it.
pub(super) fn random(seed: u64) -> Deterministic {
    // SplitMix64.
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut bytes: Vec<u8> = Vec::with_capacity(PERIOD + 8);
    while bytes.len() < PERIOD {
        bytes.extend(next().to_le_bytes());
    }
    bytes.truncate(PERIOD);
    Deterministic::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_shows_the_instant_of_the_run() {
        assert_eq!(FixedClock::at("2026-08-01T00:00:00Z").now().as_secs(), 1_785_542_400);
        assert_eq!(FixedClock::at("").now(), Duration::ZERO);
    }

    #[test]
    fn the_counting_clock_moves() {
        let clock = Counting::default();
        assert!(clock.now() < clock.now());
    }
}
