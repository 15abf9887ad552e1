//! What `nic doctor` asks of clouds: a file for each that has a login.

pub mod aws;

use std::future::Future;
use std::pin::Pin;

use nic_gate::HostGate;

use crate::error::CommandError;

/// Asks the cloud, at this place of it, for whom it takes us. The error says what to mend.
pub type LoginCheck =
    for<'a> fn(&'a HostGate, &'a str) -> Pin<Box<dyn Future<Output = Result<String, CommandError>> + Send + 'a>>;
