//! The engine against a simulated cloud: in memory, in virtual time, with crashes at every write and at every call.

mod bucket;
mod cloud;
mod faults;
mod platform;
mod provider;
mod time;
mod world;

mod adoption;
mod births;
mod convergence;
mod crashes;
mod create_first;
mod drift;
mod interrupts;
mod leases;
mod lies;
mod owner;
mod parts;
mod preflight;
mod random_faults;
mod refusals;
mod retain;
mod scale;
mod secrets;
mod shared;
mod targets;
