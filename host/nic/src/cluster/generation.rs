//! When a connection has to be checked: whenever what is recorded of the platform around the cluster has changed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use nic_core::kind::KUBERNETES_OBJECT;
use nic_core::resource::Record;

/// Stands for what was recorded when a cluster was asked for. A created, replaced or deleted cluster has another generation
/// than before, because its record has changed; which record is the cluster's, only its provider knows, so all of them count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generation(u64);

impl Generation {
    /// Of the records of one provider. Objects within the cluster do not count: they cannot move it, and there are many.
    pub fn of<'a>(provider: &str, records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut hasher = DefaultHasher::new();
        let around = |record: &&Record| record.address.provider() == provider && record.kind != KUBERNETES_OBJECT;
        for record in records.into_iter().filter(around) {
            (record.address.as_str(), &record.remote_id, record.pending.is_some()).hash(&mut hasher);
            record.attributes.hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn record(address: &str, kind: &str, attributes: Value) -> Record {
        Record {
            address: address.parse().unwrap(),
            kind: kind.to_owned(),
            remote_id: Some("nebari-dev".to_owned()),
            attributes,
            baseline: Value::Null,
            dependencies: BTreeSet::new(),
            secrets: std::collections::BTreeMap::default(),
            pending: None,
            imported: false,
            external: false,
            schema_version: 1,
            component_digest: String::new(),
            state_path: String::new(),
            name_suffix: None,
            deposed: None,
        }
    }

    #[test]
    fn a_cluster_that_came_or_went_or_is_another_is_another_generation() {
        let vpc = record("aws.vpc.main", "aws.vpc", json!({}));
        let made = record("aws.cluster.main", "aws.cluster", json!({"created_at": "1"}));
        let again = Record { attributes: json!({"created_at": "2"}), ..made.clone() };
        let all: Vec<Generation> =
            [vec![&vpc], vec![&vpc, &made], vec![&vpc, &again]].map(|records| Generation::of("aws", records)).into();
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:?}");
        assert_eq!(Generation::of("aws", [&vpc, &made]), all[1]);
    }

    #[test]
    fn objects_in_the_cluster_and_records_of_others_change_nothing() {
        let made = record("aws.cluster.main", "aws.cluster", json!({}));
        let object = record("aws.object.dev", KUBERNETES_OBJECT, json!({}));
        let other = record("other.thing.a", "other.thing", json!({}));
        assert_eq!(Generation::of("aws", [&made]), Generation::of("aws", [&made, &object, &other]));
    }
}
