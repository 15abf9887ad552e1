//! YAML to a tree that remembers where each value stands and how it was written.
//!
//! Scalars stay text here: whether `1.30` is a version or a number is the schema's to say, see [`super::typed`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle};

/// Most nodes a config may have, aliases counted as often as they are used: what stops an alias bomb.
const MAX_NODES: usize = 100_000;

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: NodeValue,
    /// Bytes in the source; empty for values that do not come from it.
    pub span: Range<usize>,
    /// Came from the environment: a secret, unless it stands where the schema knows of none.
    pub secret: bool,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// A scalar; `plain` when it stood without quotes.
    Scalar {
        text: String,
        /// Whether it may be something other than a string.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A map, in the order it was written.
    Mapping(Vec<(Key, Node)>),
}

/// The key of a map entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub text: String,
    /// Bytes in the source.
    pub span: Range<usize>,
}

/// Why a text is not a config's YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct YamlError {
    /// What is wrong.
    pub why: String,
    /// Where, bytes in the source; at least one character of it, unless it is empty.
    pub span: Range<usize>,
}

/// One character at a byte that an error is about; the last one when it is about the end.
fn visible(source: &str, at: usize) -> Range<usize> {
    let shown = |(_, c): &(usize, char)| !matches!(c, '\n' | '\r');
    let here = source[at..].char_indices().next().filter(shown).map(|(_, c)| at..at + c.len_utf8());
    let before = || source[..at].char_indices().rev().find(shown).map(|(start, c)| start..start + c.len_utf8());
    here.or_else(before).unwrap_or(at..at)
}

impl Node {
    /// A scalar that came from the environment.
    pub fn secret(text: &str) -> Self {
        Self { value: NodeValue::Scalar { text: text.to_owned(), plain: true }, span: 0..0, secret: true }
    }

    /// The member of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Self)> {
        let entries = if let NodeValue::Mapping(entries) = &self.value { entries.as_slice() } else { &[] };
        entries.iter().map(|(key, node)| (key, node))
    }

    /// The elements of a sequence; none of anything else.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        let elements = if let NodeValue::Sequence(elements) = &self.value { elements.as_slice() } else { &[] };
        elements.iter()
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is YAML's null.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, NodeValue::Scalar { text, plain: true } if is_null_text(text))
    }

    /// Where the key that an RFC 6901 pointer ends with stands, if it is a key.
    pub fn key(&self, pointer: &str) -> Option<Range<usize>> {
        let (mut node, mut key) = (self, None);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            match &node.value {
                NodeValue::Mapping(entries) => {
                    let (found, below) = entries.iter().find(|(key, _)| key.text == token)?;
                    (node, key) = (below, Some(found.span.clone()));
                }
                NodeValue::Sequence(elements) => (node, key) = (elements.get(token.parse::<usize>().ok()?)?, None),
                NodeValue::Scalar { .. } => return None,
            }
        }
        key.filter(|span| !span.is_empty())
    }

    /// The value at an RFC 6901 pointer, or the nearest one above it that exists; with whether it is the very one.
    pub fn nearest(&self, pointer: &str) -> (Range<usize>, bool) {
        let (mut node, mut span) = (self, self.span.clone());
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.value {
                NodeValue::Mapping(entries) => entries
                    .iter()
                    .find(|(key, _)| key.text == token)
                    .map(|(key, node)| (key.span.start..node.span.end.max(key.span.end), node)),
                NodeValue::Sequence(elements) => {
                    token.parse::<usize>().ok().and_then(|i| elements.get(i)).map(|node| (node.span.clone(), node))
                }
                NodeValue::Scalar { .. } => None,
            };
            match next {
                Some((at, below)) => (node, span) = (below, at),
                None => return (span, false),
            }
        }
        // For a scalar the value itself is what is meant; for a whole map its key.
        let exact = if matches!(node.value, NodeValue::Scalar { .. }) && !node.span.is_empty() {
            node.span.clone()
        } else {
            span
        };
        (exact, true)
    }
}

/// Whether a plain scalar is null.
pub fn is_null_text(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
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
/// [`YamlError`] with the place: syntax, a second document, a doubled key, a key that is no scalar, too many or too deep nodes.
pub fn parse(source: &str) -> Result<Node, YamlError> {
    let mut builder = Builder { parser: Parser::new_from_str(source), anchors: BTreeMap::new(), nodes: 0, source };
    let mut root = None;
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            other if root.is_none() => root = Some(builder.node(other, span, 0)?.0),
            _ => {
                return Err(YamlError {
                    why: "a second YAML document begins here; a config is one document".to_owned(),
                    span,
                });
            }
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
                Some(Err(error)) => {
                    let at = self.byte(error.marker());
                    Err(YamlError { why: error.info(), span: visible(self.source, at) })
                }
            };
        }
    }

    fn byte(&self, marker: &granit_parser::Marker) -> usize {
        let counted = || self.source.char_indices().nth(marker.index()).map_or(self.source.len(), |(byte, _)| byte);
        marker.byte_offset().unwrap_or_else(counted).min(self.source.len())
    }

    /// The node that begins with `event`, and how many nodes it holds.
    fn node(&mut self, event: Event<'a>, span: Range<usize>, depth: usize) -> Result<(Node, usize), YamlError> {
        if depth > MAX_DEPTH {
            return Err(YamlError { why: format!("nested deeper than {MAX_DEPTH} levels"), span });
        }
        self.count(1, &span)?;
        let mut size = 1;
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let string = tag.is_some_and(|tag| tag.to_string().ends_with("str"));
                let plain = style == ScalarStyle::Plain && !string;
                (anchor, Node { value: NodeValue::Scalar { text: Cow::into_owned(text), plain }, span, secret: false })
            }
            Event::SequenceStart(_, anchor, _) => {
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
            Event::MappingStart(_, anchor, _) => {
                let (entries, end, below) = self.mapping(depth)?;
                size += below;
                (anchor, Node { value: NodeValue::Mapping(entries), span: span.start..end, secret: false })
            }
            Event::Alias(anchor) => {
                let unknown = || YamlError { why: "this alias has no anchor before it".to_owned(), span: span.clone() };
                let (node, below) = self.anchors.get(&anchor).cloned().ok_or_else(unknown)?;
                self.count(below, &span)?;
                return Ok((node, below));
            }
            _ => return Err(YamlError { why: "expected a value".to_owned(), span }),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    #[expect(clippy::type_complexity, reason = "entries, where they end, how many nodes they hold")]
    fn mapping(&mut self, depth: usize) -> Result<(Vec<(Key, Node)>, usize, usize), YamlError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut merged: Vec<(Key, Node)> = Vec::new();
        let mut size = 0;
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                // `<<` gives what the map itself does not say.
                for (key, node) in merged {
                    if !entries.iter().any(|(own, _)| own.text == key.text) {
                        entries.push((key, node));
                    }
                }
                return Ok((entries, at.end, size));
            }
            let (key, _) = self.node(event, at.clone(), depth + 1)?;
            let Some(text) = key.text().map(str::to_owned) else {
                return Err(YamlError { why: "a key must be a plain text".to_owned(), span: at });
            };
            let (event, value_at) = self.next()?;
            let (value, below) = self.node(event, value_at, depth + 1)?;
            size += below + 1;
            if text == "<<" {
                match value.value {
                    NodeValue::Mapping(from) => merged.extend(from),
                    NodeValue::Sequence(several) => {
                        merged.extend(several.into_iter().flat_map(|one| match one.value {
                            NodeValue::Mapping(from) => from,
                            _ => Vec::new(),
                        }));
                    }
                    NodeValue::Scalar { .. } => return Err(YamlError { why: "`<<` merges maps".to_owned(), span: at }),
                }
                continue;
            }
            if let Some((first, _)) = entries.iter().find(|(other, _)| other.text == text) {
                let line = self.source[..first.span.start.min(self.source.len())].matches('\n').count() + 1;
                let why = format!("the key `{text}` stands twice in one map, first on line {line}");
                return Err(YamlError { why, span: at });
            }
            entries.push((Key { text, span: at }, value));
        }
    }

    fn count(&mut self, more: usize, span: &Range<usize>) -> Result<(), YamlError> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            return Err(YamlError { why: format!("more than {MAX_NODES} values"), span: span.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_remember_where_they_stand() {
        let source = "# comment\na: 1 # another\nb:\n  - x: \"é\"\n    # and one more\n    y: two words\n";
        let root = parse(source).unwrap();
        let (span, exact) = root.nearest("/b/0/y");
        assert_eq!((&source[span], exact), ("two words", true));
        assert_eq!(root.key("/b/0/y").map(|span| &source[span]), Some("y"));
        assert_eq!((root.key("/b/0"), root.key("/b/0/missing")), (None, None));
        let (span, exact) = root.nearest("/b/0/missing");
        assert!(!exact && source[span].starts_with("x:"));
        assert_eq!(root.get("a").unwrap().text(), Some("1"));
    }

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
            assert!(!error.span.is_empty() && broken.get(error.span.clone()).is_some(), "{broken:?}: {error:?}");
        }
        assert!(parse("a: [1, 2\nb: }").is_err());
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
    }

    #[test]
    fn merge_keys_fill_in_what_is_missing() {
        let root = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n").unwrap();
        let used = root.get("use").unwrap();
        assert_eq!((used.get("x").unwrap().text(), used.get("y").unwrap().text()), (Some("1"), Some("3")));
    }
}
