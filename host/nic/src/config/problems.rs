//! What is found wrong with a config while it is checked.

use nic_core::diagnostic::{Diagnostic, Severity};

use super::yaml::Node;

/// A config's tree, and what is wrong with it so far.
pub(super) struct Problems<'a> {
    pub(super) root: &'a Node,
    pub(super) found: Vec<Diagnostic>,
}

impl<'a> Problems<'a> {
    /// None so far.
    pub(super) fn of(root: &'a Node) -> Self {
        Self { root, found: Vec::new() }
    }

    /// One more, about what stands at this RFC 6901 pointer.
    pub(super) fn tell(&mut self, mut diagnostic: Diagnostic, pointer: &str) {
        diagnostic.pointer = Some(pointer.to_owned());
        self.found.push(diagnostic);
    }

    /// The value of a top-level key that says something.
    pub(super) fn said(&self, key: &str) -> Option<&'a Node> {
        self.root.get(key).filter(|node| !node.is_null())
    }

    /// Whether any of them stops the run.
    pub(super) fn stop(&self) -> bool {
        self.found.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// A value that its key cannot have.
pub(super) fn invalid_value(detail: impl Into<String>) -> Diagnostic {
    Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", detail)
}
