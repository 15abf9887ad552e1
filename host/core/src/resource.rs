//! The three truths about one resource: what the config asks for, what state says, what the cloud answers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Address;
use crate::error::ProviderError;
use crate::secret::{self, Accepted, Fingerprints, SecretChange, SecretChanges};

/// Digits of a replacement's name. Short, since clouds limit names; two of one resource hardly ever meet, and then the create is
/// refused.
pub(crate) const SUFFIX_DIGITS: usize = 6;

/// What the config asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    pub address: Address,
    /// Its kind, which some provider describes.
    pub kind: String,
    /// The document, references included.
    pub document: Value,
    /// Addresses it needs besides those it references.
    pub depends_on: BTreeSet<Address>,
    /// Addresses that go after it, and that it can be made without.
    pub deleted_before: BTreeSet<Address>,
    /// Not ours: read and referenced, never written.
    pub external: bool,
    /// Where its name stands in the document, as an RFC 6901 pointer, when a replacement may be made under another name before
    /// the old one goes.
    pub create_first: Option<String>,
    /// Whose name nobody else can have: while it is to be created, nothing else is begun, so that of two first deploys at the same
    /// moment one stops before it has made anything.
    pub claim: bool,
}

impl Desired {
    /// A resource of ours, which needs what its document references.
    pub fn new(address: Address, kind: impl Into<String>, document: Value) -> Self {
        Self {
            address,
            kind: kind.into(),
            document,
            depends_on: BTreeSet::new(),
            deleted_before: BTreeSet::new(),
            external: false,
            create_first: None,
            claim: false,
        }
    }

    /// A document of it under the name it has: that of a replacement ends in the suffix that its record says, or, where nothing
    /// was accepted yet, what is there in its place.
    #[must_use]
    pub fn named(&self, mut document: Value, record: Option<&Record>, observed: Option<&Observed>) -> Value {
        let recorded = record.and_then(|record| record.name_suffix.as_deref());
        let unsettled = record.is_none_or(|record| record.baseline.is_null());
        let shown = observed.filter(|_| unsettled).and_then(|observed| self.suffix_of(&observed.document));
        if let Some((pointer, suffix)) = self.create_first.as_deref().zip(recorded.or(shown))
            && let Some(Value::String(name)) = document.pointer_mut(pointer)
        {
            name.push('-');
            name.push_str(suffix);
        }
        document
    }

    /// What the name in a document of it ends in, when that is the name of a replacement.
    pub fn suffix_of<'a>(&self, document: &'a Value) -> Option<&'a str> {
        let pointer = self.create_first.as_deref()?;
        let (plain, name) = (self.document.pointer(pointer)?.as_str()?, document.pointer(pointer)?.as_str()?);
        let suffix = name.strip_prefix(plain)?.strip_prefix('-')?;
        (suffix.len() == SUFFIX_DIGITS && suffix.bytes().all(|b| b.is_ascii_hexdigit())).then_some(suffix)
    }
}

/// What state says we made or imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub address: Address,
    pub kind: String,
    /// The cloud's own name for it; none before the cloud told.
    pub remote_id: Option<String>,
    /// The document as last observed, under the names that docs/state.md gives; an object.
    pub attributes: Value,
    /// The desired document that was last accepted; null before the first success.
    pub baseline: Value,
    /// What it depended on when it was last applied.
    pub dependencies: BTreeSet<Address>,
    /// Of the secrets in what was last applied.
    pub secrets: Accepted,
    /// Begun, outcome unknown until the next refresh.
    pub pending: Option<Pending>,
    /// Taken over, not made by us.
    pub imported: bool,
    /// Not ours: read and referenced, never written.
    pub external: bool,
    /// Version of the kind's schema that the documents follow.
    pub schema_version: u32,
    /// Digest of the component that wrote it last.
    pub component_digest: String,
    /// Where it stands in the state, `cloud.node_groups[]`.
    pub state_path: String,
    /// What its name ends in, once it is a replacement that was made before the old one went.
    pub name_suffix: Option<String>,
    /// Of the old one, until it is gone: the address it had.
    pub deposed: Option<Address>,
    /// It stood before, or somebody else made it: used, never deleted.
    pub shared: bool,
    /// Members beside these that this version does not know; kept as they are.
    pub unknown: Map<String, Value>,
}

impl Record {
    /// Of something that was not made yet.
    pub fn unmade(address: Address, kind: String) -> Self {
        Self {
            address,
            kind,
            remote_id: None,
            attributes: Value::Object(Map::new()),
            baseline: Value::Null,
            dependencies: BTreeSet::new(),
            secrets: Accepted::new(),
            pending: None,
            imported: false,
            external: false,
            schema_version: 1,
            component_digest: String::new(),
            state_path: String::new(),
            name_suffix: None,
            deposed: None,
            shared: false,
            unknown: Map::new(),
        }
    }

    /// Makes room for a replacement under another name: the old one, which stands under an address of its own until it is gone,
    /// and the record of the new one, which does not exist yet.
    pub fn depose(self, suffix: &str) -> (Self, Self) {
        let old = Self { address: self.address.deposed(suffix), deposed: Some(self.address.clone()), ..self.clone() };
        let new = Self {
            remote_id: None,
            attributes: Value::Object(Map::new()),
            baseline: Value::Null,
            pending: None,
            imported: false,
            name_suffix: Some(suffix.to_owned()),
            unknown: Map::new(),
            ..self
        };
        (old, new)
    }

    /// The baseline, and what was sent since, may have taken effect and is no longer desired: what we answer for.
    ///
    /// Without it an edit that was cut short and then taken back would leave its attributes behind.
    pub fn claimed(&self, desired: &Value) -> Value {
        match &self.pending {
            Some(pending) => claimed(&self.baseline, &pending.document, desired),
            None => self.baseline.clone(),
        }
    }

    /// Which secrets of the document may stand for something else than was applied. What was imported is not touched on a doubt.
    pub fn secret_changes(&self, document: &Value, now: &Fingerprints) -> SecretChanges {
        let mut changes = secret::changes(document, &self.secrets, now);
        changes.retain(|_, change| !self.imported || *change == SecretChange::Changed);
        changes
    }
}

fn claimed(baseline: &Value, sent: &Value, desired: &Value) -> Value {
    let (Some(sent), Some(desired)) = (sent.as_object(), desired.as_object()) else { return baseline.clone() };
    let mut merged = baseline.as_object().cloned().unwrap_or_default();
    for (key, sent) in sent {
        let before = merged.get(key).unwrap_or(&Value::Null);
        let after = match desired.get(key) {
            Some(desired) => claimed(before, sent, desired),
            None if before.is_null() => sent.clone(),
            None => continue,
        };
        if !after.is_null() {
            merged.insert(key.clone(), after);
        }
    }
    if merged.is_empty() || !(baseline.is_null() || baseline.is_object()) {
        baseline.clone()
    } else {
        Value::Object(merged)
    }
}

/// A change in flight, as the journal keeps it. Its members stand in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// What was begun.
    pub action: PendingAction,
    /// The document that was sent: what a lost create is looked for by.
    pub document: Value,
    /// What `poll` needs, once the cloud has begun to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Value>,
    /// RFC 3339 instant of the first call.
    pub started_at: String,
    /// The idempotency token of this very change.
    pub token: String,
}

/// Which kind of change is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PendingAction {
    Create,
    Update,
    Delete,
}

/// What stands under an address right now.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It is there.
    Present,
    /// The cloud says that it does not exist.
    Absent,
    /// It is changing; the cloud's own status.
    InProgress(String),
    /// It is broken.
    Failed(String),
    /// Something of that name that is not ours.
    Foreign(String),
    /// Several things bear our marks.
    Ambiguous(Vec<String>),
    /// Could not be read; never shown as absent.
    Unreadable(ProviderError),
}

/// What the cloud answers now.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The address that was asked for.
    pub address: Address,
    /// The cloud's name for it.
    pub remote_id: Option<String>,
    /// Whether it is there.
    pub status: Status,
    /// The whole document in the kind's terms, null when there is none.
    pub document: Value,
    /// What state shows for it, where that is not the document itself (host-native kinds).
    pub attributes: Option<Value>,
    /// Of something foreign: the state of this very platform that made it, which is not the one in use.
    pub other_lineage: Option<OtherLineage>,
    /// It stood before, or somebody else made it, and it may be used all the same: it is never deleted. Of something foreign: it may be
    /// used from now on, if that is wished.
    pub shared: bool,
    /// Of something shared: what others decide of it, and is not as it is wanted.
    pub conflicts: Vec<FieldConflict>,
    /// Of something of ours: which other platforms said that they use it. It is not deleted while there are any.
    pub used_by: Vec<String>,
}

/// Another state of the same platform, as the marks of what it made tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherLineage {
    pub lineage: String,
    /// RFC 3339 instant since when it has been there, where that is known.
    pub since: Option<String>,
}

/// A field that somebody else decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldConflict {
    /// As the cloud writes it: `.spec.replicas`.
    pub field: String,
    /// Whose it is.
    pub manager: String,
    /// The thing serves all the same: the field stays as it is.
    pub left: bool,
}

impl Observed {
    /// It does not exist.
    pub fn absent(address: &Address) -> Self {
        Self {
            address: address.clone(),
            remote_id: None,
            status: Status::Absent,
            document: Value::Null,
            attributes: None,
            other_lineage: None,
            shared: false,
            conflicts: Vec::new(),
            used_by: Vec::new(),
        }
    }

    /// Could not be read.
    pub fn unreadable(address: &Address, error: ProviderError) -> Self {
        Self { status: Status::Unreadable(error), ..Self::absent(address) }
    }

    /// Whether it exists in a form that can be compared.
    pub fn is_present(&self) -> bool {
        matches!(self.status, Status::Present)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::claimed;

    #[test]
    fn what_was_sent_and_is_no_longer_desired_is_ours_and_the_rest_is_not_yet() {
        let claim = |baseline, sent, desired| claimed(&baseline, &sent, &desired);
        let (old, new) = (json!({"tags": {"a": "1"}, "n": 1}), json!({"tags": {"a": "2", "b": "2"}, "n": 2, "m": 2}));
        assert_eq!(claim(old.clone(), new.clone(), old.clone()), json!({"tags": {"a": "1", "b": "2"}, "n": 1, "m": 2}));
        assert_eq!(claim(old.clone(), new.clone(), new.clone()), old);
        assert_eq!(claim(json!(null), new.clone(), new.clone()), json!(null));
        assert_eq!(claim(json!(null), new, json!({"tags": {"a": "1"}})), json!({"tags": {"b": "2"}, "n": 2, "m": 2}));
    }
}
