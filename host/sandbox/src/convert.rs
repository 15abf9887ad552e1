//! Values across the boundary. What comes from a guest is bounded, parsed and cleaned here; whether it is true is audited in
//! [`super::answers`] and [`super::progress`].

use std::collections::BTreeSet;
use std::time::Duration;

use nic_core::address::Address;
use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::document::{canonical, escape, references, too_deep, unescape, without_unknown};
use nic_core::error::ProviderError;
use nic_core::ports::{Change, Context, Facts, Locator, Outdated, Progress, Query, Target, Waiting};
use nic_core::resource::{Desired, Observed, OtherLineage, Record, Status};
use serde_json::Value;

use super::bindings::{self, access, lifecycle, meta, types};
use super::fault::Fault;
use super::guest_text::{code, line, paragraph, remote_id};
use super::limits::{MAX_DIAGNOSTICS, MAX_DOCUMENT_BYTES, MAX_OPERATION_BYTES};

/// Longest time a provider may ask to be left alone; a pending change is looked at that often anyway.
const MAX_POLL_AFTER: Duration = Duration::from_mins(5);
/// The reserved member of the state, see docs/state.md.
const MARK: &str = "_nic";
/// Most remote ids shown for one ambiguous address.
const MAX_CANDIDATES: usize = 20;

// ----- to the guest -----

/// JSON text of a document: plain data, except that references to secrets stay references.
pub(super) fn text(document: &Value) -> String {
    canonical(&unescape(document.clone()))
}

/// The context as this provider sees it.
pub(super) fn context_text(context: &Context, provider: &str) -> String {
    let mut document = serde_json::to_value(context).unwrap_or_default();
    document["settings"] = serde_json::json!(context.settings.get(provider).cloned().unwrap_or_default());
    canonical(&document)
}

pub(super) fn facts_to_guest(facts: &Facts) -> Vec<types::Fact> {
    facts.iter().map(|(key, value)| types::Fact { key: key.clone(), value: text(value) }).collect()
}

pub(super) fn query_to_guest(query: &Query) -> types::Query {
    types::Query { key: query.key.clone(), name: query.name.clone(), arguments: text(&query.arguments) }
}

pub(super) fn target_to_guest(target: &Target) -> bindings::Target {
    bindings::Target {
        address: target.address.to_string(),
        kind: target.kind.clone(),
        remote_id: target.remote_id.clone(),
        document: text(&without_unknown(&target.document)),
        extra: "{}".to_owned(),
    }
}

pub(super) fn record_to_guest(record: &Record) -> types::Recorded {
    types::Recorded {
        address: record.address.to_string(),
        kind: record.kind.clone(),
        remote_id: record.remote_id.clone(),
        attributes: text(&record.attributes),
        extra: canonical(&serde_json::json!({"external": record.external, "imported": record.imported})),
    }
}

/// It crosses in escaped form, so that a reference to a secret comes back as one, and data as data.
pub(super) fn outdated_to_guest(outdated: &Outdated<'_>) -> meta::Outdated {
    meta::Outdated {
        address: outdated.address.to_string(),
        kind: outdated.kind.to_owned(),
        remote_id: outdated.remote_id.map(str::to_owned),
        from_version: outdated.from_version,
        role: outdated.role.to_owned(),
        document: canonical(outdated.document),
        extra: nothing(),
    }
}

pub(super) fn change_to_guest(change: &Change) -> lifecycle::Change {
    lifecycle::Change {
        address: change.address.to_string(),
        kind: change.kind.clone(),
        remote_id: change.remote_id.clone(),
        document: text(&change.document),
        prior: text(&change.prior),
        paths: change.paths.clone(),
        token: change.token.clone(),
        extra: "{}".to_owned(),
    }
}

/// An error of an import. What the host adds for people (an address, say) stays here.
pub(super) fn error_to_guest(error: ProviderError) -> types::Error {
    match error {
        ProviderError::Denied { code, message } => types::Error::Denied(types::Problem { code, ..problem(message) }),
        ProviderError::NotFound(text) => types::Error::NotFound(problem(text)),
        ProviderError::Conflict(text) => types::Error::Conflict(problem(text)),
        ProviderError::Throttled(after) => {
            let after_milliseconds = after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX));
            types::Error::Throttled(types::Throttle { after_milliseconds, message: String::new(), detail: nothing() })
        }
        ProviderError::Invalid(diagnostics) => {
            types::Error::Invalid(diagnostics.into_iter().map(diagnostic_to_guest).collect())
        }
        ProviderError::Remote { status, code, message } => {
            types::Error::Remote(types::RemoteError { status, code, message, detail: nothing() })
        }
        ProviderError::TimedOut(text) => types::Error::TimedOut(problem(text)),
        ProviderError::Other { code, message, detail } => {
            types::Error::Other(types::Problem { code, message, detail: canonical(&detail) })
        }
    }
}

/// Words without a code.
fn problem(message: String) -> types::Problem {
    types::Problem { code: String::new(), message, detail: nothing() }
}

/// Where this version of the boundary has no members yet.
pub(super) fn nothing() -> String {
    "{}".to_owned()
}

fn diagnostic_to_guest(diagnostic: Diagnostic) -> types::Diagnostic {
    types::Diagnostic {
        severity: match diagnostic.severity {
            Severity::Error => types::Severity::Error,
            Severity::Warning => types::Severity::Warning,
            Severity::Info => types::Severity::Info,
        },
        code: diagnostic.code,
        summary: diagnostic.summary,
        detail: diagnostic.detail,
        pointer: diagnostic.pointer,
        hints: diagnostic.hints,
        extra: nothing(),
    }
}

// ----- from the guest -----

/// Parses JSON text. `what` names it in the fault.
pub(super) fn json(text: &str, what: &str, limit: usize) -> Result<Value, Fault> {
    if text.len() > limit {
        return Fault::bad(format!("{what} has {} bytes; at most {limit} are read", text.len()));
    }
    let value = serde_json::from_str(text).or_else(|error| {
        // serde_json's own words name a place and a kind of error, nothing of the text.
        Fault::bad(format!("{what} is not JSON: {error}"))
    })?;
    if too_deep(&value) {
        return Fault::bad(format!("{what} nests too deep"));
    }
    if has_mark(&value) {
        return Fault::lie(format!("{what} has a member `{MARK}`, by which the host finds its records"));
    }
    Ok(value)
}

/// Whether a document could pass for a record of the state once it is written there.
fn has_mark(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(MARK) || members.values().any(has_mark),
        Value::Array(elements) => elements.iter().any(has_mark),
        _ => false,
    }
}

/// Plain data, in the escaped form that the host keeps.
pub(super) fn data(text: &str, what: &str) -> Result<Value, Fault> {
    json(text, what, MAX_DOCUMENT_BYTES).map(escape)
}

fn address(text: &str) -> Result<Address, Fault> {
    text.parse().or_else(|error| Fault::bad(line(&format!("{error}"))))
}

pub(super) fn diagnostics_from_guest(diagnostics: Vec<types::Diagnostic>) -> Vec<Diagnostic> {
    let left = diagnostics.len().saturating_sub(MAX_DIAGNOSTICS);
    let mut told: Vec<Diagnostic> = diagnostics.into_iter().take(MAX_DIAGNOSTICS).map(diagnostic_from_guest).collect();
    if left > 0 {
        // The rest may hold errors: it must not read as fine.
        let detail = format!("{left} more diagnostics were left out");
        told.push(Diagnostic::error("TOO_MANY_DIAGNOSTICS", "More problems than are shown", detail));
    }
    told
}

fn diagnostic_from_guest(diagnostic: types::Diagnostic) -> Diagnostic {
    let extra = json(&diagnostic.extra, "extra", MAX_DOCUMENT_BYTES).unwrap_or_default();
    Diagnostic {
        severity: match diagnostic.severity {
            types::Severity::Error => Severity::Error,
            types::Severity::Warning => Severity::Warning,
            types::Severity::Info => Severity::Info,
        },
        code: code(&diagnostic.code),
        summary: line(&diagnostic.summary),
        detail: paragraph(&diagnostic.detail),
        address: extra["address"].as_str().and_then(|address| address.parse().ok()),
        pointer: diagnostic.pointer.filter(|p| p.is_empty() || p.starts_with('/')).map(|p| line(&p)),
        hints: diagnostic.hints.iter().take(10).map(|hint| paragraph(hint)).collect(),
        details: Value::Null,
    }
}

pub(super) fn error_from_guest(error: types::Error) -> ProviderError {
    match error {
        types::Error::Denied(denial) => ProviderError::denied(line(&denial.code), paragraph(&denial.message)),
        types::Error::NotFound(problem) => ProviderError::NotFound(said(&problem)),
        types::Error::Conflict(problem) => ProviderError::Conflict(said(&problem)),
        types::Error::Throttled(throttle) => {
            ProviderError::Throttled(throttle.after_milliseconds.map(|ms| Duration::from_millis(ms.into())))
        }
        types::Error::Invalid(diagnostics) => ProviderError::Invalid(diagnostics_from_guest(diagnostics)),
        types::Error::Remote(remote) => ProviderError::Remote {
            status: remote.status,
            code: line(&remote.code),
            message: paragraph(&remote.message),
        },
        types::Error::TimedOut(problem) => ProviderError::TimedOut(said(&problem)),
        types::Error::Other(other) => ProviderError::Other {
            code: code(&other.code),
            message: paragraph(&other.message),
            // Detail that cannot be read is left out: the error itself must still be told.
            detail: data(&other.detail, "detail")
                .ok()
                .filter(Value::is_object)
                .map_or_else(|| serde_json::json!({}), cleaned),
        },
    }
}

/// What a problem says, its code before it.
fn said(problem: &types::Problem) -> String {
    let message = paragraph(&problem.message);
    if problem.code.is_empty() { message } else { format!("{}: {message}", line(&problem.code)) }
}

/// The texts of a document that people are shown.
fn cleaned(document: Value) -> Value {
    match document {
        Value::String(text) => paragraph(&text).into(),
        Value::Array(elements) => elements.into_iter().map(cleaned).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (line(&name), cleaned(value))).collect(),
        other => other,
    }
}

pub(super) fn query_from_guest(query: types::Query) -> Result<Query, Fault> {
    let named = |text: &str| !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control);
    if !named(&query.key) || !named(&query.name) {
        return Fault::bad("a query has an empty, endless or unprintable key or name");
    }
    let arguments = data(&query.arguments, &format!("the arguments of the query `{}`", query.key))?;
    Ok(Query { key: query.key, name: query.name, arguments })
}

pub(super) fn facts_from_guest(facts: Vec<types::Fact>) -> Result<Facts, Fault> {
    let mut answers = Facts::new();
    for fact in facts {
        let value = data(&fact.value, &format!("the fact `{}`", line(&fact.key)))?;
        if let Some(key) = answers.insert(fact.key.clone(), value).map(|_| fact.key) {
            return Fault::lie(format!("it answered the query `{}` twice", line(&key)));
        }
    }
    Ok(answers)
}

pub(super) fn desired_from_guest(resource: types::Resource) -> Result<Desired, Fault> {
    let address = address(&resource.address)?;
    // Desired documents come with their references: they are in escaped form already.
    let document = json(&resource.document, &format!("the document of `{address}`"), MAX_DOCUMENT_BYTES)?;
    if !document.is_object() {
        return Fault::bad(format!("the document of `{address}` is not an object"));
    }
    let referenced =
        references(&document).or_else(|error| Fault::bad(line(&format!("the document of `{address}`, {error}"))))?;
    let depends_on = resource.depends_on.iter().map(|text| self::address(text)).collect::<Result<BTreeSet<_>, _>>()?;
    let extra = json(&resource.extra, &format!("`extra` of `{address}`"), MAX_DOCUMENT_BYTES)?;
    let external = match extra.get("external") {
        None => false,
        Some(Value::Bool(external)) => *external,
        Some(_) => return Fault::bad(format!("`external` of `{address}` is not a boolean")),
    };
    let create_first = match extra.get("create_first") {
        None | Some(Value::Null) => None,
        Some(Value::String(pointer)) if document.pointer(pointer).is_some_and(Value::is_string) => {
            Some(pointer.clone())
        }
        Some(_) => return Fault::bad(format!("`create_first` of `{address}` does not lead to a text of its document")),
    };
    let mut deleted_before = match extra.get("deleted_before") {
        None => BTreeSet::new(),
        Some(Value::Array(addresses)) => {
            let text = |address: &Value| self::address(address.as_str().unwrap_or_default());
            addresses.iter().map(text).collect::<Result<_, _>>()?
        }
        Some(_) => return Fault::bad(format!("`deleted_before` of `{address}` is no list of addresses")),
    };
    // Whatever is needed otherwise has to be there first.
    deleted_before.retain(|other| !depends_on.contains(other) && !referenced.contains(other));
    let claim = match extra.get("claim") {
        None => false,
        Some(Value::Bool(claim)) => *claim,
        Some(_) => return Fault::bad(format!("`claim` of `{address}` is not a boolean")),
    };
    Ok(Desired { address, kind: resource.kind, document, depends_on, deleted_before, external, create_first, claim })
}

pub(super) fn observed_from_guest(observation: types::Observation) -> Result<Observed, Fault> {
    let address = address(&observation.address)?;
    let status = match observation.status {
        types::Status::Present => Status::Present,
        types::Status::Absent => Status::Absent,
        types::Status::InProgress(text) => Status::InProgress(line(&text)),
        types::Status::Failed(text) => Status::Failed(paragraph(&text)),
        types::Status::Foreign(text) => Status::Foreign(paragraph(&text)),
        types::Status::Ambiguous(ids) => {
            Status::Ambiguous(ids.iter().take(MAX_CANDIDATES).map(|id| line(id)).collect())
        }
        types::Status::Unreadable(error) => Status::Unreadable(error_from_guest(error)),
    };
    let document = match status {
        Status::Absent | Status::Ambiguous(_) | Status::Unreadable(_) => Value::Null,
        _ => data(&observation.document, &format!("the document of `{address}`"))?,
    };
    let fits = match status {
        Status::Present => document.is_object(),
        _ => document.is_object() || document.is_null(),
    };
    if !fits {
        return Fault::bad(format!("the document of `{address}` is not an object"));
    }
    let remote_id = match status {
        Status::Absent => None,
        _ => observation.remote_id.map(remote_id).transpose()?,
    };
    let extra = json(&observation.extra, &format!("`extra` of `{address}`"), MAX_DOCUMENT_BYTES)?;
    let foreign = matches!(status, Status::Foreign(_));
    let other_lineage = extra.get("other_lineage").filter(|_| foreign).map(|other| other_lineage(&address, other));
    let other_lineage = other_lineage.transpose()?;
    let absent = Observed::absent(&address);
    Ok(Observed { remote_id, status, document, other_lineage, ..absent })
}

/// The state that a mark tells of. What is shown, and may be taken over, is shaped like a lineage.
fn other_lineage(address: &Address, told: &Value) -> Result<OtherLineage, Fault> {
    let text = |member: &str| told.get(member).and_then(Value::as_str);
    let shaped = |text: &&str| {
        !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let Some(lineage) = text("lineage").filter(shaped) else {
        return Fault::bad(format!("`other_lineage` of `{address}` names no lineage"));
    };
    Ok(OtherLineage { lineage: lineage.to_owned(), since: text("since").map(line) })
}

pub(super) fn progress_from_guest(progress: lifecycle::Progress) -> Result<Progress, Fault> {
    Ok(match progress {
        lifecycle::Progress::Done(observation) => Progress::Done(observed_from_guest(observation)?),
        lifecycle::Progress::Pending(waiting) => Progress::Pending(Waiting {
            remote_id: waiting.remote_id.map(remote_id).transpose()?,
            operation: json(&waiting.operation, "the operation", MAX_OPERATION_BYTES).map(escape)?,
            poll_after: Duration::from_millis(waiting.poll_after_milliseconds.into()).min(MAX_POLL_AFTER),
            message: line(&waiting.message),
        }),
    })
}

pub(super) fn locator_from_guest(locator: access::Locator) -> Result<Locator, Fault> {
    let parameters = data(&locator.parameters, "the parameters of the cluster locator")?;
    if parameters.is_object() {
        Ok(Locator { kind: locator.kind, parameters })
    } else {
        Fault::bad("the parameters of the cluster locator are not an object")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn observation(status: types::Status, document: &str) -> types::Observation {
        types::Observation {
            address: "aws.vpc.main".to_owned(),
            remote_id: Some("vpc-1".to_owned()),
            status,
            document: document.to_owned(),
            extra: "{}".to_owned(),
        }
    }

    #[test]
    fn data_from_a_guest_never_becomes_a_reference() {
        let observed = observed_from_guest(observation(
            types::Status::Present,
            r#"{"policy": {"$ref": "aws.vpc.other", "$secret": "x"}}"#,
        ))
        .unwrap();
        assert_eq!(observed.document, json!({"policy": {"$$ref": "aws.vpc.other", "$$secret": "x"}}));
        assert_eq!(text(&observed.document), r#"{"policy":{"$ref":"aws.vpc.other","$secret":"x"}}"#);
    }

    #[test]
    fn secrets_stay_references_on_the_way_out() {
        assert_eq!(text(&json!({"password": {"$secret": "p"}, "$$x": 1})), r#"{"$x":1,"password":{"$secret":"p"}}"#);
    }

    #[test]
    fn what_cannot_be_an_observation_is_bad() {
        for document in ["", "[]", "null", "{", "1", &format!("{}{}", "[".repeat(5000), "]".repeat(5000))] {
            let observed = observed_from_guest(observation(types::Status::Present, document));
            assert!(matches!(observed, Err(Fault::Bad(_))), "{document:.20}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(70), "}".repeat(70));
        assert!(observed_from_guest(observation(types::Status::Present, &deep)).is_err());
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_DOCUMENT_BYTES));
        assert!(observed_from_guest(observation(types::Status::Present, &long)).is_err());
        let mut elsewhere = observation(types::Status::Present, "{}");
        elsewhere.address = "vpc".to_owned();
        assert!(observed_from_guest(elsewhere).is_err());
    }

    #[test]
    fn a_document_cannot_pass_for_a_record() {
        let forged = r#"{"tags": [{"_nic": {"address": "aws.vpc.other", "kind": "aws.vpc"}}]}"#;
        assert!(matches!(observed_from_guest(observation(types::Status::Present, forged)), Err(Fault::Lie(_))));
    }

    #[test]
    fn what_is_absent_has_neither_id_nor_document() {
        let observed = observed_from_guest(observation(types::Status::Absent, "nonsense")).unwrap();
        assert_eq!(observed, Observed::absent(&"aws.vpc.main".parse().unwrap()));
    }

    #[test]
    fn errors_are_cleaned() {
        let told = |detail: &str| {
            let (code, message) = ("bad code".to_owned(), "a\u{1b}[0m".to_owned());
            error_from_guest(types::Error::Other(types::Problem { code, message, detail: detail.to_owned() }))
        };
        let cleaned = |detail: Value| ProviderError::Other {
            code: "PROVIDER_ERROR".into(),
            message: "a\\u{1b}[0m".into(),
            detail,
        };
        assert_eq!(told("[1]"), cleaned(json!({})));
        assert_eq!(told(r#"{"hints": ["\u001b[2K"]}"#), cleaned(json!({"hints": ["\\u{1b}[2K"]})));
        let busy = types::Problem { code: "InUse".into(), ..problem("it is held".into()) };
        assert_eq!(error_from_guest(types::Error::Conflict(busy)), ProviderError::Conflict("InUse: it is held".into()));
    }

    #[test]
    fn diagnostics_that_are_left_out_still_stop_the_command() {
        let info = types::Diagnostic {
            severity: types::Severity::Info,
            code: "X".into(),
            summary: String::new(),
            detail: String::new(),
            pointer: None,
            hints: Vec::new(),
            extra: nothing(),
        };
        let told = diagnostics_from_guest(vec![info; MAX_DIAGNOSTICS + 1]);
        assert_eq!(told.len(), MAX_DIAGNOSTICS + 1);
        assert_eq!(told.last().unwrap().severity, Severity::Error);
    }

    #[test]
    fn desired_documents_keep_their_references_and_nothing_else_with_a_dollar() {
        let resource = |document: &str, extra: &str| types::Resource {
            address: "aws.subnet.a".into(),
            kind: "aws.subnet".into(),
            document: document.into(),
            depends_on: vec!["aws.vpc.main".into()],
            extra: extra.into(),
        };
        let desired = desired_from_guest(resource(
            r#"{"vpc": {"$ref": "aws.vpc.main", "path": "/id"}}"#,
            r#"{"external": true}"#,
        ))
        .unwrap();
        assert!(desired.external && desired.depends_on.len() == 1);
        for document in [r#"{"a": {"$unknown": "x"}}"#, r#"{"$ref": 1}"#, "[]", ""] {
            assert!(desired_from_guest(resource(document, "{}")).is_err(), "{document}");
        }
        assert!(desired_from_guest(resource("{}", r#"{"external": 1}"#)).is_err());

        let before =
            desired_from_guest(resource("{}", r#"{"deleted_before": ["aws.vpc.main", "aws.nodes.a"]}"#)).unwrap();
        assert!(before.deleted_before.iter().map(Address::as_str).eq(["aws.nodes.a"]), "needed anyway: {before:?}");
        for extra in [r#"{"deleted_before": "aws.nodes.a"}"#, r#"{"deleted_before": [1]}"#] {
            assert!(desired_from_guest(resource("{}", extra)).is_err(), "{extra}");
        }
    }
}
