//! Text that a component made, on its way to a terminal, a log or the state.

use super::fault::Fault;
use super::limits::{MAX_LINE_BYTES, MAX_MESSAGE_BYTES, MAX_REMOTE_ID_BYTES};

/// Said where text was cut.
const CUT: &str = " [cut]";

/// Characters that move a cursor, change colours or reverse the reading order: shown by their code instead.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn clean(text: &str, limit: usize, keep: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for c in text.chars() {
        if out.len() >= limit {
            out.push_str(CUT);
            break;
        }
        if is_deceptive(c) && !keep(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// One line, control characters escaped, cut to the limit of a line.
pub fn line(text: &str) -> String {
    clean(text, MAX_LINE_BYTES, |_| false)
}

/// A message that may have several lines; control characters escaped, cut to the limit of a message.
pub(super) fn paragraph(text: &str) -> String {
    clean(text, MAX_MESSAGE_BYTES, |c| c == '\n' || c == '\t')
}

/// A stable name, or `PROVIDER_ERROR` when it is not shaped like one.
pub(super) fn code(text: &str) -> String {
    let shaped = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if shaped { text.to_owned() } else { "PROVIDER_ERROR".to_owned() }
}

/// A remote id as it is: changing it would name something else.
pub(super) fn remote_id(text: String) -> Result<String, Fault> {
    if text.is_empty() || text.len() > MAX_REMOTE_ID_BYTES || text.chars().any(is_deceptive) {
        return Fault::bad(format!(
            "a remote id of {} bytes is empty, too long or holds control characters",
            text.len()
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_a_terminal_is_shown_by_its_code() {
        assert_eq!(line("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(paragraph("a\nb\u{7}"), "a\nb\\u{7}");
        assert_eq!(line("Größe 日本"), "Größe 日本");
    }

    #[test]
    fn long_text_is_cut_and_said_to_be() {
        let cut = line(&"é".repeat(MAX_LINE_BYTES));
        assert!(cut.ends_with(CUT) && cut.len() <= MAX_LINE_BYTES + CUT.len() + 2);
    }

    #[test]
    fn codes_and_ids_are_checked() {
        assert_eq!(code("QUOTA_EXCEEDED"), "QUOTA_EXCEEDED");
        assert_eq!(code("quota exceeded"), "PROVIDER_ERROR");
        assert!(remote_id("vpc-1".to_owned()).is_ok());
        assert!(remote_id("vpc\n1".to_owned()).is_err());
        assert!(remote_id(String::new()).is_err());
    }
}
