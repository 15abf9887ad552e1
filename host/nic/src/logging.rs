//! The host's own log, on stderr, for `-v` and `NIC_LOG`.

use tracing_subscriber::EnvFilter;

use crate::cli::Global;
use crate::output::Format;

/// Starts logging. Without `-v` and `NIC_LOG` nothing below a warning is said.
pub fn init(global: &Global) {
    let default = if global.verbose { "nic=debug,nic_core=debug,warn" } else { "error" };
    let filter = EnvFilter::try_from_env("NIC_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second initialisation, in tests, is harmless.
    let _ = match global.format {
        Format::Json => subscriber.json().flatten_event(true).try_init(),
        Format::Text => subscriber.without_time().try_init(),
    };
}
