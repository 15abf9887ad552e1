//! The audit of what a provider says about itself.

use std::collections::{BTreeMap, BTreeSet};

use nic_core::annotation::{self, Unusable};
use nic_core::kind::{Description, Kind};

use super::guest_text::{line, paragraph};
use super::limits::MAX_DESCRIPTION_BYTES;
use super::manifest::Manifest;
use super::schema::Schema;

const MAX_KINDS: usize = 512;
const MAX_SECTIONS: usize = 64;
const MAX_SETTINGS: usize = 32;
const MAX_TITLE_BYTES: usize = 80;
const MAX_READ_BATCH: u32 = 1_000;
/// Four hours: the slowest things a cloud makes take less than one.
const MAX_CHANGE_SECONDS: u32 = 4 * 60 * 60;
const MAX_SETTLE_SECONDS: u32 = 60 * 60;

/// The members of the state where records stand; everything else at the top is the host's.
const ROOMS: [&str; 2] = ["cloud", "kubernetes"];

/// A description that was audited, with its schemas compiled.
#[derive(Debug)]
pub(super) struct Audited {
    pub(super) description: Description,
    pub(super) schemas: BTreeMap<String, Schema>,
    /// Those of the config sections.
    pub(super) sections: BTreeMap<String, Schema>,
}

/// Why a description is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// It says something that a later host may know.
    Unknown(String),
    /// It breaks the contract.
    Broken(String),
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

impl Refused {
    /// Of an annotation, with the place.
    fn of(unusable: Unusable, place: &impl Fn(String) -> String) -> Self {
        match unusable {
            Unusable::Unknown(what) => Self::Unknown(place(what)),
            Unusable::Wrong(why) => Self::Broken(place(why)),
        }
    }
}

/// Parses and audits the answer of `describe`.
pub(super) fn audit(manifest: &Manifest, text: &str) -> Result<Audited, Refused> {
    if text.len() > MAX_DESCRIPTION_BYTES {
        return Err(format!("it has {} bytes; at most {MAX_DESCRIPTION_BYTES} are read", text.len()).into());
    }
    let description: Description = serde_json::from_str(text).map_err(|error| paragraph(&error.to_string()))?;
    if description.name != manifest.name {
        return Err(
            line(&format!("it calls itself `{}`, its manifest says `{}`", description.name, manifest.name)).into()
        );
    }
    if description.version != manifest.version {
        return Err(line(&format!(
            "it says it is version `{}`, its manifest says `{}`",
            description.version, manifest.version
        ))
        .into());
    }
    let count = |what: &str, is: usize, most: usize| {
        if is > most { Err(format!("it has {is} {what}; at most {most} are allowed")) } else { Ok(()) }
    };
    count("kinds", description.kinds.len(), MAX_KINDS)?;
    count("config sections", description.config_sections.len(), MAX_SECTIONS)?;
    let mut sections = BTreeMap::new();
    for (section, schema) in &description.config_sections {
        if !is_path_segment(section) {
            return Err(line(&format!("`{section}` is no config section")).into());
        }
        let of = |why: String| format!("the schema of the config section `{section}`: {why}");
        sections.insert(section.clone(), Schema::compile(schema).map_err(of)?);
        annotation::check_all(schema).map_err(|unusable| Refused::of(unusable, &of))?;
    }
    count("settings", description.settings.len(), MAX_SETTINGS)?;
    for (name, pointer) in &description.settings {
        let mut tokens = pointer.split('/').skip(1);
        let within = tokens.next().is_some_and(|section| sections.contains_key(section)) && pointer.starts_with('/');
        if !is_path_segment(name) || !within || tokens.next().is_none() {
            return Err(line(&format!("the setting `{name}` is not picked out of one of its config sections")).into());
        }
    }
    let mut schemas = BTreeMap::new();
    let mut paths = BTreeSet::new();
    for kind in &description.kinds {
        let of = |why: String| line(&format!("the kind `{}`: {why}", kind.kind));
        let schema = audit_kind(&description.name, kind).map_err(of)?;
        annotation::check_all(&kind.schema).map_err(|unusable| Refused::of(unusable, &of))?;
        if schemas.insert(kind.kind.clone(), schema).is_some() {
            return Err(format!("the kind `{}` is described twice", kind.kind).into());
        }
        if !kind.state_path.ends_with("[]") && !paths.insert(kind.state_path.as_str()) {
            return Err(
                format!("two kinds stand at `{}` in the state, where there is room for one", kind.state_path).into()
            );
        }
    }
    for outer in &description.kinds {
        if let Some(inner) = description.kinds.iter().find(|inner| hides(outer, inner)) {
            return Err(format!("records of `{}` would stand on an attribute of `{}`", inner.kind, outer.kind).into());
        }
    }
    Ok(Audited { description, schemas, sections })
}

fn audit_kind(provider: &str, kind: &Kind) -> Result<Schema, String> {
    let named = |name: &str| {
        !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !kind.kind.strip_prefix(provider).and_then(|rest| rest.strip_prefix('.')).is_some_and(named) {
        return Err(format!("it is not named `{provider}.<kind>` in lower case"));
    }
    if kind.title.is_empty() || kind.title.len() > MAX_TITLE_BYTES || line(&kind.title) != kind.title {
        return Err("its title is empty, too long or not plain text".to_owned());
    }
    if kind.schema_version == 0 {
        return Err("schema versions count from 1".to_owned());
    }
    audit_state_path(&kind.state_path)?;
    let limits = kind.time_limits;
    if [limits.create, limits.update, limits.delete].iter().any(|s| !(1..=MAX_CHANGE_SECONDS).contains(s)) {
        return Err(format!("its time limits are not between 1 and {MAX_CHANGE_SECONDS} seconds"));
    }
    if kind.settle_seconds > MAX_SETTLE_SECONDS {
        return Err(format!("it settles in {} seconds; at most {MAX_SETTLE_SECONDS} are waited", kind.settle_seconds));
    }
    if !(1..=MAX_READ_BATCH).contains(&kind.read_batch) {
        return Err(format!("its read batch is not between 1 and {MAX_READ_BATCH}"));
    }
    if !kind.schema.is_object() {
        return Err("its schema is not an object".to_owned());
    }
    Schema::compile(&kind.schema).map_err(|why| format!("its schema: {why}"))
}

/// Whether a record of `inner` would take the place of an attribute of `outer`.
fn hides(outer: &Kind, inner: &Kind) -> bool {
    let member = inner.state_path.strip_prefix(&outer.state_path).and_then(|rest| rest.strip_prefix('.'));
    let member = member.and_then(|rest| rest.split(['.', '[']).next());
    member
        .is_some_and(|member| outer.schema.get("properties").is_some_and(|properties| properties.get(member).is_some()))
}

fn is_path_segment(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text != "_nic" && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn audit_state_path(path: &str) -> Result<(), String> {
    let bare = path.strip_suffix("[]").unwrap_or(path);
    let segments: Vec<&str> = bare.split('.').collect();
    if segments.len() > 8 || !segments.iter().all(|segment| is_path_segment(segment)) {
        return Err("its state path is not like `cloud.vpc` or `cloud.vpc.subnets[]`".to_owned());
    }
    if segments.len() < 2 || !ROOMS.contains(&segments[0]) {
        return Err("its state path is not within `cloud` or `kubernetes`".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nic_gate::grant::Grants;
    use serde_json::{Value, json};

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            name: "aws".to_owned(),
            version: "0.1.0".to_owned(),
            wit: "nic:plugin@0.1.0".to_owned(),
            world: "provider".to_owned(),
            grants: Grants::default(),
            memory_mib: None,
        }
    }

    fn kind(name: &str, state_path: &str) -> Value {
        json!({
            "kind": name, "title": "VPC", "schema": {"type": "object"}, "schema_version": 1, "state_path": state_path,
            "time_limits": {"create": 60, "update": 60, "delete": 60}, "create": "tagged", "settle_seconds": 30,
        })
    }

    fn description() -> Value {
        json!({
            "name": "aws", "version": "0.1.0", "config_sections": {"amazon_web_services": {"type": "object"}},
            "kinds": [kind("aws.vpc", "cloud.vpc"), kind("aws.subnet", "cloud.vpc.subnets[]"), kind("aws.route", "cloud.vpc.subnets[]")],
        })
    }

    fn refused(pointer: &str, value: Value) -> Refused {
        let mut description = description();
        *description.pointer_mut(pointer).unwrap() = value;
        audit(&manifest(), &description.to_string()).unwrap_err()
    }

    #[test]
    fn an_annotation_that_is_not_known_is_no_lack_of_form() {
        let vpc = json!({"properties": {"a": {"x-nic": {"secret": true}}}});
        let told = Refused::Unknown("the kind `aws.vpc`: the annotation `secret`".to_owned());
        assert_eq!(refused("/kinds/0/schema", vpc), told);
        let section = json!({"properties": {"a": {"x-nic": {"sensitive": "yes"}}}});
        assert!(matches!(refused("/config_sections/amazon_web_services", section), Refused::Broken(_)));
    }

    #[test]
    fn an_honest_description_passes() {
        let audited = audit(&manifest(), &description().to_string()).unwrap();
        assert_eq!(audited.schemas.len(), 3);
    }

    #[test]
    fn what_breaks_the_contract_is_refused() {
        for (pointer, value) in [
            ("/name", json!("gcp")),
            ("/version", json!("9.9.9")),
            ("/kinds/0/kind", json!("gcp.vpc")),
            ("/kinds/0/kind", json!("awsvpc")),
            ("/kinds/0/kind", json!("aws.")),
            ("/kinds/0/kind", json!("aws.VPC")),
            ("/kinds/0/kind", json!("aws.subnet")),
            ("/kinds/0/title", json!("a\u{1b}[2J")),
            ("/kinds/0/schema_version", json!(0)),
            ("/kinds/0/time_limits/create", json!(0)),
            ("/kinds/0/time_limits/delete", json!(1_000_000)),
            ("/kinds/0/settle_seconds", json!(100_000)),
            ("/kinds/0/schema", json!(true)),
            ("/kinds/0/schema", json!({"$ref": "https://example.com"})),
            ("/kinds/1/state_path", json!("cloud.vpc")),
            ("/config_sections/amazon_web_services", json!({"type": 1})),
            ("/kinds/0/schema", json!({"properties": {"subnets": {}}})),
            ("/kinds", json!("x")),
        ] {
            refused(pointer, value);
        }
    }

    #[test]
    fn state_paths_stay_out_of_the_hosts_members() {
        for path in [
            "metadata",
            "serial",
            "facts.x",
            "lineage[]",
            "cloud",
            "cloud.",
            ".vpc",
            "cloud.VPC",
            "cloud._nic",
            "cloud.vpc[0]",
            "",
            "cloud[].x",
            "dns.zones[]",
        ] {
            refused("/kinds/0/state_path", json!(path));
        }
        for path in ["cloud.vpc", "kubernetes.namespaces[]"] {
            assert_eq!(audit_state_path(path), Ok(()), "{path}");
        }
    }
}
