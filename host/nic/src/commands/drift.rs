//! `nic drift detect|diff|accept|fix`

use nic_core::diagnostic::Diagnostic;
use nic_core::drift::{DriftReport, undecided};
use serde_json::json;

use super::Result;
use super::confirm::{Prompt, Reply, in_place};
use super::consent::Consent;
use crate::cli::{DriftActArgs, DriftCommand, DriftDetectArgs};
use crate::disruption;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::{Printer, Verbosity, drift_report as views, human, json as documents};
use crate::session::Session;

pub(super) async fn run(command: &DriftCommand, printer: Printer) -> Result {
    match command {
        DriftCommand::Detect(flags) => tell(flags, false, printer).await,
        DriftCommand::Diff(flags) => tell(flags, true, printer).await,
        DriftCommand::Accept(flags) => accept(flags, printer).await,
        DriftCommand::Fix(flags) => fix(flags, printer).await,
    }
}

async fn tell(flags: &DriftDetectArgs, whole: bool, printer: Printer) -> Result {
    let session = Session::of_state(&flags.of, printer).await?;
    let drift = session.run.drift().await.map_err(CommandError::from)?;
    printer.diagnostics(&drift.diagnostics, None);
    printer.diagnostics(&drift.owner.warnings, None);
    printer.line(views::text(&drift.report, whole || printer.verbosity == Verbosity::Verbose));
    let unknown = unknown(&drift.report, &drift.diagnostics);
    if !drift.report.has_drift() && !unknown.is_empty() {
        // "Could not be read" is never "no drift".
        return Err(CommandError { diagnostics: unknown, status: ExitStatus::Broke }.into());
    }
    if drift.report.has_drift() {
        printer.talk("info", "`nic drift fix` brings the cloud back; `nic drift accept` takes it as it is now.");
    }
    printer.document(&views::document(&drift.report));
    let found = drift.report.has_drift() && flags.detailed_exitcode;
    Ok(if found { ExitStatus::Found } else { ExitStatus::Success })
}

/// What keeps anybody from saying that there is no drift.
fn unknown(report: &DriftReport, undiscovered: &[Diagnostic]) -> Vec<Diagnostic> {
    let documents = |diagnostic: Diagnostic| diagnostic.details(json!({ "report": views::document(report) }));
    undecided(report).into_iter().chain(undiscovered.iter().cloned()).map(documents).collect()
}

async fn accept(flags: &DriftActArgs, printer: Printer) -> Result {
    let session = Session::of_locked_state(&flags.of, &flags.run, "drift accept", printer).await?;
    let drift = session.run.drift().await.map_err(CommandError::from)?;
    printer.diagnostics(&drift.diagnostics, None);
    printer.line(views::text(&drift.report, true));
    printer.diagnostics(&drift.owner.warnings, None);
    if drift.report.has_drift() {
        let place = in_place(drift.owner.identity.as_ref());
        let text = format!(
            "Record what is found{place} as what is right? The next deploy follows the config all the same. [y/N]"
        );
        Prompt { text, answer: Reply::Yes, undone: "accepted", because: Vec::new() }.ask(flags.yes, printer).await?;
    }
    let accepted = session.run.accept_drift(&drift).await.map_err(CommandError::from)?;
    printer.line(format!("Accepted. ({accepted} {})", if accepted == 1 { "record" } else { "records" }));
    let mut document = views::document(&drift.report);
    document["success"] = json!(true);
    document["accepted"] = json!(accepted);
    printer.document(&document);
    Ok(ExitStatus::Success)
}

async fn fix(flags: &DriftActArgs, printer: Printer) -> Result {
    let session = Session::of_locked_state(&flags.of, &flags.run, "drift fix", printer).await?;
    let drift = session.run.drift().await.map_err(CommandError::from)?;
    printer.diagnostics(&drift.diagnostics, None);
    let report = views::document(&drift.report);
    printer.diagnostics(&drift.owner.warnings, None);
    let planned = session.run.plan_restore(drift).await.map_err(CommandError::from)?;
    let consent = Consent::to(&session, &planned).await;
    if planned.plan.change_count() > 0 || consent.is_needed() {
        printer.line(human::plan(&planned.plan, printer.verbosity == Verbosity::Verbose));
        planned.plan.confirmed().map_err(CommandError::refused)?;
        let text = format!("Change it back{}? [y/N]", in_place(planned.identity.as_ref()));
        let question = Prompt { text, answer: Reply::Yes, undone: "changed", because: Vec::new() };
        consent.ask(question, flags.yes, printer).await?;
    }
    consent.given().await?;
    let applied = disruption::watched(&session, printer, session.run.apply(&planned)).await;
    let mut applied = applied.map_err(CommandError::from)?;
    disruption::explain(&session, &mut applied).await;
    super::deploy::finished(&applied, "drift fix")?;
    printer.line(human::done(applied.changes_done()));
    printer.document(&json!({
        "success": true,
        "changes": applied.changes_done(),
        "summary": documents::summary(&planned.plan),
        "drift": report,
    }));
    Ok(ExitStatus::Success)
}
