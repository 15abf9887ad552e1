//! `nic plan`

use serde_json::json;

use super::Result;
use super::planned::{PlanRequest, planned};
use crate::backend::Access;
use crate::cli::PlanArgs;
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::output::{Printer, Verbosity, human};
use crate::plan_file;

pub(super) async fn run(flags: &PlanArgs, printer: Printer) -> Result {
    let config = Config::load(&flags.config.file)?;
    printer.diagnostics(&config.warnings, Some(&config.excerpts(&config.warnings)));
    let wanted = PlanRequest {
        state: &flags.state,
        run: &flags.run,
        access: Access::Read,
        operation: "plan",
        take_over: flags.take_over.as_deref(),
    };
    let (session, planned, _) = planned(&config, &wanted, printer).await?;
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
    printer.document(&json!({
        "success": true,
        "has_changes": changes > 0,
        "summary": crate::output::json::summary(&planned.plan),
        "needs_confirmation": planned.plan.needs_confirmation,
        "plan": planned.plan,
    }));
    Ok(if changes > 0 && flags.detailed_exitcode { ExitStatus::Found } else { ExitStatus::Success })
}
