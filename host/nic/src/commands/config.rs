//! `nic config schema`

use nic_core::ports::Provider as _;
use serde_json::{Map, Value, json};

use super::Result;
use crate::cli::ConfigCommand;
use crate::components;
use crate::config::host_schema;
use crate::exit::ExitStatus;
use crate::loading;
use crate::output::Printer;

pub(super) async fn run(command: &ConfigCommand, printer: Printer) -> Result {
    match command {
        ConfigCommand::Schema => schema(printer).await,
    }
}

/// The host's own keys, and each provider's sections as the provider describes them. Sections of later stages are left open.
async fn schema(printer: Printer) -> Result {
    let mut schema = host_schema();
    let mut sections = Map::new();
    for found in components::all() {
        let component = loading::component(&found.name, printer).await?;
        sections.extend(component.description().config_sections.clone());
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.extend(sections);
    }
    schema["$comment"] = json!(format!("nic {}", env!("CARGO_PKG_VERSION")));
    printer.line(format!("{schema:#}"));
    printer.document(&schema);
    Ok(ExitStatus::Success)
}
