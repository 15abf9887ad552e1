//! What will be done, said up front, and how far it is.

use std::io::Write;
use std::time::Instant;

/// Says a line on stderr.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The steps of one command.
pub struct Steps {
    names: Vec<String>,
    at: usize,
    started: Instant,
    step_started: Instant,
}

impl Steps {
    /// Says what will be done.
    pub fn new(names: &[&str]) -> Self {
        say(&format!("This takes {} steps; with nothing cached, minutes each:", names.len()));
        for (index, name) in names.iter().enumerate() {
            say(&format!("  {}. {name}", index + 1));
        }
        let now = Instant::now();
        Self { names: names.iter().map(|name| (*name).to_owned()).collect(), at: 0, started: now, step_started: now }
    }

    /// Begins the next step.
    pub fn next(&mut self) {
        self.finish();
        if let Some(name) = self.names.get(self.at) {
            say(&format!("\n[{}/{}] {name}", self.at + 1, self.names.len()));
        }
        self.at += 1;
        self.step_started = Instant::now();
    }

    fn finish(&self) {
        if self.at > 0 {
            say(&format!("   took {:.0} s", self.step_started.elapsed().as_secs_f64()));
        }
    }

    /// Says how long it all took.
    pub fn done(&self) {
        self.finish();
        say(&format!("\nAll {} steps done in {:.0} s.", self.names.len(), self.started.elapsed().as_secs_f64()));
    }
}
