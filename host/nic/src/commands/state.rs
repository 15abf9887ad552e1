//! `nic state list|show|retire`

use nic_core::ports::{Backend, Clock};
use nic_core::state::format_v1;
use serde_json::{Value, json};

use super::Result;
use super::confirm::{Prompt, Reply, in_place};
use crate::backend;
use crate::cli::{RetireArgs, StateCommand, StateOf};
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::handover::{Handover, PlatformRef};
use crate::output::Printer;

pub(super) async fn run(command: &StateCommand, printer: Printer) -> Result {
    match command {
        StateCommand::Retire(flags) => retire(flags, printer).await?,
        StateCommand::List(of) => {
            let (state, _) = read(of).await?;
            for record in state.records.values() {
                let note = match (&record.pending, record.imported, record.external) {
                    (Some(_), ..) => "  (pending)",
                    (_, true, _) => "  (imported)",
                    (_, _, true) => "  (external)",
                    _ if record.shared => "  (shared)",
                    _ => "",
                };
                printer.line(format!("{:<44} {}{note}", record.address, record.remote_id.as_deref().unwrap_or("-")));
            }
            let records: Vec<Value> = state
                .records
                .values()
                .map(|r| {
                    let (remote_id, pending) = (&r.remote_id, r.pending.is_some());
                    json!({"address": r.address, "kind": r.kind, "remote_id": remote_id, "pending": pending, "shared": r.shared})
                })
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
                "shared": record.shared,
            });
            printer.line(serde_json::to_string_pretty(&document).unwrap_or_default());
            printer.document(&document);
        }
    }
    Ok(ExitStatus::Success)
}

/// Puts the state of a platform that is gone aside. Nothing is asked of any cloud: whoever is asked would show nothing.
async fn retire(flags: &RetireArgs, printer: Printer) -> std::result::Result<(), CommandError> {
    let (of, lock_timeout) = (&flags.of, flags.of.state.lock_timeout);
    let location = of.state.resolve(&of.config.file);
    // Before the lock, whose file would be made beside no state; and under it, when nobody writes any more.
    read(of).await?;
    let backend = backend::lock(&location, "state retire", lock_timeout).await?;
    let (state, _) = read(of).await?;
    let (project, count) = (state.project_name.as_str(), state.records.len());
    let whose = in_place(state.identity.as_ref());
    printer.line(format!(
        "{location}: {count} {} of `{project}`{whose}.",
        if count == 1 { "resource" } else { "resources" }
    ));
    let text = format!(
        "NIC will know nothing of them any more, whether they are gone or not. Type `{project}` to put the state aside:"
    );
    Prompt { text, answer: Reply::Typed(project), undone: "retired", because: Vec::new() }
        .ask(flags.yes, printer)
        .await?;
    let now = nic_system::SystemClock::default().now();
    let retired = backend.retire(&now)?;
    let retired = std::path::absolute(&retired).unwrap_or(retired);
    printer.diagnostics(&Handover::at(&location.stage()).withdraw(&PlatformRef::of(&state)), None);
    printer.line(format!("Retired: it stands at {} now.", retired.display()));
    printer.document(&json!({
        "success": true,
        "retired": retired,
        "project_name": project,
        "resource_count": count,
        "identity": state.identity,
    }));
    Ok(())
}

async fn read(of: &StateOf) -> std::result::Result<(nic_core::state::State, Value), CommandError> {
    let location = of.state.resolve(&of.config.file);
    let missing = || {
        CommandError::broke("STATE_NOT_FOUND", "There is no state", format!("`{location}`"))
            .hint("give its path with `--state`, or the config's with `-f`")
    };
    let bytes = backend::open(&location)?.read().await?.ok_or_else(missing)?;
    let damaged = |error| backend::damaged(&location, &error);
    Ok((format_v1::decode(&bytes).map_err(damaged)?, format_v1::document(&bytes).map_err(damaged)?))
}
