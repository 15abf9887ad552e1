//! Progress, told while it happens: a live tree on a terminal; lines of text or JSON where there is none; events for programs.
//!
//! One [`Board`] keeps what is known, one view tells it. Views are pure: they turn the board and an event, or the time that has
//! passed, into lines; this file alone knows clocks, threads and where lines go.

mod board;
mod durations;
mod estimate;
pub(super) mod events;
mod frame;
mod groups;
mod lines;
mod words;

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nic_core::ports::{Clock as _, Event, Reporter};
use serde_json::json;

pub use board::Board;
pub use words::{Level, spoken};

use nic_system::SystemClock;

pub use self::durations::Durations;
use self::lines::{Line, Lines};
use super::{Format, json, screen};

/// How often the live tree is painted.
const PAINT: Duration = Duration::from_millis(120);

/// How often lines look for what has been going on for long.
const LOOK: Duration = Duration::from_secs(1);

/// How a run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Silent,
    /// A tree on the terminal.
    Live,
    /// Lines on stderr, in one of the formats; the least level that is told.
    Lines(Format, Level),
    /// JSON lines on stdout.
    Events,
}

/// Tells a run as it goes, and remembers how long things took.
pub struct ProgressReporter {
    shared: Arc<Mutex<Shared>>,
    durations: Option<PathBuf>,
    ticker: Option<Ticker>,
}

struct Shared {
    board: Board,
    style: Style,
    lines: Lines,
    started: Instant,
}

impl ProgressReporter {
    /// With what earlier runs took; what this one takes is kept in that file, if there is one.
    pub fn new(style: Style, durations: Option<PathBuf>, history: Durations) -> Self {
        let shared = Shared { board: Board::new(history), style, lines: Lines::default(), started: Instant::now() };
        let shared = Arc::new(Mutex::new(shared));
        let period = match style {
            Style::Live => Some(PAINT),
            Style::Lines(..) => Some(LOOK),
            Style::Silent | Style::Events => None,
        };
        let ticker = period.and_then(|period| Ticker::start(period, shared.clone()));
        Self { shared, durations, ticker }
    }
}

impl Reporter for ProgressReporter {
    fn report(&self, event: Event) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
    }
}

impl Drop for ProgressReporter {
    fn drop(&mut self) {
        drop(self.ticker.take());
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.style == Style::Live {
            screen::clear();
        }
        if let (Some(path), Some(durations)) = (&self.durations, shared.board.learned()) {
            durations.write(path);
        }
    }
}

impl Shared {
    fn event(&mut self, event: &Event) {
        let now = self.started.elapsed();
        // How long something ran is known only until its end is noted.
        let before = if let Style::Events = self.style { events::line(event, &self.board, now) } else { None };
        self.board.note(event, now);
        match self.style {
            Style::Silent => {}
            Style::Live => {
                let size = screen::size();
                let above = frame::above(&self.board, event, now, size.columns);
                screen::show(&above, frame::frame(&self.board, now, size));
            }
            Style::Lines(format, least) => {
                let line = self.lines.event(&self.board, event, now);
                tell(format, least, line.as_slice());
            }
            Style::Events => {
                // A plan's estimate is known only once it is noted.
                let after = matches!(event, Event::Planned(_)).then(|| events::line(event, &self.board, now));
                if let Some(line) = after.unwrap_or(before) {
                    events::write(line);
                }
            }
        }
    }

    fn tick(&mut self) {
        let now = self.started.elapsed();
        match self.style {
            Style::Live => screen::show(&[], frame::frame(&self.board, now, screen::size())),
            Style::Lines(format, least) => tell(format, least, &self.lines.tick(&self.board, now)),
            Style::Silent | Style::Events => {}
        }
    }
}

fn tell(format: Format, least: Level, lines: &[Line]) {
    for Line { level, message, address, addresses } in lines.iter().filter(|line| line.level >= least) {
        let text = match format {
            Format::Text => {
                let now = SystemClock::default().now();
                format!("{} {message}", now.get(11..19).unwrap_or_default())
            }
            Format::Json => {
                let mut line = json::line(level.word(), message);
                if let Some(address) = address {
                    line["address"] = json!(address);
                }
                if !addresses.is_empty() {
                    line["addresses"] = json!(addresses);
                }
                line.to_string()
            }
        };
        screen::aside(|| {
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }
}

/// Lets time pass for the view: a thread, so that a busy or blocked runtime does not stop the clock.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// None when the system gives no thread: then only events are told.
    fn start(period: Duration, shared: Arc<Mutex<Shared>>) -> Option<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let tick = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(period) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).tick();
            }
        };
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(tick).ok()?;
        Some(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
