//! Between the boundary's types and this crate's: one function per type and direction, nothing else.

#[cfg(any(target_arch = "wasm32", test))]
mod answered;

#[cfg(any(target_arch = "wasm32", test))]
pub use answered::error_from_wit;

use serde_json::Value;

use crate::bindings::exports::nic::plugin::{access, discovery, lifecycle, meta, planning};
use crate::bindings::nic::plugin::types as wit;
use crate::error::{Error, Failure};
use crate::provider::Facts;
use crate::types::{
    Answer, Change, Context, Diagnostic, Fact, Locator, Observation, OtherLineage, Outdated, Progress, Query, Recorded,
    Resource, Role, Severity, Status, Target,
};

/// JSON text that came over the boundary; `what` names it in the error.
pub fn json(text: &str, what: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| Error::other("JSON_INVALID", format!("{what} is not JSON: {error}")))
}

/// The context of a call. Unknown members are ignored, absent ones have their default.
pub fn context(text: &str) -> Result<Context, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::other("JSON_INVALID", format!("the context cannot be read: {error}")))
}

/// The facts given to `desired`.
pub fn facts(facts: Vec<wit::Fact>) -> Result<Facts, Error> {
    let parse = |fact: wit::Fact| Ok((fact.key, json(&fact.value, "a fact")?));
    Ok(Facts(facts.into_iter().map(parse).collect::<Result<_, Error>>()?))
}

/// The queries given to `lookup`.
pub fn queries(queries: Vec<wit::Query>) -> Result<Vec<Query>, Error> {
    let parse = |query: wit::Query| {
        Ok(Query { arguments: json(&query.arguments, "the arguments of a query")?, key: query.key, name: query.name })
    };
    queries.into_iter().map(parse).collect()
}

/// The records given to `outputs`, `discover` and `cluster`.
pub fn records(records: Vec<wit::Recorded>) -> Result<Vec<Recorded>, Error> {
    let parse = |record: wit::Recorded| {
        Ok(Recorded {
            attributes: json(&record.attributes, "the attributes of a record")?,
            address: record.address,
            kind: record.kind,
            remote_id: record.remote_id,
        })
    };
    records.into_iter().map(parse).collect()
}

/// The targets given to `read`.
pub fn targets(targets: Vec<discovery::Target>) -> Result<Vec<Target>, Error> {
    let parse = |target: discovery::Target| {
        Ok(Target {
            document: json(&target.document, "the document of a target")?,
            address: target.address,
            kind: target.kind,
            remote_id: target.remote_id,
        })
    };
    targets.into_iter().map(parse).collect()
}

/// The document given to `upgrade-document`.
pub fn outdated(outdated: meta::Outdated) -> Result<Outdated, Error> {
    Ok(Outdated {
        document: json(&outdated.document, "the document to upgrade")?,
        role: match outdated.role.as_str() {
            "attributes" => Role::Attributes,
            "pending" => Role::Pending,
            _ => Role::Baseline,
        },
        address: outdated.address,
        kind: outdated.kind,
        remote_id: outdated.remote_id,
        from_version: outdated.from_version,
    })
}

/// The change given to `create`, `update`, `delete` and `poll`.
pub fn change(change: lifecycle::Change) -> Result<Change, Error> {
    Ok(Change {
        document: json(&change.document, "the document of a change")?,
        prior: json(&change.prior, "the prior document of a change")?,
        address: change.address,
        kind: change.kind,
        remote_id: change.remote_id,
        paths: change.paths,
        token: change.token,
    })
}

/// An error that this component answers.
pub fn error(error: Error) -> wit::Error {
    match error {
        Error::Denied { code, message } => wit::Error::Denied(wit::Problem { code, ..problem(message) }),
        Error::NotFound(message) => wit::Error::NotFound(problem(message)),
        Error::Conflict(message) => wit::Error::Conflict(problem(message)),
        Error::Throttled(after_milliseconds) => {
            wit::Error::Throttled(wit::Throttle { after_milliseconds, message: String::new(), detail: nothing() })
        }
        Error::Invalid(found) => wit::Error::Invalid(diagnostics(found)),
        Error::Remote { status, code, message } => {
            wit::Error::Remote(wit::RemoteError { status, code, message, detail: nothing() })
        }
        Error::TimedOut(message) => wit::Error::TimedOut(problem(message)),
        Error::Other { code, message, detail } => {
            wit::Error::Other(wit::Problem { code, message, detail: detail.to_string() })
        }
    }
}

/// Words without a code.
fn problem(message: String) -> wit::Problem {
    wit::Problem { code: String::new(), message, detail: nothing() }
}

/// An object of nothing, for what this version of the boundary has no members of.
fn nothing() -> String {
    "{}".to_owned()
}

/// The failure of a change.
pub fn failure(failure: Failure) -> wit::Failure {
    wit::Failure { error: error(failure.error), remote_id: failure.remote_id, extra: nothing() }
}

/// The diagnostics of `validate` and `preflight`.
pub fn diagnostics(diagnostics: Vec<Diagnostic>) -> Vec<wit::Diagnostic> {
    let build = |diagnostic: Diagnostic| wit::Diagnostic {
        severity: match diagnostic.severity {
            Severity::Error => wit::Severity::Error,
            Severity::Warning => wit::Severity::Warning,
            Severity::Info => wit::Severity::Info,
        },
        code: diagnostic.code,
        summary: diagnostic.summary,
        detail: diagnostic.detail,
        pointer: diagnostic.pointer,
        hints: diagnostic.hints,
        extra: nothing(),
    };
    diagnostics.into_iter().map(build).collect()
}

/// The answer of `desired`.
pub fn answer(answer: Answer) -> planning::Answer {
    match answer {
        Answer::Ready(resources) => planning::Answer::Ready(resources.into_iter().map(resource).collect()),
        Answer::Need(queries) => planning::Answer::Need(queries.into_iter().map(query).collect()),
    }
}

fn resource(resource: Resource) -> wit::Resource {
    let mut extra = serde_json::json!({ "external": resource.external });
    if let Some(pointer) = resource.create_first {
        extra["create_first"] = pointer.into();
    }
    if resource.claim {
        extra["claim"] = true.into();
    }
    if !resource.deleted_before.is_empty() {
        extra["deleted_before"] = resource.deleted_before.into();
    }
    wit::Resource {
        address: resource.address,
        kind: resource.kind,
        document: resource.document.to_string(),
        depends_on: resource.depends_on,
        extra: extra.to_string(),
    }
}

fn query(query: Query) -> wit::Query {
    wit::Query { key: query.key, name: query.name, arguments: query.arguments.to_string() }
}

/// A fact that `lookup` found.
pub fn fact(fact: Fact) -> wit::Fact {
    wit::Fact { key: fact.key, value: fact.value.to_string() }
}

/// What was read.
pub fn observation(observation: Observation) -> wit::Observation {
    let extra = match observation.other_lineage {
        Some(OtherLineage { lineage, since }) => {
            serde_json::json!({ "other_lineage": { "lineage": lineage, "since": since } })
        }
        None => serde_json::json!({}),
    };
    wit::Observation {
        address: observation.address,
        remote_id: observation.remote_id,
        status: status(observation.status),
        document: observation.document.to_string(),
        extra: extra.to_string(),
    }
}

fn status(status: Status) -> wit::Status {
    match status {
        Status::Present => wit::Status::Present,
        Status::Absent => wit::Status::Absent,
        Status::InProgress(word) => wit::Status::InProgress(word),
        Status::Failed(how) => wit::Status::Failed(how),
        Status::Foreign(what) => wit::Status::Foreign(what),
        Status::Ambiguous(remote_ids) => wit::Status::Ambiguous(remote_ids),
        Status::Unreadable(why) => wit::Status::Unreadable(error(why)),
    }
}

/// How a change is doing.
pub fn progress(progress: Progress) -> lifecycle::Progress {
    match progress {
        Progress::Done(done) => lifecycle::Progress::Done(observation(done)),
        Progress::Pending(waiting) => lifecycle::Progress::Pending(lifecycle::Waiting {
            remote_id: waiting.remote_id,
            operation: waiting.operation.to_string(),
            // Beyond 49 days the host's own limits decide anyway.
            poll_after_milliseconds: u32::try_from(waiting.poll_after.as_millis()).unwrap_or(u32::MAX),
            message: waiting.message,
            extra: nothing(),
        }),
    }
}

/// Where the cluster is.
pub fn locator(locator: Locator) -> access::Locator {
    access::Locator { kind: locator.kind, parameters: locator.parameters.to_string() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::types::Waiting;

    #[test]
    fn text_that_is_not_json_is_an_error_that_says_where() {
        let Error::Other { code, message, .. } = json("{", "a fact").unwrap_err() else { panic!("another case") };
        assert_eq!(code, "JSON_INVALID");
        assert!(message.starts_with("a fact is not JSON"), "{message}");
    }

    #[test]
    fn a_context_of_a_later_host_is_understood() {
        let context = context(r#"{"project": "p", "region": null, "tomorrow": {"a": 1}}"#).unwrap();
        assert_eq!(context.project, "p");
        assert_eq!(context.region, None);
        assert_eq!(context.seed, 0);
    }

    #[test]
    fn every_error_survives_the_boundary() {
        let diagnostic = Diagnostic {
            severity: Severity::Warning,
            code: "C".into(),
            summary: "s".into(),
            detail: "d".into(),
            pointer: Some("/a".into()),
            hints: vec!["h".into()],
        };
        let errors = [
            Error::denied("NO_SUCH_GRANT", "no"),
            Error::NotFound("gone".into()),
            Error::Conflict("busy".into()),
            Error::Throttled(Some(7)),
            Error::Throttled(None),
            Error::Invalid(vec![diagnostic]),
            Error::Remote { status: 503, code: "Unavailable".into(), message: "m".into() },
            Error::TimedOut("late".into()),
            Error::Other { code: "X".into(), message: "m".into(), detail: json!({"a": [1]}) },
        ];
        for original in errors {
            assert_eq!(error_from_wit(error(original.clone())), original);
        }
    }

    #[test]
    fn a_detail_that_is_not_json_does_not_hide_the_error() {
        let given = wit::Error::Other(wit::Problem { code: "X".into(), message: "m".into(), detail: "{".into() });
        let expected = Error::Other { code: "X".into(), message: "m".into(), detail: Value::Null };
        assert_eq!(error_from_wit(given), expected);
    }

    #[test]
    fn a_wait_longer_than_the_boundary_can_say_is_cut() {
        let waiting = Waiting {
            remote_id: None,
            operation: json!({"id": "op-1"}),
            poll_after: Duration::from_secs(u64::from(u32::MAX)),
            message: String::new(),
        };
        let lifecycle::Progress::Pending(waiting) = progress(Progress::Pending(waiting)) else { panic!("not pending") };
        assert_eq!(waiting.poll_after_milliseconds, u32::MAX);
        assert_eq!(waiting.operation, r#"{"id":"op-1"}"#);
    }

    #[test]
    fn an_external_resource_says_so_in_extra() {
        let mut external = Resource::new("aws.vpc.main", "aws.vpc", json!({}));
        external.external = true;
        assert_eq!(resource(external).extra, r#"{"external":true}"#);
    }
}
