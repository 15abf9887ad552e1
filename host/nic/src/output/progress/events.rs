//! `--events`: what happens, as JSON lines on stdout, the result last. docs/schemas/event.json describes each line.

use std::time::Duration;

use nic_core::ports::{Clock, Event};
use nic_system::SystemClock;
use serde_json::{Value, json};

use super::board::Board;

/// The last line: the document that `--format json` would have been.
pub fn result(document: &Value) {
    write(json!({ "event": "result", "document": document }));
}

/// Writes a line, with the time.
pub(super) fn write(mut line: Value) {
    line["time"] = json!(SystemClock::default().now());
    // One write for one line: several are never torn apart.
    crate::output::raw(format!("{line}\n").as_bytes());
}

/// The line for an event; none for what has none. A plan has been noted on the board, anything else not yet.
pub(super) fn line(event: &Event, board: &Board, now: Duration) -> Option<Value> {
    let seconds = |duration: Duration| (duration.as_secs_f64() * 1000.0).round() / 1000.0;
    let mut line = match event {
        Event::Refreshing { resources } => json!({ "event": "refreshing", "resources": resources }),
        Event::Planned(plan) => {
            let changes: Vec<Value> = plan
                .changes
                .iter()
                .filter(|change| change.action.is_change())
                .map(|change| {
                    let mut listed = json!({
                        "address": change.address, "kind": change.kind, "title": change.title,
                        "action": change.action, "reason": change.reason,
                    });
                    if let Some(usual) = board.usual(&change.address) {
                        listed["estimate_seconds"] = json!(seconds(usual));
                    }
                    listed
                })
                .collect();
            let mut line = json!({ "event": "planned", "summary": super::json::summary(plan), "changes": changes });
            if let Some(left) = board.left(now) {
                line["estimate_seconds"] = json!(seconds(left));
            }
            line
        }
        Event::Started { address, action } => json!({ "event": "started", "address": address, "action": action }),
        Event::Waiting { address, message } => json!({ "event": "waiting", "address": address, "message": message }),
        Event::Retrying { address, error, after } => json!({
            "event": "retrying", "address": address, "error": error, "after_seconds": seconds(*after),
        }),
        Event::Finished { address, action, took } => json!({
            "event": "finished", "address": address, "action": action, "seconds": seconds(*took),
        }),
        Event::Failed { address, diagnostic, .. } => {
            json!({ "event": "failed", "address": address, "diagnostic": diagnostic })
        }
        Event::Skipped { address, because } => json!({ "event": "skipped", "address": address, "because": because }),
        Event::NotReady { causes } => json!({ "event": "not-ready", "causes": causes }),
        Event::Ready => json!({ "event": "ready" }),
        _ => return None,
    };
    if let Event::Started { address, .. } | Event::Waiting { address, .. } = event
        && let Some(usual) = board.usual(address)
    {
        line["estimate_seconds"] = json!(seconds(usual));
    }
    if let Event::Waiting { address, .. } | Event::Retrying { address, .. } = event
        && let Some(elapsed) = board.running_for(address, now)
    {
        line["elapsed_seconds"] = json!(seconds(elapsed));
    }
    Some(line)
}
