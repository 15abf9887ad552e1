//! The forms of a drift report: lines for people, and the JSON document that docs/schemas/drift.json describes.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use nic_core::diff::AttributeChange;
use nic_core::document::{pointer_token, secret_name, unescape};
use nic_core::drift::{Condition, DriftReport, ResourceDrift};
use serde_json::{Map, Value, json};

use super::values::{path, shown};
use super::wrap;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many resources are in which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    differing: usize,
    gone: usize,
    unknown: usize,
    unrecorded: usize,
}

impl Counts {
    fn of(report: &DriftReport) -> Self {
        let count = |is: fn(&Condition) -> bool| report.resources.iter().filter(|r| is(&r.condition)).count();
        Self {
            differing: count(|c| matches!(c, Condition::Differs(_) | Condition::Foreign(_))),
            gone: count(|c| matches!(c, Condition::Gone)),
            unknown: report.unknown().count(),
            unrecorded: report.unrecorded.len(),
        }
    }
}

/// One line for each resource that is not as it was accepted, with every value when `whole`; a summary line at the end.
pub fn text(report: &DriftReport, whole: bool) -> String {
    let mut text = String::new();
    let mut line = |symbol: &str, style: Style, resource: (&str, &str), what: &str| {
        let (title, name) = resource;
        let (first, values) = what.split_once('\n').unwrap_or((what, ""));
        let first = format!("{title} {BOLD}{name}{BOLD:#} {first}");
        let _ = writeln!(text, "{}", wrap::hanging(&format!("  {style}{symbol}{style:#} "), 4, &first));
        if !values.is_empty() {
            let _ = writeln!(text, "{values}");
        }
    };
    let yellow = AnsiColor::Yellow.on_default();
    let red = AnsiColor::Red.on_default();
    for resource in &report.resources {
        let name = (resource.title.as_str(), resource.address.name());
        match &resource.condition {
            Condition::InSync => {}
            Condition::Differs(changes) if whole => {
                let lines: Vec<String> = changes.iter().map(attribute).collect();
                line("~", yellow, name, &format!("was changed outside NIC\n{}", lines.join("\n")));
            }
            Condition::Differs(changes) => {
                let paths: Vec<String> = changes.iter().map(|change| path(&change.pointer)).collect();
                line("~", yellow, name, &format!("was changed outside NIC: {}", paths.join(", ")));
            }
            Condition::Gone => line("-", red, name, "is gone from the cloud"),
            Condition::Foreign(what) => line("!", red, name, &format!("is not ours any more: {what}")),
            Condition::Unfinished => line("?", yellow, name, "was begun and not finished"),
            Condition::Unclear(why) => line("?", yellow, name, &format!("cannot be compared: {why}")),
            Condition::Unreadable(error) => line("?", red, name, &format!("could not be read: {error}")),
        }
    }
    for thing in &report.unrecorded {
        let id = thing.remote_id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
        let what = format!("bears our mark and is not recorded{id}");
        line("+", AnsiColor::Green.on_default(), (&thing.title, thing.address.name()), &what);
    }
    text.push_str(&summary(report));
    text
}

fn attribute(change: &AttributeChange) -> String {
    let (path, accepted, now) = (path(&change.pointer), shown(change, &change.new), shown(change, &change.old));
    let line = format!("        {path}: {DIM}accepted{DIM:#} {accepted}{DIM}, now{DIM:#} {now}");
    if wrap::width(&line) <= wrap::WIDTH {
        return line;
    }
    format!("        {path}:\n          {DIM}accepted{DIM:#} {accepted}\n          {DIM}now{DIM:#}      {now}")
}

fn summary(report: &DriftReport) -> String {
    let counts = Counts::of(report);
    let all = report.resources.len();
    let resources = |count: usize| format!("{count} {}", if count == 1 { "resource" } else { "resources" });
    if counts == (Counts { differing: 0, gone: 0, unknown: 0, unrecorded: 0 }) {
        return format!("No drift: {} as accepted.", resources(all));
    }
    format!(
        "Drift: {} compared, {} changed, {} gone, {} not recorded, {} unknown.",
        resources(all),
        counts.differing,
        counts.gone,
        counts.unrecorded,
        counts.unknown
    )
}

/// The design document's report (6.5): the state's own nesting, `drift` for each resource, and a summary. `has_drift` is null while
/// something could not be compared and nothing is known to differ.
pub fn document(report: &DriftReport) -> Value {
    let mut document = Map::new();
    for section in ["cloud", "kubernetes"] {
        document.insert(section.to_owned(), json!({}));
    }
    for resource in &report.resources {
        place(&mut document, &resource.state_path, resource.address.name(), entry(resource));
    }
    for thing in &report.unrecorded {
        let (drift, reason) = (json!(true), "exists in the cloud but not in state");
        let entry = json!({"drift": drift, "reason": reason, "address": thing.address, "remote_id": thing.remote_id});
        place(&mut document, &thing.state_path, thing.address.name(), entry);
    }
    let counts = Counts::of(report);
    let has_drift = match (report.has_drift(), counts.unknown) {
        (true, _) => json!(true),
        (false, 0) => json!(false),
        (false, _) => Value::Null,
    };
    document.insert("has_drift".to_owned(), has_drift);
    document.insert(
        "summary".to_owned(),
        json!({
            "total_resources": report.resources.len(),
            "drifted_resources": counts.differing,
            "added_resources": counts.unrecorded,
            "removed_resources": counts.gone,
            "unknown_resources": counts.unknown,
        }),
    );
    Value::Object(document)
}

fn entry(resource: &ResourceDrift) -> Value {
    let mut entry = match &resource.condition {
        Condition::InSync => json!({ "drift": false }),
        Condition::Differs(changes) => {
            let fields: Vec<Value> = changes.iter().map(field).collect();
            let mut entry = json!({ "drift": true });
            // The document's single `field`, its first; all of them in `fields`.
            for key in ["field", "state_value", "actual_value"] {
                entry[key] = fields[0][key].clone();
            }
            entry["fields"] = fields.into();
            entry
        }
        Condition::Gone => json!({ "drift": true, "reason": "in state but not in the cloud" }),
        Condition::Foreign(what) => json!({ "drift": true, "reason": what }),
        Condition::Unfinished => json!({ "drift": null, "reason": "a change of it was begun and not finished" }),
        Condition::Unclear(why) => json!({ "drift": null, "reason": why }),
        Condition::Unreadable(error) => json!({ "drift": null, "reason": format!("could not be read: {error}") }),
    };
    entry["address"] = json!(resource.address);
    entry
}

fn field(change: &AttributeChange) -> Value {
    let value = |value: &Value| {
        if change.sensitive || secret_name(value).is_some() { Value::Null } else { unescape(value.clone()) }
    };
    let name = pointer_token(change.pointer.rsplit('/').next().unwrap_or_default());
    json!({
        "field": name,
        "path": change.pointer,
        "state_value": value(&change.new),
        "actual_value": value(&change.old),
        "sensitive": change.sensitive,
    })
}

/// Puts an entry where the state has the record: `cloud.vpc` itself, or under its name at `cloud.node_groups[]`.
fn place(document: &mut Map<String, Value>, state_path: &str, name: &str, entry: Value) {
    let (path, listed) = state_path.strip_suffix("[]").map_or((state_path, false), |path| (path, true));
    let mut members = document;
    let steps = path.split('.').map(|step| step.trim_end_matches("[]"));
    for step in steps.chain(listed.then_some(name)) {
        let next = members.entry(step.to_owned()).or_insert_with(|| json!({}));
        if !next.is_object() {
            *next = json!({});
        }
        let Value::Object(object) = next else { return };
        members = object;
    }
    if let Value::Object(entry) = entry {
        members.extend(entry);
    }
}
