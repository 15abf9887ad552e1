//! Whose an object is: what state says of it, and what it bears itself.
//!
//! Objects that NIC makes bear a mark, and their uid is recorded. What stood before bears none, and is shared: it is used, our fields are
//! applied where nobody else decides, and it is never deleted. Another uid than the recorded one is another object.

use nic_core::address::Address;
use nic_core::ports::Context;
use nic_core::resource::{OtherLineage, PendingAction, Record};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ObjectName;

/// The annotation that says for whom an object was made: `<lineage>/<project>/<namespace>/<address>`. It stands outside of the documents
/// that are compared.
pub(super) const MARK: &str = "nic.nebari.dev/owner";

/// Before the lineage's first digits, the annotation by which a platform says that it uses an object of another one.
const USED_BY: &str = "nic.nebari.dev/used-by.";

/// Where `kubectl apply` keeps a copy of the whole object, of a Secret too.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Digits of a lineage that tell two platforms apart as field managers.
const LINEAGE_DIGITS: usize = 8;

/// How much later than the object a first apply must be, for the object to have stood before it. Both instants are the server's, in whole
/// seconds.
const LATER: time::Duration = time::Duration::seconds(1);

/// They come with the cluster and go with it.
const BUILT_IN_NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ownership {
    /// NIC made it, for this very address.
    Ours,
    /// It stood before, or another platform made it: used, never deleted, never forced.
    Shared,
    /// Ours is gone, and somebody else made another one of that name. The words say since when.
    Foreign(String),
    /// It was made for this very address, from a state that is not the one in use.
    OtherState(OtherLineage),
}

/// Whether it is of others whatever it bears and whatever an older state says of it.
pub(super) fn is_never_ours(record: Option<&Record>, object: &ObjectName) -> bool {
    let is_built_in = object.kind == "Namespace" && BUILT_IN_NAMESPACES.contains(&object.name.as_str());
    is_built_in || record.is_some_and(|record| record.external)
}

/// Whether the object bears the mark of this platform for this address.
pub(super) fn is_marked_for(context: &Context, address: &Address, live: &Value) -> bool {
    Mark::of(live).is_some_and(|mark| mark.lineage == context.lineage && mark.address == address.as_str())
}

/// Whose the object is that stands under a name; `record` is that of the address.
pub(super) fn owner(
    context: &Context,
    address: &Address,
    record: Option<&Record>,
    object: &ObjectName,
    live: &Value,
) -> Ownership {
    if is_never_ours(record, object) {
        return Ownership::Shared;
    }
    let mark = Mark::of(live);
    let address = record.and_then(|record| record.deposed.as_ref()).unwrap_or(address);
    let marked_ours = is_marked_for(context, address, live);
    let address = address.as_str();
    let Some(record) = record else { return by_mark(mark, marked_ours, context, address, live) };
    let uid = recorded_uid(record);
    // Marked or not: objects of older states bear no mark.
    if !record.shared && uid.is_some_and(|uid| live["metadata"]["uid"] == uid) {
        return Ownership::Ours;
    }
    let creating = record.pending.as_ref().is_some_and(|pending| pending.action == PendingAction::Create);
    if creating && marked_ours {
        // A create that was cut short may have put the mark on something that stood by then.
        let told = record.remote_id.is_some();
        return if told || !stood_before(context, live) { Ownership::Ours } else { Ownership::Shared };
    }
    if record.shared {
        return Ownership::Shared;
    }
    if record.baseline.is_null() {
        return by_mark(mark, marked_ours, context, address, live);
    }
    if uid.is_some() { Ownership::Foreign(made_anew(live)) } else { Ownership::Ours }
}

fn by_mark(mark: Option<Mark<'_>>, marked_ours: bool, context: &Context, address: &str, live: &Value) -> Ownership {
    let same_platform = |mark: &Mark<'_>| {
        (mark.project, mark.namespace, mark.address) == (context.project.as_str(), context.namespace.as_str(), address)
    };
    match mark {
        _ if marked_ours => Ownership::Ours,
        Some(mark) if mark.lineage != context.lineage && same_platform(&mark) => {
            let since = live["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
            Ownership::OtherState(OtherLineage { lineage: mark.lineage.to_owned(), since })
        }
        _ => Ownership::Shared,
    }
}

/// The uid of the object that was accepted last.
pub(super) fn recorded_uid(record: &Record) -> Option<&str> {
    record.attributes["uid"].as_str().filter(|_| !record.baseline.is_null())
}

fn made_anew(live: &Value) -> String {
    let since = live["metadata"]["creationTimestamp"].as_str().map(|at| format!(" at {at}")).unwrap_or_default();
    format!("the one that NIC made is gone, and this one was made anew by somebody else{since}")
}

/// Whether the object is older than what this platform first applied to it.
fn stood_before(context: &Context, live: &Value) -> bool {
    let instant = |value: &Value| OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok();
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let manager = field_manager(context);
    let mut own = entries.filter(|entry| entry["manager"] == manager.as_str() && entry["operation"] == "Apply");
    let applied = own.next().and_then(|entry| instant(&entry["time"]));
    let made = instant(&live["metadata"]["creationTimestamp"]);
    made.zip(applied).is_some_and(|(made, applied)| applied - made > LATER)
}

/// The first digits of a lineage.
fn short(context: &Context) -> &str {
    context.lineage.get(..LINEAGE_DIGITS).unwrap_or(&context.lineage)
}

/// Who owns the fields of objects that a platform makes. Each platform has a name of its own: of two that make one object at the same
/// moment the later one meets the other's mark as a conflict, and does not take its fields for its own.
pub(super) fn field_manager(context: &Context) -> String {
    format!("nic-{}", short(context))
}

/// Who owns the fields that a platform adds to objects of others: another name than for its own objects, so that what it lets go of is
/// told apart from what it made.
pub(super) fn shared_field_manager(context: &Context) -> String {
    format!("{}-shared", field_manager(context))
}

/// Which platforms said that they use the object: `<project>/<namespace>`.
pub(super) fn used_by(live: &Value) -> Vec<String> {
    let annotations = live["metadata"]["annotations"].as_object().into_iter().flatten();
    let said = annotations.filter(|(key, _)| key.starts_with(USED_BY));
    said.filter_map(|(_, platform)| platform.as_str().map(str::to_owned)).collect()
}

/// What is applied to an object of others: where another platform made it, or used it, it says that this one uses it too.
pub(super) fn using(document: Value, context: &Context, live: &Value) -> Value {
    if Mark::of(live).is_none() && used_by(live).is_empty() {
        return document;
    }
    annotated(document, &format!("{USED_BY}{}", short(context)), format!("{}/{}", context.project, context.namespace))
}

/// For whom an object was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark<'a> {
    lineage: &'a str,
    project: &'a str,
    namespace: &'a str,
    address: &'a str,
}

impl<'a> Mark<'a> {
    fn of(live: &'a Value) -> Option<Self> {
        let text = live["metadata"]["annotations"][MARK].as_str()?;
        let [lineage, project, namespace, address] = text.split('/').collect::<Vec<_>>()[..] else { return None };
        Some(Self { lineage, project, namespace, address })
    }
}

/// The document with the mark: what is applied to an object of ours.
pub(super) fn marked(document: Value, context: &Context, address: &Address) -> Value {
    let Context { lineage, project, namespace, .. } = context;
    annotated(document, MARK, format!("{lineage}/{project}/{namespace}/{address}"))
}

fn annotated(mut document: Value, key: &str, text: String) -> Value {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert(Value::Null);
        if !annotations.is_object() {
            *annotations = Value::Object(Map::new());
        }
        annotations[key] = text.into();
    }
    document
}

/// The object as if no platform had said whose it is, and without the copy of it that kubectl keeps in it.
pub(super) fn unmarked(mut live: Value) -> Value {
    if let Some(metadata) = live.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        let before = annotations.len();
        annotations.retain(|key, _| key != MARK && key != LAST_APPLIED && !key.starts_with(USED_BY));
        if annotations.is_empty() && before > 0 {
            metadata.remove("annotations");
        }
    }
    live
}

#[cfg(test)]
mod tests;
