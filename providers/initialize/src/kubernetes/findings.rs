//! What is found while the section is read.

use nic_sdk::types::{Diagnostic, Severity};
use serde_json::{Map, Value};

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Diagnostic>);

impl Findings {
    /// Something that stops the command; hints may be added to what is returned.
    pub(super) fn error(&mut self, code: &str, summary: &str, detail: String, at: &str) -> &mut Diagnostic {
        self.add(Severity::Error, code, summary, detail, at)
    }

    fn add(&mut self, severity: Severity, code: &str, summary: &str, detail: String, at: &str) -> &mut Diagnostic {
        let index = self.0.len();
        self.0.push(Diagnostic {
            severity,
            code: code.to_owned(),
            summary: summary.to_owned(),
            detail,
            pointer: Some(at.to_owned()),
            hints: Vec::new(),
        });
        &mut self.0[index]
    }

    pub(super) fn wrong_type(&mut self, at: &str, expected: &str) {
        let detail = format!("`{at}` is not {expected}");
        self.error("VALUE_TYPE", "A value has the wrong type", detail, at);
    }

    /// A warning for every key that nobody reads.
    pub(super) fn unknown_keys(&mut self, members: &Map<String, Value>, at: &str, known: &[&str]) {
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            let detail = format!("`{key}` is not a key that is read here; it is ignored");
            let finding = self.add(Severity::Warning, "UNKNOWN_KEY", "A key is unknown", detail, &child(at, key));
            finding.hints.push(format!("keys read here: `{}`", known.join("`, `")));
        }
    }

    pub(super) fn into_inner(self) -> Vec<Diagnostic> {
        self.0
    }
}

/// The pointer of a member.
pub(super) fn child(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The members of a map; none when it is absent, or something else, which is told.
pub(super) fn map<'a>(value: Option<&'a Value>, at: &str, found: &mut Findings) -> Option<&'a Map<String, Value>> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) => Some(members),
        Some(_) => {
            found.wrong_type(at, "a map");
            None
        }
    }
}

/// A text, as it was written or as YAML took it.
pub(super) fn text(value: &Value, at: &str, found: &mut Findings) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => {
            found.wrong_type(at, "text");
            None
        }
    }
}
