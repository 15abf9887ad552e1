//! What a component that did not come with NIC is about to do, and nobody agreed to yet.

mod far;

use std::collections::BTreeMap;

use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::engine::Planned;
use nic_core::plan::{PlannedChange, Reason};
use nic_core::ports::Provider as _;
use nic_core::resource::Record;
use nic_core::state::State;
use serde_json::json;

use self::far::{Concern, reaches_far};
use super::confirm::{Prompt, is_answered};
use crate::components;
use crate::error::CommandError;
use crate::output::Printer;
use crate::plan_file::REACHES_FAR;
use crate::session::Session;

/// What there is to agree to. Of what came with NIC it is nothing: that is as trusted as NIC.
pub(super) struct Consent<'a> {
    session: &'a Session,
    /// What matters most comes first, and nothing is left out: a component orders its resources as it likes.
    reasons: Vec<(Concern, String)>,
    /// The state says that the user agreed to other bytes, or to none.
    is_new: bool,
}

impl<'a> Consent<'a> {
    /// What carrying out a plan takes.
    pub(super) async fn to(session: &'a Session, planned: &Planned) -> Self {
        let component = session.component();
        let (name, digest) = (component.manifest().name.as_str(), component.digest());
        // What is not ours is read and recorded, whatever a plan calls that.
        let acts = |change: &&PlannedChange| {
            change.address.provider() == name && change.is_step() && change.reason != Reason::External
        };
        let steps: Vec<&PlannedChange> = planned.plan.changes.iter().filter(acts).collect();
        if steps.is_empty() || session.came_with_nic() {
            return Self { session, reasons: Vec::new(), is_new: false };
        }
        let state = session.run.journal.state().await;
        let mut reasons: Vec<(Concern, String)> = Vec::from_iter(another(&state, name, digest));
        reasons.extend(steps.into_iter().filter_map(|change| {
            let document = planned.graph.get(&change.address).map(|desired| &desired.document);
            let granted = nic_gate::identities::granted(component.grants(), &change.kind);
            reaches_far(change, document, granted, is_made(&state.records, &change.address))
        }));
        reasons.sort_by_key(|(concern, _)| *concern);
        let is_new = state.metadata.components.get(name).is_none_or(|agreed| agreed != digest);
        Self { session, reasons, is_new }
    }

    /// Whether anything has to be asked.
    pub(super) fn is_needed(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// The same for who reads a plan.
    pub(super) fn note(&self) -> Option<Diagnostic> {
        let lines = self.lines();
        let summary = "The provider did not come with NIC, and acts with your logins";
        let name = &self.session.component().manifest().name;
        let told = Diagnostic::warning(REACHES_FAR, summary, format!("`{name}`:\n{}", bulleted(&lines)));
        self.is_needed().then(|| told.details(json!({ "provider": name, "reasons": lines })))
    }

    /// Asks a question, with what there is to agree to before it.
    ///
    /// # Errors
    /// As [`Prompt::ask`].
    pub(super) async fn ask(&self, question: Prompt<'_>, yes: bool, printer: Printer) -> Result<(), CommandError> {
        let Some(note) = self.note() else { return question.ask(yes, printer).await };
        if is_answered(yes) {
            printer.diagnostics(&[note], None);
            return Ok(());
        }
        let name = &self.session.component().manifest().name;
        let because = self.lines();
        let told = bulleted(&because);
        let text = format!(
            "The provider `{name}` did not come with NIC, and acts with your logins:\n{told}\n{}",
            question.text
        );
        Prompt { text, because, ..question }.ask(yes, printer).await
    }

    /// The user agreed, or there was nothing to agree to: the component may go on.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) async fn given(&self) -> Result<(), CommandError> {
        if self.reasons.iter().any(|(concern, _)| *concern == Concern::Identities) {
            self.session.component().allow_identities();
        }
        // What acts where nothing is recorded was agreed to when it was added.
        if self.is_new { self.session.record_component().await } else { Ok(()) }
    }

    fn lines(&self) -> Vec<String> {
        self.reasons.iter().map(|(_, reason)| reason.clone()).collect()
    }
}

fn bulleted(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}")).collect::<Vec<_>>().join("\n")
}

/// Other bytes than those that the user agreed to; or nobody knows which acted until now.
fn another(state: &State, name: &str, digest: &str) -> Option<(Concern, String)> {
    let short = components::short(digest);
    let told = match state.metadata.components.get(name) {
        Some(agreed) if agreed == digest => return None,
        Some(_) => format!("it is another one than at the last deploy (digest {short})"),
        None if state.records.keys().any(|address| address.provider() == name) => {
            format!("nobody agreed yet that it goes on with what is recorded here (digest {short})")
        }
        None => return None,
    };
    Some((Concern::Bytes, told))
}

/// Whether something is recorded as done: an earlier plan showed it.
fn is_made(records: &BTreeMap<Address, Record>, address: &Address) -> bool {
    records.get(address).is_some_and(|record| !record.baseline.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_acted_last_is_known_by_what_was_agreed_to_alone() {
        let mut state = State::empty("x", "p", "dev", "classic", "0", "2026-01-01T00:00:00Z");
        let told = |state: &State| another(state, "x", "new").map(|(_, told)| told);
        assert_eq!(told(&state), None, "where nothing is recorded it was agreed to when it was added");
        let address: Address = "x.object.a".parse().unwrap();
        // The digest of a record says who stamped it last, which is no agreement; that of an object is not the component's.
        let record = Record {
            component_digest: "new".to_owned(),
            ..Record::unmade(address.clone(), "kubernetes.object".to_owned())
        };
        state.records.insert(address, record);
        assert!(told(&state).unwrap().starts_with("nobody agreed yet"));
        state.metadata.components.insert("x".to_owned(), "old".to_owned());
        assert!(told(&state).unwrap().starts_with("it is another one"));
        state.metadata.components.insert("x".to_owned(), "new".to_owned());
        assert_eq!(told(&state), None);
    }
}
