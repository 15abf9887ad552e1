//! `nic destroy`

use std::sync::Arc;

use nic_core::diagnostic::Diagnostic;
use nic_core::drift::Unrecorded;
use nic_core::plan::{Action, PlannedChange, Purpose, Reason};
use serde_json::json;

use super::confirm::{Prompt, Reply, in_place};
use super::consent::Consent;
use super::{Ended, Result};
use crate::backend::Access;
use crate::cli::{DestroyArgs, RunFlags};
use crate::config::Config;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::handover::{self, Handover, Withdrawing};
use crate::output::{Printer, Verbosity, human, json as views, wrap};
use crate::session::Session;

pub(super) async fn run(flags: &DestroyArgs, printer: Printer) -> Result {
    let config = Config::load(&flags.config.file)?;
    let run_flags = RunFlags { retain: flags.retain.clone(), ..flags.run.clone() };
    let session = Session::open(&config, &flags.state, &run_flags, (Access::Write, "destroy"), None, printer).await;
    let mut session = session.map_err(|error| Ended::in_config(error, &config))?;
    let planned = session.run.plan(Purpose::Destroy).await.map_err(|error| Ended::in_config(error, &config))?;
    printer.diagnostics(&planned.diagnostics, None);
    printer.diagnostics(&planned.plan.notes, None);
    let count = |action| planned.plan.changes.iter().filter(|change| change.action == action).count();
    let stays = |reason| matches!(reason, Reason::Shared | Reason::UsedByOthers);
    let staying = planned.plan.changes.iter().filter(|change| stays(change.reason)).count();
    let (deleted, forgotten) = (count(Action::Delete), count(Action::Forget) - staying);
    let place = in_place(planned.identity.as_ref());
    let consent = Consent::to(&session, &planned).await;
    if deleted + forgotten + staying > 0 {
        printer.line(human::plan(&planned.plan, printer.verbosity == Verbosity::Verbose));
        if forgotten > deleted {
            printer.diagnostics(&[mostly_forgotten(deleted, forgotten, &place)], None);
        }
        let project = config.project_name.as_str();
        let what = if flags.run.target.is_empty() { "all of it" } else { "this part of it" };
        let text = format!("This cannot be undone. Type `{project}` to destroy {what}{place}:");
        let question = Prompt { text, answer: Reply::Typed(project), undone: "destroyed", because: Vec::new() };
        consent.ask(question, flags.yes, printer).await?;
    }
    consent.given().await?;
    let (handover, platform) = (Handover::at(&session.location.stage()), session.platform().await);
    // Where there never was a state, the files beside its path are of another one.
    let was_there = session.run.journal.state().await.serial > 0;
    let kinds = session.run.kinds();
    let is_cluster = |change: &&PlannedChange| kinds.get(&change.kind).is_some_and(|kind| kind.hosts().is_some());
    session.run.reporter = Arc::new(Withdrawing {
        within: session.run.reporter.clone(),
        handover: handover.clone(),
        platform: platform.clone(),
        clusters: planned.plan.changes.iter().filter(is_cluster).map(|change| change.address.clone()).collect(),
        printer,
    });
    let report = session.run.apply(&planned).await.map_err(CommandError::from)?;
    if was_there && handover::is_over(&session.run).await {
        printer.diagnostics(&handover.withdraw(&platform), None);
    }
    super::deploy::finished(&report, "destroy")?;
    // Of a part of the platform, the rest is still there.
    let whole = flags.run.target.is_empty();
    let mut looked = whole;
    if whole {
        let (left, unclear) = session.run.left_over().await;
        let unclear: Vec<Diagnostic> = unclear.into_iter().map(not_looked_for).collect();
        looked = unclear.is_empty();
        printer.diagnostics(&unclear, None);
        if !left.is_empty() {
            return Err(still_there(&left).into());
        }
    }
    if was_there {
        printer.line(human::done(report.changes_done()));
    } else {
        let location = &session.location;
        let rest = if looked { "" } else { " Whether anything stands all the same was not looked at." };
        let told = format!("There is no state at `{location}`: nothing is recorded, and nothing was deleted.{rest}");
        printer.line(wrap::hanging("", 0, &told));
    }
    printer.document(&json!({
        "success": true,
        "changes": report.changes_done(),
        "summary": views::summary(&planned.plan),
    }));
    Ok(ExitStatus::Success)
}

/// A destroy ends with a look for whatever bears the platform's marks and is not recorded. Without it nobody can say that nothing is left.
fn not_looked_for(why: Diagnostic) -> Diagnostic {
    let detail = format!(
        "whatever bears the platform's marks and is not recorded could not be looked for, and may cost money: {}",
        why.detail
    );
    let mut told = Diagnostic::warning("LEFTOVERS_UNKNOWN", "Something of the platform may be left", detail);
    told.hints = why.hints;
    told.details = why.details;
    told.details["cause"] = json!(why.code);
    told
}

/// Everything recorded is gone, and something is there all the same.
fn still_there(left: &[Unrecorded]) -> CommandError {
    let name = |thing: &Unrecorded| {
        let id = thing.remote_id.as_deref().unwrap_or_else(|| thing.address.name());
        format!("{} {id}", thing.title)
    };
    let names: Vec<String> = left.iter().map(name).collect();
    let mut error = CommandError::broke(
        "DESTROY_INCOMPLETE",
        "Something of the platform is still there",
        format!("everything recorded is gone, but these bear the platform's marks: {}", names.join(", ")),
    )
    .hint("delete them by hand, or run `nic deploy` and then `nic destroy`: deploy records what bears its marks");
    if let Some(diagnostic) = error.diagnostics.first_mut() {
        diagnostic.details = json!({ "left": names });
    }
    error
}

/// A destroy that finds little of what it should delete may be in the wrong place.
fn mostly_forgotten(deleted: usize, forgotten: usize, place: &str) -> Diagnostic {
    let detail = format!(
        "{forgotten} of the recorded resources are not found{place}: only their records go. {deleted} are found, and deleted"
    );
    Diagnostic::warning("DESTROY_MOSTLY_FORGETS", "More is forgotten than deleted", detail)
        .hint("see whether credentials, region and endpoints are those it was made with")
}
