//! Why a plan is not made.

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::kind::Kind;
use crate::resource::{Observed, Status};

/// Nobody can say what it is.
pub(super) fn kind_unknown(address: &Address, kind: &str) -> Diagnostic {
    Diagnostic::error("KIND_UNKNOWN", "No loaded provider knows this kind", format!("`{address}` is a `{kind}`"))
        .at(address)
        .hint("load the provider that made it, or one that replaces it")
}

/// Something that nothing can be planned on.
pub(super) fn unusable(observed: &Observed, kind: &Kind) -> Option<Diagnostic> {
    let address = &observed.address;
    let diagnostic = match &observed.status {
        Status::Unreadable(error) => Diagnostic::error(
            "RESOURCE_UNREADABLE",
            "A resource could not be read",
            format!("{} `{}`: {error}", kind.title, address),
        )
        .hint("nothing was changed; mend the cause and run again")
        .details(serde_json::json!({ "cause": error.code() })),
        Status::Foreign(what) => Diagnostic::error(
            "RESOURCE_FOREIGN",
            "Something of that name exists and is not ours",
            format!("{} `{}`: {what}", kind.title, address),
        )
        .hint("rename or remove it, or choose another project_name or namespace"),
        Status::Ambiguous(ids) => Diagnostic::error(
            "RESOURCE_AMBIGUOUS",
            "Several things bear the marks of one resource",
            format!("{} `{}`: {}", kind.title, address, ids.join(", ")),
        )
        .hint("delete the ones that are not in use; NIC does not guess which"),
        _ => return None,
    };
    Some(diagnostic.at(address))
}
