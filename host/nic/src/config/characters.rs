//! Characters that are not what they look like: those that are not shown, and those of other alphabets that look like ASCII's. They come with
//! what is copied from a page or a chat, and what has one of them is another key or another value, however it looks.

use std::fmt;

use nic_core::diagnostic::Diagnostic;
use nic_core::document::child_pointer;
use unicode_general_category::{GeneralCategory, get_general_category};

use super::floor::is_sealed;
use super::problems::Problems;
use super::yaml::{Key, Node, NodeValue, YamlError};
use crate::clouds;

/// Keys whose values NIC reads, beside the provider's own. What stands below others is for later stages to judge.
const READ: [&str; 8] = [
    "project_name",
    "namespace",
    "provider",
    "prevent_deploy",
    "retain",
    "storage",
    "kubernetes",
    "external_container_reg",
];

/// Quotes that programs put into the place of typed ones. In YAML they are letters.
const QUOTES: [char; 9] = ['“', '”', '„', '‟', '‘', '’', '‚', '«', '»'];

/// The first character that YAML takes nowhere, or that cannot be meant where it stands.
pub(super) fn forbidden(source: &str) -> Option<YamlError> {
    let taken = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control(),
    };
    let (at, character) = source.char_indices().find(|(_, c)| !taken(*c))?;
    let why = format!("{} stands here, which is not shown and is not allowed", Odd::Unseen(character));
    let hint = "remove it; in most editors the cursor stops once more where it is".to_owned();
    Some(YamlError { why, hint, span: at..at + character.len_utf8() })
}

/// Tells keys, and values that NIC reads, which are not what they look like.
pub(super) fn check(problems: &mut Problems<'_>) {
    let root = problems.root;
    let provider = root.get("provider").and_then(Node::text);
    for (key, node) in root.entries() {
        check_key(problems, key, "");
        let is_read = READ.contains(&key.text.as_str()) || Some(key.text.as_str()) == provider;
        if is_read || clouds::of_section(&key.text).is_some() {
            check_value(problems, node, &child_pointer("", &key.text));
        }
    }
}

/// Whether a key is not what it looks like.
pub(super) fn is_misleading(key: &str) -> bool {
    first_odd(key).is_some()
}

fn check_key(problems: &mut Problems<'_>, key: &Key, above: &str) {
    if let Some(odd) = first_odd(&key.text) {
        let detail = format!("the key `{}` has {odd}", visible(&key.text));
        let told = Diagnostic::warning("CONFIG_MISLEADING_KEY", "A key is not what it looks like", detail);
        problems.tell(told.hint(format!("write `{}`", meant(&key.text))), &child_pointer(above, &key.text));
    }
}

fn check_value(problems: &mut Problems<'_>, node: &Node, pointer: &str) {
    if node.secret || is_sealed(pointer) {
        return;
    }
    match &node.value {
        NodeValue::Scalar { text, .. } => {
            // Of several words one may be of another alphabet.
            let words = text.contains(char::is_whitespace);
            let odd = first_odd(text).filter(|odd| !words || !matches!(odd, Odd::Like(..)));
            if let Some(odd) = odd {
                let detail = format!("`{}` has {odd}", visible(text));
                let told = Diagnostic::warning("CONFIG_MISLEADING_VALUE", "A value is not what it looks like", detail);
                problems.tell(told.hint(format!("if that is not meant, write `{}`", meant(text))), pointer);
            }
        }
        NodeValue::Sequence(elements) => {
            for (index, element) in elements.iter().enumerate() {
                check_value(problems, element, &child_pointer(pointer, &index.to_string()));
            }
        }
        NodeValue::Mapping(entries) => {
            for (key, member) in entries {
                check_key(problems, key, pointer);
                check_value(problems, member, &child_pointer(pointer, &key.text));
            }
        }
    }
}

/// A character that is not what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// It is not shown.
    Unseen(char),
    /// It looks like a space.
    Space(char),
    /// It looks like this one of ASCII.
    Like(char, char),
    /// It looks like a quote.
    Quote(char),
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unseen(c) => write!(f, "a {} (U+{:04X})", name(c), u32::from(c)),
            Self::Space(c) => write!(f, "a {} (U+{:04X}), which is not a space", name(c), u32::from(c)),
            Self::Like(c, like) => {
                write!(f, "`{c}` (U+{:04X}{}), which is not `{like}`", u32::from(c), alphabet(c))
            }
            Self::Quote(c) => write!(f, "`{c}` (U+{:04X}), which is not a quote but part of the text", u32::from(c)),
        }
    }
}

/// The first one in a text. Letters of another alphabet are odd only among ASCII's, and only if every one of them looks like one of those.
fn first_odd(text: &str) -> Option<Odd> {
    if text.is_ascii() && !text.contains(|c: char| c.is_ascii_control()) {
        return None;
    }
    let unseen = text.chars().find_map(|c| match get_general_category(c) {
        GeneralCategory::Control => (!matches!(c, '\t' | '\n' | '\r')).then_some(Odd::Unseen(c)),
        GeneralCategory::Format | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => {
            Some(Odd::Unseen(c))
        }
        GeneralCategory::SpaceSeparator => (c != ' ').then_some(Odd::Space(c)),
        _ => None,
    });
    let ends = || [text.chars().next(), text.chars().last()].into_iter().flatten();
    let quote = || ends().find(|c| QUOTES.contains(c)).map(Odd::Quote);
    let alike = || {
        let foreign = || text.chars().filter(|c| !c.is_ascii());
        let mixed = text.contains(|c: char| c.is_ascii_alphanumeric()) && foreign().all(|c| like(c).is_some());
        foreign().next().filter(|_| mixed).and_then(|c| Some(Odd::Like(c, like(c)?)))
    };
    unseen.or_else(quote).or_else(alike)
}

/// The text with what is not shown written out.
fn visible(text: &str) -> String {
    let shown = |c: char| match first_odd(c.encode_utf8(&mut [0; 4])) {
        Some(Odd::Unseen(c) | Odd::Space(c)) => format!("<U+{:04X}>", u32::from(c)),
        _ => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// What was probably meant.
fn meant(text: &str) -> String {
    let plain = text.chars().filter_map(|c| match first_odd(c.encode_utf8(&mut [0; 4])) {
        Some(Odd::Unseen(_) | Odd::Quote(_)) => None,
        Some(Odd::Space(_)) => Some(' '),
        _ => Some(like(c).unwrap_or(c)),
    });
    plain.collect::<String>().trim().to_owned()
}

fn name(c: char) -> &'static str {
    match c {
        '\0' => "NUL character",
        '\u{a0}' => "no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "mark of the writing direction",
        '\u{2028}' => "line separator",
        '\u{202f}' => "narrow no-break space",
        '\u{2060}' => "word joiner",
        '\u{feff}' => "byte order mark",
        c if c.is_control() => "control character",
        c if c.is_whitespace() => "wide or narrow space",
        _ => "format character",
    }
}

fn alphabet(c: char) -> &'static str {
    match c {
        '\u{370}'..='\u{3ff}' => ", Greek",
        '\u{400}'..='\u{52f}' => ", Cyrillic",
        '\u{ff01}'..='\u{ff5e}' => ", full-width",
        _ => "",
    }
}

/// The character of ASCII that another one looks like: those of keyboards and of what word processors put in, not all of Unicode's.
fn like(c: char) -> Option<char> {
    let ascii = match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0)?,
        // Cyrillic, and Greek.
        '\u{430}' => 'a',
        '\u{441}' | '\u{3f2}' => 'c',
        '\u{501}' => 'd',
        '\u{435}' => 'e',
        '\u{4bb}' => 'h',
        '\u{456}' => 'i',
        '\u{458}' => 'j',
        '\u{43e}' | '\u{3bf}' => 'o',
        '\u{440}' | '\u{3c1}' => 'p',
        '\u{51b}' => 'q',
        '\u{455}' => 's',
        '\u{3bd}' => 'v',
        '\u{51d}' => 'w',
        '\u{445}' => 'x',
        '\u{443}' => 'y',
        '\u{410}' | '\u{391}' => 'A',
        '\u{412}' | '\u{392}' => 'B',
        '\u{421}' => 'C',
        '\u{415}' | '\u{395}' => 'E',
        '\u{41d}' | '\u{397}' => 'H',
        '\u{406}' | '\u{399}' => 'I',
        '\u{408}' => 'J',
        '\u{41a}' | '\u{39a}' => 'K',
        '\u{41c}' | '\u{39c}' => 'M',
        '\u{39d}' => 'N',
        '\u{41e}' | '\u{39f}' => 'O',
        '\u{420}' | '\u{3a1}' => 'P',
        '\u{405}' => 'S',
        '\u{422}' | '\u{3a4}' => 'T',
        '\u{425}' | '\u{3a7}' => 'X',
        '\u{3a5}' => 'Y',
        '\u{396}' => 'Z',
        _ => return None,
    };
    Some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_something_else_is_named_with_what_is_meant() {
        for (text, said, meant_by_it) in [
            ("names\u{200b}pace", "a zero-width space (U+200B)", "namespace"),
            ("us-west-2\u{a0}", "a no-break space (U+00A0), which is not a space", "us-west-2"),
            ("n\u{430}mespace", "`\u{430}` (U+0430, Cyrillic), which is not `a`", "namespace"),
            ("us\u{2013}west\u{2013}2", "`\u{2013}` (U+2013), which is not `-`", "us-west-2"),
            (
                "\u{201c}us-west-2\u{201d}",
                "`\u{201c}` (U+201C), which is not a quote but part of the text",
                "us-west-2",
            ),
            ("region\u{ff1a}x", "`\u{ff1a}` (U+FF1A, full-width), which is not `:`", "region:x"),
            ("a\0b", "a NUL character (U+0000)", "ab"),
        ] {
            let odd = first_odd(text).unwrap();
            assert_eq!((odd.to_string().as_str(), meant(text).as_str()), (said, meant_by_it));
        }
        assert_eq!(visible("a\u{200b}b\0"), "a<U+200B>b<U+0000>");
    }

    #[test]
    fn words_of_other_languages_are_as_they_should_be() {
        for text in ["Команда", "équipe", "Größe-2", "日本 語", "команда-ops", "two\nlines\tand", "it\u{2019}s", ""]
        {
            assert_eq!(first_odd(text), None, "{text}");
        }
    }

    #[test]
    fn what_yaml_takes_nowhere_has_its_place() {
        let error = forbidden("a: 1\nb: \"x\0y\"\n").unwrap();
        assert_eq!(error.span, 10..11);
        assert!(error.why.contains("NUL") && error.why.contains("U+0000"), "{error}");
        assert!(forbidden("a: \u{feff}1\n").unwrap().why.contains("byte order mark"));
        assert!(forbidden("a: \u{1b}[2K\n").is_some());
        assert_eq!(forbidden("# \u{85}é\r\n\ta: \u{200b}\n"), None);
    }
}
