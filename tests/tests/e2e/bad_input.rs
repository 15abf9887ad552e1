//! Bad input: each kind is an error with a code, what happened, where, and what to do; and nothing is lost.
//!
//! What was said stands in `snapshots/`, in text and in JSON, as somebody read it. `INSTA_UPDATE=always` writes them anew, to be read
//! again.

mod cloud;
mod component;
mod config;
mod disk;
mod environment;
mod process;
mod said;
mod silence;
mod state;
