//! `nic validate`: needs no credentials, no network and no state.

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::engine::RunError;
use serde_json::{Value, json};

use super::{Ended, Result};
use crate::cli::ValidateArgs;
use crate::config::{Config, ConfigSource};
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::{Printer, json as views};
use crate::session::Session;

pub(super) async fn run(flags: &ValidateArgs, printer: Printer) -> Result {
    let config = match Config::load(&flags.config.file) {
        Ok(config) => config,
        Err(error) if error.error.status == ExitStatus::Refused => {
            return Ok(answer(&error.error.diagnostics, error.source.as_ref(), printer));
        }
        Err(error) => return Err(error.into()),
    };
    let session = match Session::for_validation(&config, printer).await {
        Ok(session) => session,
        Err(error) if error.status == ExitStatus::Refused && error.diagnostics.iter().all(|d| d.pointer.is_some()) => {
            let found = config.warnings.iter().cloned().chain(error.diagnostics.into_iter().map(|d| config.locate(d)));
            let found: Vec<Diagnostic> = found.collect();
            return Ok(answer(&found, Some(&config.excerpts(&found)), printer));
        }
        Err(error) => {
            printer.diagnostics(&config.warnings, Some(&config.excerpts(&config.warnings)));
            return Err(Ended::in_config(error, &config));
        }
    };
    let mut found = config.warnings.clone();
    let providers = session.run.participants.iter().filter(|participant| participant.declares);
    let sections = providers.flat_map(|p| p.provider.description().config_sections.clone()).collect();
    found.extend(config.unclaimed(&sections));
    let mut broke = None;
    match session.run.validate().await {
        Ok(diagnostics) | Err(RunError::Refused(diagnostics)) => found.extend(diagnostics),
        Err(RunError::Broke(diagnostics)) => {
            found.extend(diagnostics);
            broke = Some(ExitStatus::Broke);
        }
        Err(error @ (RunError::Backend(_) | RunError::Interrupted)) => return Err(CommandError::from(error).into()),
    }
    let found: Vec<Diagnostic> = config.matter(found).into_iter().map(|d| config.locate(d)).collect();
    let answered = answer(&found, Some(&config.excerpts(&found)), printer);
    Ok(broke.unwrap_or(answered))
}

fn answer(found: &[Diagnostic], source: Option<&ConfigSource>, printer: Printer) -> ExitStatus {
    let of = |severity| -> Vec<Value> {
        found
            .iter()
            .filter(|d| d.severity == severity)
            .map(|d| serde_json::to_value(d).unwrap_or(Value::Null))
            .collect()
    };
    let errors = of(Severity::Error);
    let valid = errors.is_empty();
    printer.diagnostics(found, source);
    if valid {
        printer.line("The config is valid.");
    }
    let mut document = json!({ "valid": valid, "errors": errors, "warnings": of(Severity::Warning) });
    if !valid {
        let error = CommandError::refused(found.to_vec());
        if let (Value::Object(document), Value::Object(error)) = (&mut document, views::error_document(&error)) {
            document.extend(error);
        }
    }
    printer.document(&document);
    if valid { ExitStatus::Success } else { ExitStatus::Refused }
}
