//! Progress, told while it happens: plain lines, or a live list on a terminal.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nic_core::address::Address;
use nic_core::plan::Action;
use nic_core::ports::{Event, Reporter};

/// What people call each resource: `Node group general`.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<Address, String>);

impl Names {
    fn learn(&mut self, event: &Event) {
        if let Event::Planned(plan) = event {
            self.0 =
                plan.changes.iter().map(|c| (c.address.clone(), format!("{} {}", c.title, c.address.name()))).collect();
        }
    }

    fn of(&self, address: &Address) -> String {
        self.0.get(address).cloned().unwrap_or_else(|| address.to_string())
    }
}

/// A duration as people say it.
pub fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", duration.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

fn doing(action: Action) -> &'static str {
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

/// One line for one event, with its level; none for what needs no line.
pub fn describe(names: &mut Names, event: &Event) -> Option<(&'static str, String)> {
    names.learn(event);
    Some(match event {
        Event::Refreshing { resources } if *resources > 0 => ("info", format!("Reading {resources} resources...")),
        Event::Started { address, action } => ("info", format!("{} {}...", doing(*action), names.of(address))),
        Event::Waiting { address, message } => ("debug", format!("{}: {message}", names.of(address))),
        Event::Retrying { address, error, after } => {
            ("warn", format!("{}: {error}; trying again in {}", names.of(address), spoken(*after)))
        }
        Event::Finished { address, action, took } => {
            ("info", format!("{} {} ({})", done(*action), names.of(address), spoken(*took)))
        }
        Event::Failed { address, diagnostic } => {
            ("error", format!("{} failed: {}", names.of(address), diagnostic.detail))
        }
        Event::Skipped { address, because } => {
            ("warn", format!("{} was not begun, because {} failed", names.of(address), names.of(because)))
        }
        _ => return None,
    })
}

/// Timestamped lines, for logs and pipes.
#[derive(Default)]
pub struct Plain {
    names: Mutex<Names>,
}

impl Reporter for Plain {
    fn report(&self, event: Event) {
        let Ok(mut names) = self.names.lock() else { return };
        if let Some((level, line)) = describe(&mut names, &event)
            && level != "debug"
        {
            let now = nic_core::ports::Clock::now(&crate::clock::SystemClock::default());
            let time = now.get(11..19).unwrap_or_default().to_owned();
            let _ = writeln!(std::io::stderr(), "{time} {line}");
        }
    }
}

/// A live list of what runs and waits; what is done scrolls up.
pub struct Live {
    names: Mutex<Names>,
    bars: MultiProgress,
    running: Mutex<BTreeMap<Address, ProgressBar>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { names: Mutex::default(), bars: MultiProgress::new(), running: Mutex::default() }
    }
}

impl Live {
    fn bar(&self, text: String) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {elapsed:.dim} {wide_msg:.dim}") {
            bar.set_style(style);
        }
        bar.set_prefix(text);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

impl Reporter for Live {
    fn report(&self, event: Event) {
        let (Ok(mut names), Ok(mut running)) = (self.names.lock(), self.running.lock()) else { return };
        let Some((level, line)) = describe(&mut names, &event) else { return };
        match &event {
            Event::Started { address, .. } => {
                let line = line.trim_end_matches('.').to_owned();
                if let Some(old) = running.insert(address.clone(), self.bar(line)) {
                    old.finish_and_clear();
                }
            }
            Event::Waiting { address, message } => {
                if let Some(bar) = running.get(address) {
                    bar.set_message(message.clone());
                }
            }
            Event::Retrying { address, error, .. } => {
                if let Some(bar) = running.get(address) {
                    bar.set_message(format!("retrying: {error}"));
                }
            }
            Event::Finished { address, .. } | Event::Failed { address, .. } | Event::Skipped { address, .. } => {
                if let Some(bar) = running.remove(address) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                let style = match level {
                    "error" => anstyle::AnsiColor::Red.on_default(),
                    "warn" => anstyle::AnsiColor::Yellow.on_default(),
                    _ => anstyle::AnsiColor::Green.on_default(),
                };
                let sign = if level == "info" { "✓" } else { "✗" };
                self.bars.suspend(|| {
                    let _ = writeln!(anstream::stderr(), "  {style}{sign}{style:#} {line}");
                });
            }
            _ => self.bars.suspend(|| {
                let _ = writeln!(anstream::stderr(), "{line}");
            }),
        }
    }
}
