//! What will be done, said up front, how far it is, and what each part took.

use std::io::Write;
use std::time::{Duration, Instant};

/// Says a line on stderr.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `7 min 3 s`
pub fn took(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// The steps of one command.
pub struct Steps {
    names: Vec<String>,
    /// What the steps took that are done.
    took: Vec<Duration>,
    started: Instant,
    /// When the step began that is being done.
    began: Option<Instant>,
}

impl Steps {
    /// Says what will be done.
    pub fn new(names: &[&str]) -> Self {
        say(&format!("This takes {} steps; with nothing cached, minutes each:", names.len()));
        for (index, name) in names.iter().enumerate() {
            say(&format!("  {}. {name}", index + 1));
        }
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self { names, took: Vec::new(), started: Instant::now(), began: None }
    }

    /// Begins the next step.
    pub fn next(&mut self) {
        self.finish();
        if let Some(name) = self.names.get(self.took.len()) {
            say(&format!("\n[{}/{}] {name}", self.took.len() + 1, self.names.len()));
        }
        self.began = Some(Instant::now());
    }

    fn finish(&mut self) {
        if let Some(began) = self.began.take() {
            self.took.push(began.elapsed());
            say(&format!("   took {}", took(began.elapsed())));
        }
    }

    /// Says how long each step took, and all of them.
    pub fn done(&mut self) {
        self.finish();
        say(&format!("\nAll {} steps done in {}.", self.names.len(), took(self.started.elapsed())));
        self.table().iter().for_each(|line| say(line));
    }

    fn table(&self) -> Vec<String> {
        let line = |(name, time): (&String, &Duration)| format!("  {:>13}  {name}", took(*time));
        self.names.iter().zip(&self.took).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_stands_in_the_table_with_its_own_time() {
        let mut steps = Steps::new(&["lints", "the binary"]);
        steps.next();
        std::thread::sleep(Duration::from_millis(20));
        steps.next();
        steps.done();
        assert!(steps.took.len() == 2 && steps.took[0] >= Duration::from_millis(20), "{:?}", steps.took);
        steps.took = vec![Duration::from_secs(59), Duration::from_secs(423)];
        assert_eq!(steps.table(), ["           59 s  lints", "      7 min 3 s  the binary"]);
    }
}
