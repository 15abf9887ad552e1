//! `--events`: what happens, as JSON lines on stdout, the result last. docs/schemas/event.json describes each line.

use nic_core::ports::{Clock, Event, Reporter};
use serde_json::{Value, json};

use crate::clock::SystemClock;

/// Writes a line for each event.
#[derive(Default)]
pub struct EventReporter;

impl Reporter for EventReporter {
    fn report(&self, event: Event) {
        if let Some(line) = line(&event) {
            write(line);
        }
    }
}

/// The last line: the document that `--format json` would have been.
pub fn result(document: &Value) {
    write(json!({ "event": "result", "document": document }));
}

fn write(mut line: Value) {
    line["time"] = json!(SystemClock::default().now());
    // One write for one line: several are never torn apart.
    super::raw(format!("{line}\n").as_bytes());
}

fn line(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Refreshing { resources } => json!({ "event": "refreshing", "resources": resources }),
        Event::Planned(plan) => {
            let changes: Vec<Value> = plan
                .changes
                .iter()
                .filter(|change| change.action.is_change())
                .map(|change| {
                    json!({
                        "address": change.address, "kind": change.kind, "title": change.title,
                        "action": change.action, "reason": change.reason,
                    })
                })
                .collect();
            json!({ "event": "planned", "summary": super::json::summary(plan), "changes": changes })
        }
        Event::Started { address, action } => json!({ "event": "started", "address": address, "action": action }),
        Event::Waiting { address, message } => json!({ "event": "waiting", "address": address, "message": message }),
        Event::Retrying { address, error, after } => json!({
            "event": "retrying", "address": address, "error": error, "after_seconds": after.as_secs_f64(),
        }),
        Event::Finished { address, action, took } => json!({
            "event": "finished", "address": address, "action": action, "seconds": took.as_secs_f64(),
        }),
        Event::Failed { address, diagnostic } => {
            json!({ "event": "failed", "address": address, "diagnostic": diagnostic })
        }
        Event::Skipped { address, because } => json!({ "event": "skipped", "address": address, "because": because }),
        _ => return None,
    })
}
