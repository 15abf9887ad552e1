//! The cloud of things, in which the scripted provider works: it keeps what is made, and remembers every request. The protocol
//! stands in `tests/components/scripted/src/lib.rs`.
//!
//! A grant names an origin, port included, and the scripted component's manifest is in its bytes. So one process serves one origin;
//! each test has a [`Things`] of its own under a path of it, and the component that is handed to `nic` is a copy whose manifest grants
//! that origin. Nothing in the product is loosened.

mod attacker;
mod component;
mod server;

pub use attacker::Attacker;
pub use component::{granting, scripted, with_manifest};
pub use server::{Made, Things};
