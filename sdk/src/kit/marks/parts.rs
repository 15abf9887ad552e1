//! Text in labels that hold no more than small letters, digits, `-` and `_`, 63 of them.

use std::fmt::Write as _;

use crate::kit::names::shortened;

/// The longest value of such a label.
const LONGEST: usize = 63;

/// What stands where something was left out: no text is written so.
const CUT: &str = "_-";

/// The text as the value of a label: a dot as `__`, any other letter that such a label does not hold as `_` and its two hexadecimal
/// digits for each byte. What is too long then is cut, and told apart by a digest.
pub(super) fn written(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => written.push(char::from(byte)),
            b'.' => written.push_str("__"),
            other => {
                let _ = write!(written, "_{other:02x}");
            }
        }
    }
    if written.len() <= LONGEST { written } else { format!("{CUT}{}", shortened(&written, LONGEST - CUT.len())) }
}

/// The text again; none when it was cut, or is no such text.
pub(super) fn read(written: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = written.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'_' {
            bytes.push(first);
        } else if let Some(after) = rest.strip_prefix(b"_") {
            bytes.push(b'.');
            rest = after;
        } else {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["", "a.network.main", "A_b.c/d@e", "é", "__", "_", "-"] {
            assert_eq!(read(&written(text)).as_deref(), Some(text), "{text} is written {}", written(text));
        }
        assert_eq!(written("a.b-c_D"), "a__b-c_5f_44");
        for bad in ["_", "_4", "_zz", "_-abc", "_ff"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
