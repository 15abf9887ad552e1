//! `nic deploy`: the whole table of docs/lifecycle.md, once, downwards.

use std::time::Duration;

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::engine::{ApplyReport, Planned, RunError};
use serde_json::{Value, json};

use super::confirm::{Prompt, Reply, in_place};
use super::consent::Consent;
use super::planned::{PlanRequest, planned, shown};
use super::{Ended, Result};
use crate::backend::Access;
use crate::cli::DeployArgs;
use crate::config::Config;
use crate::disruption;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::files;
use crate::handover::Handover;
use crate::output::{Printer, Verbosity, human, json as views};
use crate::plan_file::{REACHES_FAR, SavedPlan};
use crate::reach;
use crate::readiness::{self, Cause, End, Look, Scope};
use crate::session::Session;

pub(super) async fn run(flags: &DeployArgs, printer: Printer) -> Result {
    let config = Config::load(&flags.config.file)?;
    printer.diagnostics(&config.warnings, Some(&config.excerpts(&config.warnings)));
    if config.prevents_deploy() {
        let diagnostic = Diagnostic {
            pointer: Some("/prevent_deploy".to_owned()),
            ..Diagnostic::error("DEPLOY_PREVENTED", "The config forbids deploying", "`prevent_deploy` is true")
        };
        return Err(Ended::in_config(
            CommandError::refused(vec![diagnostic.hint("remove it when you mean to deploy")]),
            &config,
        ));
    }
    let saved = flags.plan.as_deref().map(SavedPlan::read).transpose()?;
    let wanted = PlanRequest {
        state: &flags.state,
        run: &flags.run,
        access: Access::Write,
        operation: "deploy",
        take_over: flags.take_over.as_deref(),
    };
    let (session, planned, look) = planned(&config, &wanted, printer).await?;
    let beside = Handover::at(&session.location.stage());
    let handover = Handover {
        outputs: flags.outputs.clone().unwrap_or(beside.outputs),
        kubeconfig: flags.kubeconfig.clone().unwrap_or(beside.kubeconfig),
    };
    handover.is_free(&session.platform().await)?;
    let in_config = |error| Ended::in_config(error, &config);
    printer.diagnostics(&planned.diagnostics, Some(&config.excerpts(&planned.diagnostics)));
    // What there is to agree to is told after the plan, where it is asked.
    let notes: Vec<Diagnostic> = planned.plan.notes.iter().filter(|note| note.code != REACHES_FAR).cloned().collect();
    printer.diagnostics(&notes, None);
    if let Some(saved) = &saved {
        saved.still_holds(&planned.plan)?;
    }
    let changes = planned.plan.change_count();
    if changes == 0 {
        printer.line(human::unchanged(&planned.plan));
    } else if let Err(unconfirmed) = planned.plan.confirmed() {
        // Who is to confirm something has to see what it is.
        printer.line(human::plan(&planned.plan, printer.verbosity == Verbosity::Verbose));
        return Err(in_config(RunError::Refused(unconfirmed)));
    } else {
        let shown = shown(&config, &session, &planned, (Access::Write, printer)).await;
        shown.map_err(|error| Ended::in_config(error, &config))?;
    }
    let consent = Consent::to(&session, &planned).await;
    if consent.is_needed() {
        // A saved plan was seen, and shows the same.
        let yes = flags.yes || saved.is_some();
        let text = format!("Carry out this plan{}? [y/N]", in_place(planned.identity.as_ref()));
        let question = Prompt { text, answer: Reply::Yes, undone: "changed", because: Vec::new() };
        consent.ask(question, yes, printer).await.map_err(|error| Ended::in_config(error, &config))?;
    }
    consent.given().await?;
    let applied = disruption::watched(&session, printer, session.run.apply(&planned)).await;
    let mut report = applied.map_err(in_config)?;
    disruption::explain(&session, &mut report).await;
    reach::explain(&session, reach::failures(&mut report)).await;
    finished(&report, "deploy")?;
    // A part of the platform is no successful deploy of it.
    if flags.run.target.is_empty() {
        session.record_success().await?;
    }

    let mut outputs = session.outputs().await?;
    let access = session.cluster_access().await?;
    if let Some(access) = &access {
        printer.diagnostics(&access.warnings, None);
        files::replace(&handover.kubeconfig, access.kubeconfig.as_bytes())?;
        let path = std::path::absolute(&handover.kubeconfig).unwrap_or(handover.kubeconfig).display().to_string();
        outputs.insert("kubeconfig".to_owned(), json!({ "path": path, "context": access.context }));
        outputs.insert("kubeconfig_filename".to_owned(), path.into());
    }
    files::replace(&handover.outputs, format!("{:#}\n", Value::Object(outputs.clone())).as_bytes())?;

    let done = report.changes_done();
    if let Some(lost) = reach::lost(&session, &planned, done).await {
        if !flags.no_wait {
            return Err(in_config(RunError::Broke(vec![lost])));
        }
        printer.diagnostics(&[Diagnostic { severity: Severity::Warning, ..lost }], None);
    }
    let causes = standing(flags, &session, &planned, look.filter(|_| changes == 0), done).await?;
    if !causes.is_empty() {
        let told = readiness::diagnostic(&causes, done, Duration::ZERO);
        printer.diagnostics(&[Diagnostic { severity: Severity::Warning, ..told }], None);
    }
    printer.line(human::done(done));
    let mut document = outputs;
    if let (Some(access), Some(kubeconfig)) = (&access, document.get_mut("kubeconfig")) {
        kubeconfig["content"] = json!(access.kubeconfig);
    }
    document.insert("success".to_owned(), json!(true));
    document.insert("changes".to_owned(), json!(done));
    document.insert("health".to_owned(), json!(readiness::health(&causes)));
    let issues: Vec<&str> = causes.iter().map(|cause| cause.words.as_str()).collect();
    document.insert("issues".to_owned(), json!(issues));
    document.insert("summary".to_owned(), views::summary(&planned.plan));
    printer.document(&Value::Object(document));
    Ok(ExitStatus::Success)
}

/// Waits until the platform is ready, unless nobody wants to wait; then what is missing. A deploy that ends well leaves a platform that
/// can be used.
async fn standing(
    flags: &DeployArgs,
    session: &Session,
    planned: &Planned,
    known: Option<Look>,
    done: usize,
) -> std::result::Result<Vec<Cause>, CommandError> {
    let scope = if flags.run.target.is_empty() {
        Scope::Whole
    } else {
        Scope::Only(planned.plan.changes.iter().map(|change| change.address.clone()).collect())
    };
    let patience = if flags.no_wait { Duration::ZERO } else { flags.ready_timeout };
    match Box::pin(readiness::wait(session, &scope, known, patience)).await? {
        End::Ready => Ok(Vec::new()),
        End::NotReady(causes, _) if flags.no_wait => Ok(causes),
        End::NotReady(causes, waited) => Err(CommandError {
            diagnostics: vec![readiness::diagnostic(&causes, done, waited)],
            status: ExitStatus::Broke,
        }),
        End::Interrupted(causes) => {
            let missing = causes.first().map_or("", |cause| cause.words.as_str());
            let detail = format!("{done} changes are done and recorded, and the platform is not ready yet: {missing}");
            let interrupted = Diagnostic::error("INTERRUPTED", "Stopped before everything was done", detail)
                .hint("`nic status` tells how it is; `nic deploy` waits again");
            Err(CommandError { diagnostics: vec![interrupted], status: ExitStatus::Interrupted })
        }
    }
}

/// What is left to say when not everything was done.
pub(super) fn finished(report: &ApplyReport, operation: &str) -> std::result::Result<(), CommandError> {
    let mut failures: Vec<Diagnostic> = report.told();
    let status =
        if failures.is_empty() && report.was_interrupted() { ExitStatus::Interrupted } else { ExitStatus::Broke };
    if report.was_interrupted() {
        failures.push(
            Diagnostic::error(
                "INTERRUPTED",
                "Stopped before everything was done",
                format!("{} changes are done and recorded", report.changes_done()),
            )
            .hint(format!("run `nic {operation}` again to go on")),
        );
    }
    if failures.is_empty() { Ok(()) } else { Err(CommandError { diagnostics: failures, status }) }
}
