//! What both make of one config, and whether that goes together.

use std::collections::BTreeMap;

use nic_tests::nebari::{Answer, Refusal, Understood};
use serde_json::Value;

/// What NIC refuses although Nebari takes it, by code, and by the end of the place if only there: what the cloud would refuse later.
const REFUSED_BY_THE_CLOUD: &[(&str, &str, &str)] = &[
    ("MIN_ABOVE_MAX", "", "EKS refuses a group whose minimum is above its maximum"),
    ("TAINT_INVALID", "", "Kubernetes refuses the key or the value; Nebari looks for a part that would do"),
    ("TAG_INVALID", "", "IAM takes letters, digits, spaces and a few signs, and no key of AWS's own"),
    ("NODE_GROUP_NAME", "", "EKS refuses the name"),
    ("NAMESPACE_INVALID", "", "Kubernetes refuses capitals and `_`"),
    ("REGISTRY_NAME_INVALID", "", "ECR refuses capitals, and `-` beside `_`"),
    ("CIDR_INVALID", "", "it is not a network"),
    ("CIDR_REFUSED", "", "EKS takes public networks only for the public endpoint"),
    ("VPC_SIZE", "", "AWS makes no VPC of that size"),
    ("ZONE_NOT_IN_REGION", "", "AWS has no such zone there; Nebari looks before it looks at the variable"),
    ("ZONE_DOUBLED", "", "EKS wants two zones"),
    ("ZONES_TOO_MANY", "", "the network has room for four subnets"),
    ("SUBNETS_TOO_FEW", "", "EKS wants subnets in two zones"),
    ("ID_INVALID", "", "it is no id of a subnet or of a group"),
    ("ARN_INVALID", "", "it is not an ARN"),
    ("SECTION_MISSING", "", "nothing can be made without a region"),
    ("VALUE_TYPE", "/kube_context", "an empty name is the name of no context"),
    ("STORAGE_TYPE_INVALID", "/storage/type", "Nebari refuses it in a file, and forgets to look at the variable"),
];

/// What it refuses because a variable sets a part of what the file does not say: Nebari puts the rest of its default beside it, NIC takes it
/// as if it stood alone in the file.
const PARTS: &[(&str, &str)] = &[
    ("INSTANCE_REQUIRED", "/node_groups/general"),
    ("VALUE_TYPE", "/availability_zones"),
    ("VALUE_TYPE", "/node_selectors/general"),
];

/// Top-level keys that are for other stages to judge.
const LEFT_ALONE: &[&str] = &["terraform_state", "jupyterhub", "domain"];

/// Keys that NIC has and Nebari has not.
const OWN_KEYS: &[&str] = &["disk_size", "labels"];

/// What NIC makes of a config.
#[derive(Debug)]
pub struct Said {
    /// How it ended.
    pub code: i32,
    /// Its document.
    pub document: Value,
    /// What went into the component: the context of the call, and the config.
    pub seen: Option<(Value, Value)>,
}

/// Both answers in one word, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Together {
    BothTake,
    BothRefuse,
    OnlyNebariTakes,
    OnlyNicTakes,
}

/// Whether both answers go together; else why not.
pub fn compare(
    section: &str,
    variables: &BTreeMap<String, String>,
    nebari: &Answer,
    nic: &Said,
) -> Result<Together, String> {
    match (nebari, nic.code) {
        (Answer::Takes(understood), 0) => same_values(section, understood, nic).map(|()| Together::BothTake),
        (Answer::Takes(_), 1) => named(nic).map(|()| Together::OnlyNebariTakes),
        (Answer::Refuses(refused), 0) => {
            let is_silent = |one: &&Refusal| !has_reason(one) && !is_replaced(one, variables) && !is_told(one, nic);
            let silent: Vec<&Refusal> = refused.iter().filter(is_silent).collect();
            if silent.is_empty() {
                return Ok(Together::OnlyNicTakes);
            }
            Err(format!("Nebari refuses this, and NIC says nothing of it: {silent:#?}"))
        }
        (Answer::Refuses(_), 1) => Ok(Together::BothRefuse),
        (_, code) => Err(format!("NIC ended with {code}: {:#}", nic.document)),
    }
}

/// Every error of NIC's names what the cloud would refuse.
fn named(nic: &Said) -> Result<(), String> {
    let text = |error: &Value, member: &str| error[member].as_str().unwrap_or_default().to_owned();
    let errors = nic.document["errors"].as_array().cloned().unwrap_or_default();
    let unnamed: Vec<Value> = errors
        .into_iter()
        .filter(|error| {
            let (code, pointer) = (text(error, "code"), text(error, "pointer"));
            let by_cloud = REFUSED_BY_THE_CLOUD.iter().any(|(known, end, _)| *known == code && pointer.ends_with(end));
            let by_variable = error["hints"].to_string().contains("NEBARI_SECRET__")
                && PARTS.iter().any(|(known, end)| *known == code && pointer.ends_with(end));
            let out_of_range = code == "VALUE_TYPE" && text(error, "detail").contains("which is too large");
            !(by_cloud || by_variable || out_of_range)
        })
        .collect();
    if unnamed.is_empty() && nic.document["valid"] == false {
        return Ok(());
    }
    Err(format!("Nebari takes this, and NIC refuses it: {unnamed:#?}"))
}

/// Why NIC takes what Nebari refuses, where it says nothing of it.
fn has_reason(refused: &Refusal) -> bool {
    let at: Vec<&str> = refused.at.iter().map(String::as_str).collect();
    // Found out by asking the cloud, as NIC does before it changes something.
    let looked_up = ["kubernetes-version", "availability zone=", "region=", "KMS Key", "not one of available instance"];
    let looked_up = looked_up.iter().any(|words| refused.said.contains(words));
    // Of a Nebari that ends in a traceback nobody knows what it would say. Its YAML reader's errors are its answers.
    let traceback = ["TypeError", "KeyError", "AttributeError", "IndexError"].contains(&refused.kind.as_str());
    // NIC takes text as it is written.
    let as_written = refused.kind == "string_type" && refused.of != "NoneType";
    // Nebari's reader keeps a value with a tag as something of its own, also with one that only says that it is text.
    let tagged = refused.of == "TaggedScalar";
    // What says nothing is as if it were not there.
    let absent = refused.of == "NoneType";
    // NIC reads the configs of every Nebari.
    let version = at == ["nebari_version"];
    let left_alone = at.first().is_some_and(|key| LEFT_ALONE.contains(key));
    let own_key = refused.kind == "extra_forbidden" && at.last().is_some_and(|key| OWN_KEYS.contains(key));
    // The design document writes a selector as `{key: value}`.
    let selector =
        at.get(1) == Some(&"node_selectors") && ["missing", "extra_forbidden"].contains(&refused.kind.as_str());
    // A taint of Kubernetes needs no value.
    let no_value = refused.kind == "missing" && at.contains(&"taints") && at.last() == Some(&"value");
    // A variable sets what Nebari's config does not have yet.
    let made = refused.kind == "variable" && refused.said.contains("NoneType");
    looked_up
        || traceback
        || as_written
        || tagged
        || absent
        || version
        || left_alone
        || own_key
        || selector
        || no_value
        || made
}

/// Whether a variable sets another value there: Nebari looks at the file's first all the same.
fn is_replaced(refused: &Refusal, variables: &BTreeMap<String, String>) -> bool {
    let mut keys = variables.keys().filter_map(|name| name.strip_prefix("NEBARI_SECRET__"));
    keys.any(|keys| refused.at.starts_with(&keys.split("__").map(str::to_owned).collect::<Vec<_>>()))
}

/// Whether a warning is about the same place, or about what it stands in; of a variable, whether one names a variable.
fn is_told(refused: &Refusal, nic: &Said) -> bool {
    let pointer = format!("/{}", refused.at.join("/"));
    let mut warnings = nic.document["warnings"].as_array().into_iter().flatten();
    warnings.any(|warning| {
        let told = warning["pointer"].as_str().unwrap_or_default();
        let here = !told.is_empty() && (pointer == told || pointer.starts_with(&format!("{told}/")));
        here || refused.kind == "variable" && warning["details"]["variable"].is_string()
    })
}

/// What NIC's component sees is what Nebari understands.
fn same_values(section: &str, nebari: &Understood, nic: &Said) -> Result<(), String> {
    let Some((context, seen)) = &nic.seen else { return Err("the component was not asked".to_owned()) };
    let own = BTreeMap::from([("project", &nebari.project_name), ("namespace", &nebari.namespace)]);
    if let Some((name, value)) = own.into_iter().find(|(name, value)| context[*name] != **value) {
        return Err(format!("`{name}` is {} for NIC, and {value} for Nebari", context[name]));
    }
    let (ours, theirs) = (&seen[section], nebari.sections.get(section).unwrap_or(&Value::Null));
    // A provider may be meant whose section is another one.
    if theirs.is_null() { Ok(()) } else { same(section, ours, theirs) }
}

fn same(at: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
    let different = || Err(format!("`{at}` is {ours} for NIC, and {theirs} for Nebari"));
    match (ours, theirs) {
        // Absent: whatever stands for it.
        (Value::Null, _) => Ok(()),
        (Value::Object(members), Value::Object(known)) => members.iter().try_for_each(|(key, value)| {
            let theirs = known.get(key).unwrap_or(&Value::Null);
            same(&format!("{at}/{key}"), value, theirs)
        }),
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let mut pairs = ours.iter().zip(theirs).enumerate();
            pairs.try_for_each(|(index, (ours, theirs))| same(&format!("{at}/{index}"), ours, theirs))
        }
        // A taint that is written as a text is taken apart by the component.
        (Value::String(_), Value::Object(taint)) if taint.contains_key("effect") => Ok(()),
        _ if ours == theirs => Ok(()),
        _ => different(),
    }
}
