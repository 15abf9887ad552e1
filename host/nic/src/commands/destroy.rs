//! `nic destroy`

use std::io::{BufRead, IsTerminal};

use nic_core::plan::Purpose;
use serde_json::json;

use super::{Ended, Result};
use crate::cli::Destroy;
use crate::config::Config;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::{Format, Printer, Verbosity, human, json as views};
use crate::session::{Access, Session};

pub(super) async fn run(flags: &Destroy, printer: Printer) -> Result {
    let config = Config::load(&flags.config.file)?;
    let session = Session::open(&config, &flags.state, &flags.run, Access::Write, "destroy", printer).await;
    let session = session.map_err(|error| Ended::in_config(error, &config))?;
    let planned = session.run.plan(Purpose::Destroy).await.map_err(|error| Ended::in_config(error, &config))?;
    if planned.plan.change_count() > 0 {
        printer.line(human::plan(&planned.plan, printer.verbosity == Verbosity::Verbose));
        // Programs and pipes are not asked: there is nobody to answer.
        let ask = !flags.yes && printer.format == Format::Text && std::io::stdin().is_terminal();
        if ask && !confirmed(&config.project_name, printer) {
            return Err(CommandError::refused(vec![nic_core::diagnostic::Diagnostic::error(
                "NOT_CONFIRMED",
                "Nothing was destroyed",
                "the project's name was not typed",
            )])
            .into());
        }
    }
    let report = session.run.apply(&planned).await.map_err(CommandError::from)?;
    super::deploy::finished(&report, "destroy")?;
    printer.line(human::done(report.changes_done()));
    printer.document(&json!({
        "success": true,
        "changes": report.changes_done(),
        "summary": views::summary(&planned.plan),
    }));
    Ok(ExitStatus::Success)
}

fn confirmed(project_name: &str, printer: Printer) -> bool {
    printer.talk("info", format!("\nThis cannot be undone. Type `{project_name}` to destroy all of it:"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && answer.trim() == project_name
}
