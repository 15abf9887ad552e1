//! A plan in a file: `nic plan --out`, and `nic deploy --plan`, which carries out that plan or none.
//!
//! Deploy plans anew and compares: what is carried out is always a plan of this very run, so a file that was edited by hand can
//! change what is refused, never what is done.

use std::path::Path;

use nic_core::document::digest;
use nic_core::plan::Plan;
use nic_core::secret::{Fingerprints, SecretChange};
use nic_system::input;
use serde_json::{Value, json};

use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::files;

/// The version of the file's shape, which docs/schemas/plan.json describes.
const FORMAT_VERSION: &str = "1";

/// Largest plan that is read: as for a state.
const MAX_PLAN_BYTES: usize = 256 << 20;

/// The code of the note by which a plan shows what there is to agree to: who carries out a saved plan agrees to no more than that.
pub const REACHES_FAR: &str = "PROVIDER_REACHES_FAR";

/// Writes a plan.
///
/// # Errors
/// `FILE_NOT_WRITABLE`.
pub fn write(path: &Path, plan: &Plan, created_at: &str) -> Result<(), CommandError> {
    let plan = serde_json::to_value(plan).unwrap_or(Value::Null);
    let document = json!({
        "format_version": FORMAT_VERSION,
        "nic_version": env!("CARGO_PKG_VERSION"),
        "created_at": created_at,
        "digest": digest(&plan),
        "plan": plan,
    });
    files::replace(path, format!("{document:#}\n").as_bytes())
}

/// A plan that was saved, whole and unedited.
#[derive(Debug)]
pub struct SavedPlan(Value);

impl SavedPlan {
    /// Reads it.
    ///
    /// # Errors
    /// `PLAN_NOT_READABLE`, `PLAN_EDITED`.
    pub fn read(path: &Path) -> Result<Self, CommandError> {
        let unreadable = |why: String| {
            let detail = format!("`{}`: {why}", path.display());
            CommandError::broke("PLAN_NOT_READABLE", "The plan file cannot be used", detail)
                .hint("write it with `nic plan --out FILE`, using this version of NIC")
        };
        let bytes = input::read(path, MAX_PLAN_BYTES).map_err(|error| unreadable(error.to_string()))?;
        if bytes.len() > MAX_PLAN_BYTES {
            return Err(unreadable(format!("it is larger than {} MiB", MAX_PLAN_BYTES >> 20)));
        }
        let document: Value = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if document["format_version"] != FORMAT_VERSION {
            return Err(unreadable("it is not a plan file of this format".to_owned()));
        }
        if document["digest"] != digest(&document["plan"]) {
            let detail = format!("`{}` is not as `nic plan` wrote it", path.display());
            return Err(refused("PLAN_EDITED", "The plan file was edited", detail));
        }
        Ok(Self(document["plan"].clone()))
    }

    /// Whether a plan made now would do exactly what this one says.
    ///
    /// # Errors
    /// `PLAN_STALE`, with what is different.
    pub fn still_holds(&self, now: &Plan) -> Result<(), CommandError> {
        let now = serde_json::to_value(now).unwrap_or(Value::Null);
        match difference(&self.0, &now) {
            None => Ok(()),
            Some(what) => Err(refused("PLAN_STALE", "The plan no longer holds", what)),
        }
    }
}

fn refused(code: &str, summary: &str, detail: String) -> CommandError {
    let mut error =
        CommandError::broke(code, summary, detail).hint("make a new one with `nic plan --out FILE`, and read it");
    error.status = ExitStatus::Refused;
    error
}

fn difference(saved: &Value, now: &Value) -> Option<String> {
    let (then, inputs) = (&saved["inputs"], &now["inputs"]);
    if then["configuration_hash"] != inputs["configuration_hash"] {
        return Some("the config was edited since the plan was made".to_owned());
    }
    if let Some(name) = edited_secret(&then["secrets"], &inputs["secrets"]) {
        return Some(format!("the secret `{name}` was edited since the plan was made"));
    }
    if then["components"] != inputs["components"] {
        return Some("it was made with other provider components".to_owned());
    }
    if then["serial"] != inputs["serial"] {
        return Some(format!("the state has moved on from serial {} to {}", then["serial"], inputs["serial"]));
    }
    // Before the first write of a state its lineage is new in every run.
    if then["lineage"] != inputs["lineage"] && inputs["serial"] != 0 {
        return Some("it was made for another state".to_owned());
    }
    let (shown, shown_now) = (to_agree_to(saved), to_agree_to(now));
    let (saved, now) = (changes(saved), changes(now));
    if saved == now {
        let unseen = shown_now.into_iter().find(|reason| !shown.contains(reason));
        return unseen.map(|reason| format!("it does not show what there is to agree to now: {reason}"));
    }
    let other = now.iter().find(|change| !saved.contains(change)).or_else(|| saved.iter().find(|c| !now.contains(c)));
    let address = other.and_then(|change| change["address"].as_str()).unwrap_or("the order of changes");
    Some(format!("the cloud has changed since the plan was made: `{address}` would come out differently"))
}

/// A secret that stands for something else. One without a fingerprint, as before the first deploy, cannot be told.
fn edited_secret(then: &Value, now: &Value) -> Option<String> {
    let read = |value: &Value| serde_json::from_value::<Fingerprints>(value.clone()).unwrap_or_default();
    let (then, now) = (read(then), read(now));
    let mut edited = then
        .iter()
        .filter(|(name, then)| now.get(*name).is_some_and(|now| now.since(then) == Some(SecretChange::Changed)));
    edited.next().map(|(name, _)| name.clone())
}

/// What a plan shows that there is to agree to.
fn to_agree_to(plan: &Value) -> Vec<&str> {
    let notes = plan["notes"].as_array().into_iter().flatten().filter(|note| note["code"] == REACHES_FAR);
    notes.filter_map(|note| note["details"]["reasons"].as_array()).flatten().filter_map(Value::as_str).collect()
}

/// What would be done: unchanged resources may come and go, and what was not confirmed then may be confirmed now. Of the values of what is
/// made the digest tells, and older files have no more than that.
fn changes(plan: &Value) -> Vec<Value> {
    let mut changes = plan["changes"].as_array().cloned().unwrap_or_default();
    changes.retain(|change| change["action"] != "no-op");
    for change in changes.iter_mut().filter_map(Value::as_object_mut) {
        change.remove("confirmation");
        change.remove("values");
    }
    changes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nic_core::diagnostic::Diagnostic;
    use nic_core::plan::{Action, PlanInputs, PlannedChange, Reason};

    use super::*;

    fn plan(serial: u64, lineage: &str) -> Plan {
        let inputs = PlanInputs { serial, lineage: lineage.to_owned(), ..PlanInputs::default() };
        Plan { inputs, ..Plan::default() }
    }

    #[test]
    fn a_saved_plan_holds_until_something_moves() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        write(&path, &plan(3, "a"), "2026-01-01T00:00:00Z").unwrap();
        let saved = SavedPlan::read(&path).unwrap();
        assert!(saved.still_holds(&plan(3, "a")).is_ok());
        for moved in [plan(4, "a"), plan(3, "b")] {
            assert_eq!(saved.still_holds(&moved).unwrap_err().diagnostics[0].code, "PLAN_STALE");
        }
    }

    #[test]
    fn a_secret_edited_since_makes_a_plan_stale() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        let with = |fingerprint: &str| {
            let secrets = [("password".to_owned(), fingerprint.parse().unwrap())].into();
            Plan { inputs: PlanInputs { secrets, ..PlanInputs::default() }, ..Plan::default() }
        };
        write(&path, &with("aa:01"), "2026-01-01T00:00:00Z").unwrap();
        let saved = SavedPlan::read(&path).unwrap();
        assert!(saved.still_holds(&with("aa:01")).is_ok());
        assert!(saved.still_holds(&with("bb:02")).is_ok(), "another key tells nothing");
        let error = saved.still_holds(&with("aa:02")).unwrap_err();
        assert!(error.diagnostics[0].detail.contains("`password` was edited"), "{error:?}");
    }

    #[test]
    fn a_saved_plan_agrees_to_what_it_showed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        let shows = |reasons: &[&str]| {
            let note = Diagnostic::warning(REACHES_FAR, "", "").details(json!({ "reasons": reasons }));
            Plan { notes: vec![note], ..plan(3, "a") }
        };
        write(&path, &shows(&["makes one", "makes two"]), "2026-01-01T00:00:00Z").unwrap();
        let saved = SavedPlan::read(&path).unwrap();
        assert!(saved.still_holds(&shows(&["makes two", "makes one"])).is_ok());
        assert!(saved.still_holds(&plan(3, "a")).is_ok());
        let error = saved.still_holds(&shows(&["makes one", "makes three"])).unwrap_err();
        assert!(error.diagnostics[0].detail.ends_with("now: makes three"), "{error:?}");
    }

    #[test]
    fn a_plan_that_was_saved_without_values_holds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        let creating = |digest: &str, values: Option<Value>| {
            let change = PlannedChange {
                address: "a.b.c".parse().unwrap(),
                kind: "a.b".to_owned(),
                title: "Thing".to_owned(),
                action: Action::Create,
                reason: Reason::InConfig,
                differences: Vec::new(),
                remote_id: None,
                needs: BTreeSet::new(),
                in_progress: false,
                document_digest: Some(digest.to_owned()),
                values,
                create_first: false,
                deposed: None,
                confirmation: None,
                shared: false,
                used_by: Vec::new(),
                goes_with: None,
            };
            Plan { changes: vec![change], ..plan(3, "a") }
        };
        write(&path, &creating("one", None), "2026-01-01T00:00:00Z").unwrap();
        let saved = SavedPlan::read(&path).unwrap();
        assert!(saved.still_holds(&creating("one", Some(json!({ "size": 1 })))).is_ok());
        assert!(saved.still_holds(&creating("two", Some(json!({ "size": 2 })))).is_err());
    }

    #[test]
    fn before_the_first_deploy_the_lineage_is_not_compared() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        write(&path, &plan(0, "a"), "2026-01-01T00:00:00Z").unwrap();
        assert!(SavedPlan::read(&path).unwrap().still_holds(&plan(0, "b")).is_ok());
    }

    #[test]
    fn an_edited_file_and_no_plan_file_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        write(&path, &plan(3, "a"), "2026-01-01T00:00:00Z").unwrap();
        let edited = std::fs::read_to_string(&path).unwrap().replace("\"serial\": 3", "\"serial\": 4");
        std::fs::write(&path, edited).unwrap();
        assert_eq!(SavedPlan::read(&path).unwrap_err().diagnostics[0].code, "PLAN_EDITED");
        for text in ["", "{}", "{\"format_version\": \"9\"}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(SavedPlan::read(&path).unwrap_err().diagnostics[0].code, "PLAN_NOT_READABLE");
        }
    }
}
