//! From the config to the plan of a deploy, for the command that shows it and the one that carries it out.

use nic_core::diagnostic::Diagnostic;
use nic_core::engine::{Planned, RunError};
use nic_core::plan::{ANOTHER_STATE, Purpose};
use serde_json::json;

use super::Ended;
use super::consent::Consent;
use crate::backend::Access;
use crate::cli::{RunFlags, StatePath};
use crate::config::Config;
use crate::disruption;
use crate::error::CommandError;
use crate::output::{Printer, Verbosity, human};
use crate::reach;
use crate::readiness::Look;
use crate::session::Session;

/// What a plan is made from, besides the config.
pub(super) struct PlanRequest<'a> {
    pub(super) state: &'a StatePath,
    pub(super) run: &'a RunFlags,
    pub(super) access: Access,
    pub(super) operation: &'a str,
    /// Go on with what another state made: with this lineage, or, when it is empty, with the only one.
    pub(super) take_over: Option<&'a str>,
}

/// Opens the state and plans a deploy; for who carries it out, with how the cluster stood at that time.
pub(super) async fn planned(
    config: &Config,
    wanted: &PlanRequest<'_>,
    printer: Printer,
) -> Result<(Session, Planned, Option<Look>), Ended> {
    let in_config = |error: CommandError| Ended::in_config(error, config);
    let session = open(config, wanted, None, printer).await?;
    let refused = match plan(config, &session, wanted.access).await {
        (Ok(planned), look) => return Ok((session, planned, look)),
        (Err(error), _) => error,
    };
    let lineage = wanted.take_over.map(|asked| found(asked, &refused)).transpose().map_err(in_config)?.flatten();
    let Some(lineage) = lineage else { return Err(in_config(refused.into())) };
    // Another session of the same state: this one ends its lock first.
    session.close().await.map_err(in_config)?;
    printer.talk("info", format!("Going on with the state of lineage {lineage}."));
    let session = open(config, wanted, Some(&lineage), printer).await?;
    let (planned, look) = plan(config, &session, wanted.access).await;
    Ok((session, planned.map_err(|error| in_config(error.into()))?, look))
}

/// How the cluster stands is asked beside the other reads, so that a deploy without changes waits for nothing more.
async fn plan(config: &Config, session: &Session, access: Access) -> (Result<Planned, RunError>, Option<Look>) {
    let planned = session.run.plan(Purpose::Deploy);
    let (mut planned, look) = match access {
        Access::Read => (planned.await, None),
        Access::Write => {
            let (planned, look) = tokio::join!(planned, Box::pin(Look::now(session)));
            (planned, Some(look))
        }
    };
    if let Err(RunError::Refused(problems) | RunError::Broke(problems)) = &mut planned {
        reach::explain(session, problems.iter_mut()).await;
    }
    if let Ok(planned) = &mut planned {
        planned.diagnostics = config.matter(std::mem::take(&mut planned.diagnostics));
        // Who reads the plan, or saves it, sees what there is to agree to.
        let note = Consent::to(session, planned).await.note();
        planned.plan.notes.extend(note);
        planned.plan.notes.extend(disruption::note(session, &planned.plan).await);
    }
    (planned, look)
}

/// Checks what is going to change, and shows it: with what is in its way, if the checks find that.
pub(super) async fn shown(
    config: &Config,
    session: &Session,
    planned: &Planned,
    (access, printer): (Access, Printer),
) -> Result<(), CommandError> {
    let checks = match access {
        Access::Read => session.run.preflight_of_plan(planned).await,
        Access::Write => session.run.preflight(planned).await,
    };
    if let Ok(told) = &checks {
        printer.diagnostics(told, Some(&config.excerpts(told)));
    }
    printer.line(human::plan(&planned.plan, printer.verbosity == Verbosity::Verbose));
    checks.map(drop).map_err(CommandError::from)
}

async fn open(
    config: &Config,
    wanted: &PlanRequest<'_>,
    lineage: Option<&str>,
    printer: Printer,
) -> Result<Session, Ended> {
    let PlanRequest { state, run, access, operation, .. } = *wanted;
    let session = Session::open(config, state, run, (access, operation), lineage, printer).await;
    session.map_err(|error| Ended::in_config(error, config))
}

/// The lineage to go on with; none when the plan was refused for another reason, or it is not clear which one is meant.
fn found(asked: &str, refused: &RunError) -> Result<Option<String>, CommandError> {
    let RunError::Refused(problems) = refused else { return Ok(None) };
    let Some(problem) = problems.iter().find(|problem| problem.code == ANOTHER_STATE) else { return Ok(None) };
    let lineages = problem.details["lineages"].as_array().into_iter().flatten();
    let lineages: Vec<&str> = lineages.filter_map(|told| told["lineage"].as_str()).collect();
    match lineages.as_slice() {
        [only] if asked.is_empty() => Ok(Some((*only).to_owned())),
        _ if asked.is_empty() => Ok(None),
        all if all.contains(&asked) => Ok(Some(asked.to_owned())),
        all => {
            let detail = format!("nothing is marked by `{asked}`; what is found is marked by {}", all.join(", "));
            let unknown = Diagnostic::error("TAKE_OVER_UNKNOWN", "There is nothing of that lineage", detail)
                .hint("give one that is found, or `--take-over` alone where there is only one");
            Err(CommandError::refused(vec![unknown.details(json!({ "lineages": all }))]))
        }
    }
}
