//! `x-nic`: what a schema says to the host. It is read whole or not at all: what is not known may be a restriction, or a secret.

use serde_json::{Map, Value};

/// What may be unknown all the same: it changes nothing.
const HINT: &str = "hint-";

/// What the value of an annotation is.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Flag,
    Text,
    /// Values that are well.
    Values,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Pointers by these names.
    Pointers(&'static [&'static str]),
}

const KNOWN: [(&str, Shape); 17] = [
    ("computed", Shape::Flag),
    ("goes-with", Shape::Text),
    ("hosts", Shape::Text),
    ("immutable", Shape::Flag),
    ("left-to-cloud", Shape::Flag),
    ("left-when-unset", Shape::Flag),
    ("natural-name", Shape::Flag),
    ("nodes", Shape::Pointers(&["group", "minimum"])),
    ("normalise", Shape::Word(&["cidr", "policy", "quantity", "version", "at-least"])),
    ("only-deletes", Shape::Flag),
    ("outlives", Shape::Text),
    ("remote-id", Shape::Flag),
    ("root", Shape::Flag),
    ("sensitive", Shape::Flag),
    ("set", Shape::Flag),
    ("well", Shape::Values),
    ("why", Shape::Flag),
];

/// Why an annotation cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A later version may know it.
    #[error("{0}")]
    Unknown(String),
    /// It is wrong by what this version knows.
    #[error("{0}")]
    Wrong(String),
}

/// Whether all of one `x-nic` is known, and says what such annotations can say.
///
/// # Errors
/// [`Unusable`], with the member's name.
pub fn check(annotations: &Value) -> Result<(), Unusable> {
    let members = annotations.as_object().ok_or_else(|| Unusable::Wrong("`x-nic` is not an object".to_owned()))?;
    members.iter().filter(|(name, _)| !name.starts_with(HINT)).try_for_each(|(name, value)| {
        let shown = name.escape_default();
        match KNOWN.iter().find(|(known, _)| known == name) {
            None => Err(Unusable::Unknown(format!("the annotation `{shown}`"))),
            Some((_, shape)) => shape.fits(value).map_err(|unusable| match unusable {
                Unusable::Unknown(what) => Unusable::Unknown(format!("{what} of the annotation `{shown}`")),
                Unusable::Wrong(why) => Unusable::Wrong(format!("the annotation `{shown}` {why}")),
            }),
        }
    })
}

/// The same of every annotation in a schema, wherever it stands.
///
/// # Errors
/// [`Unusable`] of the first that is.
pub fn check_all(schema: &Value) -> Result<(), Unusable> {
    match schema {
        Value::Object(members) => {
            members.iter().try_for_each(|(key, member)| if key == "x-nic" { check(member) } else { check_all(member) })
        }
        Value::Array(elements) => elements.iter().try_for_each(check_all),
        _ => Ok(()),
    }
}

impl Shape {
    fn fits(self, value: &Value) -> Result<(), Unusable> {
        let wrong = |why: &str| Err(Unusable::Wrong(why.to_owned()));
        match self {
            Self::Flag if value.is_boolean() => Ok(()),
            Self::Flag => wrong("is neither true nor false"),
            Self::Text if value.is_string() => Ok(()),
            Self::Text => wrong("is not text"),
            Self::Values if value.is_array() => Ok(()),
            Self::Values => wrong("is not a list"),
            Self::Word(words) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(()),
                Some(word) => Err(Unusable::Unknown(format!("the value `{}`", word.escape_default()))),
                None => wrong("is not text"),
            },
            Self::Pointers(names) => match value.as_object() {
                Some(members) => pointers(names, members),
                None => wrong("is not an object"),
            },
        }
    }
}

fn pointers(names: &[&str], members: &Map<String, Value>) -> Result<(), Unusable> {
    if let Some(name) = members.keys().find(|name| !names.contains(&name.as_str()) && !name.starts_with(HINT)) {
        return Err(Unusable::Unknown(format!("the member `{}`", name.escape_default())));
    }
    let is_pointer = |name: &&str| members.get(*name).and_then(Value::as_str).is_some_and(|text| text.starts_with('/'));
    match names.iter().find(|name| !is_pointer(name)) {
        Some(name) => Err(Unusable::Wrong(format!("has no pointer `{name}`"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_and_well_formed_passes() {
        for annotations in [
            json!({}),
            json!({"immutable": true, "sensitive": false, "normalise": "cidr", "hint-colour": {"any": 1}}),
            json!({"well": ["ACTIVE"], "nodes": {"group": "/name", "minimum": "/scaling/min"}, "goes-with": "aws.cluster"}),
        ] {
            assert_eq!(check(&annotations), Ok(()), "{annotations}");
        }
    }

    #[test]
    fn an_annotation_is_found_wherever_it_stands() {
        let deep = json!({"properties": {"a": {"anyOf": [{"type": "null"}, {"items": {"x-nic": {"secret": true}}}]}}});
        assert_eq!(check_all(&deep), Err(Unusable::Unknown("the annotation `secret`".to_owned())));
    }

    #[test]
    fn what_a_later_version_may_know_is_told_apart_from_what_is_wrong() {
        for (annotations, what) in [
            (json!({"secret": true}), "the annotation `secret`"),
            (json!({"normalise": "semver"}), "the value `semver` of the annotation `normalise`"),
            (
                json!({"nodes": {"group": "/a", "minimum": "/b", "maximum": "/c"}}),
                "the member `maximum` of the annotation `nodes`",
            ),
        ] {
            assert_eq!(check(&annotations), Err(Unusable::Unknown(what.to_owned())));
        }
        for annotations in [
            json!(true),
            json!({"sensitive": "yes"}),
            json!({"sensitive": null}),
            json!({"normalise": 1}),
            json!({"well": "ACTIVE"}),
            json!({"nodes": {"group": "a", "minimum": "/b"}}),
            json!({"nodes": {"group": "/a"}}),
            json!({"hosts": ["a"]}),
        ] {
            assert!(matches!(check(&annotations), Err(Unusable::Wrong(_))), "{annotations}");
        }
    }
}
