//! Typed access to one map of the config, with a finding for everything that is not as it should be.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{child, nearest};
use crate::findings::Findings;

/// One map of the config. A null member counts as absent, as Nebari has it.
#[derive(Debug)]
pub struct Reader<'a> {
    members: &'a Map<String, Value>,
    pointer: String,
}

impl<'a> Reader<'a> {
    /// A reader for the map, or a finding and none when it is something else.
    pub fn new(value: Option<&'a Value>, pointer: &str, findings: &mut Findings) -> Option<Self> {
        match value {
            Some(Value::Object(members)) => Some(Self { members, pointer: pointer.to_owned() }),
            Some(Value::Null) | None => None,
            Some(other) => {
                found_instead(other, "a map", pointer, findings);
                None
            }
        }
    }

    /// Where the map stands.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Where a member stands.
    pub fn at(&self, key: &str) -> String {
        child(&self.pointer, key)
    }

    /// The member, unless it is null.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key).filter(|value| !value.is_null())
    }

    /// The member under whichever of its spellings is used; two spellings at once are a finding.
    pub fn one_of(&self, spellings: &[&'static str], findings: &mut Findings) -> Option<(&'static str, &'a Value)> {
        let mut used = spellings.iter().filter_map(|&key| Some((key, self.get(key)?)));
        let first = used.next()?;
        for (key, _) in used {
            let detail = format!("`{}` and `{key}` are two spellings of one value", first.0);
            let finding = findings.error("CONFIG_ALIAS_CONFLICT", "One value is spelled twice", detail, &self.at(key));
            finding.hints.push(format!("keep `{}` and remove the other", spellings[0]));
        }
        Some(first)
    }

    /// A text; a number is taken as it was written.
    pub fn text(&self, key: &str, findings: &mut Findings) -> Option<String> {
        self.as_text(key, self.get(key)?, findings)
    }

    /// The value of the member `key` as a text.
    pub fn as_text(&self, key: &str, value: &Value, findings: &mut Findings) -> Option<String> {
        text_at(value, &self.at(key), findings)
    }

    /// A list of texts.
    pub fn texts(&self, key: &str, findings: &mut Findings) -> Option<Vec<String>> {
        let value = self.get(key)?;
        let pointer = self.at(key);
        let Some(elements) = value.as_array() else {
            found_instead(value, "a list", &pointer, findings);
            return None;
        };
        let texts = elements.iter().enumerate();
        Some(texts.filter_map(|(index, element)| text_at(element, &format!("{pointer}/{index}"), findings)).collect())
    }

    /// A map of texts.
    pub fn text_map(&self, key: &str, findings: &mut Findings) -> Option<BTreeMap<String, String>> {
        let map = Reader::new(self.get(key), &self.at(key), findings)?;
        let texts = map.members.iter();
        Some(texts.filter_map(|(key, value)| Some((key.clone(), text_at(value, &map.at(key), findings)?))).collect())
    }

    /// A truth value.
    pub fn flag(&self, key: &str, findings: &mut Findings) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            found_instead(value, "true or false", &self.at(key), findings);
        }
        flag
    }

    /// A number of things.
    pub fn count(&self, spellings: &[&'static str], findings: &mut Findings) -> Option<(&'static str, i32)> {
        let (key, value) = self.one_of(spellings, findings)?;
        let count = value.as_i64().and_then(|n| i32::try_from(n).ok()).filter(|&n| n >= 0);
        if count.is_none() {
            found_instead(value, "a whole number from 0", &self.at(key), findings);
        }
        Some((key, count?))
    }

    /// The member as a map.
    pub fn map(&self, key: &str, findings: &mut Findings) -> Option<Self> {
        Reader::new(self.get(key), &self.at(key), findings)
    }

    /// The keys and values of the map.
    pub fn members(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.members.iter()
    }

    /// A warning for every key that nobody reads. Nebari itself refuses them; a newer Nebari may know them.
    pub fn tell_unknown(&self, known: &[&str], findings: &mut Findings) {
        for key in self.members.keys().filter(|key| !known.contains(&key.as_str())) {
            let detail = format!("`{key}` is no key that is known here; it has no effect");
            let finding = findings.warning("UNKNOWN_KEY", "A key is not known", detail, &self.at(key));
            if let Some(nearest) = nearest(key, known) {
                finding.hints.push(format!("did you mean `{nearest}`?"));
            }
        }
    }
}

/// A finding about a value at `pointer` that is not what is `expected` there.
pub fn wrong_type(pointer: &str, expected: &str, findings: &mut Findings) {
    findings.error("VALUE_TYPE", "A value has the wrong type", format!("`{pointer}` is not {expected}"), pointer);
}

/// A warning for every key of a small map that nobody reads, with all that are read.
pub fn unread_keys<'k>(
    keys: impl IntoIterator<Item = &'k String>,
    pointer: &str,
    known: &[&str],
    findings: &mut Findings,
) {
    for key in keys.into_iter().filter(|key| !known.contains(&key.as_str())) {
        let detail = format!("`{key}` is not a key that is read here; it is ignored");
        let finding = findings.warning("UNKNOWN_KEY", "A key is unknown", detail, &child(pointer, key));
        finding.hints.push(format!("keys read here: `{}`", known.join("`, `")));
    }
}

fn text_at(value: &Value, pointer: &str, findings: &mut Findings) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        other => {
            found_instead(other, "text", pointer, findings);
            None
        }
    }
}

fn found_instead(value: &Value, expected: &str, pointer: &str, findings: &mut Findings) {
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    findings.error("VALUE_TYPE", "A value has the wrong type", format!("expected {expected}, found {found}"), pointer);
}
