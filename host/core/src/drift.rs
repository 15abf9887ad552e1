//! Drift: what the cloud shows against what was last accepted. A pure function of state and observations.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::diff::{AttributeChange, Truths, differences};
use crate::document::{is_mark, pointer_token};
use crate::error::ProviderError;
use crate::kind::Kind;
use crate::resource::{Observed, Record, Status};

/// How one recorded resource compares.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// As it was accepted.
    InSync,
    /// These attributes differ: `old` is what the cloud shows, `new` what was accepted.
    Differs(Vec<AttributeChange>),
    /// The cloud does not have it.
    Gone,
    /// Ours is gone, and something of others stands in its place. The words say since when.
    Foreign(String),
    /// A change of it was begun and not finished.
    Unfinished,
    /// It is there, and cannot be compared: it is changing, broken, not ours, or there are several. The words say which.
    Unclear(String),
    /// Could not be read. Never taken for "no drift".
    Unreadable(ProviderError),
}

/// One recorded resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceDrift {
    pub address: Address,
    /// Its kind's name for people.
    pub title: String,
    /// Where its record stands in the state, `cloud.node_groups[]`.
    pub state_path: String,
    /// How it compares.
    pub condition: Condition,
}

/// Something that bears our marks and is not recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Unrecorded {
    /// The address it is marked for.
    pub address: Address,
    /// Its kind's name for people.
    pub title: String,
    /// Where its record would stand.
    pub state_path: String,
    /// The cloud's name for it.
    pub remote_id: Option<String>,
}

/// Everything that was compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DriftReport {
    /// Every record, by address.
    pub resources: Vec<ResourceDrift>,
    /// What is there besides.
    pub unrecorded: Vec<Unrecorded>,
}

impl DriftReport {
    /// Whether anything is known to differ.
    pub fn has_drift(&self) -> bool {
        let drifted =
            |r: &ResourceDrift| matches!(r.condition, Condition::Differs(_) | Condition::Gone | Condition::Foreign(_));
        self.resources.iter().any(drifted) || !self.unrecorded.is_empty()
    }

    /// What could not be compared, with the reason: while there is any, nobody can say that there is no drift.
    pub fn unknown(&self) -> impl Iterator<Item = (&ResourceDrift, String)> {
        self.resources.iter().filter_map(|resource| match &resource.condition {
            Condition::Unreadable(error) => Some((resource, error.to_string())),
            Condition::Unclear(why) => Some((resource, why.clone())),
            Condition::Unfinished => Some((resource, "a change of it was begun and not finished".to_owned())),
            Condition::InSync | Condition::Differs(_) | Condition::Gone | Condition::Foreign(_) => None,
        })
    }
}

/// Why nobody can say that there is no drift: one diagnostic for each cause, whatever it concerns in the details.
pub fn undecided(report: &DriftReport) -> Vec<Diagnostic> {
    let mut causes: BTreeMap<String, (String, Vec<String>, Vec<&Address>)> = BTreeMap::new();
    for (resource, why) in report.unknown() {
        let (cause, hints) = match &resource.condition {
            Condition::Unreadable(error) => (error.cause(), error.hints()),
            Condition::Unfinished => (why.clone(), vec!["run `nic deploy`, which finishes it".to_owned()]),
            _ => (why.clone(), Vec::new()),
        };
        causes.entry(cause).or_insert_with(|| (why, hints, Vec::new())).2.push(&resource.address);
    }
    let told = causes.into_values().filter_map(|(why, hints, addresses)| {
        let (first, others) = addresses.split_first()?;
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        let detail = format!("`{first}`{more}: {why}");
        let mut diagnostic =
            Diagnostic::error("DRIFT_UNKNOWN", "Nobody can say whether there is drift", detail).at(first);
        diagnostic.hints = hints;
        if !others.is_empty() {
            diagnostic.details = serde_json::json!({ "resources": addresses });
        }
        Some(diagnostic)
    });
    told.collect()
}

/// Compares every record with what the cloud shows, and lists what is marked as ours and not recorded.
pub fn drift(
    records: &BTreeMap<Address, Record>,
    observed: &BTreeMap<Address, Observed>,
    discovered: &[Observed],
    kinds: &BTreeMap<String, Kind>,
) -> DriftReport {
    let resources = records.values().map(|record| {
        let kind = kinds.get(&record.kind);
        ResourceDrift {
            address: record.address.clone(),
            title: kind.map_or_else(|| record.kind.clone(), |kind| kind.title_of(&record.baseline)),
            state_path: record.state_path.clone(),
            condition: condition(record, observed.get(&record.address), kind),
        }
    });
    DriftReport { resources: resources.collect(), unrecorded: unrecorded(records, discovered, kinds) }
}

/// Of what was discovered, what no record stands for.
pub fn unrecorded(
    records: &BTreeMap<Address, Record>,
    discovered: &[Observed],
    kinds: &BTreeMap<String, Kind>,
) -> Vec<Unrecorded> {
    let unrecorded = discovered.iter().filter(|thing| !records.contains_key(&thing.address)).map(|thing| {
        let kind = thing.address.as_str().rsplit_once('.').and_then(|(kind, _)| kinds.get(kind));
        Unrecorded {
            address: thing.address.clone(),
            title: kind.map_or_else(|| "Resource".to_owned(), |kind| kind.title_of(&thing.document)),
            state_path: kind.map_or_else(|| "cloud.other[]".to_owned(), |kind| kind.state_path_of(&thing.document)),
            remote_id: thing.remote_id.clone(),
        }
    });
    unrecorded.collect()
}

fn condition(record: &Record, observed: Option<&Observed>, kind: Option<&Kind>) -> Condition {
    let Some(observed) = observed else {
        return Condition::Unreadable(ProviderError::other("PROVIDER_LIED", "the provider did not answer for it"));
    };
    match &observed.status {
        Status::Unreadable(error) => Condition::Unreadable(error.clone()),
        Status::Foreign(what) if observed.shared => Condition::Foreign(what.clone()),
        // What a replacement left behind is wanted by nobody, and goes with the next deploy.
        _ if record.pending.is_some() || record.deposed.is_some() => Condition::Unfinished,
        Status::Absent => Condition::Gone,
        Status::InProgress(what) => Condition::Unclear(format!("it is changing ({what})")),
        Status::Failed(how) => Condition::Unclear(format!("it is broken: {how}")),
        Status::Foreign(what) => Condition::Unclear(format!("it is not ours: {what}")),
        Status::Ambiguous(ids) => Condition::Unclear(format!("several bear its mark: {}", ids.join(", "))),
        // What is not ours is only there or not.
        Status::Present if record.external => Condition::InSync,
        Status::Present => {
            let Some(kind) = kind else {
                let message = format!("no loaded provider knows the kind `{}`", record.kind);
                return Condition::Unreadable(ProviderError::other("KIND_UNKNOWN", message));
            };
            let (accepted, shown) = (&record.baseline, &observed.document);
            let found = differences(&kind.schema, Truths { desired: accepted, baseline: accepted, observed: shown });
            if found.is_empty() { Condition::InSync } else { Condition::Differs(found) }
        }
    }
}

/// The baseline once what the cloud shows is accepted at these attributes. A secret's value cannot be: nobody knows it.
pub fn accepted(baseline: &Value, changes: &[AttributeChange]) -> Value {
    let mut accepted = baseline.clone();
    for change in changes.iter().filter(|change| !is_mark(&change.new)) {
        put(&mut accepted, &change.pointer, &change.old);
    }
    accepted
}

/// Sets the member a pointer leads to, or takes it away when there is nothing to set. Differences lead through objects only.
fn put(document: &mut Value, pointer: &str, value: &Value) {
    let Some((parent, member)) = pointer.rsplit_once('/') else {
        document.clone_from(value);
        return;
    };
    let Some(members) = document.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    let member = pointer_token(member);
    if value.is_null() {
        members.remove(&member);
    } else {
        members.insert(member, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::DifferenceCause;

    fn change(pointer: &str, shown: Value) -> AttributeChange {
        let (pointer, new) = (pointer.to_owned(), Value::Null);
        AttributeChange {
            pointer,
            origin: DifferenceCause::Drift,
            old: shown,
            new,
            forces_replace: false,
            sensitive: false,
        }
    }

    #[test]
    fn accepting_puts_in_what_the_cloud_shows_and_leaves_the_rest() {
        let baseline = json!({"scaling": {"max": 5, "min": 1}, "tags": {"a/b": "1", "c": "2"}});
        let changes = [change("/scaling/max", json!(10)), change("/tags/a~1b", Value::Null)];
        assert_eq!(accepted(&baseline, &changes), json!({"scaling": {"max": 10, "min": 1}, "tags": {"c": "2"}}));
    }
}
