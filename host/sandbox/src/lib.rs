//! Components in the sandbox: found, checked, loaded, and called one export at a time.
//!
//! What a component can reach is the `nic:plugin` interfaces of [`crate::capability`] and an empty WASI: no files, no
//! environment, no sockets, a clock that stands still and a random source with a known seed. What it answers is audited before
//! anything believes it. Each call has an instance of its own; a trap, an overrun or a lie fails that call and nothing else.
//!
//! Nothing here can send in the host's own name, or make what could:
//!
//! ```compile_fail
//! let own = nic_authority::HostAuthority::claim();
//! ```

mod answers;
mod call;
mod clock;
mod convert;
mod describe;
mod exports;
mod fault;
mod granted;
pub mod guest_text;
mod in_flight;
mod progress;
mod wasi;

pub mod bindings;
pub mod bundled;
pub mod capability;
pub mod code;
pub mod compile;
pub mod engine;
pub mod error;
pub mod guest_log;
pub mod limits;
pub mod manifest;
pub mod provider;
pub mod schema;
mod section;
pub mod store;
pub mod tap;

#[cfg(test)]
mod tests;

pub use bundled::Bundled;
pub use code::Code;
pub use compile::Compiler;
pub use engine::{Host, HostOptions};
pub use error::PluginError;
pub use guest_log::{GuestLog, Level, Speaker};
pub use manifest::Manifest;
pub use provider::ComponentProvider;
pub use store::GuestState;
