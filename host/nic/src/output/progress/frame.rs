//! The live area of a terminal as lines of text: what runs and waits, in groups, with how long it has taken and usually takes.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use console::{measure_text_width, truncate_str};
use nic_core::ports::Event;
use textwrap::{Options, WordSplitter};

use super::board::{Board, Running, Standing, Tally, Thing};
use super::groups::Group;
use super::words::{Level, describe, doing, of_usual, rough, whole};
use crate::output::screen::Size;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// Turns while something runs.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// How long each of its steps is shown.
const STEP: Duration = Duration::from_millis(120);

/// What may be left out when there is no room, the last first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Runs,
    Failed,
    Waits,
    Done,
}

struct Row {
    depth: usize,
    weight: Weight,
    left: String,
    right: String,
}

/// The lines, none of them wider than the terminal and not more than it has room for; none at all before the first change, and after the
/// last one only while the platform is not ready.
pub(super) fn frame(board: &Board, now: Duration, size: Size) -> Vec<String> {
    let tally = board.whole();
    let (head, since, rows) = match (board.unready(), board.elapsed(now).filter(|_| !tally.is_settled())) {
        (Some(unready), _) => {
            let head = format!("{} {BOLD}Waiting until the platform is ready{BOLD:#}", spinner(now));
            (head, now.saturating_sub(unready.since), unready.causes.iter().map(|cause| missing(cause)).collect())
        }
        (None, Some(elapsed)) => (summary(board, tally, now), elapsed, rows(board, now)),
        (None, None) => return Vec::new(),
    };
    // The cursor rests in the line below; a third is left for what was said before.
    let room = (size.rows * 2 / 3).min(size.rows.saturating_sub(1));
    if room == 0 {
        return Vec::new();
    }
    let columns = size.columns.saturating_sub(1);
    let mut lines = vec![line(&head, &dim(&whole(since)), columns)];
    let rows = fitting(rows, room - 1);
    for (at, row) in rows.iter().enumerate() {
        let branch = branch(&rows, at);
        lines.push(line(&format!("{branch}{}", row.left), &dim(&row.right), columns));
    }
    lines
}

fn missing(cause: &str) -> Row {
    Row { depth: 0, weight: Weight::Waits, left: cause.to_owned(), right: String::new() }
}

/// What stays when it is said: the end of something, and what went wrong.
pub(super) fn above(board: &Board, event: &Event, now: Duration, columns: usize) -> Vec<String> {
    let Some((level, text)) = describe(board, event, now) else { return Vec::new() };
    let columns = columns.saturating_sub(1);
    let (style, sign) = match event {
        Event::Refreshing { .. } => return vec![truncate_str(&text, columns, "…").into_owned()],
        Event::Finished { .. } => {
            let (name, took) = text.rsplit_once(" (").unwrap_or((&text, ""));
            let took = dim(&format!(" ({took}"));
            let room = columns.saturating_sub(4 + measure_text_width(&took));
            return vec![format!("  {GREEN}✓{GREEN:#} {}{took}", truncate_str(name, room, "…"))];
        }
        Event::Failed { again: false, .. } => (RED, '✗'),
        Event::NotBegun { .. } => (YELLOW, '✗'),
        _ => return Vec::new(),
    };
    debug_assert!(level >= Level::Warn, "what went well is one line");
    let options = Options::new(columns.saturating_sub(4).max(20)).word_splitter(WordSplitter::NoHyphenation);
    let wrapped = textwrap::wrap(&text, options);
    let indented = |(at, part): (usize, &std::borrow::Cow<'_, str>)| match at {
        0 => format!("  {style}{sign}{style:#} {part}"),
        _ => format!("    {part}"),
    };
    wrapped.iter().enumerate().map(indented).collect()
}

fn dim(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{DIM}{text}{DIM:#}") }
}

/// Two texts at the two ends of a line; the first gives way.
fn line(left: &str, right: &str, columns: usize) -> String {
    let width = measure_text_width(right);
    if columns == 0 {
        return String::new();
    }
    if width == 0 || width + 12 > columns {
        return truncate_str(left, columns, "…").into_owned();
    }
    let room = columns - width - 1;
    let left = truncate_str(left, room, "…");
    let gap = room + 1 - measure_text_width(&left);
    format!("{left}{:gap$}{right}", "")
}

/// `12 of 55, about 6m left`
fn summary(board: &Board, tally: Tally, now: Duration) -> String {
    let mut text = format!("{BOLD}{} of {}{BOLD:#}", tally.done, tally.all);
    if tally.failed > 0 {
        let _ = write!(text, ", {RED}{} failed{RED:#}", tally.failed);
    }
    if tally.skipped > 0 {
        let _ = write!(text, ", {YELLOW}{} not begun{YELLOW:#}", tally.skipped);
    }
    match board.left(now) {
        Some(left) if left >= Duration::from_secs(5) => {
            let _ = write!(text, ", about {} left", rough(left));
        }
        Some(left) if !left.is_zero() => text.push_str(", a few seconds left"),
        _ => {}
    }
    text
}

fn rows(board: &Board, now: Duration) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in board.groups() {
        let depth = usize::from(group.inside.is_some());
        rows.push(head(board, group, depth, now));
        let mut running: Vec<(&Thing, &Running)> = group
            .members
            .iter()
            .filter(|place| group.head != Some(**place))
            .filter_map(|place| {
                let thing = board.things().get(*place)?;
                match &thing.standing {
                    Standing::Runs(running) => Some((thing, running)),
                    _ => None,
                }
            })
            .collect();
        running.sort_by_key(|(_, running)| running.since);
        rows.extend(running.into_iter().map(|(thing, running)| {
            let left = format!("{} {}", spinner(now), active(thing, running, ""));
            let right = of_usual(now.saturating_sub(running.since), thing.usual);
            Row { depth: depth + 1, weight: Weight::Runs, left, right }
        }));
    }
    // A branch stays as long as anything on it runs.
    for at in (0..rows.len()).rev() {
        let depth = rows[at].depth;
        let below = rows[at + 1..].iter().take_while(|row| row.depth > depth);
        if let Some(weight) = below.map(|row| row.weight).min() {
            rows[at].weight = rows[at].weight.min(weight);
        }
    }
    rows
}

/// The row of a group: its head, and how far the whole of it is.
fn head(board: &Board, group: &Group, depth: usize, now: Duration) -> Row {
    let tally = board.tally(group.members.iter().copied());
    let thing = group.head.and_then(|head| board.things().get(head));
    let count = match (tally, thing) {
        (Tally { all: 1, .. }, Some(thing)) if thing.is_changed() => String::new(),
        (Tally { all, done, failed: 0, .. }, _) => format!(" ({done} of {all})"),
        (Tally { all, done, failed, .. }, _) => format!(" ({done} of {all}, {failed} failed)"),
    };
    let name = thing.map_or("Others", |thing| &thing.name);
    if let Some((thing, running)) = thing.and_then(|thing| match &thing.standing {
        Standing::Runs(running) => Some((thing, running)),
        _ => None,
    }) {
        let left = format!("{} {}", spinner(now), active(thing, running, &count));
        let right = of_usual(now.saturating_sub(running.since), thing.usual);
        return Row { depth, weight: Weight::Runs, left, right };
    }
    let mut members = group.members.iter().filter_map(|place| board.things().get(*place));
    let begun = members.any(|thing| matches!(thing.standing, Standing::Runs(_) | Standing::Done));
    let (sign, weight, name) = match tally {
        tally if tally.failed + tally.skipped > 0 => (format!("{RED}✗{RED:#}"), Weight::Failed, name.to_owned()),
        tally if tally.is_settled() => (format!("{GREEN}✓{GREEN:#}"), Weight::Done, name.to_owned()),
        _ if begun => (format!("{CYAN}•{CYAN:#}"), Weight::Waits, name.to_owned()),
        _ => (dim("·"), Weight::Waits, dim(name)),
    };
    Row { depth, weight, left: format!("{sign} {name}{}", dim(&count)), right: String::new() }
}

fn spinner(now: Duration) -> String {
    let step = now.as_millis() / STEP.as_millis() % SPINNER.len() as u128;
    let sign = usize::try_from(step).ok().and_then(|step| SPINNER.get(step)).unwrap_or(&SPINNER[0]);
    format!("{CYAN}{sign}{CYAN:#}")
}

/// What runs, and what the cloud says about it.
fn active(thing: &Thing, running: &Running, count: &str) -> String {
    let message = running.message.clone().unwrap_or_else(|| doing(running.doing).to_lowercase());
    format!("{}{}: {message}", thing.name, dim(count))
}

/// As many rows as there is room for: what is done gives way first, then what waits. What runs and is not shown is counted.
fn fitting(mut rows: Vec<Row>, room: usize) -> Vec<Row> {
    while rows.len() > room {
        let Some(done) = rows.iter().rposition(|row| row.weight == Weight::Done) else { break };
        rows.remove(done);
    }
    if rows.len() <= room {
        return rows;
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| (rows[*at].weight, *at));
    let mut kept: Vec<usize> = order.into_iter().take(room.saturating_sub(1)).collect();
    kept.sort_unstable();
    let hidden = rows.len() - kept.len();
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
    if room > 0 {
        rows.push(Row {
            depth: 0,
            weight: Weight::Waits,
            left: dim(&format!("… and {hidden} more")),
            right: String::new(),
        });
    }
    rows
}

/// ` │ ├ ` before a row.
fn branch(rows: &[Row], at: usize) -> String {
    let goes_on = |depth: usize| {
        let below = rows[at + 1..].iter().take_while(|row| row.depth >= depth);
        below.into_iter().any(|row| row.depth == depth)
    };
    let depth = rows[at].depth;
    let mut text = String::from(" ");
    for outer in 0..depth {
        text.push_str(if goes_on(outer) { "│ " } else { "  " });
    }
    text.push_str(if goes_on(depth) { "├ " } else { "└ " });
    dim(&text)
}
