//! YAML to a tree that remembers where each value stands and how it was written.
//!
//! Scalars stay text here: whether `1.30` is a version or a number is the schema's to say, see [`super::typed`].

mod document;

use std::ops::Range;

use nic_core::document::pointer_token;

pub use self::document::{YamlError, parse};

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

impl Node {
    /// A scalar that came from the environment. As in Nebari its value is text, and never null; what it stands for the schema says.
    pub fn secret(text: &str) -> Self {
        Self { value: NodeValue::Scalar { text: text.to_owned(), plain: false }, span: 0..0, secret: true }
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

    /// The value at an RFC 6901 pointer.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        pointer.split('/').skip(1).try_fold(self, |node, token| {
            let token = pointer_token(token);
            match &node.value {
                NodeValue::Mapping(_) => node.get(&token),
                NodeValue::Sequence(elements) => elements.get(token.parse::<usize>().ok()?),
                NodeValue::Scalar { .. } => None,
            }
        })
    }

    /// Where the key that an RFC 6901 pointer ends with stands, if it is a key.
    pub fn key(&self, pointer: &str) -> Option<Range<usize>> {
        let (mut node, mut key) = (self, None);
        for token in pointer.split('/').skip(1) {
            let token = pointer_token(token);
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
            let token = pointer_token(token);
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
}
