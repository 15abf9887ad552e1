//! The lines of the config around what is wrong, cut to the terminal's width.

use std::ops::Range;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError, MietteSpanContents, Report,
    SourceCode, SourceSpan, SpanContents,
};
use nic_core::diagnostic::{Diagnostic, Severity};

use super::wrap;
use crate::config::ConfigSource;

/// What stands where a line was cut.
const CUT: char = '…';

/// A diagnostic above the line that holds the span, and those around it.
pub(super) fn excerpt(diagnostic: &Diagnostic, source: &ConfigSource, span: Range<usize>) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
        Severity::Info => miette::Severity::Advice,
    };
    let column = source.text[..span.start].rsplit('\n').next().unwrap_or_default().chars().count();
    let (text, span) = within_width(&without_controls(&masked(&source.text)), span);
    // A label is not wrapped: what has no room there goes into the message, which is.
    let (message, label) = if fits(&diagnostic.detail, &text, &span) {
        (diagnostic.summary.clone(), LabeledSpan::at(span, diagnostic.detail.clone()))
    } else {
        (format!("{}: {}", diagnostic.summary, diagnostic.detail), LabeledSpan::underline(span))
    };
    let mut report =
        MietteDiagnostic::new(message).with_code(diagnostic.code.clone()).with_severity(severity).with_label(label);
    if !diagnostic.hints.is_empty() {
        report = report.with_help(diagnostic.hints.join("\n"));
    }
    let shown = Shown { text, name: source.path.display().to_string(), column };
    let report = Report::new(report).with_source_code(shown);
    let mut text = String::new();
    // Colour is stripped by the stream where there is no terminal for it.
    let handler =
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_width(wrap::WIDTH).with_links(false);
    if handler.render_report(&mut text, report.as_ref()).is_err() {
        text = format!("{}: {}", diagnostic.summary, diagnostic.detail);
    }
    text.trim_end().to_owned()
}

/// The config as it is shown. What is meant is told by its column in the file, from 0, whatever was cut before it.
struct Shown {
    text: String,
    name: String,
    column: usize,
}

impl SourceCode for Shown {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, before, after)?;
        // Without lines around it, it is the span itself that is asked for.
        let column = if before == 0 { self.column } else { found.column() };
        let (name, at) = (self.name.clone(), *found.span());
        let named = MietteSpanContents::new_named(name, found.data(), at, found.line(), column, found.line_count());
        Ok(Box::new(named))
    }
}

/// How many columns stand before the text of a line that many lines into a file, or the next one.
fn gutter(lines: usize) -> usize {
    (lines + 1).to_string().len() + 4
}

fn columns(c: char) -> usize {
    if c == '\t' { 4 } else { 1 }
}

fn width(line: &str) -> usize {
    line.chars().map(columns).sum()
}

/// The text with every line cut to the width, and where the span is in it. The line that holds the span is cut around it.
fn within_width(text: &str, span: Range<usize>) -> (String, Range<usize>) {
    let room = wrap::WIDTH - gutter(text[..span.start].matches('\n').count() + 1);
    let (mut out, mut at, mut begin) = (String::with_capacity(text.len()), span.clone(), 0);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        let holds = span.start >= begin && span.start < begin + line.len();
        let (start, end) =
            if holds { ((span.start - begin).min(bare.len()), (span.end - begin).min(bare.len())) } else { (0, 0) };
        let has_room = width(bare) <= room || width(&bare[..end]) < room;
        let from = if has_room { 0 } else { before(bare, start, room / 3) };
        if from > 0 {
            out.push(CUT);
        }
        let rest = &bare[from..];
        let whole = usize::from(from > 0) + width(rest) <= room;
        let kept = if whole { rest } else { head(rest, room - 1 - usize::from(from > 0)) };
        if holds {
            let (most, length) = (out.len() + kept.len(), end.saturating_sub(start));
            let start = (out.len() + start - from).min(most);
            at = start..(start + length).min(most);
        }
        out.push_str(kept);
        if !whole {
            out.push(CUT);
        }
        out.push_str(&line[bare.len()..]);
        begin += line.len();
    }
    (out, at)
}

/// The byte at most that many columns before another.
fn before(line: &str, at: usize, room: usize) -> usize {
    let mut taken = 0;
    let fits = |(_, c): &(usize, char)| {
        taken += columns(*c);
        taken <= room
    };
    line[..at].char_indices().rev().take_while(fits).last().map_or(at, |(byte, _)| byte)
}

/// As much of the line as has room.
fn head(line: &str, room: usize) -> &str {
    let mut taken = 0;
    let end = line.char_indices().find(|(_, c)| {
        taken += columns(*c);
        taken > room
    });
    end.map_or(line, |(byte, _)| &line[..byte])
}

/// Whether a label has room on its line: after the line's number, and an arm from the middle of what it points at.
fn fits(label: &str, text: &str, span: &Range<usize>) -> bool {
    let before = &text[..span.start];
    let lines = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let arm = text[span.clone()].chars().count() / 2 + 4;
    !label.contains('\n') && gutter(lines) + column + arm + label.chars().count() <= wrap::WIDTH
}

/// The config's text with what stands behind telling keys blotted out, byte for byte: an excerpt shows the lines around what is wrong,
/// and ends in logs.
fn masked(text: &str) -> String {
    const TELLING: [&str; 6] = ["password", "secret", "token", "private_key", "access_key", "credential"];
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some(colon) = rest.find(':') {
            let (key, after) = rest.split_at(colon + 1);
            out.push_str(key);
            rest = after;
            let word = key.rsplit(['{', ',', ' ']).next().unwrap_or_default().to_ascii_lowercase();
            if TELLING.iter().any(|telling| word.contains(telling)) {
                let value = rest.find([',', '}', '\n', '\r', '#']).unwrap_or(rest.len());
                let (value, after) = rest.split_at(value);
                out.extend(value.bytes().map(|byte| if byte.is_ascii_whitespace() { ' ' } else { '*' }));
                rest = after;
            }
        }
        out.push_str(rest);
    }
    out
}

/// The text with something to be seen in the place of what would move a cursor, byte for byte.
fn without_controls(text: &str) -> String {
    let moves = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if !text.contains(moves) {
        return text.to_owned();
    }
    text.chars().map(|c| if moves(c) { "?".repeat(c.len_utf8()) } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_excerpt_shows_no_password() {
        let text =
            "security:\n  keycloak: {initial_root_password: hunter2, x: 1}\n  client_secret: \"é\" # why\n  a: b\n";
        let masked = masked(text);
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains("hunter2") && !masked.contains('é'), "{masked}");
        assert!(
            masked.contains(" *******, x: 1}") && masked.contains("# why") && masked.contains("  a: b"),
            "{masked}"
        );
    }

    fn lines(text: &str, wrong: &str) -> Vec<String> {
        let start = text.find(wrong).unwrap();
        let source = ConfigSource { path: "nebari-config.yaml".into(), text: Arc::from(text), spans: Vec::new() };
        let told = Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", "it is odd");
        let shown = excerpt(&told, &source, start..start + wrong.len());
        let shown = anstream::adapter::strip_str(&shown).to_string();
        shown.lines().map(str::to_owned).collect()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_what_is_wrong_is_seen() {
        let long = "x".repeat(200);
        for (text, wrong, column) in [
            (format!("a: wrong # {long}\nb: {long}\n"), "wrong", 4),
            (format!("b: {long}\na: [{long}, wrong, {long}]\r\nc: 1\n"), "wrong", 207),
            (format!("a: [é{long}, wrong]\n"), "wrong", 208),
            (format!("a: {{\n\tb: [{long}, wrong]}}\n"), "wrong", 208),
        ] {
            let shown = lines(&text, wrong);
            assert!(shown.iter().all(|line| line.chars().count() <= wrap::WIDTH), "{shown:#?}");
            assert!(shown.iter().any(|line| line.contains(wrong)), "{shown:#?}");
            assert!(
                shown.iter().any(|line| line.contains(&format!(
                    "nebari-config.yaml:{}:{column}",
                    1 + text[..text.find(wrong).unwrap()].matches('\n').count()
                ))),
                "{shown:#?}"
            );
            // The mark stands below it.
            let at = shown.iter().position(|line| line.contains(wrong)).unwrap();
            let column = |line: &str, word: &str| line[..line.find(word).unwrap()].chars().count();
            assert_eq!(column(&shown[at + 1], "──┬──"), column(&shown[at], wrong), "{shown:#?}");
        }
        // What has no room itself is shown from its beginning.
        let shown = lines(&format!("a: {long}\n"), &long);
        assert!(shown.iter().all(|line| line.chars().count() <= wrap::WIDTH), "{shown:#?}");
        assert!(shown.iter().any(|line| line.contains("a: xxx") && line.ends_with(CUT)), "{shown:#?}");
    }

    #[test]
    fn nothing_in_a_config_moves_the_cursor() {
        assert_eq!(without_controls("a: \0é\u{1b}[2K\u{85}\tb\r\n"), "a: ?é?[2K??\tb\r\n");
    }

    #[test]
    fn what_has_room_is_as_it_was() {
        let text = "a: 1\r\nb: two\n\nc: 3";
        assert_eq!(within_width(text, 9..12), (text.to_owned(), 9..12));
        assert_eq!(within_width(text, 14..18), (text.to_owned(), 14..18));
    }
}
