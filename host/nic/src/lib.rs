//! The native host of NIC: it owns everything that needs trust. `docs/lifecycle.md` follows one `nic deploy` through it.

pub mod backend;
pub mod cache;
pub mod cli;
pub mod clouds;
pub mod commands;
pub mod components;
pub mod config;
mod disruption;
pub mod doctor;
pub mod error;
pub mod exit;
pub mod fault;
mod files;
mod handover;
pub mod host_gate;
pub mod interrupt;
pub mod loading;
mod lockfile;
pub mod logging;

pub mod output;
pub mod panic;
pub mod plan_file;
mod reach;
pub mod readiness;
pub mod secrets;
pub mod session;
mod spelling;
pub mod usage;
