//! `nic destroy`

use std::io::{BufRead, IsTerminal};

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::drift::Unrecorded;
use nic_core::plan::Purpose;
use serde_json::json;

use super::{Ended, Result};
use crate::cli::{Destroy, RunFlags};
use crate::config::Config;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::{Format, Printer, Verbosity, human, json as views};
use crate::session::{Access, Session};

pub(super) async fn run(flags: &Destroy, printer: Printer) -> Result {
    let config = Config::load(&flags.config.file)?;
    let run_flags = RunFlags { retain: flags.retain.clone(), ..flags.run.clone() };
    let session = Session::open(&config, &flags.state, &run_flags, Access::Write, "destroy", printer).await;
    let session = session.map_err(|error| Ended::in_config(error, &config))?;
    let planned = session.run.plan(Purpose::Destroy).await.map_err(|error| Ended::in_config(error, &config))?;
    if planned.plan.change_count() > 0 {
        printer.line(human::plan(&planned.plan, printer.verbosity == Verbosity::Verbose));
        // Programs and pipes are not asked: there is nobody to answer.
        let ask = !flags.yes && printer.format == Format::Text && std::io::stdin().is_terminal();
        if ask && !confirmed(&config.project_name, printer) {
            return Err(CommandError::refused(vec![Diagnostic::error(
                "NOT_CONFIRMED",
                "Nothing was destroyed",
                "the project's name was not typed",
            )])
            .into());
        }
    }
    let report = session.run.apply(&planned).await.map_err(CommandError::from)?;
    super::deploy::finished(&report, "destroy")?;
    // Of a part of the platform, the rest is still there.
    if flags.run.target.is_empty() {
        let (left, unclear) = session.run.left_over().await;
        let unclear: Vec<Diagnostic> =
            unclear.into_iter().map(|d| Diagnostic { severity: Severity::Warning, ..d }).collect();
        printer.diagnostics(&unclear, None);
        if !left.is_empty() {
            return Err(still_there(&left).into());
        }
    }
    printer.line(human::done(report.changes_done()));
    printer.document(&json!({
        "success": true,
        "changes": report.changes_done(),
        "summary": views::summary(&planned.plan),
    }));
    Ok(ExitStatus::Success)
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
    .hint("delete them by hand, or run `nic deploy` and then `nic destroy`: deploy takes over what bears its marks");
    if let Some(diagnostic) = error.diagnostics.first_mut() {
        diagnostic.details = json!({ "left": names });
    }
    error
}

fn confirmed(project_name: &str, printer: Printer) -> bool {
    printer.talk("info", format!("\nThis cannot be undone. Type `{project_name}` to destroy all of it:"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && answer.trim() == project_name
}
