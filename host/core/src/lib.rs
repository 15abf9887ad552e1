//! The pure core of NIC: the values of a reconciliation and the engine that walks them, once, downwards.
//!
//! Nothing here knows a cloud, a runtime, a disk or a network. What the engine needs from the outside are the traits in
//! [`ports`]; everything else is a function of values. `docs/lifecycle.md` names each value and its rule.

pub mod address;
pub mod annotation;
pub mod diagnostic;
pub mod diff;
pub mod document;
pub mod drift;
pub mod engine;
pub mod error;
pub mod graph;
pub mod health;
pub mod identity;
pub mod kind;
pub mod lease;
pub mod plan;
pub mod ports;
pub mod resource;
pub mod secret;
pub mod state;
