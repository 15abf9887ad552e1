//! Checks just before the first change: what would otherwise fail minutes later, half of the platform made.
//!
//! Each check is about what the plan is going to do, which [`Summary`] tells. What makes a deploy fail is an error; a check that could not be
//! made is told, as a warning, and stops nothing: the deploy itself will find out. What got no answer is checked again first, when
//! the host asks once more.

use futures::future::join_all;
use serde_json::Value;

use crate::error::Error;
use crate::types::{Diagnostic, Observation, Severity, Status};

/// What the plan is going to do, by address.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a>(&'a Value);

impl<'a> Summary<'a> {
    /// What the host gives to [`Provider::preflight`](crate::Provider::preflight).
    pub fn new(summary: &'a Value) -> Self {
        Self(summary)
    }

    fn addresses(self, verb: &str) -> impl Iterator<Item = &'a str> {
        self.0.get(verb).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// What comes into being for the first time.
    pub fn created(self) -> impl Iterator<Item = &'a str> {
        self.addresses("create")
    }

    /// What comes into being, again or for the first time.
    pub fn made(self) -> impl Iterator<Item = &'a str> {
        self.created().chain(self.addresses("replace"))
    }

    /// Whether what stands at the address comes into being for the first time.
    pub fn creates(self, address: &str) -> bool {
        self.created().any(|created| created == address)
    }

    /// Whether what stands at the address comes into being.
    pub fn makes(self, address: &str) -> bool {
        self.made().any(|made| made == address)
    }

    /// Whether the attribute at `pointer` is about to change in place.
    pub fn changes(self, address: &str, pointer: &str) -> bool {
        let pointers = self.0.get("differences").and_then(|all| all.get(address)).and_then(Value::as_array);
        let named = pointers.into_iter().flatten().any(|path| path == pointer);
        named && self.addresses("update").any(|updated| updated == address)
    }

    /// Whether there is anything but deletions.
    pub fn brings_anything(self) -> bool {
        self.made().chain(self.addresses("update")).next().is_some()
    }
}

/// Makes several checks at once.
pub async fn all<C: Future<Output = Vec<Diagnostic>>>(checks: impl IntoIterator<Item = C>) -> Vec<Diagnostic> {
    join_all(checks).await.concat()
}

/// What stops the deploy is told first.
pub fn worst_first(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
    found
}

/// What is told of a check that could not be made.
pub fn unchecked(what: &str, error: &Error) -> Diagnostic {
    let (code, summary) = if error.may_pass() {
        ("PREFLIGHT_UNANSWERED", "A check got no answer")
    } else {
        ("PREFLIGHT_INCOMPLETE", "A check could not be made")
    };
    Diagnostic::warning(code, summary, format!("{what} is not known: {error}"))
}

/// One diagnostic for each name that is taken by something of somebody else's: from reads of what is about to be created.
pub fn names_taken(seen: Vec<Observation>) -> Vec<Diagnostic> {
    let taken = seen.into_iter().filter_map(|observation| match observation.status {
        Status::Foreign(text) => {
            let detail = format!("{}: {text}", observation.address);
            let taken = Diagnostic::error("NAME_TAKEN", "A name is taken by something that is not NIC's", detail);
            let hint = "choose another `project_name` or `namespace`, or delete what is there and not needed";
            Some(taken.hint(hint))
        }
        Status::Unreadable(error) => {
            Some(unchecked(&format!("whether the name of `{}` is free", observation.address), &error))
        }
        _ => None,
    });
    taken.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_summary_tells_what_is_made_and_what_changes() {
        let summary = json!({
            "create": ["a.b.new"], "replace": ["a.b.again"], "update": ["a.b.old"], "delete": ["a.b.gone"],
            "differences": { "a.b.old": ["/size"], "a.b.again": ["/name"] },
        });
        let summary = Summary::new(&summary);
        assert!(summary.makes("a.b.new") && summary.makes("a.b.again") && !summary.makes("a.b.old"));
        assert!(summary.creates("a.b.new") && !summary.creates("a.b.again"));
        assert!(summary.changes("a.b.old", "/size") && !summary.changes("a.b.old", "/name"));
        assert!(!summary.changes("a.b.again", "/name"), "it is made anew");
        assert!(summary.brings_anything());
        assert!(!Summary::new(&json!({ "delete": ["a.b.gone"] })).brings_anything());
    }

    #[test]
    fn a_check_that_may_pass_is_told_from_one_that_never_will() {
        let code = |error: Error| unchecked("it", &error).code;
        assert_eq!(code(Error::Throttled(None)), "PREFLIGHT_UNANSWERED");
        assert_eq!(code(Error::denied("AccessDenied", "no")), "PREFLIGHT_INCOMPLETE");
        let seen = vec![
            Observation::absent("a"),
            Observation::unreadable("b", Error::denied("AccessDenied", "no")),
            Observation::foreign("c", "`c` is somebody's"),
        ];
        let told: Vec<String> = worst_first(names_taken(seen)).into_iter().map(|told| told.code).collect();
        assert_eq!(told, ["NAME_TAKEN", "PREFLIGHT_INCOMPLETE"]);
    }
}
