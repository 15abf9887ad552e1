//! kill -9 at every request (before and after the server acts) and at every journal write, of a deploy and of a destroy of the whole
//! platform; then the same command again. Each time: the same end, nothing twice, nothing left over.
//!
//! # What is covered
//!
//! - The whole platform in both topologies, with everything that NIC makes in either: network, cluster, node groups, storage, add-ons,
//!   autoscaler, and the objects on the cluster. Both emulators.
//! - The points are counted on a run that nobody kills: each request that reaches AWS or the API server (reads too), and each write
//!   of the state. A request is struck twice, before the server acts and after it has acted with the answer lost. A write is struck
//!   before and after its rename. A request is named by what it asks for, not by its place among all, which differs from run to run.
//! - A run of `nic deploy` that was killed is followed by another, and what then is in the account, on the cluster, in the state and in
//!   the outputs is compared, ids replaced by what they stand for, to what the run left that nobody killed: the wiring. Then
//!   `nic destroy` is killed on that very platform, and run again: the account and the cluster are empty, and the state records nothing.
//! - What a deploy makes is shown late, so that the run after a kill finds only what the state says was begun.
//! - A kill after which nothing has changed anywhere (no request that changes something came, the state's bytes are the same) leaves the
//!   next run what it was before: the next point is struck on the same platform, without looking at it in between.
//! - What is not here: faults that do not kill.
//!
//! CI strikes a [`sample`]; `cargo xtask test --sweep` strikes every point.

mod ledger;
mod point;
mod run;
mod sample;
mod shard;
mod topology;

pub use ledger::{Ledger, Outcome, place};
pub use point::{Command, Moment, Place, Point, Run, points};
pub use run::{Platforms, Reference};
pub use sample::{Reason, Thinned, sample};
pub use shard::Shard;
pub use topology::Topology;
