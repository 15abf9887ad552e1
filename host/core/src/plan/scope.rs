//! A part of the platform: some addresses, and whatever they cannot do without.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::graph::DesiredGraph;
use crate::resource::Record;

/// Whether there is something at every target.
///
/// # Errors
/// `TARGET_UNKNOWN` for each target that is neither desired nor recorded.
pub(crate) fn known(
    targets: &BTreeSet<Address>,
    graph: &DesiredGraph,
    records: &BTreeMap<Address, Record>,
) -> Result<(), Vec<Diagnostic>> {
    let known = |address: &Address| graph.get(address).is_some() || records.contains_key(address);
    let unknown: Vec<Diagnostic> = targets
        .iter()
        .filter(|target| !known(target))
        .map(|target| {
            let detail = format!("`{target}` is neither in the config nor recorded");
            Diagnostic::error("TARGET_UNKNOWN", "A target does not exist", detail)
                .at(target)
                .hint("`nic plan -v` and `nic state list` show the addresses")
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(unknown) }
}

/// What a plan for `targets` covers: what they need, as the config has it; and what stands on those that go, as recorded.
///
/// # Errors
/// `TARGET_UNKNOWN` for each target that is neither desired nor recorded.
pub fn scope(
    targets: &BTreeSet<Address>,
    graph: &DesiredGraph,
    records: &BTreeMap<Address, Record>,
) -> Result<BTreeSet<Address>, Vec<Diagnostic>> {
    known(targets, graph, records)?;
    let mut scope = BTreeSet::new();
    let mut left: Vec<Address> = targets.iter().cloned().collect();
    while let Some(address) = left.pop() {
        if graph.get(&address).is_some() {
            left.extend(graph.needs(&address).filter(|need| !scope.contains(*need)).cloned());
        } else {
            let on_it = records.values().filter(|record| record.dependencies.contains(&address));
            let goes_too = on_it.filter(|record| graph.get(&record.address).is_none());
            left.extend(goes_too.map(|record| record.address.clone()).filter(|other| !scope.contains(other)));
        }
        scope.insert(address);
    }
    Ok(scope)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::Desired;

    fn at(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn graph(edges: &[(&str, &[&str])]) -> DesiredGraph {
        let desired = edges.iter().map(|(address, needs)| Desired {
            depends_on: needs.iter().map(|need| at(need)).collect(),
            ..Desired::new(at(address), "t.k", json!({}))
        });
        DesiredGraph::build(desired.collect()).unwrap()
    }

    #[test]
    fn a_target_brings_what_it_needs_and_nothing_else() {
        let graph = graph(&[("t.k.a", &[]), ("t.k.b", &["t.k.a"]), ("t.k.c", &["t.k.b"]), ("t.k.d", &["t.k.a"])]);
        let found = scope(&BTreeSet::from([at("t.k.b")]), &graph, &BTreeMap::new()).unwrap();
        assert_eq!(found, BTreeSet::from([at("t.k.a"), at("t.k.b")]));
        let unknown = scope(&BTreeSet::from([at("t.k.x")]), &graph, &BTreeMap::new()).unwrap_err();
        assert_eq!(unknown[0].code, "TARGET_UNKNOWN");
    }
}
