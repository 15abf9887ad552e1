//! Files that look like a nebari-config.yaml, and are another tool's or another time's.

use nic_core::diagnostic::Diagnostic;

use super::problems::Problems;
use crate::clouds;

/// Tells a layout that is not Nebari's.
pub(super) fn check(problems: &mut Problems<'_>) {
    if problems.root.get("qhub_version").is_some() {
        let diagnostic = Diagnostic::error(
            "CONFIG_QHUB",
            "This is a QHub config",
            "QHub became Nebari in 2022.10.1, and the file's layout changed with it",
        );
        problems.tell(diagnostic.hint("run `nebari upgrade` on it first"), "/qhub_version");
    }
    if problems.root.get("cluster").is_some_and(|cluster| !cluster.entries().all(|(_, v)| v.text().is_some())) {
        let diagnostic = Diagnostic::error(
            "CONFIG_OTHER_LAYOUT",
            "This layout is another tool's",
            "a top-level `cluster` map is not part of nebari-config.yaml",
        );
        let (provider, section) = (clouds::EXAMPLE.provider, clouds::EXAMPLE.section);
        let hint = format!("NIC reads `provider: {provider}` with an `{section}` section, and the like");
        problems.tell(diagnostic.hint(hint), "/cluster");
    }
}
