//! `nic plan`

use nic_core::plan::Purpose;
use serde_json::json;

use super::{Ended, Result};
use crate::cli::Plan;
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::output::{Printer, Verbosity, human};
use crate::plan_file;
use crate::session::{Access, Session};

pub(super) async fn run(flags: &Plan, printer: Printer) -> Result {
    let config = Config::load(&flags.config.file)?;
    printer.diagnostics(&config.warnings, Some(&config.excerpts(&config.warnings)));
    let session = Session::open(&config, &flags.state, &flags.run, Access::Read, "plan", printer).await;
    let session = session.map_err(|error| Ended::in_config(error, &config))?;
    let planned = session.run.plan(Purpose::Deploy).await.map_err(|error| Ended::in_config(error, &config))?;
    printer.diagnostics(&planned.diagnostics, Some(&config.excerpts(&planned.diagnostics)));
    printer.diagnostics(&planned.plan.notes, None);
    if let Some(path) = &flags.out {
        plan_file::write(path, &planned.plan, &session.run.clock.now())?;
    }
    let changes = planned.plan.change_count();
    if changes == 0 {
        printer.line(human::unchanged(&planned.plan));
        printer.line(human::done(0));
    } else {
        printer.line(human::plan(&planned.plan, printer.verbosity == Verbosity::Verbose));
    }
    if let Some(path) = &flags.out {
        printer.talk("info", format!("\nSaved. Carry it out with `nic deploy --plan {}`.", path.display()));
    }
    printer.document(&json!({ "success": true, "has_changes": changes > 0, "summary": crate::output::json::summary(&planned.plan), "plan": planned.plan }));
    Ok(if changes > 0 && flags.detailed_exitcode { ExitStatus::ChangesFound } else { ExitStatus::Success })
}
