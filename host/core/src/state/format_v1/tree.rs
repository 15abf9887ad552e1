//! The document on its way out. It borrows what it writes: a state is written after each step, and copies nothing for that.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;
use serde_json::Value;

use super::{FormatError, MARK, Mark, holds_a_mark};
use crate::ports::Facts;
use crate::resource::Record;

/// Members of an object, in the order in which they are written.
pub(super) type Members<'a> = BTreeMap<&'a str, Node<'a>>;

/// A value of the document.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Node<'a> {
    /// An object in the making.
    Object(Members<'a>),
    /// Records that share a place.
    Records(Vec<Members<'a>>),
    /// What is written as it stands.
    Whole(&'a Value),
    /// The same, made for the occasion.
    Own(Value),
    /// Facts, by participant.
    Facts(&'a BTreeMap<String, Facts>),
    /// What makes an object a record.
    Mark(Box<Mark<'a>>),
}

impl<'a> Node<'a> {
    /// Its members if it is an object, whether in the making or not.
    fn members(&mut self) -> Option<&mut Members<'a>> {
        if let Node::Whole(Value::Object(members)) = *self {
            *self = Node::Object(attributes(members));
        }
        match self {
            Node::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Puts a record where this stands. Gives back whether there is room.
    fn take_in(&mut self, record: Members<'a>, among_others: bool) -> bool {
        match self {
            Node::Records(records) if among_others => records.push(record),
            Node::Whole(Value::Array(elements)) if among_others && elements.is_empty() => {
                *self = Node::Records(vec![record]);
            }
            Node::Whole(Value::Null) => *self = fresh(record, among_others),
            _ if among_others => return false,
            _ => match self.members() {
                Some(members) if !members.contains_key(MARK) => members.extend(record),
                _ => return false,
            },
        }
        true
    }
}

fn fresh(record: Members<'_>, among_others: bool) -> Node<'_> {
    if among_others { Node::Records(vec![record]) } else { Node::Object(record) }
}

/// What makes it a record. What this version does not know stands in order among what it knows.
fn mark(record: &Record) -> serde_json::Result<Node<'_>> {
    let mark = Mark::of(record);
    if record.unknown.is_empty() {
        return Ok(Node::Mark(Box::new(mark)));
    }
    let mut members = record.unknown.clone();
    if let Value::Object(known) = serde_json::to_value(mark)? {
        members.extend(known);
    }
    Ok(Node::Own(Value::Object(members)))
}

fn attributes(members: &serde_json::Map<String, Value>) -> Members<'_> {
    members.iter().map(|(key, value)| (key.as_str(), Node::Whole(value))).collect()
}

/// Puts a record where its kind's state path says. What stands above it, if it is a record too, was put there before.
pub(super) fn place<'a>(root: &mut Members<'a>, record: &'a Record) -> Result<(), FormatError> {
    let fail = |why| FormatError::Placement { address: record.address.clone(), path: record.state_path.clone(), why };
    if holds_a_mark(&record.attributes) {
        return Err(fail("its attributes hold what looks like a record"));
    }
    let mut members = record.attributes.as_object().map(attributes).unwrap_or_default();
    members.insert(MARK, mark(record).map_err(|_| fail("it cannot be written"))?);

    let (path, among_others) = match record.state_path.strip_suffix("[]") {
        Some(path) => (path, true),
        None => (record.state_path.as_str(), false),
    };
    let (above, last) = path.rsplit_once('.').unwrap_or(("cloud", path));
    let mut siblings = root;
    for segment in above.split('.') {
        let below = siblings.entry(segment).or_insert_with(|| Node::Object(Members::new()));
        siblings = below.members().ok_or_else(|| fail("something that is no object stands above"))?;
    }
    let has_room = match siblings.entry(last) {
        Entry::Vacant(free) => {
            free.insert(fresh(members, among_others));
            true
        }
        Entry::Occupied(mut taken) => taken.get_mut().take_in(members, among_others),
    };
    if has_room { Ok(()) } else { Err(fail("another value stands there")) }
}
