//! What chance calls things, and what they are called instead: then two platforms can be compared.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use regex::{Captures, Regex};
use serde_json::Value;

/// Names in the place of ids.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Calls it so from now on. Nothing is called by an empty id.
    pub fn call(&mut self, id: &str, name: impl Into<String>) {
        if !id.is_empty() {
            self.0.insert(id.to_owned(), name.into());
        }
    }

    /// The same value with names wherever a known id stands: as a text, within one, as a key.
    pub fn given(&self, value: &Value) -> Result<Value> {
        let text = value.to_string();
        if self.0.is_empty() {
            return serde_json::from_str(&text).context("what was just written");
        }
        // Of two ids that begin alike the longer one is meant. An id does not end within a word: `sg-1` is not in `sg-12`.
        let mut ids: Vec<&String> = self.0.keys().collect();
        ids.sort_by_key(|id| std::cmp::Reverse(id.len()));
        let ids: Vec<String> = ids.into_iter().map(|id| regex::escape(id)).collect();
        let known = Regex::new(&format!(r"\b(?:{})\b", ids.join("|"))).context("an expression of ids")?;
        let text = known.replace_all(&text, |found: &Captures<'_>| self.0[&found[0]].clone());
        serde_json::from_str(&text).context("a document with names in it")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_named_wherever_it_stands_and_nothing_else_is() {
        let mut names = Names::default();
        names.call("sg-1", "<group>");
        names.call("sg-12", "<other>");
        names.call("https://127.0.0.1:80", "<endpoint>");
        names.call("", "<nothing>");
        let found = names.given(&json!({"sg-1": "sg-1,sg-12", "a": ["arn:x/sg-12", "sg-123", "https://127.0.0.1:80"]}));
        let expected = json!({"<group>": "<group>,<other>", "a": ["arn:x/<other>", "sg-123", "<endpoint>"]});
        assert_eq!(found.unwrap(), expected);
        assert_eq!(Names::default().given(&json!({"a": "sg-1"})).unwrap(), json!({"a": "sg-1"}));
    }
}
