//! The JSON forms: error documents, log lines, the plan.

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::ports::Clock as _;
use nic_system::SystemClock;
use serde_json::{Value, json};

use crate::error::CommandError;

/// The document of every non-zero exit: `{"success": false, "error": {"code", "message", "details", "recovery_suggestions"}}`.
pub fn error_document(error: &CommandError) -> Value {
    let fallback = Diagnostic::error("INTERNAL", "Something broke", "no diagnostic was given");
    let first = error.diagnostics.iter().find(|d| d.severity == Severity::Error).unwrap_or(&fallback);
    let mut details = match &first.details {
        Value::Object(details) => details.clone(),
        _ => serde_json::Map::new(),
    };
    if let Some(address) = &first.address {
        details.entry("resource").or_insert_with(|| Value::from(address.as_str()));
    }
    if error.diagnostics.len() > 1 {
        details.insert("diagnostics".to_owned(), serde_json::to_value(&error.diagnostics).unwrap_or(Value::Null));
    }
    json!({
        "success": false,
        "error": {
            "code": first.code,
            "message": format!("{}: {}", first.summary, first.detail),
            "details": details,
            "recovery_suggestions": first.hints,
        }
    })
}

/// A diagnostic as a log line.
pub fn log_line(diagnostic: &Diagnostic) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warn",
        Severity::Info => "info",
    };
    json!({
        "level": level,
        "message": format!("{}: {}", diagnostic.summary, diagnostic.detail),
        "code": diagnostic.code,
        "address": diagnostic.address,
        "hints": diagnostic.hints,
    })
}

/// How many of each action.
pub fn summary(plan: &nic_core::plan::Plan) -> Value {
    use nic_core::plan::Action;
    let count = |action| plan.changes.iter().filter(|change| change.action == action).count();
    json!({
        "create": count(Action::Create),
        "update": count(Action::Update),
        "replace": count(Action::Replace),
        "delete": count(Action::Delete),
        "unchanged": count(Action::NoOp),
    })
}

/// A line of JSON on stderr: `timestamp`, `level` (`debug`, `info`, `warn`, `error`) and `message`, and what else belongs to it.
pub fn line(level: &str, message: &str) -> Value {
    stamped(json!({ "level": level, "message": message }))
}

/// The same of a line that lacks only the time.
pub fn stamped(mut line: Value) -> Value {
    line["timestamp"] = json!(SystemClock::default().now());
    line
}
