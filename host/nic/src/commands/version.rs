//! `nic version`

use crate::exit::ExitStatus;
use crate::output::Printer;

pub(super) fn run(printer: Printer) -> ExitStatus {
    let version = env!("CARGO_PKG_VERSION");
    printer.line(format!(
        "nic {version} (boundary nic:plugin@0.1.0, state format {})",
        nic_core::state::format_v1::FORMAT_VERSION
    ));
    printer.document(&serde_json::json!({
        "version": version,
        "wit": "nic:plugin@0.1.0",
        "state_format_version": nic_core::state::format_v1::FORMAT_VERSION,
    }));
    ExitStatus::Success
}
