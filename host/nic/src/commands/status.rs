//! `nic status`: is it there, and is it well?

use nic_core::graph::DesiredGraph;
use nic_core::resource::Status as Observed;
use serde_json::json;

use super::Result;
use crate::backend::LocalBackend;
use crate::cli::Status;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::session::Session;

pub(super) async fn run(flags: &Status, printer: Printer) -> Result {
    let session = Session::of_state(&flags.of, printer).await?;
    let state = session.run.journal.state().await;
    let observed = session.run.refresh(&DesiredGraph::default()).await.map_err(CommandError::from)?;
    let mut issues = Vec::new();
    for (address, observed) in &observed {
        issues.extend(match &observed.status {
            Observed::Present => None,
            Observed::Absent => Some(format!("{address} is recorded, and the cloud does not have it")),
            Observed::InProgress(what) => Some(format!("{address} is changing ({what})")),
            Observed::Failed(how) => Some(format!("{address} failed: {how}")),
            Observed::Foreign(what) => Some(format!("{address} is not ours: {what}")),
            Observed::Ambiguous(ids) => Some(format!("{address} is ambiguous: {}", ids.join(", "))),
            Observed::Unreadable(error) => Some(format!("{address} could not be read: {error}")),
        });
    }
    for record in state.records.values().filter(|record| record.pending.is_some()) {
        issues.push(format!("{} was begun and not finished; `nic deploy` goes on with it", record.address));
    }
    if state.records.is_empty() {
        issues.push("nothing is deployed".to_owned());
    }
    let healthy = issues.is_empty();
    let holder = LocalBackend::holder(&session.state_path);
    let region = state.region.as_deref().unwrap_or("no region");
    printer.line(format!(
        "{}-{} ({}, {region}, {} topology)",
        state.project_name, state.namespace, state.provider, state.topology
    ));
    printer.line(format!("{} resources recorded, state serial {}", state.records.len(), state.serial));
    if let Some(last) = &state.metadata.last_successful_deploy {
        printer.line(format!("last successful deploy {last}"));
    }
    if let Some(holder) = &holder {
        printer.line(format!("in use by {} for `nic {}` since {}", holder.who, holder.operation, holder.since));
    }
    for issue in &issues {
        printer.line(format!("  ! {issue}"));
    }
    printer.line(if healthy { "Healthy." } else { "Not healthy." });
    printer.document(&json!({
        "healthy": healthy,
        "issues": issues,
        "provider": state.provider,
        "project_name": state.project_name,
        "namespace": state.namespace,
        "region": state.region,
        "topology": state.topology,
        "resource_count": state.records.len(),
        "serial": state.serial,
        "last_successful_deploy": state.metadata.last_successful_deploy,
        "lock": holder,
    }));
    Ok(ExitStatus::Success)
}
