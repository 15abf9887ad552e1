//! `nic outputs`

use serde_json::Value;

use super::Result;
use crate::cli::OutputsArgs;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::session::Session;

pub(super) async fn run(flags: &OutputsArgs, printer: Printer) -> Result {
    let session = Session::of_state(&flags.of, printer).await?;
    let mut outputs = session.outputs().await?;
    if flags.with_credentials {
        let credentials = session.cluster_credentials().await?.ok_or_else(CommandError::no_cluster)?;
        outputs.insert("kubernetes_credentials".to_owned(), credentials);
    }
    let outputs = Value::Object(outputs);
    printer.line(format!("{outputs:#}"));
    printer.document(&outputs);
    Ok(ExitStatus::Success)
}
