//! In which way a state's bytes are no JSON, in words.

use serde_json::error::Category;

/// Why bytes are no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There are none.
    #[error("it is empty")]
    Empty,
    /// What a crash leaves of a file whose content never reached the disk.
    #[error("it holds nothing but zero bytes, as a file does whose content never reached the disk")]
    Zeros,
    /// Text of another encoding.
    #[error("it is UTF-16 text, and a state is UTF-8")]
    Utf16,
    /// What a version control system left where two versions met.
    #[error("conflict marks of a merge are in it, at line {0}: two versions met, and nobody chose one")]
    ConflictMarks(usize),
    /// The rest is missing.
    #[error("it ends in the middle, after {0} bytes")]
    CutOff(usize),
    /// More than one document.
    #[error("something follows its end, at line {0}: it was written twice, or something was added to it")]
    Followed(usize),
    /// Anything else.
    #[error("it is not JSON: {0}")]
    Other(String),
}

impl Damage {
    /// What is wrong with bytes that the parser refuses.
    pub(super) fn of(bytes: &[u8], error: &serde_json::Error) -> Self {
        if bytes.trim_ascii().is_empty() {
            return Self::Empty;
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Self::Zeros;
        }
        if is_utf16(bytes) {
            return Self::Utf16;
        }
        if let Some(line) = conflict(bytes) {
            return Self::ConflictMarks(line);
        }
        match error.classify() {
            Category::Eof => Self::CutOff(bytes.len()),
            // The parser's words are fixed, and all that tells this one.
            _ if error.to_string().starts_with("trailing characters") => Self::Followed(error.line()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Whether it begins as UTF-16 does, with a mark or with the brace of a document.
fn is_utf16(bytes: &[u8]) -> bool {
    [&[0xff, 0xfe][..], &[0xfe, 0xff], b"{\0", b"\0{"].iter().any(|start| bytes.starts_with(start))
}

/// The line with the first of the marks that git leaves, if the others follow it.
fn conflict(bytes: &[u8]) -> Option<usize> {
    let lines = || bytes.split(|byte| *byte == b'\n').enumerate();
    let first = |mark: &'static [u8], after: usize| {
        lines().skip(after).find(|(_, line)| line.starts_with(mark)).map(|(number, _)| number)
    };
    let begins = first(b"<<<<<<<", 0)?;
    first(b">>>>>>>", begins).map(|_| begins + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(bytes: &[u8]) -> Damage {
        Damage::of(bytes, &serde_json::from_slice::<serde_json::Value>(bytes).unwrap_err())
    }

    #[test]
    fn each_damage_is_told_from_the_others() {
        let whole = "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n";
        assert_eq!(damage(b""), Damage::Empty);
        assert_eq!(damage(b" \n"), Damage::Empty);
        assert_eq!(damage(&[0; 64]), Damage::Zeros);
        assert_eq!(damage(&whole.as_bytes()[..12]), Damage::CutOff(12));
        assert_eq!(damage(whole.repeat(2).as_bytes()), Damage::Followed(6));
        for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let text: Vec<u8> = whole.encode_utf16().flat_map(order).collect();
            assert_eq!(damage(&text), Damage::Utf16);
            let marked: Vec<u8> = order(0xfeff).into_iter().chain(text).collect();
            assert_eq!(damage(&marked), Damage::Utf16);
        }
        let conflict = format!("<<<<<<< HEAD\n{whole}=======\n{whole}>>>>>>> other\n");
        assert_eq!(damage(conflict.as_bytes()), Damage::ConflictMarks(1));
        let within = whole.replace("    \"b\": 1\n", "<<<<<<< a\n    \"b\": 1\n=======\n    \"b\": 2\n>>>>>>> b\n");
        assert_eq!(damage(within.as_bytes()), Damage::ConflictMarks(3));
        assert!(matches!(damage(b"{\"a\": b}"), Damage::Other(_)));
    }
}
