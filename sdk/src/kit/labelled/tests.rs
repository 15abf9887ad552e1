//! A kind of a cloud that shows a change two looks after it was told.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::description::CreateSafety;
use crate::kit::{Marks, change};
use crate::runtime::block_on;
use crate::testing::with_report;
use crate::types::Context;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Document {
    size: u32,
    labels: Labels,
}

impl Labelled for Document {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

#[derive(Debug, Clone)]
struct Disk {
    size: u32,
    labels: Labels,
    /// What it shows in place of its size, and for how many looks.
    late: (u32, u32),
}

struct Clouds {
    marks: Marks,
    disks: RefCell<BTreeMap<String, Disk>>,
    told: RefCell<Vec<String>>,
}

impl Clouds {
    fn of(lineage: &str) -> Self {
        let context = Context::new("demo", "dev").lineage(lineage);
        let marks = Marks::new(&context, "nic").platform("project", "demo");
        Self { marks, disks: RefCell::default(), told: RefCell::default() }
    }

    fn put(&self, id: &str, labels: Labels) {
        self.disks.borrow_mut().insert(id.to_owned(), Disk { size: 1, labels, late: (1, 0) });
    }
}

impl Cloud for Clouds {
    const NAME: &'static str = "the cloud";
    const LABELS: &'static str = "labels";

    fn marks(&self) -> &Marks {
        &self.marks
    }
}

struct Disks;

impl LabelledKind for Disks {
    type Cloud = Clouds;
    type Document = Document;
    type Step = u32;

    fn describe() -> description::Kind {
        description::Kind::new("c.disk", "Disk", "cloud.disks[]", CreateSafety::Tagged, json!({}))
    }

    async fn list(cloud: &Clouds, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        let mut disks = cloud.disks.borrow_mut();
        let selected = disks.iter_mut().filter(|(id, disk)| match selection {
            Selection::Ids(ids) => ids.contains(id),
            Selection::Marked => disk.labels.contains_key("nic"),
        });
        let shown = selected.map(|(id, disk)| {
            let (before, looks) = disk.late;
            disk.late.1 = looks.saturating_sub(1);
            let size = if looks > 0 { before } else { disk.size };
            let mut labels = disk.labels.clone();
            labels.remove("nic");
            Found::new(id, disk.labels.clone(), Document { size, labels })
        });
        Ok(shown.collect())
    }

    async fn make(cloud: &Clouds, _: &Change, desired: &Document, labels: &Labels) -> Result<Found<Document>, Error> {
        cloud.put("d-1", labels.clone());
        // Every new one has one size; another is a step.
        Ok(Found::new("d-1", labels.clone(), Document { size: 1, labels: desired.labels.clone() }))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<u32> {
        let differs = observed.size != desired.size && scope.touches("/size");
        differs.then_some(desired.size).into_iter().collect()
    }

    async fn take(cloud: &Clouds, id: &str, step: u32) -> Result<(), Error> {
        cloud.told.borrow_mut().push(format!("{id} {step}"));
        let mut disks = cloud.disks.borrow_mut();
        let disk = disks.get_mut(id).ok_or_else(|| Error::NotFound(id.to_owned()))?;
        (disk.late, disk.size) = ((disk.size, 2), step);
        Ok(())
    }

    async fn edit_labels(cloud: &Clouds, id: &str, edits: &LabelEdits) -> Result<(), Error> {
        let mut disks = cloud.disks.borrow_mut();
        let labels = &mut disks.get_mut(id).ok_or_else(|| Error::NotFound(id.to_owned()))?.labels;
        labels.extend(edits.set.clone());
        labels.retain(|key, _| !edits.remove.contains(key));
        Ok(())
    }

    async fn remove(cloud: &Clouds, id: &str, _: Option<Document>) -> Result<(), Error> {
        cloud.disks.borrow_mut().remove(id).map(|_| ()).ok_or_else(|| Error::NotFound(id.to_owned()))
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn change(document: Value) -> Change {
    Change::new("c.disk.main", "c.disk", document)
}

#[test]
fn what_is_made_bears_the_mark_and_is_led_to_its_document() {
    let cloud = Clouds::of("l-1");
    let wanted = change(json!({ "size": 5, "labels": { "project": "demo" } }));
    let (made, reported) = with_report(|| block_on(<Disks as Kind>::create(&cloud, &wanted)));
    let Ok(Progress::Done(made)) = made else { panic!("{made:?}") };
    assert_eq!((made.remote_id.as_deref(), &made.document["size"]), (Some("d-1"), &json!(5)));
    assert_eq!(reported.created, ["d-1"]);
    assert_eq!(cloud.disks.borrow()["d-1"].labels["nic"], "l-1/c.disk.main");
    assert_eq!(*cloud.told.borrow(), ["d-1 5"]);
}

#[test]
fn a_change_that_shows_late_is_waited_for_and_told_once() {
    let cloud = Clouds::of("l-1");
    cloud.put("d-1", labels(&[("nic", "l-1/c.disk.main"), ("theirs", "1")]));
    let wanted = change(json!({ "size": 5, "labels": {} })).remote_id("d-1".to_owned()).paths(vec!["/size".to_owned()]);
    let mut progress = block_on(<Disks as Kind>::update(&cloud, &wanted));
    let mut polls = 0;
    while let Ok(Progress::Pending(waiting)) = progress {
        assert_eq!(waiting.message, "waiting until the cloud shows the change");
        progress = block_on(<Disks as Kind>::poll(&cloud, &wanted, waiting.operation));
        polls += 1;
    }
    let Ok(Progress::Done(done)) = progress else { panic!("{progress:?}") };
    assert_eq!((polls, &done.document["size"]), (2, &json!(5)));
    assert_eq!(*cloud.told.borrow(), ["d-1 5"], "a poll changes nothing");
    assert_eq!(cloud.disks.borrow()["d-1"].labels["theirs"], "1", "what is not named stays");
}

#[test]
fn one_is_found_by_its_mark_and_several_are_told() {
    let cloud = Clouds::of("l-1");
    let sought = || Target::new("c.disk.main", "c.disk", json!({ "labels": {} }));
    let read = |target: Target| block_on(<Disks as Kind>::read(&cloud, vec![target])).remove(0);
    assert_eq!(read(sought()).status, Status::Absent);
    cloud.put("d-0", labels(&[("nic", "l-0/c.disk.main"), ("project", "demo")]));
    assert_eq!(read(sought()).other_lineage.map(|other| other.lineage).as_deref(), Some("l-0"));
    cloud.put("d-1", labels(&[("nic", "l-1/c.disk.main")]));
    assert_eq!(read(sought()).remote_id.as_deref(), Some("d-1"), "ours is surer");
    cloud.put("d-2", labels(&[("nic", "l-1/c.disk.main")]));
    assert_eq!(read(sought()).status, Status::Ambiguous(vec!["d-1".to_owned(), "d-2".to_owned()]));
    assert_eq!(read(sought().remote_id("d-9".to_owned())).status, Status::Absent);
    let gone = change(Value::Null).remote_id("d-9".to_owned());
    assert_eq!(block_on(<Disks as Kind>::delete(&cloud, &gone)), change::gone(&gone, Ok(())));
}
