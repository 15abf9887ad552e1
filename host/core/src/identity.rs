//! Whose platform a state records. What reads as absent is believed only where the answer comes from the same place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::error::ProviderError;
use crate::kind::Kind;
use crate::resource::{Observed, PendingAction, Record, Status};

/// Whose platform it is: the account, or the cluster where there is no account. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What sort of owner it is: an account of one cloud, or `cluster`. Two of different sorts are never the same.
    pub kind: String,
    /// What nobody else is called: partition and account, the uid of a cluster's `kube-system`. None where it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// SHA-256 of the certificate authority that vouches for it, in hexadecimal: what tells one from another where the id cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_sha256: Option<String>,
    /// For people: the cloud, and the account's number or name. Says nothing about whether two are the same.
    pub name: String,
}

impl Identity {
    /// Whether it is the same owner; none where the two have nothing in common to tell by.
    pub fn is(&self, other: &Self) -> Option<bool> {
        if self.kind != other.kind {
            return Some(false);
        }
        let by_id = self.id.as_ref().zip(other.id.as_ref());
        by_id.or_else(|| self.ca_sha256.as_ref().zip(other.ca_sha256.as_ref())).map(|(one, other)| one == other)
    }

    /// The same, with what an earlier look knew of it and this one could not read.
    #[must_use]
    pub fn or(self, earlier: &Self) -> Self {
        let earlier = Some(earlier).filter(|earlier| self.is(earlier) == Some(true));
        let id = self.id.or_else(|| earlier?.id.clone());
        let ca_sha256 = self.ca_sha256.or_else(|| earlier?.ca_sha256.clone());
        Self { id, ca_sha256, ..self }
    }
}

/// What is compared.
pub struct Question<'a> {
    /// As recorded at the first deploy; none in a state of before, or before anything was made.
    pub recorded: Option<&'a Identity>,
    /// As told by the user's own login. `Ok(None)` when there is nobody to ask.
    pub told: &'a Result<Option<Identity>, ProviderError>,
    /// What state says.
    pub records: &'a BTreeMap<Address, Record>,
    /// What was read.
    pub observed: &'a BTreeMap<Address, Observed>,
    /// Whether the user accepts the loss of everything that is not there.
    pub accept_loss: bool,
}

/// Why the platform is not, or may not be, the one that the state records.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// It is another one. Nothing of what was read counts.
    Another(Box<Diagnostic>),
    /// Nobody can say, and something reads as absent.
    Unknown(Box<Diagnostic>),
}

impl Question<'_> {
    /// Whether what reads as absent may be believed. Gives warnings.
    ///
    /// # Errors
    /// [`Doubt`].
    pub fn answer(&self) -> Result<Vec<Diagnostic>, Doubt> {
        // What records nothing may become the state of any platform.
        let recorded = self.recorded.filter(|_| !self.records.is_empty());
        match (recorded, self.told) {
            (Some(recorded), Ok(Some(told))) => match told.is(recorded) {
                Some(true) => Ok(Vec::new()),
                Some(false) => Err(Doubt::Another(Box::new(another(recorded, told)))),
                None => self.unknown(
                    format!("the state is of {}, and whether {} is the same cannot be told", recorded.name, told.name),
                    &[],
                ),
            },
            (Some(recorded), Ok(None)) => self.unknown(
                format!("the state is of {}, and nothing here says whose the login in use is", recorded.name),
                &[],
            ),
            (None, Ok(Some(told))) => self.adopt(told),
            (None, Ok(None)) => Ok(Vec::new()),
            (recorded, Err(error)) => {
                let whose =
                    recorded.map_or_else(String::new, |recorded| format!("the state is of {}; ", recorded.name));
                self.unknown(format!("{whose}whose the login in use is could not be asked: {error}"), &error.hints())
            }
        }
    }

    /// A state of before identities were recorded takes on the first one under which something of it is found.
    fn adopt(&self, told: &Identity) -> Result<Vec<Diagnostic>, Doubt> {
        let found = |record: &Record| {
            let seen = self.observed.get(&record.address).filter(|observed| !observed.shared);
            let seen = seen.map(|observed| &observed.status);
            matches!(seen, Some(Status::Present | Status::InProgress(_) | Status::Failed(_)))
        };
        // What is not ours may be called the same anywhere.
        let known = || self.records.values().filter(|record| record.remote_id.is_some() && !record.external);
        let foreign = self.observed.values().any(|observed| matches!(observed.status, Status::Foreign(_)));
        if self.missing().next().is_none() || !foreign && known().any(found) || self.accept_loss {
            return Ok(Vec::new());
        }
        let detail = format!(
            "the state was written before NIC recorded whose platform it is, and nothing that it records is found in {}",
            told.name
        );
        let doubt = Diagnostic::error(UNKNOWN, UNKNOWN_SUMMARY, detail)
            .hint(format!("sign in to the account or cluster that it was made in, if that is not {}", told.name))
            .hint(RETIRE)
            .hint("if everything was deleted there, and should be made again, give `--accept-loss`");
        Err(Doubt::Unknown(Box::new(doubt)))
    }

    fn unknown(&self, detail: String, hints: &[String]) -> Result<Vec<Diagnostic>, Doubt> {
        let unread = self.observed.values().any(|observed| matches!(observed.status, Status::Unreadable(_)));
        let mut missing = self.missing();
        let Some(first) = missing.next() else {
            // What cannot be read is told as that, and for the same cause most of the time.
            let mut warning = Diagnostic::warning(UNKNOWN, UNKNOWN_SUMMARY, detail);
            warning.hints = hints.to_vec();
            let told = !unread && !self.observed.is_empty();
            return Ok(told.then_some(warning).into_iter().collect());
        };
        let others = match missing.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let mut doubt = Diagnostic::error(
            UNKNOWN,
            UNKNOWN_SUMMARY,
            format!("{detail}; so nobody can say whether `{}`{others} is gone", first.address),
        );
        doubt.hints = hints.to_vec();
        Err(Doubt::Unknown(Box::new(doubt.hint("nothing was changed; mend the cause and run again"))))
    }

    /// What was there once, and reads as absent.
    fn missing(&self) -> impl Iterator<Item = &Record> {
        let was_there = |record: &&Record| record.remote_id.is_some() || !record.baseline.is_null();
        let absent = |record: &&Record| {
            self.observed.get(&record.address).is_some_and(|observed| observed.status == Status::Absent)
        };
        self.records.values().filter(was_there).filter(absent)
    }
}

const UNKNOWN: &str = "IDENTITY_UNKNOWN";
const UNKNOWN_SUMMARY: &str = "Whose platform it is cannot be told";

/// The way out for a state whose platform nobody will see again.
pub const RETIRE: &str = "if that platform is gone for good, `nic state retire` puts the state aside";

fn another(recorded: &Identity, told: &Identity) -> Diagnostic {
    let detail = format!("the state is of {}; the login in use is of {}", recorded.name, told.name);
    let mut diagnostic = Diagnostic::error("STATE_OF_ANOTHER_PLATFORM", "The state is of another platform", detail)
        .hint(format!("sign in to {}, or give the right state with `--state`", recorded.name))
        .hint(RETIRE);
    diagnostic.details = serde_json::json!({ "recorded": recorded, "told": told });
    diagnostic
}

/// Why the platform as a whole is not there: none of what everything else stands on is, and no delete of ours explains it.
pub fn vanished(
    records: &BTreeMap<Address, Record>,
    observed: &BTreeMap<Address, Observed>,
    kinds: &BTreeMap<String, Kind>,
    told: Option<&Identity>,
) -> Option<Diagnostic> {
    let is_root = |record: &&Record| !record.external && kinds.get(&record.kind).is_some_and(Kind::is_root);
    let roots: Vec<&Record> = records.values().filter(is_root).collect();
    let deleting = |record: &&Record| record.pending.as_ref().is_some_and(|p| p.action == PendingAction::Delete);
    if roots.iter().any(deleting) {
        return None;
    }
    // What never came to be is not missed.
    let accepted: Vec<&Record> = roots.into_iter().filter(|record| !record.baseline.is_null()).collect();
    let absent = |record: &&Record| observed.get(&record.address).is_some_and(|seen| seen.status == Status::Absent);
    if accepted.is_empty() || !accepted.iter().all(absent) {
        return None;
    }
    let told_of = |record: &Record| match &record.remote_id {
        Some(id) => format!("`{}` ({id})", record.address),
        None => format!("`{}`", record.address),
    };
    let names: Vec<String> = accepted.iter().map(|record| told_of(record)).collect();
    let place = told.map_or_else(String::new, |told| format!(" in {}", told.name));
    let detail = format!("{} is recorded, and none of it is found{place}", names.join(", "));
    let mut diagnostic = Diagnostic::error("PLATFORM_VANISHED", "The whole platform reads as absent", detail)
        .hint("see whether credentials, region and endpoints are those it was made with")
        .hint(RETIRE)
        .hint("to make it again, or to forget what is recorded of it, give `--accept-loss`");
    diagnostic.details = serde_json::json!({ "absent": accepted.iter().map(|r| &r.address).collect::<Vec<_>>() });
    Some(diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(id: Option<&str>, ca: Option<&str>) -> Identity {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Identity { kind: "cluster".to_owned(), id: own(id), ca_sha256: own(ca), name: "x".to_owned() }
    }

    #[test]
    fn the_uid_decides_and_the_authority_where_there_is_none() {
        let both = cluster(Some("1"), Some("a"));
        assert_eq!(both.is(&cluster(Some("1"), Some("b"))), Some(true), "an authority may be renewed");
        assert_eq!(both.is(&cluster(Some("2"), Some("a"))), Some(false), "two clusters may have one authority");
        assert_eq!(both.is(&cluster(None, Some("a"))), Some(true));
        assert_eq!(both.is(&cluster(None, Some("b"))), Some(false));
        assert_eq!(cluster(Some("1"), None).is(&cluster(None, Some("a"))), None);
        let account = Identity { kind: "account".to_owned(), ..both.clone() };
        assert_eq!(account.is(&both), Some(false));
    }

    #[test]
    fn what_was_known_of_the_same_owner_stays_known() {
        let known = cluster(Some("1"), Some("a"));
        assert_eq!(cluster(None, Some("a")).or(&known), known);
        assert_eq!(cluster(None, Some("b")).or(&known), cluster(None, Some("b")));
        assert_eq!(cluster(Some("1"), Some("b")).or(&known), cluster(Some("1"), Some("b")));
    }
}
