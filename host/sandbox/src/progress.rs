//! The audit of what a provider answers to a change: about the same thing, in the promised form.

use nic_core::diff::{Truths, differences};
use nic_core::error::{ChangeFailure, ProviderError};
use nic_core::ports::{Change, Progress};
use nic_core::resource::{Observed, Status};
use serde_json::Value;

use super::fault::Fault;
use super::schema::Schema;

/// Which change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Delete,
    Poll,
}

impl Verb {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Poll => "poll",
        }
    }
}

/// What the answer is held against.
pub(super) struct Asked<'a> {
    pub(super) verb: Verb,
    pub(super) change: &'a Change,
    /// The remote id that `report.created` told.
    pub(super) told: Option<&'a str>,
    /// The kind's schema, as the document says it and compiled.
    pub(super) schema: (&'a Value, &'a Schema),
}

/// The remote id that the change is about, as far as the host knows it.
fn known<'a>(asked: &Asked<'a>) -> Option<&'a str> {
    asked.told.or(asked.change.remote_id.as_deref())
}

/// One change is about one thing: whatever it is called in the answer, it is called what it was called before.
fn same_thing(asked: &Asked<'_>, remote_id: Option<&str>) -> Result<(), Fault> {
    match (known(asked), remote_id) {
        (Some(known), Some(other)) if known != other => {
            Fault::lie(format!("the remote id of `{}` became another one", asked.change.address))
        }
        _ => Ok(()),
    }
}

/// Audits an answer.
pub(super) fn audit(asked: &Asked<'_>, progress: Progress) -> Result<Progress, Fault> {
    match progress {
        Progress::Pending(waiting) => {
            same_thing(asked, waiting.remote_id.as_deref())?;
            Ok(Progress::Pending(waiting))
        }
        Progress::Done(observed) => done(asked, observed).map(Progress::Done),
    }
}

fn done(asked: &Asked<'_>, mut observed: Observed) -> Result<Observed, Fault> {
    let address = &asked.change.address;
    if observed.address != *address {
        return Fault::lie(format!("it was asked about `{address}` and answered about `{}`", observed.address));
    }
    let fits = match (asked.verb, &observed.status) {
        (Verb::Create | Verb::Update, Status::Present) | (Verb::Delete, Status::Absent) => true,
        (Verb::Poll, status) => matches!(status, Status::Present | Status::Absent),
        _ => false,
    };
    if !fits {
        let state = match asked.verb {
            Verb::Delete => "still there",
            Verb::Poll => "neither there nor gone",
            Verb::Create | Verb::Update => "not there",
        };
        return Fault::lie(format!("it said that it is done, and that `{address}` is {state}"));
    }
    if !observed.is_present() {
        return Ok(observed);
    }
    same_thing(asked, observed.remote_id.as_deref())?;
    if observed.remote_id.is_none() {
        observed.remote_id = known(asked).map(str::to_owned);
    }
    if observed.remote_id.is_none() {
        return Fault::lie(format!("it created `{address}` without a remote id"));
    }
    if let Some((pointer, sentence)) = asked.schema.1.violations(&observed.document, false).into_iter().next() {
        return Fault::lie(format!("the document of `{address}` does not fit its schema at `{pointer}`: {sentence}"));
    }
    let truths =
        Truths { desired: &asked.change.document, baseline: &asked.change.document, observed: &observed.document };
    if let Some(change) = differences(asked.schema.0, truths).into_iter().find(|change| change.forces_replace) {
        return Fault::lie(format!(
            "`{}` of `{address}` cannot be changed, and is not what was asked for",
            change.pointer
        ));
    }
    Ok(observed)
}

/// A failure, with the remote id of what exists in spite of it. An id that was told goes before one that is claimed later.
pub(super) fn failure(
    asked: &Asked<'_>,
    error: ProviderError,
    claimed: Option<String>,
) -> Result<ChangeFailure, Fault> {
    let claimed = claimed.map(super::guest_text::remote_id).transpose()?;
    same_thing(asked, claimed.as_deref())?;
    let remote_id = asked.told.map(str::to_owned).or(claimed);
    Ok(ChangeFailure { error, remote_id })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nic_core::ports::Waiting;
    use serde_json::json;

    use super::*;

    fn change(remote_id: Option<&str>) -> Change {
        Change {
            address: "aws.vpc.main".parse().unwrap(),
            kind: "aws.vpc".to_owned(),
            remote_id: remote_id.map(str::to_owned),
            document: json!({"cidr": "10.0.0.0/16", "dns": true}),
            prior: Value::Null,
            paths: Vec::new(),
            token: "0".repeat(32),
            deadline: Duration::from_secs(1),
        }
    }

    fn present(remote_id: Option<&str>, document: Value) -> Observed {
        let absent = Observed::absent(&"aws.vpc.main".parse().unwrap());
        Observed { remote_id: remote_id.map(str::to_owned), status: Status::Present, document, ..absent }
    }

    fn audited(verb: Verb, change: &Change, told: Option<&str>, progress: Progress) -> Result<Progress, Fault> {
        let schema = json!({
            "type": "object",
            "properties": {
                "cidr": {"type": "string", "x-nic": {"immutable": true}},
                "dns": {"type": "boolean"},
                "id": {"type": "string", "x-nic": {"computed": true}},
            },
        });
        let compiled = Schema::compile(&schema).unwrap();
        audit(&Asked { verb, change, told, schema: (&schema, &compiled) }, progress)
    }

    #[test]
    fn an_honest_create_passes_and_gets_the_id_it_told() {
        let document = json!({"cidr": "10.0.0.0/16", "dns": false, "id": "vpc-1"});
        let progress = Progress::Done(present(None, document));
        let Ok(Progress::Done(observed)) = audited(Verb::Create, &change(None), Some("vpc-1"), progress) else {
            panic!("it was refused")
        };
        assert_eq!(observed.remote_id.as_deref(), Some("vpc-1"));
    }

    #[test]
    fn lies_about_a_change_are_found() {
        let document = json!({"cidr": "10.0.0.0/16"});
        let other = Observed { address: "aws.vpc.other".parse().unwrap(), ..present(Some("vpc-1"), document.clone()) };
        let absent = Observed::absent(&"aws.vpc.main".parse().unwrap());
        let failed =
            Observed { status: Status::Failed("broken".to_owned()), ..present(Some("vpc-1"), document.clone()) };
        let known = change(Some("vpc-1"));
        for (verb, change, told, observed) in [
            (Verb::Update, &known, None, other),
            (Verb::Update, &known, None, present(Some("vpc-2"), document.clone())),
            (Verb::Update, &known, None, absent.clone()),
            (Verb::Update, &known, None, failed.clone()),
            (Verb::Poll, &known, None, failed),
            (Verb::Delete, &known, None, present(Some("vpc-1"), document.clone())),
            (Verb::Create, &change(None), None, absent),
            (Verb::Create, &change(None), None, present(None, document.clone())),
            (Verb::Create, &change(None), Some("vpc-1"), present(Some("vpc-2"), document)),
            (Verb::Create, &change(None), None, present(Some("vpc-1"), json!({"cidr": 1}))),
            (Verb::Create, &change(None), None, present(Some("vpc-1"), json!({"cidr": "10.1.0.0/16"}))),
        ] {
            let shown = format!("{verb:?} {observed:?}");
            assert!(matches!(audited(verb, change, told, Progress::Done(observed)), Err(Fault::Lie(_))), "{shown}");
        }
        let pending = Progress::Pending(Waiting {
            remote_id: Some("vpc-2".to_owned()),
            operation: json!({}),
            poll_after: Duration::ZERO,
            message: String::new(),
        });
        assert!(audited(Verb::Update, &known, None, pending).is_err());
    }

    #[test]
    fn a_delete_that_is_done_is_gone() {
        let absent = Observed::absent(&"aws.vpc.main".parse().unwrap());
        assert!(audited(Verb::Delete, &change(Some("vpc-1")), None, Progress::Done(absent)).is_ok());
    }

    #[test]
    fn a_failure_keeps_what_was_told() {
        let schema = json!({});
        let compiled = Schema::compile(&schema).unwrap();
        let change = change(None);
        let asked = Asked { verb: Verb::Create, change: &change, told: Some("vpc-1"), schema: (&schema, &compiled) };
        let error = ProviderError::TimedOut("x".to_owned());
        assert_eq!(failure(&asked, error.clone(), None).unwrap().remote_id.as_deref(), Some("vpc-1"));
        assert!(failure(&asked, error, Some("vpc-2".to_owned())).is_err());
    }
}
