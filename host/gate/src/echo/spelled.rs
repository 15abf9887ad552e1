//! A text, in whichever way somebody writes it: as it is, percent-encoded, as JSON or XML escape it, and any mixture of these.

/// A text that is looked for.
pub(super) struct Spelled(Vec<char>);

impl Spelled {
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    /// Where it stands, from and to.
    pub(super) fn found_in<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let mut first = [0; 4];
        let first = self.0.first().map_or(0, |c| c.encode_utf8(&mut first).as_bytes()[0]);
        let may_begin = move |(_, byte): &(usize, &u8)| **byte == first || b"%+\\&".contains(byte);
        let starts = text.iter().enumerate().filter(may_begin).map(|(start, _)| start);
        starts.flat_map(move |start| self.ends(text, start).into_iter().map(move |end| (start, end)))
    }

    /// Whether it is the whole of a text.
    pub(super) fn is_all_of(&self, text: &[u8]) -> bool {
        self.ends(text, 0).contains(&text.len())
    }

    /// Where it ends, when it begins there. Several ways may lead on for a while: `%25` is a `%` before `25`, or all of one.
    fn ends(&self, text: &[u8], start: usize) -> Vec<usize> {
        let mut ends = vec![start];
        for c in &self.0 {
            let mut next: Vec<usize> = ends
                .into_iter()
                .flat_map(|end| lengths(&text[end..], *c).into_iter().flatten().map(move |length| end + length))
                .collect();
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return next;
            }
            ends = next;
        }
        ends
    }
}

/// How long each spelling of a character is with which the text begins.
fn lengths(text: &[u8], c: char) -> [Option<usize>; 2] {
    let mut utf8 = [0; 4];
    let utf8 = c.encode_utf8(&mut utf8).as_bytes();
    let raw = text.starts_with(utf8).then_some(utf8.len());
    let escaped = match text.first() {
        Some(b'%') => percent(text, utf8),
        Some(b'+') => (c == ' ').then_some(1),
        Some(b'\\') => backslash(text, c),
        Some(b'&') => entity(text, c),
        _ => None,
    };
    [raw, escaped]
}

fn percent(text: &[u8], utf8: &[u8]) -> Option<usize> {
    let length = 3 * utf8.len();
    let mut triples = text.get(..length)?.chunks(3).zip(utf8);
    triples.all(|(triple, byte)| triple[0] == b'%' && hex(&triple[1..]) == Some(u32::from(*byte))).then_some(length)
}

/// As in JSON, and as in the texts of programs.
fn backslash(text: &[u8], c: char) -> Option<usize> {
    let short = match *text.get(1)? {
        b'u' => {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units);
            let length = 6 * units.len();
            let mut escapes = text.get(..length)?.chunks(6).zip(units);
            let is_unit = |(escape, unit): (&[u8], &mut u16)| {
                escape.starts_with(b"\\u") && hex(&escape[2..]) == Some(u32::from(*unit))
            };
            return escapes.all(is_unit).then_some(length);
        }
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        sign @ (b'"' | b'\'' | b'\\' | b'/') => char::from(sign),
        _ => return None,
    };
    (short == c).then_some(2)
}

/// As in XML and HTML.
fn entity(text: &[u8], c: char) -> Option<usize> {
    /// Of `&#1114111;`.
    const LONGEST: usize = 10;
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let is_meant = match &text[1..end] {
        b"amp" => c == '&',
        b"lt" => c == '<',
        b"gt" => c == '>',
        b"quot" => c == '"',
        b"apos" => c == '\'',
        [b'#', b'x' | b'X', digits @ ..] => hex(digits) == Some(u32::from(c)),
        [b'#', digits @ ..] => {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) == Some(u32::from(c))
        }
        _ => false,
    };
    is_meant.then_some(end + 1)
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_mixture_of_spellings() {
        let found = |text: &str, within: &str| {
            let spelled = Spelled::new(text);
            spelled.found_in(within.as_bytes()).map(|(start, end)| within[start..end].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            found("a/b", "xa%2fb a\\/b a/b a%2Fb a\\u002fb a&#47;b a&#x2F;b a%2gb"),
            ["a%2fb", "a\\/b", "a/b", "a%2Fb", "a\\u002fb", "a&#47;b", "a&#x2F;b",]
        );
        assert_eq!(found("%25", "%25 %2525"), ["%25", "%25", "%2525"]);
        assert_eq!(found("é 😀", "%c3%A9+\\ud83d\\ude00"), ["%c3%A9+\\ud83d\\ude00"]);
        assert!(found("ab", "a").is_empty() && found("ab", "a%").is_empty() && found("ab", "a&amp").is_empty());
        assert!(Spelled::new("a b").is_all_of(b"a%20b") && !Spelled::new("a b").is_all_of(b"a b "));
    }
}
