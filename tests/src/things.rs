//! The cloud of things, in which the scripted provider works: it keeps what is made, and remembers every request. The protocol
//! stands in `tests/components/scripted/src/lib.rs`.
//!
//! One process serves one origin, and each test has a [`Things`] of its own under a path of it. A lock file beside the component grants that
//! origin, as a user's would. Nothing in the product is loosened.

mod attacker;
mod component;
mod server;

pub use attacker::Attacker;
pub use component::{granting, granting_published, place, scripted, use_scripted, with_manifest};
pub use server::{Made, Things};
