//! Health: what the cloud itself says of what it shows, and how many nodes there have to be. A pure function of documents and of what
//! their kinds say about them; what only the cluster knows is asked there.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::address::Address;
use crate::kind::Kind;
use crate::resource::{Observed, Record, Status};

/// Something that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ailment {
    /// Which resource.
    pub address: Address,
    /// One line: what it is, and why as far as the cloud says.
    pub words: String,
}

/// A group of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeGroup {
    pub address: Address,
    /// What its nodes are labelled with.
    pub name: String,
    /// How many of them have to be ready.
    pub minimum: u64,
    /// What the cloud says of the group, unless that it is well. Nodes above the minimum come and go with the load, so this alone makes
    /// no platform unusable.
    pub ailment: Option<String>,
}

/// What the cloud shows of health.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudHealth {
    /// What is not well, groups of nodes not included.
    pub ailing: Vec<Ailment>,
    /// The groups of nodes.
    pub groups: Vec<NodeGroup>,
}

impl CloudHealth {
    /// By what is recorded: every record is as it was seen last.
    pub fn recorded(records: &BTreeMap<Address, Record>, kinds: &BTreeMap<String, Kind>) -> Self {
        Self::of(kinds, judged(records).map(|record| (record, &record.attributes)))
    }

    /// By what is shown now of what is recorded. What is not there, or is being changed, is told elsewhere.
    pub fn observed(
        records: &BTreeMap<Address, Record>,
        observed: &BTreeMap<Address, Observed>,
        kinds: &BTreeMap<String, Kind>,
    ) -> Self {
        let shown = judged(records).filter_map(|record| {
            let seen = observed.get(&record.address).filter(|seen| seen.status == Status::Present)?;
            Some((record, &seen.document))
        });
        Self::of(kinds, shown)
    }

    fn of<'a>(kinds: &BTreeMap<String, Kind>, shown: impl Iterator<Item = (&'a Record, &'a Value)>) -> Self {
        let mut health = Self::default();
        for (record, document) in shown {
            let Some(kind) = kinds.get(&record.kind) else { continue };
            let address = record.address.clone();
            let words = ailment(kind, &address, document);
            match (group(kind, document), words) {
                (Some((name, minimum)), ailment) => {
                    health.groups.push(NodeGroup { address, name: name.to_owned(), minimum, ailment });
                }
                (None, Some(words)) => health.ailing.push(Ailment { address, words }),
                (None, None) => {}
            }
        }
        health
    }

    /// The same of these addresses alone.
    #[must_use]
    pub fn within(mut self, scope: impl Fn(&Address) -> bool) -> Self {
        self.ailing.retain(|ailment| scope(&ailment.address));
        self.groups.retain(|group| scope(&group.address));
        self
    }
}

/// What is ours and is meant to stay.
fn judged(records: &BTreeMap<Address, Record>) -> impl Iterator<Item = &Record> {
    records.values().filter(|record| !record.external && record.deposed.is_none())
}

fn group<'a>(kind: &Kind, document: &'a Value) -> Option<(&'a str, u64)> {
    let (group, minimum) = kind.nodes()?;
    document.pointer(group)?.as_str().zip(document.pointer(minimum)?.as_u64())
}

/// `Add-on coredns is DEGRADED: InsufficientNumberOfReplicas: ...`
fn ailment(kind: &Kind, address: &Address, document: &Value) -> Option<String> {
    let unwell = kind.well().find_map(|(member, well)| {
        let said = document.get(member)?.as_str()?;
        (!well.iter().any(|value| value == said)).then_some(said)
    })?;
    let why: Vec<&str> = kind.why().filter_map(|member| document.get(member)).flat_map(texts).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
    Some(format!("{} {} is {unwell}{why}", kind.title_of(document), address.name()))
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;

    fn kinds() -> BTreeMap<String, Kind> {
        let kind = |kind: &str, title: &str, schema: Value| -> (String, Kind) {
            let described = json!({
                "kind": kind, "title": title, "schema": schema, "schema_version": 1, "state_path": "cloud.x[]",
                "time_limits": { "create": 1, "update": 1, "delete": 1 }, "create": "named",
            });
            (kind.to_owned(), serde_json::from_value(described).unwrap())
        };
        let health = json!({
            "status": { "type": "string", "x-nic": { "computed": true, "well": ["ACTIVE", "RUNNING"] } },
            "issues": { "type": "array", "x-nic": { "computed": true, "why": true } },
        });
        let nodes = json!({ "nodes": { "group": "/name", "minimum": "/scaling/min" } });
        BTreeMap::from([
            kind("c.add-on", "Add-on", json!({ "properties": health })),
            kind("c.group", "Node group", json!({ "properties": health, "x-nic": nodes })),
            kind("c.plain", "Plain", json!({ "properties": { "status": { "type": "string" } } })),
        ])
    }

    fn records(shown: Value) -> BTreeMap<Address, Record> {
        let Value::Object(shown) = shown else { panic!("documents by address") };
        let record = |(address, attributes): (String, Value)| {
            let address: Address = address.parse().unwrap();
            let record = Record {
                remote_id: Some("id".to_owned()),
                attributes,
                baseline: json!({}),
                ..Record::unmade(address.clone(), address.as_str().rsplit_once('.').unwrap().0.to_owned())
            };
            (address, record)
        };
        shown.into_iter().map(record).collect()
    }

    fn words(health: &CloudHealth) -> Vec<&str> {
        health.ailing.iter().map(|ailment| ailment.words.as_str()).collect()
    }

    #[test]
    fn what_is_not_among_the_values_that_are_well_ails_in_the_clouds_words() {
        let records = records(json!({
            "c.add-on.dns": { "status": "DEGRADED", "issues": ["TooFew: no nodes", "Slow"] },
            "c.add-on.disk": { "status": "RUNNING", "issues": ["told and nothing else"] },
            "c.add-on.silent": { "status": "BROKEN" },
            "c.add-on.unknown": {},
            "c.plain.x": { "status": "DEGRADED" },
            "c.nobodys.x": { "status": "DEGRADED" },
        }));
        let health = CloudHealth::recorded(&records, &kinds());
        assert_eq!(words(&health), ["Add-on dns is DEGRADED: TooFew: no nodes; Slow", "Add-on silent is BROKEN"]);
        assert!(health.groups.is_empty());
        assert_eq!(words(&health.within(|address| address.name() == "silent")), ["Add-on silent is BROKEN"]);
    }

    #[test]
    fn a_group_says_how_many_nodes_there_have_to_be_and_ails_by_itself() {
        let mut records = records(json!({
            "c.group.general": { "name": "general-1", "scaling": { "min": 2 }, "status": "DEGRADED", "issues": ["no room"] },
            "c.group.old": { "name": "old", "scaling": { "min": 1 }, "status": "ACTIVE" },
            "c.group.theirs": { "name": "theirs", "scaling": { "min": 1 }, "status": "ACTIVE" },
            "c.group.user": { "name": "user", "scaling": { "min": 0 }, "status": "ACTIVE" },
        }));
        let address = |text: &str| text.parse::<Address>().unwrap();
        records.get_mut(&address("c.group.old")).unwrap().deposed = Some(address("c.group.general"));
        records.get_mut(&address("c.group.theirs")).unwrap().external = true;
        let health = CloudHealth::recorded(&records, &kinds());
        let told: Vec<_> = health.groups.iter().map(|g| (g.name.as_str(), g.minimum, g.ailment.as_deref())).collect();
        assert_eq!(told, [("general-1", 2, Some("Node group general is DEGRADED: no room")), ("user", 0, None)]);
        assert!(health.ailing.is_empty());
    }

    #[test]
    fn what_is_shown_now_counts_and_only_where_it_is_there() {
        let records = records(json!({
            "c.add-on.absent": { "status": "DEGRADED" },
            "c.add-on.dns": { "status": "ACTIVE" },
            "c.add-on.unread": { "status": "DEGRADED" },
            "c.group.general": { "name": "general", "scaling": { "min": 0 }, "status": "ACTIVE" },
        }));
        let seen = |address: &str, document: Value| {
            let address: Address = address.parse().unwrap();
            (address.clone(), Observed { status: Status::Present, document, ..Observed::absent(&address) })
        };
        let absent: Address = "c.add-on.absent".parse().unwrap();
        let observed = BTreeMap::from([
            (absent.clone(), Observed::absent(&absent)),
            seen("c.add-on.dns", json!({ "status": "DEGRADED" })),
            seen("c.group.general", json!({ "name": "general", "scaling": { "min": 3 }, "status": "ACTIVE" })),
        ]);
        let health = CloudHealth::observed(&records, &observed, &kinds());
        assert_eq!(words(&health), ["Add-on dns is DEGRADED"]);
        assert_eq!(health.groups[0].minimum, 3);
    }
}
