//! When a connection has to be checked: whenever what is recorded of the platform around the cluster has changed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use nic_core::kind::KUBERNETES_OBJECT;
use nic_core::ports::Locator;
use nic_core::resource::Record;

/// Stands for what was recorded when a cluster was asked for. A created, replaced or deleted cluster has another generation
/// than before, because its record has changed. The cluster's record is one whose remote id the locator names; where there is none,
/// only the provider knows which one it is, and all of them count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generation(u64);

impl Generation {
    /// Of the records of one provider. Objects within the cluster do not count: they cannot move it, and there are many.
    pub fn of<'a>(provider: &str, locator: &Locator, records: impl IntoIterator<Item = &'a Record>) -> Self {
        let around = |record: &&Record| record.address.provider() == provider && record.kind != KUBERNETES_OBJECT;
        let around: Vec<&Record> = records.into_iter().filter(around).collect();
        let parameters = locator.parameters.as_object();
        let words: Vec<&str> = parameters.into_iter().flatten().filter_map(|(_, value)| value.as_str()).collect();
        let is_named = |record: &&&Record| record.remote_id.as_deref().is_some_and(|id| words.contains(&id));
        let named: Vec<&Record> = around.iter().filter(is_named).copied().collect();
        let mut hasher = DefaultHasher::new();
        for record in if named.is_empty() { around } else { named } {
            (record.address.as_str(), &record.remote_id, record.pending.is_some()).hash(&mut hasher);
            record.attributes.hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(address: &str, kind: &str, attributes: Value) -> Record {
        let unmade = Record::unmade(address.parse().unwrap(), kind.to_owned());
        Record { remote_id: Some("nebari-dev".to_owned()), attributes, ..unmade }
    }

    fn locator() -> Locator {
        Locator { kind: "eks".to_owned(), parameters: json!({"region": "us-west-2", "name": "nebari-dev"}) }
    }

    fn of(locator: &Locator, records: Vec<&Record>) -> Generation {
        Generation::of("aws", locator, records)
    }

    #[test]
    fn a_cluster_that_came_or_went_or_is_another_is_another_generation() {
        let vpc = Record { remote_id: Some("vpc-1".to_owned()), ..record("aws.vpc.main", "aws.vpc", json!({})) };
        let made = record("aws.cluster.main", "aws.cluster", json!({"created_at": "1"}));
        let again = Record { attributes: json!({"created_at": "2"}), ..made.clone() };
        let all: Vec<Generation> =
            [vec![&vpc], vec![&vpc, &made], vec![&vpc, &again]].map(|records| of(&locator(), records)).into();
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:?}");
        assert_eq!(of(&locator(), vec![&vpc, &made]), all[1]);
    }

    #[test]
    fn what_the_locator_does_not_name_counts_only_when_nothing_is_named() {
        let made = record("aws.cluster.main", "aws.cluster", json!({}));
        let vpc = Record { remote_id: Some("vpc-1".to_owned()), ..record("aws.vpc.main", "aws.vpc", json!({})) };
        assert_eq!(of(&locator(), vec![&made]), of(&locator(), vec![&made, &vpc]));
        let unnamed = Locator { kind: "eks".to_owned(), parameters: json!({"arn": "arn:aws:eks:nebari-dev"}) };
        assert_ne!(of(&unnamed, vec![&made]), of(&unnamed, vec![&made, &vpc]));
    }

    #[test]
    fn objects_in_the_cluster_and_records_of_others_change_nothing() {
        let made = record("aws.cluster.main", "aws.cluster", json!({}));
        let object = record("aws.object.dev", KUBERNETES_OBJECT, json!({}));
        let other = record("other.thing.a", "other.thing", json!({}));
        assert_eq!(of(&locator(), vec![&made]), of(&locator(), vec![&made, &object, &other]));
    }
}
