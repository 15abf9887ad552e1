//! Words that go on below each other in a terminal of 80 columns.

use std::fmt::Write as _;

/// Columns of the narrowest terminal that is thought of.
pub const WIDTH: usize = 80;

/// Words after a head that takes `indent` columns, in lines of at most [`WIDTH`]; further lines begin below the first word. Lines of
/// the text stay lines. A word is never cut: half a host name is another host.
pub fn hanging(head: &str, indent: usize, text: &str) -> String {
    let mut out = String::from(head);
    for (number, line) in text.trim_end().split('\n').enumerate() {
        let mut column = indent;
        if number > 0 {
            let _ = write!(out, "\n{:indent$}", "");
        }
        for word in line.split_whitespace() {
            let length = width(word);
            if column > indent && column + 1 + length > WIDTH {
                let _ = write!(out, "\n{:indent$}", "");
                column = indent;
            }
            if column > indent {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Columns of a word; what only colours it takes none.
pub fn width(word: &str) -> usize {
    let mut escaped = false;
    let shown = |c: &char| {
        escaped |= *c == '\u{1b}';
        let shown = !escaped;
        escaped &= *c != 'm';
        shown
    };
    word.chars().filter(shown).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_the_terminal_unless_a_word_is() {
        let long = "x".repeat(90);
        let text = hanging("  hint: ", 8, &format!("{} {long} end\nanother line", "word ".repeat(30)));
        assert!(text.lines().filter(|line| !line.contains(&long)).all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("        ")), "{text}");
        assert!(text.ends_with("end\n        another line"), "{text}");
        assert_eq!(hanging("  ", 2, ""), "");
        assert_eq!(width("\u{1b}[1mname\u{1b}[0m:"), 5);
    }
}
