//! What the sandbox promises, through `nic` itself: a provider cannot steal, cannot hang, cannot corrupt.
//!
//! The provider is the scripted component; its config says what it does. Each test has a cloud of things of its own, looks at what
//! `nic` says and how it exits, at what reached the cloud, and at what stands in the state. What a misbehaving call costs: its own
//! change, and nothing else. Once the script is taken out, the same command converges, and nothing was made twice.

mod changes;
mod cluster;
mod compile;
mod consent;
mod contract;
mod grants;
mod hosts;
mod lies;
mod named;
mod past;
mod plans;
mod room;
mod site;
mod theft;
mod unsealing;
