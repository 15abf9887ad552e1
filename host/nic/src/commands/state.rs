//! `nic state list|show`

use nic_core::ports::Backend;
use nic_core::state::format_v1;
use serde_json::{Value, json};

use super::Result;
use crate::backend;
use crate::cli::{State as StateCommand, StateOf};
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::session::state_error;

pub(super) async fn run(command: &StateCommand, printer: Printer) -> Result {
    match command {
        StateCommand::List(of) => {
            let (state, _) = read(of).await?;
            for record in state.records.values() {
                let note = match (&record.pending, record.imported, record.external) {
                    (Some(_), ..) => "  (pending)",
                    (_, true, _) => "  (imported)",
                    (_, _, true) => "  (external)",
                    _ => "",
                };
                printer.line(format!("{:<44} {}{note}", record.address, record.remote_id.as_deref().unwrap_or("-")));
            }
            let records: Vec<Value> = state
                .records
                .values()
                .map(|r| json!({"address": r.address, "kind": r.kind, "remote_id": r.remote_id, "pending": r.pending.is_some()}))
                .collect();
            printer.document(&json!({ "serial": state.serial, "lineage": state.lineage, "resources": records }));
        }
        StateCommand::Show { address: None, of } => {
            let (_, document) = read(of).await?;
            let text = serde_json::to_string_pretty(&document).unwrap_or_default();
            printer.line(text);
            printer.document(&document);
        }
        StateCommand::Show { address: Some(address), of } => {
            let (state, _) = read(of).await?;
            let record = state.records.get(address).ok_or_else(|| {
                CommandError::broke("STATE_NO_RECORD", "Nothing is recorded at that address", format!("`{address}`"))
                    .hint("`nic state list` shows what is recorded")
            })?;
            let document = json!({
                "address": record.address,
                "kind": record.kind,
                "remote_id": record.remote_id,
                "attributes": record.attributes,
                "baseline": record.baseline,
                "dependencies": record.dependencies,
                "pending": record.pending,
                "imported": record.imported,
            });
            printer.line(serde_json::to_string_pretty(&document).unwrap_or_default());
            printer.document(&document);
        }
    }
    Ok(ExitStatus::Success)
}

async fn read(of: &StateOf) -> std::result::Result<(nic_core::state::State, Value), CommandError> {
    let path = of.state.resolve(&of.config.file);
    let missing = || {
        CommandError::broke("STATE_NOT_FOUND", "There is no state", format!("`{}`", path.display()))
            .hint("give its path with `--state`, or the config's with `-f`")
    };
    let bytes = backend::open(&path)?.read().await?.ok_or_else(missing)?;
    let state = format_v1::decode(&bytes).map_err(|error| state_error(&path, &error))?;
    Ok((state, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}
