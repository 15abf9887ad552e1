//! Why a plan is not made, or is made in doubt.

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
    let title = kind.title_of(&observed.document);
    let address = &observed.address;
    let diagnostic = match &observed.status {
        Status::Unreadable(error) => Diagnostic::error(
            "RESOURCE_UNREADABLE",
            "A resource could not be read",
            format!("{title} `{address}`: {error}"),
        )
        .hint("nothing was changed; mend the cause and run again")
        .details(serde_json::json!({ "cause": error.code() })),
        Status::Foreign(what) => Diagnostic::error(
            "RESOURCE_FOREIGN",
            "Something of that name exists and is not ours",
            format!("{title} `{address}`: {what}"),
        )
        .hint("rename or remove it, or choose another project_name or namespace"),
        Status::Ambiguous(ids) => Diagnostic::error(
            "RESOURCE_AMBIGUOUS",
            "Several things bear the marks of one resource",
            format!("{title} `{address}`: {}", ids.join(", ")),
        )
        .hint("delete the ones that are not in use; NIC does not guess which"),
        _ => return None,
    };
    Some(diagnostic.at(address))
}

/// The key that tells an edited secret from an unedited one is another than the recorded one.
pub(super) fn secrets_unclear() -> Diagnostic {
    Diagnostic::warning(
        "SECRETS_NOT_COMPARABLE",
        "Whether secrets were edited cannot be told",
        "what state keeps of their values was made with a key that is not here",
    )
    .hint("they are applied once more where that changes things in place, and can be compared from then on")
    .hint("to keep it from happening, keep the `.private` directory beside the state with it")
}
