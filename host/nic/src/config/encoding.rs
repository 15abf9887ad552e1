//! A file's bytes as text. Editors and shells write encodings and marks that are nobody's meaning.

/// What UTF-8 files from some editors begin with.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why bytes are no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUtf8 {
    /// The text before.
    pub(super) before: String,
    /// What is wrong.
    pub(super) why: String,
    /// What to do.
    pub(super) hint: &'static str,
}

/// The text, without the byte order marks that may stand where a document begins, and with line feeds for the line ends of old systems.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    if let Some(encoding) = wide(&bytes) {
        let why = format!("the file is {encoding}, not UTF-8");
        let hint = "save it as UTF-8; in PowerShell: `... | Out-File -Encoding utf8 nebari-config.yaml`";
        return Err(NotUtf8 { before: String::new(), why, hint });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let (before, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let byte = rest.first().copied().unwrap_or_default();
        // The rest of Latin-1 is control characters, which nobody wrote.
        let in_latin_1 = if byte < 0xa0 { String::new() } else { format!("; in Latin-1 it is `{}`", char::from(byte)) };
        let why = format!("the byte 0x{byte:02x} is not UTF-8{in_latin_1}");
        NotUtf8 { before: String::from_utf8_lossy(before).into_owned(), why, hint: "save the file as UTF-8" }
    })?;
    Ok(with_line_feeds(without_marks(text)))
}

/// The encoding of texts that hold a zero byte in every ASCII character.
fn wide(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some("UTF-16"),
        _ => {}
    }
    let zeros = bytes.split(|byte| *byte == 0).count() - 1;
    match zeros * 12 / bytes.len().max(1) {
        8.. => Some("UTF-32"),
        4.. => Some("UTF-16"),
        _ => None,
    }
}

fn without_marks(mut text: String) -> String {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    // Whoever puts a marker before such a file has the mark behind it.
    if let Some(at) = behind_marker(&text).filter(|at| text[*at..].starts_with(BYTE_ORDER_MARK)) {
        text.remove(at);
    }
    text
}

/// Where the text goes on behind the `---` that it begins with.
fn behind_marker(text: &str) -> Option<usize> {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        match line.trim_end() {
            "---" => return Some(end),
            prefix if prefix.is_empty() || prefix.starts_with(['#', '%']) => {}
            _ => return None,
        }
    }
    None
}

fn with_line_feeds(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let alone = letter == '\r' && letters.peek() != Some(&'\n');
        out.push(if alone { '\n' } else { letter });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_where_a_document_begins_are_nothing() {
        for (bytes, expected) in [
            ("\u{feff}a: 1\n", "a: 1\n"),
            ("---\n\u{feff}a: 1\n", "---\na: 1\n"),
            ("# x\n\n---\r\n\u{feff}a: 1\n", "# x\n\n---\r\na: 1\n"),
            ("a: 1\rb: 2\r\nc: 3\r", "a: 1\nb: 2\r\nc: 3\n"),
        ] {
            assert_eq!(text(bytes.into()).unwrap(), expected);
        }
        for kept in ["a: 1\n---\n\u{feff}b: 2\n", "a: \u{feff}1\n", "--- a\n\u{feff}b\n"] {
            assert_eq!(text(kept.into()).unwrap(), kept);
        }
    }

    #[test]
    fn what_is_not_utf_8_is_named() {
        let why = |bytes: &[u8]| text(bytes.to_vec()).unwrap_err().why;
        let little: Vec<u8> = "name: café\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "name: café\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let full: Vec<u8> = "name: café\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        for (bytes, encoding) in [
            (&little, "UTF-16"),
            (&big, "UTF-16"),
            (&full, "UTF-32"),
            (&[&[0xff_u8, 0xfe][..], &little].concat(), "UTF-16"),
            (&[&[0xfe_u8, 0xff][..], &big].concat(), "UTF-16"),
            (&[&[0xff_u8, 0xfe, 0, 0][..], &full].concat(), "UTF-32"),
        ] {
            assert!(why(bytes).contains(encoding), "{bytes:?}: {}", why(bytes));
        }
        let error = text(b"a: 1\nb: caf\xe9\n".to_vec()).unwrap_err();
        assert_eq!((error.before.as_str(), error.why.contains("0xe9")), ("a: 1\nb: caf", true));
        assert!(error.why.contains("`é`") && !why(b"a: \x93").contains("Latin"), "{}", error.why);
    }
}
