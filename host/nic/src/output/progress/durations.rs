//! How long things took, kept beside the state so that the next run can tell how long they will.
//!
//! A cache: it is shown, and says how seldom to ask after what takes long. Absent, broken or out of date, it costs an estimate.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nic_core::plan::Action;
use nic_core::ports::History;
use serde::{Deserialize, Serialize};

use nic_system::files::replace_durably;

/// How many of one sort are kept: the median of a few forgets a bad day.
const KEPT: usize = 5;

/// Longest duration that is believed. Clouds end a change long before.
const MAX_SECONDS: f64 = 86_400.0;

/// Largest file that is read; a platform with every kind there is has some KiB.
const MAX_BYTES: u64 = 1 << 20;

/// Of each kind and action the last few durations, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Durations(BTreeMap<String, BTreeMap<String, Vec<f64>>>);

impl Durations {
    /// What was kept; nothing when it cannot be read.
    pub fn read(path: &Path) -> Self {
        let small = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_BYTES);
        let bytes = if small { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Keeps them. Whether that works matters to nobody.
    pub fn write(&self, path: &Path) {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        if let Err(error) = replace_durably(path, &bytes) {
            tracing::debug!("durations are not kept in {}: {error}", path.display());
        }
    }

    /// One more.
    pub fn add(&mut self, kind: &str, action: Action, took: Duration) {
        let taken = self.0.entry(kind.to_owned()).or_default().entry(word(action).to_owned()).or_default();
        // Milliseconds are more than anybody is told.
        taken.push((took.as_secs_f64() * 1000.0).round() / 1000.0);
        let surplus = taken.len().saturating_sub(KEPT);
        taken.drain(..surplus);
    }

    /// How long it usually takes: the median.
    pub fn usual(&self, kind: &str, action: Action) -> Option<Duration> {
        let taken = self.0.get(kind)?.get(word(action))?;
        let mut taken: Vec<f64> = taken.iter().copied().filter(|s| (0.0..=MAX_SECONDS).contains(s)).collect();
        taken.sort_by(f64::total_cmp);
        taken.get(taken.len() / 2).copied().map(Duration::from_secs_f64)
    }
}

impl History for Durations {
    fn usual(&self, kind: &str, action: Action) -> Option<Duration> {
        Self::usual(self, kind, action)
    }
}

fn word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "no-op",
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Forget => "forget",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_last_few_counts_and_nonsense_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("durations.json");
        let mut durations = Durations::read(&path);
        for seconds in [9000, 1, 540, 550, 560, 530] {
            durations.add("aws.cluster", Action::Create, Duration::from_secs(seconds));
        }
        durations.write(&path);
        let read = Durations::read(&path);
        assert_eq!(read.usual("aws.cluster", Action::Create), Some(Duration::from_mins(9)));
        assert_eq!(read.usual("aws.cluster", Action::Delete), None);

        for broken in ["", "{\"aws.cluster\":", "[1]", "{\"aws.cluster\":{\"create\":[\"a\"]}}"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(Durations::read(&path), Durations::default(), "{broken}");
        }
        std::fs::write(&path, r#"{"aws.cluster":{"create":[-1, 1e300]}}"#).unwrap();
        assert_eq!(Durations::read(&path).usual("aws.cluster", Action::Create), None);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(Durations::read(&path), Durations::default());
        durations.write(&path);
    }
}
