//! What stood before, or is somebody else's: it is used, never deleted, and changed only where nobody else decides.

use serde_json::json;

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::diff::AttributeChange;
use crate::resource::{FieldConflict, Observed};

/// The code of fields that somebody else decides.
const CONFLICT: &str = "FIELD_MANAGER_CONFLICT";

/// A shared thing, and what others decide of it.
pub(super) struct Held {
    /// How people call it.
    name: String,
    address: Address,
    conflicts: Vec<FieldConflict>,
}

impl Held {
    /// None when nobody decides anything that is wanted otherwise.
    pub(super) fn of(title: &str, observed: &Observed) -> Option<Self> {
        let held = || Self {
            name: format!("{title} `{}`", observed.address.name()),
            address: observed.address.clone(),
            conflicts: observed.conflicts.clone(),
        };
        (observed.shared && !observed.conflicts.is_empty()).then(held)
    }

    /// Whether it serves all the same.
    fn serves(&self) -> bool {
        self.conflicts.iter().all(|conflict| conflict.left)
    }

    fn words(&self) -> String {
        let fields = self.conflicts.iter().map(|c| format!("`{}` is decided by `{}`", c.field, c.manager));
        format!("{}: {}", self.name, fields.collect::<Vec<_>>().join(", "))
    }
}

/// What is told of fields that others decide: one error for all that keeps from going on, one warning for all that does not.
pub(super) fn conflicts(held: &[Held]) -> Vec<Diagnostic> {
    let (left, kept): (Vec<&Held>, Vec<&Held>) = held.iter().partition(|held| held.serves());
    let told = |mut diagnostic: Diagnostic, held: &[&Held]| {
        diagnostic.detail = held.iter().map(|held| held.words()).collect::<Vec<_>>().join("; ");
        if let [one] = held {
            diagnostic.address = Some(one.address.clone());
        }
        let resources = held.iter().map(|held| json!({ "resource": held.address, "fields": held.conflicts }));
        diagnostic.details = json!({ "resources": resources.collect::<Vec<_>>() });
        diagnostic
    };
    let error = || {
        Diagnostic::error(CONFLICT, "Somebody else decides fields of an object that stood before", String::new())
            .hint("let the other manager go of these fields, or ask in the config for the values that they have")
            .hint("or delete the object if nobody needs it: `nic deploy` then makes its own")
    };
    let warning = || {
        Diagnostic::warning(CONFLICT, "Fields of others are left as they are", String::new())
            .hint("what stands there is used as it is; see that it serves")
    };
    let mut found = Vec::new();
    if !kept.is_empty() {
        found.push(told(error(), &kept));
    }
    if !left.is_empty() {
        found.push(told(warning(), &left));
    }
    found
}

/// A shared thing that would have to be made anew.
pub(super) fn differs(title: &str, address: &Address, differences: &[AttributeChange]) -> Diagnostic {
    let forcing: Vec<&AttributeChange> = differences.iter().filter(|change| change.forces_replace).collect();
    let pointers: Vec<&str> = forcing.iter().map(|change| change.pointer.as_str()).collect();
    let detail = format!(
        "{title} `{}` stood before NIC came and is not deleted, and `{}` cannot be changed in place",
        address.name(),
        pointers.join("`, `")
    );
    Diagnostic::error("SHARED_OBJECT_DIFFERS", "An object that stood before is not as it is wanted", detail)
        .at(address)
        .hint("ask in the config for what is there, or for another name")
        .hint("or delete the object if nobody needs it: `nic deploy` then makes its own")
        .details(json!({ "differences": forcing }))
}
