//! What `retain` lists stays when everything else is destroyed.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::graph::DesiredGraph;
use crate::kind::Kind;
use crate::resource::Record;

/// The recorded resources that the names stand for, and what those stand on.
///
/// A name is an address (`hello.shared-files.main`), a kind with or without its provider (`hello.shared-files`, `shared-files`), or the
/// first word of protected kinds (`shared`).
///
/// # Errors
/// `RETAIN_UNKNOWN` for every name that is no kind, and no address of anything desired or recorded: what it was meant to keep would go.
pub fn retained(
    names: &[String],
    graph: &DesiredGraph,
    records: &BTreeMap<Address, Record>,
    kinds: &BTreeMap<String, Kind>,
) -> Result<BTreeSet<Address>, Vec<Diagnostic>> {
    let mut kept = BTreeSet::new();
    let mut problems = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let meant: Vec<&str> =
            kinds.values().filter(|kind| stands_for(name, kind)).map(|kind| kind.kind.as_str()).collect();
        let address = name.parse::<Address>().ok().filter(|a| records.contains_key(a) || graph.get(a).is_some());
        if meant.is_empty() && address.is_none() {
            problems.push(unknown(name, index, kinds));
        }
        kept.extend(records.values().filter(|r| meant.contains(&r.kind.as_str())).map(|r| r.address.clone()));
        kept.extend(address.filter(|address| records.contains_key(address)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut open: Vec<Address> = kept.iter().cloned().collect();
    while let Some(address) = open.pop() {
        for need in records.get(&address).into_iter().flat_map(|record| &record.dependencies) {
            if records.contains_key(need) && kept.insert(need.clone()) {
                open.push(need.clone());
            }
        }
    }
    Ok(kept)
}

fn stands_for(name: &str, kind: &Kind) -> bool {
    let own = kind.kind.split_once('.').map_or(kind.kind.as_str(), |(_, own)| own);
    let first = own.split('-').next().unwrap_or(own);
    name == kind.kind || name == own || kind.protected && name == first
}

fn unknown(name: &str, index: usize, kinds: &BTreeMap<String, Kind>) -> Diagnostic {
    let protected: Vec<&str> = kinds.values().filter(|kind| kind.protected).map(|kind| kind.kind.as_str()).collect();
    let mut diagnostic = Diagnostic::error(
        "RETAIN_UNKNOWN",
        "What is to be retained is unknown",
        format!("`{name}` is neither a kind nor the address of anything here"),
    )
    .hint(format!("kinds worth retaining are {}", protected.join(", ")))
    .hint("`nic state list` shows the addresses");
    diagnostic.pointer = Some(format!("/retain/{index}"));
    diagnostic
}
