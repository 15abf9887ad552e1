//! `nic outputs`

use serde_json::Value;

use super::Result;
use crate::cli::Outputs;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::session::Session;

pub(super) async fn run(flags: &Outputs, printer: Printer) -> Result {
    let session = Session::of_state(&flags.of, printer).await?;
    let outputs = Value::Object(session.outputs().await?);
    printer.line(format!("{outputs:#}"));
    printer.document(&outputs);
    Ok(ExitStatus::Success)
}
