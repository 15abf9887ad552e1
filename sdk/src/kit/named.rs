//! Kinds with a unique name: what bears the name is either ours or in the way.

use serde::Serialize;

use super::change::present;
use super::{Claim, Cloud, Labels, labels_of};
use crate::types::{Observation, OtherLineage, Status, Target};

/// What is there under the target's name. A recorded one is ours without a mark: it may be imported. One that bears the mark of another
/// lineage was made anew since, by somebody else.
pub fn observe<C: Cloud>(
    cloud: &C,
    target: &Target,
    remote_id: &str,
    labels: &Labels,
    document: &impl Serialize,
) -> Observation {
    let marks = cloud.marks();
    if target.remote_id.is_some() {
        return if marks.is_of_another_state(labels) {
            of_another_state(cloud, &target.address, remote_id, labels)
        } else {
            present(&target.address, remote_id, document)
        };
    }
    match marks.claim_named(labels, &target.address, &labels_of(&target.document, C::LABELS)) {
        Claim::Ours => return present(&target.address, remote_id, document),
        Claim::AnotherState => return of_another_state(cloud, &target.address, remote_id, labels),
        Claim::Foreign => {}
    }
    let text = if marks.is_marked_for(labels, &target.address) {
        let mark = marks.text_of(labels);
        format!("`{remote_id}` exists and belongs to another platform: it is marked `{mark}`")
    } else if marks.lineage_of(labels).is_some() {
        let other = marks.address_of(labels).unwrap_or_else(|| marks.text_of(labels).into());
        format!("`{remote_id}` exists and is marked as `{other}`")
    } else {
        format!("`{remote_id}` exists and does not bear NIC's mark")
    };
    Observation::foreign(&target.address, text)
}

/// What another state of this platform made. The host tells all of it at once, and may be told to go on with that state.
pub fn of_another_state<C: Cloud>(cloud: &C, address: &str, remote_id: &str, labels: &Labels) -> Observation {
    let lineage = cloud.marks().lineage_of(labels).unwrap_or_default().into_owned();
    let text = format!("`{remote_id}` was made from another state of this platform, lineage {lineage}");
    Observation::foreign(address, text).other_lineage(OtherLineage::new(lineage))
}

/// What is there and ours, in the state that it says it is in.
pub fn in_state(observation: Observation, status: Status) -> Observation {
    if observation.status == Status::Present { observation.status(status) } else { observation }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kit::Marks;
    use crate::types::Context;

    struct Clouds(Marks);

    impl Cloud for Clouds {
        const NAME: &'static str = "the cloud";
        const LABELS: &'static str = "labels";

        fn marks(&self) -> &Marks {
            &self.0
        }
    }

    #[test]
    fn what_bears_the_name_is_ours_or_says_whose_it_is() {
        let cloud = Clouds(Marks::new(&Context::new("demo", "dev").lineage("l-1"), "nic").platform("project", "demo"));
        let target = Target::new("a.b.c", "a.b", Value::Null);
        let marked = |mark: &str, project: &str| {
            Labels::from([("nic".to_owned(), mark.to_owned()), ("project".to_owned(), project.to_owned())])
        };
        let see = |target: &Target, labels: &Labels| observe(&cloud, target, "id", labels, &json!({}));
        let foreign = |labels: &Labels| match see(&target, labels).status {
            Status::Foreign(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(see(&target, &marked("l-1/a.b.c", "demo")).status, Status::Present);
        let theirs = see(&target, &marked("l-0/a.b.c", "demo"));
        assert_eq!(theirs.other_lineage.map(|other| other.lineage).as_deref(), Some("l-0"));
        assert!(foreign(&marked("l-0/a.b.c", "other")).contains("another platform: it is marked `l-0/a.b.c`"));
        assert!(foreign(&marked("l-1/a.b.d", "demo")).ends_with("is marked as `a.b.d`"));
        assert!(foreign(&Labels::new()).ends_with("does not bear NIC's mark"));
        // What is recorded may be imported, and then bears nothing.
        let recorded = target.clone().remote_id("id".to_owned());
        assert_eq!(see(&recorded, &Labels::new()).status, Status::Present);
        assert!(matches!(see(&recorded, &marked("l-0/a.b.c", "demo")).status, Status::Foreign(_)));
    }
}
