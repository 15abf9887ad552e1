//! Write NIC providers in Rust.

pub mod adapter;
#[cfg(feature = "aws")]
pub mod aws;
#[doc(hidden)]
pub mod bindings;
pub mod cloud_http;
mod convert;
pub mod description;
pub mod error;
pub mod kubernetes;
pub mod manifest;
pub mod provider;
pub mod report;
pub mod runtime;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod types;

pub use error::{Error, Failure};
pub use provider::Provider;
