//! Labels, or tags, as some clouds call them: what a thing shows, and what an update does to them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Scope;

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// The labels of a document that may not be known in full; they stand in its member `member`.
pub fn labels_of(document: &Value, member: &str) -> Labels {
    let members = document.get(member).and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// What an update does to labels.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelEdits {
    /// To be written.
    pub set: Labels,
    /// To be taken away.
    pub remove: BTreeSet<String>,
}

impl LabelEdits {
    /// From what is shown to what is wanted, as far as the scope goes; `pointer` is where the document has them. A label that is not
    /// wanted goes only when the scope names it: it was ours once; others belong to somebody else.
    pub fn between(shown: &Labels, wanted: &Labels, scope: &Scope<'_>, pointer: &str) -> Self {
        let differs =
            |key: &String, value: &String| shown.get(key) != Some(value) && scope.touches_member(pointer, key);
        let set = wanted.iter().filter(|(key, value)| differs(key, value));
        let gone = scope.named_members(pointer).filter(|key| shown.contains_key(key) && !wanted.contains_key(key));
        Self { set: set.map(|(key, value)| (key.clone(), value.clone())).collect(), remove: gone.collect() }
    }

    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn only_named_labels_are_taken_away() {
        let shown = labels(&[("a", "1"), ("gone/x", "2"), ("theirs", "3")]);
        let paths = ["/tags/gone~1x".to_owned(), "/tags/a".to_owned()];
        let edits = LabelEdits::between(&shown, &labels(&[("a", "9")]), &Scope::new(&paths), "/tags");
        assert_eq!(edits.set, labels(&[("a", "9")]));
        assert_eq!(edits.remove, BTreeSet::from(["gone/x".to_owned()]));
    }
}
