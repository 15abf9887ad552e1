//! The one place that writes to the terminal: words and data scroll, and below them stands a live area that is painted anew.
//!
//! The cursor always rests at the start of the line below the area. So whatever ends the process, and whoever writes besides,
//! finds an empty line; and nothing (cursor, colours, modes) has to be put back.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use console::measure_text_width;

/// A wider terminal is not used beyond this: short rows are read more easily, and hardly any of them wraps when it shrinks.
const MAX_COLUMNS: usize = 100;

/// Room on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

static AREA: Mutex<Area> = Mutex::new(Area { lines: Vec::new() });

/// Whether the area is not kept any more.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Whether stderr is a terminal on which lines can be painted over.
pub fn can_paint() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// How much room there is.
pub fn size() -> Size {
    let (rows, columns) = console::Term::stderr().size();
    Size { columns: usize::from(columns).min(MAX_COLUMNS), rows: usize::from(rows) }
}

/// Lines that stay, and below them a new area.
pub fn show(above: &[String], lines: Vec<String>) {
    let mut area = AREA.lock().unwrap_or_else(PoisonError::into_inner);
    let text = area.paint(above, lines, width());
    write(&text);
}

/// Takes the area away for good.
pub fn clear() {
    show(&[], Vec::new());
}

/// The same at the end of the process, which must not wait for somebody who writes.
pub fn clear_at_once() {
    if let Ok(mut area) = AREA.try_lock() {
        let text = area.paint(&[], Vec::new(), width());
        write(&text);
    }
}

/// The same for a process that breaks: from now on nobody waits for the area, which may be held by who will never let go of it.
pub fn give_up() {
    clear_at_once();
    GIVEN_UP.store(true, Ordering::SeqCst);
}

/// Writes whole lines, to stdout or stderr, above the area.
pub fn aside<T>(writing: impl FnOnce() -> T) -> T {
    if GIVEN_UP.load(Ordering::SeqCst) {
        return writing();
    }
    let mut area = AREA.lock().unwrap_or_else(PoisonError::into_inner);
    if area.lines.is_empty() {
        return writing();
    }
    let lines = std::mem::take(&mut area.lines);
    write(&Area { lines: lines.clone() }.paint(&[], Vec::new(), width()));
    let done = writing();
    let text = area.paint(&[], lines, width());
    write(&text);
    done
}

/// Of the terminal itself: rows that were painted wrap when it has become narrower.
fn width() -> usize {
    usize::from(console::Term::stderr().size().1)
}

/// Painting has to reach the terminal as it is; only colours are left out where they are not wanted.
fn write(text: &str) {
    if !text.is_empty() {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// Whether colours are wanted on stderr: it is a terminal, and `NO_COLOR` is not set.
pub fn has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

fn coloured(line: &str) -> String {
    if has_colour() { line.to_owned() } else { anstream::adapter::strip_str(line).to_string() }
}

/// What is painted at the moment.
#[derive(Debug, Default)]
struct Area {
    lines: Vec<String>,
}

impl Area {
    /// What to write so that `above` and then `lines` stand where the area was. Lines are written over, not cleared first, so that
    /// nothing flickers.
    fn paint(&mut self, above: &[String], lines: Vec<String>, columns: usize) -> String {
        if above.is_empty() && lines == self.lines {
            return String::new();
        }
        let rows: usize = self.lines.iter().map(|line| measure_text_width(line).div_ceil(columns.max(1)).max(1)).sum();
        let mut text = if rows > 0 { format!("\x1b[{rows}A\r") } else { String::new() };
        for line in above.iter().chain(&lines) {
            text += &coloured(line);
            text += "\x1b[K\n";
        }
        if rows > 0 {
            text += "\x1b[J";
        }
        self.lines = lines;
        text
    }
}

/// For logs: whole lines, above the area.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Who logs would panic at an error here. A stderr that nobody reads any more stops no deploy.
        let _ = aside(|| std::io::stderr().lock().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonzero(number: u16) -> std::num::NonZeroU16 {
        number.try_into().unwrap()
    }

    /// A terminal, and what was painted on it.
    struct Painted {
        terminal: vt100::Parser,
        area: Area,
    }

    impl Painted {
        fn new(rows: u16, columns: u16) -> Self {
            Self { terminal: vt100::Parser::new(nonzero(rows), nonzero(columns), 100), area: Area::default() }
        }

        fn paint(&mut self, above: &[&str], lines: &[&str]) {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let columns = usize::from(self.terminal.screen().size().1.get());
            let text = self.area.paint(&owned(above), owned(lines), columns);
            // The terminal's driver makes a line feed go to the start of the line too.
            self.terminal.process(text.replace('\n', "\r\n").as_bytes());
        }

        fn shown(&self) -> String {
            self.terminal.screen().contents()
        }
    }

    #[test]
    fn what_stays_scrolls_and_the_area_is_painted_over() {
        let mut painted = Painted::new(6, 20);
        painted.paint(&[], &["1 of 9", " └ long long"]);
        painted.paint(&["✓ a"], &["2 of 9", " └ b"]);
        assert_eq!(painted.shown(), "✓ a\n2 of 9\n └ b");
        painted.paint(&["✓ c"], &["3 of 9"]);
        assert_eq!(painted.shown(), "✓ a\n✓ c\n3 of 9");
        // More than the terminal has room for scrolls away, and nothing of the area stays in between.
        for at in 0..8 {
            painted.paint(&[&format!("✓ {at}")], &["n of 9", " ├ x", " └ y"]);
        }
        assert_eq!(painted.shown(), "✓ 6\n✓ 7\nn of 9\n ├ x\n └ y");
        painted.paint(&[], &[]);
        assert_eq!(painted.shown(), "✓ 6\n✓ 7");
        painted.terminal.screen_mut().set_scrollback(100);
        assert!(painted.shown().starts_with("✓ a\n✓ c\n✓ 0\n✓ 1\n✓ 2"), "{}", painted.shown());
    }

    #[test]
    fn what_a_key_wrote_below_the_area_is_painted_over() {
        let mut painted = Painted::new(6, 20);
        painted.paint(&[], &["1 of 9", " └ a"]);
        painted.terminal.process(b"^C");
        painted.paint(&["Stopping"], &["1 of 9", " └ a"]);
        assert_eq!(painted.shown(), "Stopping\n1 of 9\n └ a");
        assert_eq!(painted.terminal.screen().cursor_position(), (3, 0));
    }

    #[test]
    fn rows_that_wrapped_when_the_terminal_shrank_are_painted_over() {
        // As terminals do that reflow: the row of 30 takes three rows of 12.
        let row = "123456789012345678901234567890";
        let mut painted = Painted::new(8, 12);
        painted.terminal.process(format!("before\r\n{row}\r\n").as_bytes());
        painted.area.lines = vec![row.to_owned()];
        painted.paint(&[], &["short"]);
        assert_eq!(painted.shown(), "before\nshort");
    }
}
