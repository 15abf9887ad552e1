//! `storage.type` where no provider reads it: a kind of storage that is not to be had is refused, as Nebari refuses it.

use nic_core::diagnostic::Diagnostic;

use super::problems::Problems;
use crate::clouds;

/// Tells a type that is not to be had with this provider.
pub(super) fn check(problems: &mut Problems<'_>, provider: &str) {
    let Some(allowed) = clouds::of(provider).map(|cloud| cloud.shared_storage).filter(|types| !types.is_empty()) else {
        return;
    };
    let said = problems.said("storage").and_then(|storage| storage.get("type")).filter(|node| !node.is_null());
    let Some(node) = said.filter(|node| node.text().is_none_or(|text| !allowed.contains(&text))) else { return };
    let said = node.text().map_or_else(|| "what stands there".to_owned(), |text| format!("`{text}`"));
    let detail = format!("with `provider: {provider}`, `storage.type` cannot be {said}");
    let diagnostic = Diagnostic::error("STORAGE_TYPE_INVALID", "A value is not one of those allowed", detail);
    problems.tell(diagnostic.hint(format!("write one of: {}", allowed.join(", "))), "/storage/type");
}
