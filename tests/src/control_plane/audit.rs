//! When the API server was at work for whoever logged in, from its audit log.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use time::OffsetDateTime;

/// The name of the log in the control plane's folder.
pub(super) const FILE: &str = "audit.log";

/// What is written: what the controllers ask for, as administrators, is not, but that a namespace has ended, and what becomes of a
/// definition.
pub(super) const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [update], resources: [{group: "", resources: [namespaces/finalize]}]}
- {level: Metadata, verbs: [update], resources: [{group: apiextensions.k8s.io, resources: [customresourcedefinitions/status]}]}
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
    /// When it had answered; of the deletion of a namespace, when that had ended; of a definition, when it was established.
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

/// Resource and name.
type Thing = (String, String);

impl Object {
    fn thing(&self) -> Thing {
        (self.resource.clone(), self.name.clone())
    }
}

/// What the log says, in no order.
pub(super) fn work(log: &str) -> Result<Vec<Work>> {
    // The last line may not be whole yet.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let mut asked = Vec::new();
    let mut ends: BTreeMap<Thing, Vec<OffsetDateTime>> = BTreeMap::new();
    let mut deletes: BTreeMap<Thing, Vec<OffsetDateTime>> = BTreeMap::new();
    for line in whole.lines() {
        let event: Event = serde_json::from_str(line).with_context(|| format!("no event of the audit log: {line}"))?;
        let thing = event.object_ref.thing();
        match (event.verb.as_str(), event.object_ref.subresource.as_str()) {
            ("update", "finalize" | "status") => {
                ends.entry(thing).or_default().push(event.stage_timestamp);
                continue;
            }
            ("delete", "") => deletes.entry(thing).or_default().push(event.request_received_timestamp),
            _ => {}
        }
        asked.push(event);
    }
    let work = asked.into_iter().map(|event| {
        let Event { verb, object_ref, request_received_timestamp: from, stage_timestamp: answered, .. } = event;
        let thing = object_ref.thing();
        let after = |instants: &BTreeMap<Thing, Vec<OffsetDateTime>>| {
            let of_thing = instants.get(&thing).into_iter().flatten();
            of_thing.copied().filter(|at| *at >= from).collect::<Vec<_>>()
        };
        let ended = match (verb.as_str(), object_ref.resource.as_str()) {
            ("delete", "namespaces") => after(&ends).into_iter().min(),
            // Its names are accepted first, and then it is established. Another of its name is another life's.
            ("patch", "customresourcedefinitions") => {
                let gone = after(&deletes).into_iter().min();
                after(&ends).into_iter().filter(|end| gone.is_none_or(|gone| *end < gone)).max()
            }
            _ => None,
        };
        Work { from, until: ended.unwrap_or(answered), what: format!("{verb} {}", event.request_uri) }
    });
    Ok(work.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(verb: &str, resource: &str, name: &str, subresource: &str, second: u8) -> String {
        let object = serde_json::json!({"resource": resource, "name": name, "subresource": subresource});
        let event = serde_json::json!({
            "verb": verb, "requestURI": format!("/{resource}/{name}"), "objectRef": object,
            "requestReceivedTimestamp": format!("2026-01-01T00:00:{second:02}.000000Z"),
            "stageTimestamp": format!("2026-01-01T00:00:{:02}.000000Z", second + 1),
        });
        format!("{event}\n")
    }

    fn seconds(log: &[String]) -> Vec<(u8, u8)> {
        work(&log.concat()).unwrap().into_iter().map(|one| (one.from.second(), one.until.second())).collect()
    }

    #[test]
    fn a_namespace_takes_until_it_has_ended() {
        let event = |verb, name, subresource, second| event(verb, "namespaces", name, subresource, second);
        let log = [
            event("get", "dev", "", 1),
            event("delete", "dev", "", 3),
            event("update", "dev", "finalize", 8),
            event("delete", "other", "", 10),
            event("update", "dev", "finalize", 20),
        ];
        assert_eq!(seconds(&log), [(1, 2), (3, 9), (10, 11)]);
    }

    #[test]
    fn a_definition_takes_until_it_is_established() {
        let event =
            |verb, subresource, second| event(verb, "customresourcedefinitions", "a.example", subresource, second);
        let log = [
            event("patch", "", 1),
            event("update", "status", 2),
            event("update", "status", 4),
            event("get", "", 6),
            event("patch", "", 8),
            event("delete", "", 10),
            event("update", "status", 12),
        ];
        assert_eq!(seconds(&log), [(1, 5), (6, 7), (8, 9), (10, 11)]);
    }

    #[test]
    fn half_a_line_is_left_for_later() {
        let log = event("get", "namespaces", "dev", "", 1) + "{\"verb\":";
        assert_eq!(work(&log).unwrap().len(), 1);
        assert_eq!(work("{").unwrap(), []);
    }
}
