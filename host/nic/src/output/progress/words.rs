//! Words for what happens.

use std::time::Duration;

use nic_core::plan::Action;
use nic_core::ports::Event;

use super::board::Board;

/// How bad a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For who wants to know everything.
    Debug,
    /// What happens.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// The word in JSON lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A duration as people say it.
pub fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", duration.as_secs_f64()),
        _ => whole(duration),
    }
}

/// The same in whole seconds, for what is shown while it grows.
pub(super) fn whole(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// An estimate, no more exact than it is.
pub(super) fn rough(duration: Duration) -> String {
    let seconds = (duration + Duration::from_millis(500)).as_secs();
    match seconds {
        0..15 => format!("{seconds}s"),
        15..90 => format!("{}s", (seconds + 2) / 5 * 5),
        90..5400 => format!("{}m", (seconds + 30) / 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Shortest usual time that is worth telling.
const TELLING: Duration = Duration::from_secs(5);

/// `4m 12s of about 9m`; without the second half when nobody knows, or it is too short to tell.
pub(super) fn of_usual(elapsed: Duration, usual: Option<Duration>) -> String {
    match usual.filter(|usual| *usual >= TELLING) {
        Some(usual) if elapsed <= usual => format!("{} of about {}", whole(elapsed), rough(usual)),
        Some(usual) => format!("{}, usually {}", whole(elapsed), rough(usual)),
        None => whole(elapsed),
    }
}

/// What is being done: `Creating`.
pub(super) fn doing(action: Action) -> &'static str {
    match action {
        Action::NoOp => "Recording",
        Action::Create => "Creating",
        Action::Update => "Updating",
        Action::Replace => "Replacing",
        Action::Delete => "Deleting",
        Action::Forget => "Forgetting",
    }
}

fn done(action: Action) -> &'static str {
    match action {
        Action::NoOp => "Recorded",
        Action::Create => "Created",
        Action::Update => "Updated",
        Action::Replace => "Replaced",
        Action::Delete => "Deleted",
        Action::Forget => "Forgot",
    }
}

/// What comes from a cloud is shown, never obeyed: control characters would move the cursor.
pub(super) fn plain_text(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One line for one event that the board has noted, with its level; none for what needs no line.
pub(super) fn describe(board: &Board, event: &Event, now: Duration) -> Option<(Level, String)> {
    Some(match event {
        Event::Refreshing { resources: 1 } => (Level::Info, "Reading 1 resource...".to_owned()),
        Event::Refreshing { resources } if *resources > 0 => (Level::Info, format!("Reading {resources} resources...")),
        Event::Started { address, action } => (Level::Info, format!("{} {}...", doing(*action), board.name(address))),
        Event::Waiting { address, message } => {
            let thing = board.thing(address);
            let since = thing.and_then(|thing| Some(of_usual(thing.elapsed(now)?, thing.usual)));
            let since = since.map(|since| format!(" ({since})")).unwrap_or_default();
            (Level::Debug, format!("{}: {}{since}", board.name(address), plain_text(message)))
        }
        Event::Retrying { address, error, after } => {
            let text = plain_text(error);
            (Level::Warn, format!("{}: {text}; trying again in {}", board.name(address), spoken(*after)))
        }
        Event::Finished { address, action, took } => {
            (Level::Info, format!("{} {} ({})", done(*action), board.name(address), spoken(*took)))
        }
        Event::Failed { address, diagnostic, again: false } => {
            (Level::Error, format!("{} failed: {}", board.name(address), plain_text(&diagnostic.detail)))
        }
        // One cause is told once; what it concerns is counted in the end.
        Event::Failed { address, .. } => (Level::Debug, format!("{} failed, for the same cause", board.name(address))),
        Event::Skipped { address, because } => {
            (Level::Debug, format!("{} was not begun, because {} failed", board.name(address), board.name(because)))
        }
        Event::NotBegun { addresses, because } => {
            let what = match addresses.as_slice() {
                [one] => format!("{} was", board.name(one)),
                several => format!("{} changes were", several.len()),
            };
            let (first, others) = because.split_first()?;
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            (Level::Warn, format!("{what} not begun, because {}{more} failed", board.name(first)))
        }
        Event::NotReady { causes } => {
            (Level::Info, format!("Waiting until the platform is ready: {}", plain_text(&causes.join("; "))))
        }
        Event::Ready => (Level::Info, "The platform is ready".to_owned()),
        _ => return None,
    })
}
