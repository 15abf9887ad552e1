//! Secrets as far as the core knows them: by name, and by a keyed fingerprint of their value.
//!
//! The host makes the fingerprints; values never come here. `docs/adr/0006` says what the key keeps from whom.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{hidden_words, secret_name, secret_names};

/// A keyed hash of one secret's value, and which key it was made with: `<key id>:<hash>`, both hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    key: String,
    hash: String,
}

/// Text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is `<key id>:<hash>`, both hexadecimal")]
pub struct NotAFingerprint;

/// Of secrets by name, as they are now.
pub type Fingerprints = BTreeMap<String, Fingerprint>;

/// What a record says of secrets, by name; none where several values may have been sent and which one counts is unknown.
pub type Accepted = BTreeMap<String, Option<Fingerprint>>;

/// Secrets that may stand for something else than was accepted, by name.
pub type SecretChanges = BTreeMap<String, SecretChange>;

/// How a secret's value compares with what was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretChange {
    /// It is another one, or another one may have been sent since.
    Changed,
    /// Nobody can tell: what was accepted was fingerprinted with another key.
    Unclear,
}

impl Fingerprint {
    /// From the id of the key and the hash, both lower-case hexadecimal.
    ///
    /// # Errors
    /// [`NotAFingerprint`].
    pub fn new(key: &str, hash: &str) -> Result<Self, NotAFingerprint> {
        let hexadecimal = |text: &str| {
            !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let legal = hexadecimal(key) && hexadecimal(hash);
        legal.then(|| Self { key: key.to_owned(), hash: hash.to_owned() }).ok_or(NotAFingerprint)
    }

    /// How this one, of now, compares with the one that was accepted.
    pub fn since(&self, accepted: &Self) -> Option<SecretChange> {
        if self.key != accepted.key {
            return Some(SecretChange::Unclear);
        }
        (self.hash != accepted.hash).then_some(SecretChange::Changed)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.hash)
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, hash) = text.split_once(':').ok_or(NotAFingerprint)?;
        Self::new(key, hash)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NotAFingerprint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// The document's secrets that may stand for something else than was accepted. Of a secret that was never recorded, as in
/// states from before there were fingerprints, nothing is known, and nothing is said.
pub fn changes(document: &Value, accepted: &Accepted, now: &Fingerprints) -> SecretChanges {
    let names = secret_names(document).into_iter();
    names
        .filter_map(|name| {
            let change = match accepted.get(name)? {
                Some(accepted) => now.get(name)?.since(accepted)?,
                None => SecretChange::Changed,
            };
            Some((name.to_owned(), change))
        })
        .collect()
}

/// What is recorded once the document is in place.
pub fn accepted(document: &Value, now: &Fingerprints) -> Accepted {
    let names = secret_names(document).into_iter();
    names.filter_map(|name| Some((name.to_owned(), Some(now.get(name)?.clone())))).collect()
}

/// [`accepted`], laid over what is recorded of the document's secrets, which stays where nothing is known now.
pub fn accepted_over(document: &Value, before: &Accepted, now: Accepted) -> Accepted {
    let names = secret_names(document);
    let kept = before.iter().filter(|(name, _)| names.contains(name.as_str()));
    let mut recorded: Accepted = kept.map(|(name, known)| (name.clone(), known.clone())).collect();
    recorded.extend(now);
    recorded
}

/// What is observed, without the differences that the config's own edits of secrets make: the host compares with the values
/// of now, and drift is against those that were accepted.
pub fn without_edits(observed: Value, baseline: &Value, edits: &SecretChanges) -> Value {
    match (observed, baseline) {
        (observed, secret) if secret_name(secret).is_some() => {
            let edited = secret_name(secret).and_then(|name| edits.get(name)) == Some(&SecretChange::Changed);
            if edited && hidden_words(&observed).is_some() { secret.clone() } else { observed }
        }
        (Value::Object(members), Value::Object(before)) => {
            let settled = members.into_iter().map(|(key, member)| match before.get(&key) {
                Some(before) => (key, without_edits(member, before, edits)),
                None => (key, member),
            });
            Value::Object(settled.collect())
        }
        (observed, _) => observed,
    }
}

/// What is recorded before a document is sent, of which `now` is [`accepted`]. `fresh` says that nothing was ever sent before; otherwise the values that differ are
/// in doubt until the outcome is known, so that an edit that was cut short and then taken back is not forgotten.
pub fn sent(now: Accepted, before: &Accepted, fresh: bool) -> Accepted {
    let mut recorded = before.clone();
    for (name, fingerprint) in now {
        match recorded.get(&name) {
            None if fresh => recorded.insert(name, fingerprint),
            Some(known) if *known == fingerprint => None,
            _ => recorded.insert(name, None),
        };
    }
    recorded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Fingerprint {
        text.parse().unwrap()
    }

    fn now(text: &str) -> Fingerprints {
        Fingerprints::from([("a".to_owned(), of(text))])
    }

    #[test]
    fn what_is_known_of_a_secret_decides_what_is_said() {
        let document = json!({"x": [{"$secret": "a"}, {"$secret": "gone"}]});
        let said = |accepted: Option<&str>, known: &str| {
            let accepted = accepted.map(|text| ("a".to_owned(), text.parse().ok())).into_iter().collect();
            changes(&document, &accepted, &now(known)).get("a").copied()
        };
        assert_eq!(said(Some("00:11"), "00:11"), None);
        assert_eq!(said(Some("00:11"), "00:22"), Some(SecretChange::Changed));
        assert_eq!(said(Some("00:11"), "01:11"), Some(SecretChange::Unclear));
        assert_eq!(said(Some("in doubt"), "00:11"), Some(SecretChange::Changed));
        assert_eq!(said(None, "00:11"), None);
        assert_eq!(changes(&json!({}), &Accepted::from([("a".to_owned(), None)]), &now("00:11")), SecretChanges::new());
    }

    #[test]
    fn what_was_sent_over_something_else_is_in_doubt_until_it_is_done() {
        let document = json!({"$secret": "a"});
        let of = |text| accepted(&document, &now(text));
        let first = sent(of("00:11"), &Accepted::new(), true);
        assert_eq!(first, of("00:11"));
        assert_eq!(sent(of("00:11"), &first, false), first);
        let doubt = sent(of("00:22"), &first, false);
        assert_eq!(doubt["a"], None);
        assert_eq!(sent(of("00:11"), &doubt, false), doubt);
        assert_eq!(sent(of("00:11"), &Accepted::new(), false)["a"], None);
    }

    #[test]
    fn only_hexadecimal_text_is_a_fingerprint() {
        for bad in ["", "00", "00:", ":00", "0g:00", "00:AA", "00:hunter2"] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NotAFingerprint), "{bad}");
        }
        assert_eq!(of("00ff:12ab").to_string(), "00ff:12ab");
    }
}
