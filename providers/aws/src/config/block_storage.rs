//! The section's own storage, which only the design document has. Nebari's storage stands at the top level of the config.

use nic_sdk::findings::Findings;
use nic_sdk::kit::{Reader, Topology};

/// GiB where the config says nothing.
const SIZE_GIB: i32 = 100;

/// The largest volume of type gp3, in GiB.
const LARGEST_GIB: i32 = 65_536;

/// Block storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// GiB.
    pub size: i32,
}

/// The storage, in the topology that has it.
pub fn parse(section: &Reader<'_>, topology: Topology, findings: &mut Findings) -> Option<Storage> {
    let storage = section.map("storage", findings)?;
    if topology == Topology::Classic {
        let detail =
            "this platform is Classic, whose storage is the top-level `storage`; the one of the section has no effect";
        findings.extend(vec![Topology::not_in(detail, storage.pointer())]);
        return None;
    }
    if let Some(sort) = storage.text("type", findings).filter(|sort| sort != "ebs") {
        let detail = format!("`{sort}` is not `ebs`");
        findings.error("STORAGE_TYPE", "A value is not one of those allowed", detail, &storage.at("type"));
    }
    let size = storage.count(&["size"], findings);
    if let Some((key, size)) = size.filter(|(_, size)| !(1..=LARGEST_GIB).contains(size)) {
        let detail = format!("{size} GiB: a volume has 1 to {LARGEST_GIB} GiB");
        findings.error("STORAGE_SIZE", "A number is out of its range", detail, &storage.at(key));
    }
    storage.tell_unknown(&["type", "size"], findings);
    Some(Storage { size: size.map_or(SIZE_GIB, |(_, size)| size) })
}
