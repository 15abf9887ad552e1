//! The audit of what a provider answers to questions: declared, looked up, observed.

use std::collections::{BTreeMap, BTreeSet};

use nic_core::address::Address;
use nic_core::kind::{Description, KUBERNETES_OBJECT};
use nic_core::ports::{Answer, Facts, Query, Target};
use nic_core::resource::{Desired, Observed, Status};

use super::fault::Fault;
use super::guest_text::line;
use super::limits::{MAX_DISCOVERED, MAX_QUERIES, MAX_RESOURCES};

/// An address of its own.
fn own(description: &Description, address: &Address) -> Result<(), Fault> {
    if address.provider() == description.name {
        Ok(())
    } else {
        Fault::lie(format!("the address `{address}` is not within `{}.`", description.name))
    }
}

/// Declared addresses are its own and unique, and their kinds are known.
pub(super) fn desired(description: &Description, answer: Answer) -> Result<Answer, Fault> {
    match &answer {
        Answer::Ready(resources) => {
            if resources.len() > MAX_RESOURCES {
                return Fault::lie(format!(
                    "it declared {} resources; at most {MAX_RESOURCES} are planned",
                    resources.len()
                ));
            }
            let kinds: BTreeSet<&str> = description.kinds.iter().map(|kind| kind.kind.as_str()).collect();
            let mut seen = BTreeSet::new();
            for Desired { address, kind, .. } in resources {
                own(description, address)?;
                if kind != KUBERNETES_OBJECT && !kinds.contains(kind.as_str()) {
                    return Fault::lie(format!(
                        "`{address}` is of the kind `{}`, which it does not describe",
                        line(kind)
                    ));
                }
                if !seen.insert(address) {
                    return Fault::lie(format!("it declared `{address}` twice"));
                }
            }
        }
        Answer::Need(queries) => {
            if queries.is_empty() || queries.len() > MAX_QUERIES {
                return Fault::lie(format!(
                    "it needs {} facts; between 1 and {MAX_QUERIES} are looked up",
                    queries.len()
                ));
            }
            let mut seen = BTreeSet::new();
            if let Some(query) = queries.iter().find(|query| !seen.insert(&query.key)) {
                return Fault::lie(format!("it asked `{}` twice", query.key));
            }
        }
    }
    Ok(answer)
}

/// Every query is answered, and nothing else.
pub(super) fn facts(queries: &[Query], facts: Facts) -> Result<Facts, Fault> {
    let asked: BTreeSet<&str> = queries.iter().map(|query| query.key.as_str()).collect();
    if let Some(key) = facts.keys().find(|key| !asked.contains(key.as_str())) {
        return Fault::lie(format!("it answered `{}`, which was not asked", line(key)));
    }
    if let Some(key) = asked.into_iter().find(|key| !facts.contains_key(*key)) {
        return Fault::lie(format!("it did not answer `{key}`"));
    }
    Ok(facts)
}

/// One observation per target. What was left out is unreadable, never absent.
pub(super) fn read(provider: &str, targets: &[Target], observed: Vec<Observed>) -> Result<Vec<Observed>, Fault> {
    let asked: BTreeSet<&Address> = targets.iter().map(|target| &target.address).collect();
    let mut answers: BTreeMap<Address, Observed> = BTreeMap::new();
    for observation in observed {
        if !asked.contains(&observation.address) {
            return Fault::lie(format!("it observed `{}`, which was not asked", observation.address));
        }
        if let Some(before) = answers.insert(observation.address.clone(), observation) {
            return Fault::lie(format!("it observed `{}` twice", before.address));
        }
    }
    let lie = |address: &Address, why: String| Observed::unreadable(address, Fault::Lie(why).error(provider, "read"));
    let one = |target: &Target| {
        let address = &target.address;
        let Some(answer) = answers.remove(address) else {
            return lie(address, format!("it did not answer for `{address}`"));
        };
        // What is recorded would be lost to whatever the other id names.
        match (&target.remote_id, &answer.remote_id) {
            (Some(asked), Some(other)) if asked != other => {
                lie(address, format!("the remote id of `{address}` became another one"))
            }
            _ => answer,
        }
    };
    Ok(targets.iter().map(one).collect())
}

/// Discovered things exist, have a remote id, and are its own.
pub(super) fn discovered(description: &Description, observed: Vec<Observed>) -> Result<Vec<Observed>, Fault> {
    if observed.len() > MAX_DISCOVERED {
        return Fault::lie(format!("it discovered {} things; at most {MAX_DISCOVERED} are told", observed.len()));
    }
    for observation in &observed {
        own(description, &observation.address)?;
        if matches!(observation.status, Status::Absent) || observation.remote_id.is_none() {
            return Fault::lie(format!("it discovered `{}`, which is absent or has no remote id", observation.address));
        }
    }
    Ok(observed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn description() -> Description {
        let mut kind = json!({
            "kind": "aws.vpc", "title": "VPC", "schema": {}, "schema_version": 1, "state_path": "cloud.vpc",
            "time_limits": {"create": 1, "update": 1, "delete": 1}, "create": "tagged",
        });
        kind["read_batch"] = json!(10);
        serde_json::from_value(json!({"name": "aws", "version": "1", "kinds": [kind]})).unwrap()
    }

    fn resource(address: &str, kind: &str) -> Desired {
        Desired::new(address.parse().unwrap(), kind, json!({}))
    }

    fn target(address: &str) -> Target {
        Target {
            address: address.parse().unwrap(),
            kind: "aws.vpc".to_owned(),
            remote_id: None,
            document: Value::Null,
            baseline: Value::Null,
        }
    }

    fn absent(address: &str) -> Observed {
        Observed::absent(&address.parse().unwrap())
    }

    #[test]
    fn declared_resources_are_its_own_unique_and_of_known_kinds() {
        let desired = |resources: &[(&str, &str)]| {
            desired(&description(), Answer::Ready(resources.iter().map(|(a, k)| resource(a, k)).collect()))
        };
        assert!(desired(&[("aws.vpc.a", "aws.vpc"), ("aws.ns.b", "kubernetes.object")]).is_ok());
        for lie in [
            &[("gcp.vpc.a", "aws.vpc")][..],
            &[("aws.vpc.a", "aws.subnet")],
            &[("aws.vpc.a", "gcp.vpc")],
            &[("aws.vpc.a", "aws.vpc"), ("aws.vpc.a", "aws.vpc")],
        ] {
            assert!(matches!(desired(lie), Err(Fault::Lie(_))), "{lie:?}");
        }
        assert!(super::desired(&description(), Answer::Need(Vec::new())).is_err());
    }

    #[test]
    fn facts_answer_the_queries_and_nothing_else() {
        let query = Query { key: "zones".to_owned(), name: "zones".to_owned(), arguments: json!({}) };
        let facts = |keys: &[&str]| {
            facts(std::slice::from_ref(&query), keys.iter().map(|key| ((*key).to_owned(), json!(1))).collect())
        };
        assert!(facts(&["zones"]).is_ok());
        assert!(facts(&[]).is_err());
        assert!(facts(&["zones", "account"]).is_err());
    }

    #[test]
    fn a_target_left_out_is_unreadable_and_an_address_made_up_is_a_lie() {
        let targets = [target("aws.vpc.a"), target("aws.vpc.b")];
        let observed = read("aws", &targets, vec![absent("aws.vpc.b")]).unwrap();
        assert_eq!(observed.len(), 2);
        assert!(matches!(&observed[0].status, Status::Unreadable(error) if error.code() == "PROVIDER_LIED"));
        assert!(matches!(observed[1].status, Status::Absent));
        assert!(read("aws", &targets, vec![absent("aws.vpc.c")]).is_err());
        assert!(read("aws", &targets, vec![absent("aws.vpc.a"), absent("aws.vpc.a")]).is_err());
    }

    #[test]
    fn a_target_read_by_its_id_keeps_it() {
        let known = Target { remote_id: Some("vpc-1".to_owned()), ..target("aws.vpc.a") };
        let present = |id: &str| Observed {
            remote_id: Some(id.to_owned()),
            status: Status::Present,
            document: json!({}),
            ..absent("aws.vpc.a")
        };
        let read =
            |target: &Target, id| read("aws", std::slice::from_ref(target), vec![present(id)]).unwrap().remove(0);
        assert_eq!(read(&known, "vpc-1"), present("vpc-1"));
        assert!(matches!(read(&known, "vpc-2").status, Status::Unreadable(error) if error.code() == "PROVIDER_LIED"));
        assert_eq!(read(&target("aws.vpc.a"), "vpc-2"), present("vpc-2"));
    }

    #[test]
    fn discovered_things_exist_and_are_its_own() {
        let thing = |address: &str, id: Option<&str>| Observed {
            remote_id: id.map(str::to_owned),
            status: Status::Present,
            document: json!({}),
            ..absent(address)
        };
        assert!(discovered(&description(), vec![thing("aws.vpc.a", Some("vpc-1"))]).is_ok());
        assert!(discovered(&description(), vec![thing("aws.vpc.a", None)]).is_err());
        assert!(discovered(&description(), vec![thing("gcp.vpc.a", Some("x"))]).is_err());
        assert!(discovered(&description(), vec![absent("aws.vpc.a")]).is_err());
    }
}
