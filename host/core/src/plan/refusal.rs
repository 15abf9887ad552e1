//! Why a plan is not made, or is made in doubt.

use std::collections::BTreeMap;

use serde_json::json;

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::error::ProviderError;
use crate::kind::Kind;
use crate::plan::Plan;
use crate::resource::{Observed, OtherLineage, Status};

/// The code of what could not be read.
pub const UNREADABLE: &str = "RESOURCE_UNREADABLE";

/// What to do about anything that keeps a plan from being made.
const MEND: &str = "nothing was changed; mend the cause and run again";

/// Nobody can say what it is.
pub(super) fn kind_unknown(address: &Address, kind: &str) -> Diagnostic {
    Diagnostic::error("KIND_UNKNOWN", "No loaded provider knows this kind", format!("`{address}` is a `{kind}`"))
        .at(address)
        .hint("load the provider that made it, or one that replaces it")
}

/// Something that nothing can be planned on.
pub(super) fn unusable(observed: &Observed, kind: &Kind) -> Option<Diagnostic> {
    let title = kind.title_of(&observed.document);
    let address = &observed.address;
    let diagnostic = match &observed.status {
        Status::Unreadable(error) => unreadable(&title, address, error),
        Status::Foreign(what) if observed.shared => Diagnostic::error(
            "RESOURCE_FOREIGN",
            "Something of that name exists and is not ours",
            format!("{title} `{}`: {what}", address.name()),
        )
        .hint("delete it if nobody needs it: `nic deploy` then makes its own")
        .hint("or run `nic drift accept`: what stands there is used from then on, and never deleted"),
        Status::Foreign(what) => Diagnostic::error(
            "RESOURCE_FOREIGN",
            "Something of that name exists and is not ours",
            format!("{title} `{address}`: {what}"),
        )
        .hint("rename or remove it, or choose another project_name or namespace"),
        Status::Ambiguous(ids) => Diagnostic::error(
            "RESOURCE_AMBIGUOUS",
            "Several things bear the marks of one resource",
            format!("{title} `{address}`: {}", ids.join(", ")),
        )
        .hint("delete the ones that are not in use; NIC does not guess which"),
        _ => return None,
    };
    Some(diagnostic.at(address))
}

/// What happened, with the code to look it up by where the words have none.
fn words(error: &ProviderError) -> String {
    match error {
        ProviderError::Other { code, message, .. } => format!("{message} [{code}]"),
        other => other.to_string(),
    }
}

fn unreadable(title: &str, address: &Address, error: &ProviderError) -> Diagnostic {
    let detail = format!("{title} `{address}`: {}", words(error));
    let mut diagnostic = Diagnostic::error(UNREADABLE, "A resource could not be read", detail);
    diagnostic.hints = error.hints();
    let mut details = serde_json::json!({ "cause": error.code() });
    if let ProviderError::Remote { status, code, message } = error {
        details["remote_error"] = serde_json::json!({ "status": status, "code": code, "message": message });
    }
    diagnostic.hint(MEND).details(details)
}

/// What bears the marks of another state of this platform is told as that, once, and before everything else.
pub(super) fn of_another_state(problems: Vec<Diagnostic>, observed: &BTreeMap<Address, Observed>) -> Vec<Diagnostic> {
    let seen = |problem: &Diagnostic| {
        let seen = observed.get(problem.address.as_ref()?)?;
        seen.other_lineage.clone().map(|other| (seen.address.clone(), other))
    };
    let marked: Vec<(Address, OtherLineage)> = problems.iter().filter_map(seen).collect();
    if marked.is_empty() {
        return problems;
    }
    let rest = problems.iter().filter(|problem| seen(problem).is_none()).cloned();
    std::iter::once(another_state(&marked)).chain(rest).collect()
}

/// The code of what bears the marks of another state.
pub const ANOTHER_STATE: &str = "PLATFORM_OF_ANOTHER_STATE";

/// The message for things that were made from another state of this platform.
pub(crate) fn another_state(marked: &[(Address, OtherLineage)]) -> Diagnostic {
    let mut lineages: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (_, other) in marked {
        let since = lineages.entry(&other.lineage).or_default();
        *since = [*since, other.since.as_deref()].into_iter().flatten().min();
    }
    let told: Vec<String> = lineages
        .iter()
        .map(|(lineage, since)| match since {
            Some(since) => format!("{lineage} (since {since})"),
            None => (*lineage).to_owned(),
        })
        .collect();
    let first = &marked[0].0;
    let things = match marked.len() {
        1 => format!("`{first}` was"),
        more => format!("`{first}` and {} more were", more - 1),
    };
    let detail = format!("{things} made from the state of lineage {}, which is not the one in use", told.join(", "));
    let take_over = match told.len() {
        1 => "--take-over".to_owned(),
        _ => "--take-over=LINEAGE".to_owned(),
    };
    let mut diagnostic = Diagnostic::error(ANOTHER_STATE, "The platform belongs to another state", detail)
        .hint("ask who else deploys this project, and use that state: `--state FILE`")
        .hint(format!("if that state is lost for good, `nic deploy {take_over}` goes on where it ended"))
        .hint("for a second platform beside it, choose another project_name or namespace");
    if told.len() > 1 {
        diagnostic =
            diagnostic.hint("what the other lineages left has to be deleted, or to lose its mark, before that");
    }
    let lineages: Vec<_> =
        lineages.iter().map(|(lineage, since)| json!({ "lineage": lineage, "since": since })).collect();
    let addresses: Vec<&Address> = marked.iter().map(|(address, _)| address).collect();
    diagnostic.details = json!({ "lineages": lineages, "resources": addresses });
    diagnostic
}

/// One cause is told once: without credentials nothing at all can be read, and a page of the same words helps nobody. Which
/// resources it kept from being read stands in the details.
pub(super) fn gathered(problems: Vec<Diagnostic>, observed: &BTreeMap<Address, Observed>) -> Vec<Diagnostic> {
    let cause = |problem: &Diagnostic| {
        let seen = observed.get(problem.address.as_ref()?)?;
        match &seen.status {
            Status::Unreadable(error) if problem.code == UNREADABLE => Some((error.cause(), words(error))),
            _ => None,
        }
    };
    let mut told: Vec<Diagnostic> = Vec::new();
    let mut causes: BTreeMap<String, (usize, Vec<Address>)> = BTreeMap::new();
    for problem in problems {
        let Some((cause, _)) = cause(&problem) else {
            told.push(problem);
            continue;
        };
        let address = problem.address.clone();
        let (_, of_cause) = causes.entry(cause).or_insert_with(|| {
            told.push(problem);
            (told.len() - 1, Vec::new())
        });
        of_cause.extend(address);
    }
    for (index, addresses) in causes.into_values().filter(|(_, addresses)| addresses.len() > 1) {
        let problem = &mut told[index];
        let Some((_, words)) = cause(problem) else { continue };
        let first = problem.detail.strip_suffix(words.as_str()).unwrap_or_default().trim_end_matches(": ").to_owned();
        problem.detail = format!("{first} and {} more: {words}", addresses.len() - 1);
        "Resources could not be read".clone_into(&mut problem.summary);
        problem.details["resources"] = serde_json::json!(addresses);
    }
    told
}

/// Everything that nobody loses without having named it: what becomes of it, why that is no small matter, and how to name it.
pub(super) fn unconfirmed(plan: &Plan) -> Diagnostic {
    let lost = || plan.changes.iter().filter_map(|change| Some((change, change.confirmation.as_deref()?)));
    let told: Vec<String> = lost().map(|(change, why)| format!("`{}`: {why}", change.address)).collect();
    let named: Vec<String> = lost().map(|(change, _)| format!("--confirm {}", change.address)).collect();
    let forcing = |(change, _): (&crate::plan::PlannedChange, &str)| {
        let forcing: Vec<_> = change.differences.iter().filter(|difference| difference.forces_replace).collect();
        (change.address.to_string(), serde_json::json!(forcing))
    };
    let differences: serde_json::Map<_, _> = lost().map(forcing).collect();
    let summary =
        if told.len() == 1 { "A protected resource would be lost" } else { "Protected resources would be lost" };
    let mut problem = Diagnostic::error("PROTECTED_NEEDS_CONFIRMATION", summary, told.join("\n"))
        .hint(format!("if that is what you want, run again with `{}`", named.join(" ")))
        .hint("otherwise undo the edit that leads to it")
        .details(serde_json::json!({ "needs_confirmation": plan.needs_confirmation, "differences": differences }));
    if let [only] = plan.needs_confirmation.as_slice() {
        problem = problem.at(only);
    }
    problem
}

/// What could not be read and is not missed: what it stands in is deleted, and takes it along.
pub(super) fn goes_unread(title: &str, host: &Address, unread: Vec<Diagnostic>) -> impl Iterator<Item = Diagnostic> {
    unread.into_iter().map(move |problem| {
        let detail = format!("{}; not deleted one by one, but with {title} `{host}`", problem.detail);
        let mut note = Diagnostic::warning("GOES_UNREAD", "What cannot be read goes with what it stands in", detail)
            .at(host)
            .hint("to have it deleted in its own order first, mend the cause and run again");
        note.hints.extend(problem.hints.into_iter().filter(|hint| hint != MEND));
        note.details = problem.details;
        note
    })
}

/// The key that tells an edited secret from an unedited one is another than the recorded one.
pub(super) fn secrets_unclear() -> Diagnostic {
    Diagnostic::warning(
        "SECRETS_NOT_COMPARABLE",
        "Whether secrets were edited cannot be told",
        "what state keeps of their values was made with a key that is not here",
    )
    .hint("they are applied once more where that changes things in place, and can be compared from then on")
    .hint("to keep it from happening, keep the `.private` directory beside the state with it")
}
