//! The way out to the clouds in the host's own name: whoever asks here has the user's login.

use nic_authority::HostAuthority;
use nic_gate::{Gate, GateOptions, HostGate};

use crate::error::CommandError;

/// The way out, with what the environment says.
///
/// # Errors
/// `ENDPOINT_INVALID`.
pub fn open() -> Result<HostGate, CommandError> {
    let options = GateOptions::from_environment().map_err(|error| {
        CommandError::broke("ENDPOINT_INVALID", "An endpoint override cannot be used", error.to_string())
            .hint(error.hint)
    })?;
    Ok(HostGate::new(Gate::new(options), &HostAuthority::claim()))
}

/// The `ExecCredential` for a cluster of a region, as text.
///
/// # Errors
/// What the credential chain says.
pub async fn exec_credential(cluster: &str, region: &str) -> Result<String, CommandError> {
    let credential = nic_cluster::exec_credential(&open()?, region, cluster).await?;
    Ok(credential.to_string())
}
