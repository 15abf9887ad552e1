//! The desired graph: unique addresses, edges that exist, no cycle.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::document::references;
use crate::resource::Desired;

/// Desired resources and what each needs.
#[derive(Debug, Clone, Default)]
pub struct DesiredGraph {
    resources: BTreeMap<Address, Desired>,
    needs: BTreeMap<Address, BTreeSet<Address>>,
}

impl DesiredGraph {
    /// Checks and builds the graph.
    ///
    /// # Errors
    /// `GRAPH_DUPLICATE_ADDRESS`, `GRAPH_BAD_REFERENCE`, `GRAPH_DANGLING_REFERENCE`, `GRAPH_CYCLE`: all that were found.
    pub fn build(desired: Vec<Desired>) -> Result<Self, Vec<Diagnostic>> {
        let mut graph = Self::default();
        let mut problems = Vec::new();
        for resource in desired {
            let address = resource.address.clone();
            let mut needs: BTreeSet<_> = resource.depends_on.union(&resource.deleted_before).cloned().collect();
            match references(&resource.document) {
                Ok(found) => needs.extend(found),
                Err(error) => problems.push(
                    Diagnostic::error("GRAPH_BAD_REFERENCE", "A reference is malformed", error.to_string())
                        .at(&address),
                ),
            }
            graph.needs.insert(address.clone(), needs);
            if graph.resources.insert(address.clone(), resource).is_some() {
                problems.push(
                    Diagnostic::error(
                        "GRAPH_DUPLICATE_ADDRESS",
                        "Two resources have the same address",
                        format!("`{address}` is declared more than once"),
                    )
                    .at(&address),
                );
            }
        }
        for (address, needs) in &graph.needs {
            for missing in needs.iter().filter(|need| !graph.resources.contains_key(*need)) {
                problems.push(
                    Diagnostic::error(
                        "GRAPH_DANGLING_REFERENCE",
                        "A resource needs one that does not exist",
                        format!("`{address}` needs `{missing}`, which nothing declares"),
                    )
                    .at(address),
                );
            }
        }
        if problems.is_empty()
            && let Err(cycle) = order(&graph.needs)
        {
            let path = cycle.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> ");
            problems.push(Diagnostic::error("GRAPH_CYCLE", "Resources need each other in a circle", path));
        }
        if problems.is_empty() { Ok(graph) } else { Err(problems) }
    }

    /// The resource at an address.
    pub fn get(&self, address: &Address) -> Option<&Desired> {
        self.resources.get(address)
    }

    /// All resources, by address.
    pub fn resources(&self) -> impl Iterator<Item = &Desired> {
        self.resources.values()
    }

    /// What a resource needs.
    pub fn needs(&self, address: &Address) -> impl Iterator<Item = &Address> {
        self.needs.get(address).into_iter().flatten()
    }

    /// Each after what it needs.
    pub fn ordered(&self) -> Vec<&Desired> {
        order(&self.needs).unwrap_or_default().iter().filter_map(|address| self.resources.get(address)).collect()
    }

    /// Only what is in `scope`, which holds everything that its members need.
    #[must_use]
    pub fn within(mut self, scope: &BTreeSet<Address>) -> Self {
        self.resources.retain(|address, _| scope.contains(address));
        self.needs.retain(|address, _| scope.contains(address));
        self
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }
}

/// Each node after everything it needs, ties by the nodes' own order; needs that are not nodes are ignored.
///
/// # Errors
/// The nodes of one cycle, first repeated at the end.
pub fn order<N: Ord + Clone>(needs: &BTreeMap<N, BTreeSet<N>>) -> Result<Vec<N>, Vec<N>> {
    let mut missing: BTreeMap<&N, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&N, Vec<&N>> = BTreeMap::new();
    for (node, its_needs) in needs {
        let count = its_needs.iter().filter(|need| needs.contains_key(*need)).count();
        missing.insert(node, count);
        for need in its_needs {
            needed_by.entry(need).or_default().push(node);
        }
    }
    let mut ready: BTreeSet<&N> = missing.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    let mut ordered = Vec::with_capacity(needs.len());
    while let Some(node) = ready.pop_first() {
        ordered.push(node.clone());
        for dependent in needed_by.get(node).into_iter().flatten() {
            if let Some(count) = missing.get_mut(*dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(dependent);
                }
            }
        }
    }
    if ordered.len() == needs.len() {
        return Ok(ordered);
    }
    // Every node left has a need that is left: following them must come round.
    let left: BTreeSet<&N> = missing.iter().filter(|(_, count)| **count > 0).map(|(node, _)| *node).collect();
    let mut path: Vec<&N> = left.first().copied().into_iter().collect();
    while let Some(next) = path.last().and_then(|node| needs[*node].iter().find(|need| left.contains(need))) {
        if let Some(start) = path.iter().position(|node| *node == next) {
            let mut cycle: Vec<N> = path[start..].iter().map(|node| (*node).clone()).collect();
            cycle.push(next.clone());
            return Err(cycle);
        }
        path.push(next);
    }
    Err(Vec::new())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_node_comes_after_its_needs(edges in prop::collection::vec((0..30_u32, 0..30_u32), 0..60)) {
            let mut needs: BTreeMap<u32, BTreeSet<u32>> = (0..30).map(|n| (n, BTreeSet::new())).collect();
            for (a, b) in edges {
                if a > b {
                    needs.get_mut(&a).unwrap().insert(b);
                }
            }
            let ordered = order(&needs).unwrap();
            let place: BTreeMap<u32, usize> = ordered.iter().enumerate().map(|(i, n)| (*n, i)).collect();
            for (node, its_needs) in &needs {
                for need in its_needs {
                    prop_assert!(place[need] < place[node]);
                }
            }
        }
    }

    #[test]
    fn a_cycle_is_named() {
        let needs = BTreeMap::from([
            (1, BTreeSet::from([2])),
            (2, BTreeSet::from([3])),
            (3, BTreeSet::from([2])),
            (4, BTreeSet::new()),
        ]);
        assert_eq!(order(&needs), Err(vec![2, 3, 2]));
    }
}
