//! What people and programs meet, end to end and on real parts: one binary, so that the host is linked once.

mod adapter;
mod aws_harness;
mod bad_input;
mod boundary;
mod cluster_reads;
mod commands;
mod control_plane;
mod crash;
mod deploy;
mod design_topology;
mod drift;
mod error_catalogue;
mod every_action;
mod failures;
mod faults;
mod initialize;
mod leftovers;
mod live;
mod old_guest;
mod options;
mod replacement;
mod secret_edit;
mod secrets;
mod status;
mod upgrade;
mod whose;
