//! When the API server was at work for whoever logged in, from its audit log.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use time::OffsetDateTime;

/// The name of the log in the control plane's folder.
pub(super) const FILE: &str = "audit.log";

/// What is written: what the controllers ask for, as administrators, is not, but that a namespace has ended.
pub(super) const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [update], resources: [{group: "", resources: [namespaces/finalize]}]}
- {level: None, verbs: [watch]}
- {level: None, users: ["nic-test-admin", "system:apiserver"]}
- {level: None, userGroups: ["system:serviceaccounts"]}
- {level: Metadata}
"#;

/// A time in which the control plane was at work on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// When it was asked.
    pub from: OffsetDateTime,
    /// When it had answered; of the deletion of a namespace, when that had ended.
    pub until: OffsetDateTime,
    /// `get /api/v1/namespaces/dev`.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    object_ref: Object,
    #[serde(with = "time::serde::rfc3339")]
    request_received_timestamp: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    stage_timestamp: OffsetDateTime,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object {
    resource: String,
    name: String,
    subresource: String,
}

/// What the log says, in no order.
pub(super) fn work(log: &str) -> Result<Vec<Work>> {
    // The last line may not be whole yet.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let mut ends: BTreeMap<String, Vec<OffsetDateTime>> = BTreeMap::new();
    let mut asked = Vec::new();
    for line in whole.lines() {
        let event: Event = serde_json::from_str(line).with_context(|| format!("no event of the audit log: {line}"))?;
        if event.object_ref.subresource == "finalize" {
            ends.entry(event.object_ref.name).or_default().push(event.stage_timestamp);
        } else {
            asked.push(event);
        }
    }
    let work = asked.into_iter().map(|event| {
        let Event { verb, object_ref, request_received_timestamp: from, stage_timestamp: answered, .. } = event;
        let ending = verb == "delete" && object_ref.resource == "namespaces";
        let ended = ends.get(&object_ref.name).filter(|_| ending).into_iter().flatten();
        let until = ended.copied().filter(|end| *end >= from).min().unwrap_or(answered);
        Work { from, until, what: format!("{verb} {}", event.request_uri) }
    });
    Ok(work.collect())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn event(verb: &str, name: &str, subresource: &str, second: u8) -> String {
        let object = serde_json::json!({"resource": "namespaces", "name": name, "subresource": subresource});
        let event = serde_json::json!({
            "verb": verb, "requestURI": format!("/api/v1/namespaces/{name}"), "objectRef": object,
            "requestReceivedTimestamp": format!("2026-01-01T00:00:{second:02}.000000Z"),
            "stageTimestamp": format!("2026-01-01T00:00:{:02}.000000Z", second + 1),
        });
        format!("{event}\n")
    }

    #[test]
    fn a_namespace_takes_until_it_has_ended() {
        let log = [
            event("get", "dev", "", 1),
            event("delete", "dev", "", 3),
            event("update", "dev", "finalize", 8),
            event("delete", "other", "", 10),
            event("update", "dev", "finalize", 20),
        ];
        let spans: Vec<_> = work(&log.concat()).unwrap().into_iter().map(|one| (one.from, one.until)).collect();
        let expected = [
            (datetime!(2026-01-01 0:00:01 UTC), datetime!(2026-01-01 0:00:02 UTC)),
            (datetime!(2026-01-01 0:00:03 UTC), datetime!(2026-01-01 0:00:09 UTC)),
            (datetime!(2026-01-01 0:00:10 UTC), datetime!(2026-01-01 0:00:11 UTC)),
        ];
        assert_eq!(spans, expected);
    }

    #[test]
    fn half_a_line_is_left_for_later() {
        let log = event("get", "dev", "", 1) + "{\"verb\":";
        assert_eq!(work(&log).unwrap().len(), 1);
        assert_eq!(work("{").unwrap(), []);
    }
}
