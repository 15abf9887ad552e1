//! The two platforms that NIC makes, which one config can mean.

use crate::types::{Context, Diagnostic};

/// Which platform is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// What Nebari's Terraform makes.
    Classic,
    /// What the design document draws.
    Design,
}

impl Topology {
    /// The one the state recorded.
    pub fn of(context: &Context) -> Self {
        if context.topology == "design" { Self::Design } else { Self::Classic }
    }

    /// What is told of a key that has no effect in the platform's topology; `detail` says which that is and why.
    pub fn not_in(detail: impl Into<String>, pointer: impl Into<String>) -> Diagnostic {
        Diagnostic::warning("KEY_NOT_IN_TOPOLOGY", "A key belongs to the other topology", detail)
            .at(pointer)
            .hint("a platform's topology is set at its first deploy and stays")
    }
}
