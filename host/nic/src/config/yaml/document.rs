//! The events of one YAML document become a tree.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};

use super::{Key, Node, NodeValue};

/// Most nodes a config may have, aliases counted as often as they are used: what stops an alias bomb.
const MAX_NODES: usize = 100_000;

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// What to do where nothing more is known than that something is not YAML.
const LOOK_AROUND: &str = "check indentation, quotes and brackets around this place";

/// The key whose value gives what the map itself does not say.
const MERGE: &str = "<<";

/// Why a text is not a config's YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct YamlError {
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub hint: String,
    /// Where, bytes in the source; at least one character of it, unless it is empty.
    pub span: Range<usize>,
}

impl YamlError {
    fn new(why: impl Into<String>, hint: impl Into<String>, span: Range<usize>) -> Self {
        Self { why: why.into(), hint: hint.into(), span }
    }
}

/// One character at a byte that an error is about; the last one when it is about the end.
fn visible(source: &str, at: usize) -> Range<usize> {
    let shown = |(_, c): &(usize, char)| !matches!(c, '\n' | '\r');
    let here = source[at..].char_indices().next().filter(shown).map(|(_, c)| at..at + c.len_utf8());
    let before = || source[..at].char_indices().rev().find(shown).map(|(start, c)| start..start + c.len_utf8());
    here.or_else(before).unwrap_or(at..at)
}

struct Builder<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    source: &'a str,
}

/// Parses one document.
///
/// # Errors
/// [`YamlError`] with the place: syntax, a second document, a doubled key, a key that is no scalar, a tag that is not YAML's own, too many
/// or too deep nodes.
pub fn parse(source: &str) -> Result<Node, YamlError> {
    let mut builder = Builder { parser: Parser::new_from_str(source), anchors: BTreeMap::new(), nodes: 0, source };
    let mut root: Option<Node> = None;
    loop {
        let (event, span) = builder.next()?;
        let before = root.as_ref().map(|first| builder.line(first.span.start));
        match (event, before) {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(..), Some(line)) => {
                let at = visible(source, span.start).start;
                return Err(YamlError::new(
                    format!(
                        "a second YAML document begins here, the first one on line {line}; a config is one document"
                    ),
                    "take out one of the two, or put it into a file of its own",
                    at..source[at..].find(['\n', '\r']).map_or(source.len(), |length| at + length),
                ));
            }
            (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
            (other, _) => root = Some(builder.node(other, span, 0)?.0),
        }
    }
    Ok(root.unwrap_or(Node { value: NodeValue::Mapping(Vec::new()), span: 0..0, secret: false }))
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Range<usize>), YamlError> {
        let end = self.source.len();
        loop {
            return match self.parser.next_event() {
                None => Ok((Event::StreamEnd, end..end)),
                Some(Ok((Event::Comment(..), _))) => continue,
                Some(Ok((event, span))) => {
                    let start = self.byte(&span.start);
                    let stop = self.byte(&span.end).max(start);
                    Ok((event, start..stop))
                }
                Some(Err(error)) => Err(self.broken(&error)),
            };
        }
    }

    fn broken(&self, error: &ScanError) -> YamlError {
        let tab = matches!(
            error.kind(),
            ErrorKind::TabNotAllowed
                | ErrorKind::TabInBlockIndentation
                | ErrorKind::TabInIndentation
                | ErrorKind::TabAtBlockScalarStart
                | ErrorKind::TabInPlainScalar
        );
        let span = visible(self.source, self.byte(error.marker()));
        if tab {
            return YamlError::new("a tab stands where YAML takes spaces only", "indent with spaces", span);
        }
        YamlError::new(error.info(), LOOK_AROUND, span)
    }

    fn byte(&self, marker: &granit_parser::Marker) -> usize {
        let counted = || self.source.char_indices().nth(marker.index()).map_or(self.source.len(), |(byte, _)| byte);
        marker.byte_offset().unwrap_or_else(counted).min(self.source.len())
    }

    /// The line that a byte is on, from 1.
    fn line(&self, byte: usize) -> usize {
        self.source[..byte.min(self.source.len())].matches('\n').count() + 1
    }

    /// The node that begins with `event`, and how many nodes it holds.
    fn node(&mut self, event: Event<'a>, span: Range<usize>, depth: usize) -> Result<(Node, usize), YamlError> {
        if depth > MAX_DEPTH {
            return Err(YamlError::new(format!("nested deeper than {MAX_DEPTH} levels"), LOOK_AROUND, span));
        }
        self.count(1, &span)?;
        let mut size = 1;
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = match known_tag(tag.as_deref(), &SCALAR_TAGS, &span)? {
                    None => style == ScalarStyle::Plain,
                    Some(tag) => tag != "str",
                };
                (anchor, Node { value: NodeValue::Scalar { text: Cow::into_owned(text), plain }, span, secret: false })
            }
            Event::SequenceStart(_, anchor, tag) => {
                known_tag(tag.as_deref(), &["seq"], &span)?;
                let mut elements = Vec::new();
                let end = loop {
                    let (event, at) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break at.end;
                    }
                    let (element, below) = self.node(event, at, depth + 1)?;
                    size += below;
                    elements.push(element);
                };
                (anchor, Node { value: NodeValue::Sequence(elements), span: span.start..end, secret: false })
            }
            Event::MappingStart(_, anchor, tag) => {
                known_tag(tag.as_deref(), &["map"], &span)?;
                let (entries, end, below) = self.mapping(depth)?;
                size += below;
                (anchor, Node { value: NodeValue::Mapping(entries), span: span.start..end, secret: false })
            }
            Event::Alias(anchor) => {
                let unknown = || YamlError::new("this alias has no anchor before it", LOOK_AROUND, span.clone());
                let (node, below) = self.anchors.get(&anchor).cloned().ok_or_else(unknown)?;
                self.count(below, &span)?;
                return Ok((node, below));
            }
            _ => return Err(YamlError::new("expected a value", LOOK_AROUND, span)),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    #[expect(clippy::type_complexity, reason = "entries, where they end, how many nodes they hold")]
    fn mapping(&mut self, depth: usize) -> Result<(Vec<(Key, Node)>, usize, usize), YamlError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut merged: Option<(Range<usize>, Vec<(Key, Node)>)> = None;
        let mut size = 0;
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                // `<<` gives what the map itself does not say; of several maps the first one that says it.
                for (key, node) in merged.into_iter().flat_map(|(_, from)| from) {
                    if !entries.iter().any(|(own, _)| own.text == key.text) {
                        entries.push((key, node));
                    }
                }
                return Ok((entries, at.end, size));
            }
            let (key, _) = self.node(event, at.clone(), depth + 1)?;
            let NodeValue::Scalar { text, plain } = key.value else {
                let hint = "put quotes around it if `{` or `[` are part of the text";
                return Err(YamlError::new("a key must be a plain text", hint, at));
            };
            let (event, value_at) = self.next()?;
            let (value, below) = self.node(event, value_at, depth + 1)?;
            size += below + 1;
            let is_merge = plain && text == MERGE;
            let first = match &merged {
                Some((first, _)) if is_merge => Some(first),
                _ => entries.iter().find(|(other, _)| !is_merge && other.text == text).map(|(other, _)| &other.span),
            };
            if let Some(first) = first {
                let line = self.line(first.start);
                let why = format!("the key `{text}` stands twice in one map, first on line {line}");
                let hint = if is_merge {
                    "write both maps as one list: `<<: [*first, *second]`, where the first wins"
                } else {
                    "remove one of the two, or rename it"
                };
                return Err(YamlError::new(why, hint, at));
            }
            if is_merge {
                merged = Some((at.clone(), merged_maps(value, &at)?));
            } else {
                entries.push((Key { text, span: at }, value));
            }
        }
    }

    fn count(&mut self, more: usize, span: &Range<usize>) -> Result<(), YamlError> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            let hint = "aliases count as often as they are used";
            return Err(YamlError::new(format!("more than {MAX_NODES} values"), hint, span.clone()));
        }
        Ok(())
    }
}

/// The entries of the map, or of the maps in the list, that `<<` names; of those that come first if they are doubled.
fn merged_maps(value: Node, at: &Range<usize>) -> Result<Vec<(Key, Node)>, YamlError> {
    let several = match value.value {
        NodeValue::Sequence(several) => several,
        _ => vec![value],
    };
    let entries = several.into_iter().map(|one| match one.value {
        NodeValue::Mapping(entries) => Ok(entries),
        _ => Err(YamlError::new("`<<` merges maps", "name one by an alias: `<<: *name`", at.clone())),
    });
    Ok(entries.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Tags of YAML's core schema that a scalar may have.
const SCALAR_TAGS: [&str; 5] = ["str", "int", "float", "bool", "null"];

/// What a tag says: `str` of the one that says nothing but that it is no number. A tag that is not known here may mean that the value is
/// to be found elsewhere, so what stands there must not be taken for it.
fn known_tag<'t>(tag: Option<&'t Tag>, known: &[&str], span: &Range<usize>) -> Result<Option<&'t str>, YamlError> {
    let Some(tag) = tag else { return Ok(None) };
    if tag.handle() == "!" && tag.suffix().is_empty() || tag.handle().is_empty() && tag.suffix() == "!" {
        return Ok(Some("str"));
    }
    match tag.core_suffix().filter(|suffix| known.contains(suffix)) {
        Some(suffix) => Ok(Some(suffix)),
        None => Err(YamlError::new(
            format!("the tag `{}{}` is not known in a config", tag.original_handle(), tag.suffix()),
            "write the value itself; put quotes around it if the `!` is part of the text",
            span.clone(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_doubles_and_broken_text_are_refused_with_their_place() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..8 {
            use std::fmt::Write as _;
            let _ = writeln!(bomb, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "));
        }
        assert!(parse(&bomb).unwrap_err().why.contains("more than"));
        let double = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(double.span.start, 10);
        assert!(double.why.contains("first on line 1"), "{double}");
        for broken in ["a: [1, 2\n", "a: \"x\n", "a: b: c\n", "a: 'é"] {
            let error = parse(broken).unwrap_err();
            assert_eq!(error.hint, LOOK_AROUND);
            assert!(!error.span.is_empty() && broken.get(error.span.clone()).is_some(), "{broken:?}: {error:?}");
        }
        assert!(parse("a: [1, 2\nb: }").is_err());
    }

    #[test]
    fn merge_keys_fill_in_what_is_missing() {
        let root = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n").unwrap();
        let used = root.get("use").unwrap();
        assert_eq!((used.get("x").unwrap().text(), used.get("y").unwrap().text()), (Some("1"), Some("3")));
    }

    #[test]
    fn what_can_be_named_is_named_with_what_to_do() {
        let told = |source: &str| {
            let error = parse(source).unwrap_err();
            let place = &source[error.span];
            (place.to_owned(), error.why, error.hint)
        };
        for (source, place, why, hint) in [
            ("a: 1\nb: 2\na: 3\n", "a", "`a` stands twice in one map, first on line 1", "remove one"),
            (
                "a: &a {}\nb:\n  <<: *a\n  <<: *a\n",
                "<<",
                "`<<` stands twice in one map, first on line 3",
                "<<: [*first",
            ),
            ("# x\na: 1\n--- # y\nb: 2\n", "--- # y", "the first one on line 2", "take out one"),
            ("a: 1\n---\n", "---", "the first one on line 1", "take out one"),
            ("a:\n\tb: 1\n", "b", "a tab", "with spaces"),
            ("a: !vault kms/key\n", "kms/key", "the tag `!vault`", "the value itself"),
            ("a: !!timestamp 2026-11-30\n", "2026-11-30", "the tag `!!timestamp`", "the value itself"),
            ("a: !!python/object {b: 1}\n", "{", "the tag `!!python/object`", "the value itself"),
            ("a: !!map [b]\n", "[", "the tag `!!map`", "the value itself"),
            ("? [a]\n: b\n", "[", "a plain text", "quotes"),
            ("a: {<<: b}\n", "<<", "`<<` merges maps", "by an alias"),
            ("a: {<<: [{c: 1}, b]}\n", "<<", "`<<` merges maps", "by an alias"),
        ] {
            let (at, said, what_to_do) = told(source);
            assert!(
                at.starts_with(place) && said.contains(why) && what_to_do.contains(hint),
                "{source:?}: {at} {said} {what_to_do}"
            );
        }
        assert!(parse("a: 1\n...\n").is_ok() && parse("---\na: 1\n").is_ok() && parse("'<<': 1\n").is_ok());
    }

    #[test]
    fn tags_of_the_core_schema_say_what_is_text() {
        let root = parse("[!!str 1, ! 1, !!int '1', !!null '', 1, '1', !!seq [], !!map {}]").unwrap();
        let plain = |node: &Node| matches!(node.value, NodeValue::Scalar { plain: true, .. });
        let found: Vec<bool> = root.elements().map(plain).collect();
        assert_eq!(found, [false, false, true, true, true, false, false, false]);
    }

    #[test]
    fn of_merged_maps_the_first_one_wins() {
        let root = parse("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b], z: 3}\n").unwrap();
        let said = |key| root.get("c").unwrap().get(key).unwrap().text().unwrap();
        assert_eq!((said("x"), said("y"), said("z")), ("1", "2", "3"));
    }
}
