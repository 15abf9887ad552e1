//! End-to-end tests of NIC on real parts, and the harness that starts them.

pub mod aws;
pub mod configs;
pub mod control_plane;
pub mod crash;
pub mod front;
pub mod golden;
pub mod names;
pub mod namespaces;
pub mod nebari;
pub mod nic;
pub mod passage;
pub mod platform;
pub mod published;
pub mod python;
pub mod schemas;
mod sigv4;
pub mod terminal;
pub mod things;
mod tls;
pub mod wiring;
