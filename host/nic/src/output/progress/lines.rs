//! Progress as lines, for logs and pipes: what begins and ends, and every now and then what still goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use nic_core::address::Address;
use nic_core::ports::Event;

use super::board::Board;
use super::words::{Level, describe, doing, of_usual, whole};

/// How often a change that takes long is spoken of.
pub(super) const STILL: Duration = Duration::from_secs(30);

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) message: String,
    /// What it is about.
    pub(super) address: Option<Address>,
    /// The same of a line that is about many.
    pub(super) addresses: Vec<Address>,
}

/// What was said when.
#[derive(Debug, Default)]
pub(super) struct Lines {
    said: BTreeMap<Address, (Duration, Option<String>)>,
    /// When it was last said that the platform is not ready.
    unready: Duration,
}

impl Lines {
    /// The line for an event that the board has noted.
    pub(super) fn event(&mut self, board: &Board, event: &Event, now: Duration) -> Option<Line> {
        let (level, message) = describe(board, event, now)?;
        if let Event::NotReady { .. } = event {
            self.unready = now;
        }
        let address = match event {
            Event::Started { address, .. }
            | Event::Waiting { address, .. }
            | Event::Retrying { address, .. }
            | Event::Finished { address, .. }
            | Event::Failed { address, .. }
            | Event::Skipped { address, .. } => Some(address.clone()),
            _ => None,
        };
        if let (Event::Waiting { message: words, .. }, Some(address)) = (event, &address) {
            // The same words at every poll are no news.
            let before = self.said.get(address);
            if before.is_some_and(|(_, last)| last.as_ref() == Some(words)) {
                return None;
            }
            let since = before.map_or(now, |(at, _)| *at);
            self.said.insert(address.clone(), (since, Some(words.clone())));
        }
        let addresses = if let Event::NotBegun { addresses, .. } = event { addresses.clone() } else { Vec::new() };
        Some(Line { level, message, address, addresses })
    }

    /// What has been going on for so long that somebody may wonder.
    pub(super) fn tick(&mut self, board: &Board, now: Duration) -> Vec<Line> {
        let mut lines = Vec::new();
        for (address, thing, running) in board.running() {
            let said = self.said.entry(address.clone()).or_insert((running.since, None));
            let last = said.0.max(running.since);
            if now.saturating_sub(last) < STILL {
                continue;
            }
            said.0 = now;
            let words = running.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            let time = of_usual(now.saturating_sub(running.since), thing.usual);
            let message = format!("Still {} {}{words} ({time})", doing(running.doing).to_lowercase(), thing.name);
            lines.push(Line { level: Level::Info, message, address: Some(address.clone()), addresses: Vec::new() });
        }
        if let Some(unready) = board.unready().filter(|_| now.saturating_sub(self.unready) >= STILL) {
            self.unready = now;
            let (missing, time) = (unready.causes.join("; "), whole(now.saturating_sub(unready.since)));
            let message = format!("Still waiting until the platform is ready: {missing} ({time})");
            lines.push(Line { level: Level::Info, message, address: None, addresses: Vec::new() });
        }
        lines
    }
}
