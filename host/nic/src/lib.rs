//! The native host of NIC: it owns everything that needs trust. `docs/lifecycle.md` follows one `nic deploy` through it.

pub mod backend;
pub mod capability;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod components;
pub mod config;
pub mod egress;
pub mod error;
pub mod exit;
pub mod fault;
mod files;
mod handover;
pub mod interrupt;
pub mod kubernetes;
pub mod logging;
pub mod output;
pub mod panic;
pub mod plan_file;
pub mod plugin;
pub mod readiness;
pub mod rlimit;
pub mod secrets;
pub mod session;
pub mod signing;
pub mod usage;
