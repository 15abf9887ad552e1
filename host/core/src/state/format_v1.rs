//! Bytes to state and back, format version 1.
//!
//! A record stands where its kind's state path says: its attributes under the document's names, plus the reserved member
//! `_nic`. Records are found again by that member, so the codec knows no kind.

mod damage;
mod tree;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::damage::Damage;
use self::tree::{Members, Node, place};
use crate::address::Address;
use crate::identity::Identity;
use crate::ports::Facts;
use crate::resource::{Pending, Record};
use crate::secret::Accepted;
use crate::state::{Metadata, State};

/// The format that is written, and the newest that is read.
pub const FORMAT_VERSION: &str = "1";

const MARK: &str = "_nic";

/// Why bytes are not a state, or a state has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not JSON, or cut off.
    #[error("{0}")]
    NotJson(Damage),
    /// JSON, and another program's.
    #[error("it is a state of Terraform, not of NIC")]
    OfTerraform,
    /// JSON, but not a state.
    #[error("it is JSON, but not a NIC state: {0}")]
    NotState(String),
    /// Written by a newer version of NIC.
    #[error("its format version is {found}, this version of NIC reads up to {FORMAT_VERSION}")]
    Newer {
        /// The version found.
        found: String,
    },
    /// A record that cannot be placed.
    #[error("`{address}` cannot stand at `{path}`: {why}")]
    Placement {
        /// Which record.
        address: Address,
        /// Where it should stand.
        path: String,
        /// Why it cannot.
        why: &'static str,
    },
}

/// What a record has besides its attributes. Its members stand in the order in which they are written.
#[derive(Serialize, Deserialize)]
struct Mark<'a> {
    address: Cow<'a, Address>,
    #[serde(default)]
    baseline: Cow<'a, Value>,
    component_digest: Cow<'a, str>,
    #[serde(default)]
    dependencies: Cow<'a, BTreeSet<Address>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deposed: Option<Cow<'a, Address>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    external: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    imported: bool,
    kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_suffix: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<Cow<'a, Pending>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_id: Option<Cow<'a, str>>,
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Accepted::is_empty")]
    secrets: Cow<'a, Accepted>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
    /// Written by [`place`], in its order.
    #[serde(flatten, skip_serializing)]
    unknown: Cow<'a, Map<String, Value>>,
}

impl<'a> Mark<'a> {
    fn of(record: &'a Record) -> Self {
        Self {
            address: Cow::Borrowed(&record.address),
            baseline: Cow::Borrowed(&record.baseline),
            component_digest: Cow::Borrowed(&record.component_digest),
            dependencies: Cow::Borrowed(&record.dependencies),
            deposed: record.deposed.as_ref().map(Cow::Borrowed),
            external: record.external,
            imported: record.imported,
            kind: Cow::Borrowed(&record.kind),
            name_suffix: record.name_suffix.as_deref().map(Cow::Borrowed),
            pending: record.pending.as_ref().map(Cow::Borrowed),
            remote_id: record.remote_id.as_deref().map(Cow::Borrowed),
            schema_version: record.schema_version,
            secrets: Cow::Borrowed(&record.secrets),
            shared: record.shared,
            unknown: Cow::Borrowed(&record.unknown),
        }
    }
}

#[derive(Deserialize)]
struct Head {
    provider: String,
    project_name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    region: Option<String>,
    topology: String,
    serial: u64,
    lineage: String,
    #[serde(default)]
    imported_from_terraform: bool,
    #[serde(default)]
    identity: Option<Identity>,
    #[serde(default)]
    facts: BTreeMap<String, Facts>,
    #[serde(default)]
    settings: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    metadata: Metadata,
}

/// Members of the document that [`Head`] or this codec own.
const KNOWN: [&str; 16] = [
    "version",
    "format_version",
    "provider",
    "project_name",
    "namespace",
    "region",
    "topology",
    "serial",
    "lineage",
    "imported_from_terraform",
    "identity",
    "facts",
    "settings",
    "metadata",
    "cloud",
    "kubernetes",
];

/// What some editors put before a text to say that it is UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The document in a state's bytes, whoever wrote it.
///
/// # Errors
/// [`FormatError::NotJson`].
pub fn document(bytes: &[u8]) -> Result<Value, FormatError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| FormatError::NotJson(Damage::of(bytes, &error)))
}

/// Reads a state.
///
/// # Errors
/// [`FormatError`]; nothing is guessed.
pub fn decode(bytes: &[u8]) -> Result<State, FormatError> {
    let document = document(bytes)?;
    let version = match document.get("format_version") {
        Some(Value::String(version)) => version.clone(),
        Some(Value::Number(version)) => version.to_string(),
        _ if document.get("terraform_version").is_some() || document.get("version").is_some_and(Value::is_u64) => {
            return Err(FormatError::OfTerraform);
        }
        _ => return Err(FormatError::NotState("`format_version` is missing".to_owned())),
    };
    if version != FORMAT_VERSION {
        return Err(FormatError::Newer { found: version.chars().take(20).collect() });
    }
    let head = Head::deserialize(&document).map_err(|e| FormatError::NotState(e.to_string()))?;
    let mut records = BTreeMap::new();
    for top in ["cloud", "kubernetes"] {
        if let Some(value) = document.get(top) {
            collect(value, top, &mut records)?;
        }
    }
    let unknown = document
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !KNOWN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(State {
        provider: head.provider,
        project_name: head.project_name,
        namespace: head.namespace,
        region: head.region,
        topology: head.topology,
        serial: head.serial,
        lineage: head.lineage,
        imported_from_terraform: head.imported_from_terraform,
        identity: head.identity,
        records,
        facts: head.facts,
        settings: head.settings,
        metadata: head.metadata,
        unknown,
    })
}

fn is_record(value: &Value) -> bool {
    value.get(MARK).is_some_and(|mark| mark.get("address").is_some())
}

/// Whether something in the attributes would be taken for a record when the state is read.
pub fn holds_a_mark(attributes: &Value) -> bool {
    match attributes {
        Value::Array(elements) => elements.iter().any(holds_a_mark),
        Value::Object(members) => is_record(attributes) || members.values().any(holds_a_mark),
        _ => false,
    }
}

/// Whether records stand in or below a member, which then is not an attribute.
fn holds_records(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(is_record),
        Value::Object(members) => is_record(value) || members.values().any(holds_records),
        _ => false,
    }
}

fn collect(value: &Value, path: &str, records: &mut BTreeMap<Address, Record>) -> Result<(), FormatError> {
    let Some(members) = value.as_object() else { return Ok(()) };
    let record = members.get(MARK).filter(|_| is_record(value));
    let mut attributes = Map::new();
    for (key, member) in members.iter().filter(|(key, _)| record.is_none() || *key != MARK) {
        let below = format!("{path}.{key}");
        match member {
            Value::Array(elements) if elements.iter().any(is_record) => {
                for element in elements {
                    collect(element, &format!("{below}[]"), records)?;
                }
            }
            Value::Object(_) if record.is_none() || holds_records(member) => collect(member, &below, records)?,
            attribute => {
                attributes.insert(key.clone(), attribute.clone());
            }
        }
    }
    let Some(mark) = record else { return Ok(()) };
    let mark = Mark::deserialize(mark).map_err(|e| FormatError::NotState(format!("at `{path}`: {e}")))?;
    let address = mark.address.into_owned();
    let record = Record {
        address: address.clone(),
        kind: mark.kind.into_owned(),
        remote_id: mark.remote_id.map(Cow::into_owned),
        attributes: Value::Object(attributes),
        baseline: mark.baseline.into_owned(),
        dependencies: mark.dependencies.into_owned(),
        secrets: mark.secrets.into_owned(),
        pending: mark.pending.map(Cow::into_owned),
        imported: mark.imported,
        external: mark.external,
        schema_version: mark.schema_version,
        component_digest: mark.component_digest.into_owned(),
        // A record inside an array of a parent's array stands at the parent's path, whichever parent it is.
        state_path: path.to_owned(),
        name_suffix: mark.name_suffix.map(Cow::into_owned),
        deposed: mark.deposed.map(Cow::into_owned),
        shared: mark.shared,
        unknown: mark.unknown.into_owned(),
    };
    if records.contains_key(&address) {
        return Err(FormatError::NotState(format!("`{address}` is recorded twice")));
    }
    records.insert(address, record);
    Ok(())
}

/// Writes a state.
///
/// # Errors
/// [`FormatError::Placement`] when two records want one place.
pub fn encode(state: &State) -> Result<Vec<u8>, FormatError> {
    let own = Node::Own;
    let not_json = |error: serde_json::Error| FormatError::NotState(error.to_string());
    let mut document = Members::from([
        ("version", own(env!("CARGO_PKG_VERSION").into())),
        ("format_version", own(FORMAT_VERSION.into())),
        ("provider", own(state.provider.as_str().into())),
        ("project_name", own(state.project_name.as_str().into())),
        ("namespace", own(state.namespace.as_str().into())),
        ("region", own(state.region.as_deref().into())),
        ("topology", own(state.topology.as_str().into())),
        ("serial", own(state.serial.into())),
        ("lineage", own(state.lineage.as_str().into())),
        ("imported_from_terraform", own(state.imported_from_terraform.into())),
        ("facts", Node::Facts(&state.facts)),
        ("metadata", own(serde_json::to_value(&state.metadata).map_err(not_json)?)),
        ("cloud", Node::Object(Members::new())),
        ("kubernetes", Node::Object(Members::new())),
    ]);
    if !state.settings.is_empty() {
        document.insert("settings", own(serde_json::to_value(&state.settings).map_err(not_json)?));
    }
    if let Some(identity) = &state.identity {
        document.insert("identity", own(serde_json::to_value(identity).map_err(not_json)?));
    }
    document.extend(state.unknown.iter().map(|(key, value)| (key.as_str(), Node::Whole(value))));

    // Shorter paths first, so that a parent is there before what stands in it.
    let mut records: Vec<&Record> = state.records.values().collect();
    records.sort_by_key(|record| (record.state_path.matches('.').count(), &record.address));
    for record in records {
        place(&mut document, record)?;
    }
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(not_json)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record(address: &str, state_path: &str, attributes: Value) -> Record {
        Record {
            address: address.parse().unwrap(),
            kind: "aws.thing".to_owned(),
            remote_id: Some("id-1".to_owned()),
            attributes,
            baseline: json!({"name": "x"}),
            dependencies: BTreeSet::new(),
            secrets: Accepted::new(),
            pending: None,
            imported: false,
            external: false,
            schema_version: 1,
            component_digest: "00".to_owned(),
            state_path: state_path.to_owned(),
            name_suffix: None,
            deposed: None,
            shared: false,
            unknown: Map::new(),
        }
    }

    fn state(records: Vec<Record>) -> State {
        let mut state = State::empty("aws", "p", "dev", "classic", "lineage", "2026-01-01T00:00:00Z");
        state.records = records.into_iter().map(|r| (r.address.clone(), r)).collect();
        state
    }

    #[test]
    fn records_stand_where_people_and_jq_look_for_them() {
        let state = state(vec![
            record("aws.subnet.0", "cloud.vpc.subnets[]", json!({"id": "subnet-0", "tags": {"_nic": "a tag"}})),
            record("aws.vpc.main", "cloud.vpc", json!({"id": "vpc-1"})),
            record("aws.namespace.dev", "kubernetes.namespaces[]", json!({"name": "dev"})),
        ]);
        let bytes = encode(&state).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document.pointer("/cloud/vpc/id").unwrap(), "vpc-1");
        assert_eq!(document.pointer("/cloud/vpc/subnets/0/id").unwrap(), "subnet-0");
        assert_eq!(document.pointer("/kubernetes/namespaces/0/name").unwrap(), "dev");
        assert_eq!(decode(&bytes).unwrap(), state);
    }

    #[test]
    fn members_are_written_in_order_and_a_parents_attributes_leave_room() {
        let mut child = record("aws.subnet.0", "cloud.vpc.subnets[]", json!({"id": "subnet-0"}));
        child.pending = Some(Pending {
            action: crate::resource::PendingAction::Update,
            document: json!({"b": 1, "a": {"$secret": "x"}}),
            operation: Some(json!({"attempt": 1})),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            token: "t".to_owned(),
        });
        child.secrets = Accepted::from([("a".to_owned(), None)]);
        (child.deposed, child.name_suffix) = (Some("aws.subnet.1".parse().unwrap()), Some("0a1b2c3".to_owned()));
        (child.imported, child.external, child.shared) = (true, true, true);
        let parent = json!({"subnets": [], "id": "vpc-1", "gateway": null, "nested": {"deep": true}});
        let gateway = record("aws.gateway.main", "cloud.vpc.gateway", json!({"id": "igw-1"}));
        let deep = record("aws.thing.deep", "cloud.vpc.nested.things[]", json!({}));
        let state = state(vec![child, gateway, deep, record("aws.vpc.main", "cloud.vpc", parent)]);
        let bytes = encode(&state).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document.pointer("/cloud/vpc/subnets/0/id").unwrap(), "subnet-0");
        assert_eq!(document.pointer("/cloud/vpc/gateway/id").unwrap(), "igw-1");
        assert_eq!(document.pointer("/cloud/vpc/nested/deep").unwrap(), true);
        assert!(document.pointer("/cloud/vpc/nested/things/0/_nic").is_some());
        // Sorted, as `jq -S` has it, so that two versions of a state can be compared line by line.
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("{document:#}\n"));
    }

    #[test]
    fn what_is_cut_foreign_newer_or_doubled_is_told_apart() {
        let mut twice =
            state(vec![record("aws.vpc.main", "cloud.vpc", json!({})), record("aws.vpc.two", "cloud.vpc", json!({}))]);
        assert!(matches!(encode(&twice), Err(FormatError::Placement { .. })));
        twice.records.pop_last();
        let bytes = encode(&twice).unwrap();
        assert!(matches!(decode(&bytes[..bytes.len() / 2]), Err(FormatError::NotJson(_))));
        assert!(matches!(decode(b"{\"version\": 4, \"resources\": []}"), Err(FormatError::OfTerraform)));
        assert!(matches!(decode(b"{\"version\": \"4\"}"), Err(FormatError::NotState(_))));
        assert!(matches!(decode(b"{\"format_version\": 9999}"), Err(FormatError::Newer { .. })));
        let newer = String::from_utf8(bytes).unwrap().replace("\"format_version\": \"1\"", "\"format_version\": \"2\"");
        assert!(matches!(decode(newer.as_bytes()), Err(FormatError::Newer { .. })));
    }

    #[test]
    fn what_an_editor_adds_changes_nothing() {
        let state = state(vec![record("aws.vpc.main", "cloud.vpc", json!({"id": "vpc-1"}))]);
        let text = String::from_utf8(encode(&state).unwrap()).unwrap();
        for edited in
            [format!("\u{feff}{text}"), text.replace('\n', "\r\n"), format!("\u{feff}{text}").replace('\n', "\r\n")]
        {
            assert_eq!(decode(edited.as_bytes()).unwrap(), state);
        }
    }

    #[test]
    fn attributes_that_look_like_a_record_are_refused() {
        for hostile in [json!({"x": {"_nic": {"address": "a.b.c"}}}), json!({"x": [[{"_nic": {"address": "a.b.c"}}]]})]
        {
            let state = state(vec![record("aws.vpc.main", "cloud.vpc", hostile)]);
            assert!(matches!(encode(&state), Err(FormatError::Placement { .. })));
        }
    }

    #[test]
    fn members_of_a_newer_minor_version_are_kept() {
        let vpc = state(vec![record("aws.vpc.main", "cloud.vpc", json!({"id": "vpc-1"}))]);
        let mut bytes: Value = serde_json::from_slice(&encode(&vpc).unwrap()).unwrap();
        let future = json!({"a": 1});
        for place in ["/future", "/metadata/future", "/cloud/vpc/_nic/future"] {
            let (above, member) = place.rsplit_once('/').unwrap();
            bytes.pointer_mut(above).unwrap()[member] = future.clone();
        }
        let mut decoded = decode(bytes.to_string().as_bytes()).unwrap();
        decoded.serial += 1;
        bytes["serial"] = 1.into();
        let again = String::from_utf8(encode(&decoded).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), bytes);
        assert_eq!(again, format!("{bytes:#}\n"));
    }

    proptest! {
        #[test]
        fn every_state_survives_the_round_trip(
            names in prop::collection::btree_set("[a-z][a-z0-9]{0,5}", 0..8),
            path in prop::sample::select(vec!["cloud.groups[]", "cloud.vpc.subnets[]", "kubernetes.objects[]", "cloud.a.b.c[]"]),
            text in "\\PC{0,12}",
        ) {
            let records = names.iter().map(|name| record(&format!("aws.thing.{name}"), path, json!({"t": text.clone(), "o": {"k": [1, {"x": text.clone()}]}})));
            let state = state(records.collect());
            prop_assert_eq!(decode(&encode(&state).unwrap()).unwrap(), state);
        }
    }
}
