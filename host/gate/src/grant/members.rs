//! A grant is read whole or not at all: a member that this host does not know may be a restriction, and without it the grant were wider.

use serde_json::Value;

use super::entry::{Grant, MAX_GRANTS};

/// What may be unknown all the same: it restricts nothing.
const HINT: &str = "hint-";

/// What the user alone can say, in the lock file, by capability.
const OF_THE_USER: [(&str, &str); 2] = [("hosts", "from"), ("hosts", "private")];

/// The members of each capability, beside `capability` and `reason`.
const MEMBERS: [(&str, &[&str]); 7] = [
    ("cloud-http", &["scheme", "services", "reads"]),
    ("cluster", &["locators", "contexts"]),
    ("config", &["sections"]),
    ("hosts", &["hosts", "scheme", "credential", "reads"]),
    ("kinds", &["kinds"]),
    ("kubernetes", &["verbs", "kinds"]),
    ("kubernetes-objects", &["kinds", "namespaces"]),
];

/// Why something is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAGrant {
    /// A later version may know it: `capability`, or a member of one.
    #[error("{0}")]
    Unknown(String),
    /// It is wrong by what this version knows.
    #[error("{0}")]
    Wrong(String),
}

/// Who wrote a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The author of a component, who wants it.
    Author,
    /// The user, who gives it.
    User,
}

fn is_known(capability: &str, member: &str, by: By) -> bool {
    let known = MEMBERS.iter().any(|(name, members)| *name == capability && members.contains(&member));
    known || matches!(member, "capability" | "reason") || by == By::User && OF_THE_USER.contains(&(capability, member))
}

fn one(document: &Value, by: By) -> Result<Grant, NotAGrant> {
    let wrong = |why: &str| NotAGrant::Wrong(why.to_owned());
    let members = document.as_object().ok_or_else(|| wrong("a grant is not an object"))?;
    let capability = members.get("capability").and_then(Value::as_str);
    let capability = capability.ok_or_else(|| wrong("a grant names no `capability`"))?;
    if !MEMBERS.iter().any(|(name, _)| *name == capability) {
        return Err(NotAGrant::Unknown(format!("the capability `{}`", capability.escape_default())));
    }
    let is_known = |name: &str| is_known(capability, name, by);
    if let Some(unknown) = members.keys().find(|name| !is_known(name) && !name.starts_with(HINT)) {
        let what = format!("the member `{}` of the grant `{capability}`", unknown.escape_default());
        return Err(NotAGrant::Unknown(what));
    }
    let restricting = members.iter().filter(|(name, _)| is_known(name));
    let restricting = restricting.map(|(name, value)| (name.clone(), value.clone())).collect();
    let of = |why: String| NotAGrant::Wrong(format!("the grant `{capability}`: {why}"));
    let grant: Grant = serde_json::from_value(Value::Object(restricting)).map_err(|error| of(error.to_string()))?;
    grant.check().map_err(of)?;
    Ok(grant)
}

fn all(documents: &[Value], by: By) -> Result<Vec<Grant>, NotAGrant> {
    if documents.len() > MAX_GRANTS {
        let why = format!("there are {} grants; at most {MAX_GRANTS} are read", documents.len());
        return Err(NotAGrant::Wrong(why));
    }
    documents.iter().map(|document| one(document, by)).collect()
}

/// The grants that a manifest wants.
///
/// # Errors
/// [`NotAGrant`] of the first that is none.
pub fn parse_all(documents: &[Value]) -> Result<Vec<Grant>, NotAGrant> {
    all(documents, By::Author)
}

/// The grants that a lock file gives.
///
/// # Errors
/// As [`parse_all`].
pub fn parse_locked(documents: &[Value]) -> Result<Vec<Grant>, NotAGrant> {
    all(documents, By::User)
}
