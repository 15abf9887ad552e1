//! `nic plan`

use nic_core::plan::{Action, Plan};
use serde_json::{Map, Value, json};

use super::planned::{PlanRequest, planned, shown};
use super::{Ended, Result};
use crate::backend::Access;
use crate::cli::PlanArgs;
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::output::{Printer, Verbosity, human, json as views};
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
    let changes = planned.plan.change_count();
    if changes == 0 {
        printer.line(human::unchanged(&planned.plan));
        printer.line(human::done(0));
    } else if let Err(error) = shown(&config, &session, &planned, (Access::Read, printer)).await {
        // What a deploy would end with before its first change. Nobody agrees to such a plan, so it is not saved; but it is shown.
        return Err(Ended { beside: members(&planned.plan), ..Ended::in_config(error, &config) });
    }
    let is_made = |action| matches!(action, Action::Create | Action::Replace);
    if printer.verbosity == Verbosity::Normal && planned.plan.changes.iter().any(|change| is_made(change.action)) {
        printer.talk("info", "`nic plan --verbose` shows every value of what is made.");
    }
    if let Some(path) = &flags.out {
        plan_file::write(path, &planned.plan, &session.run.clock.now())?;
        printer.talk("info", format!("\nSaved. Carry it out with `nic deploy --plan {}`.", path.display()));
    }
    let mut document = members(&planned.plan);
    document.insert("success".to_owned(), json!(true));
    printer.document(&Value::Object(document));
    Ok(if changes > 0 && flags.detailed_exitcode { ExitStatus::Found } else { ExitStatus::Success })
}

/// What the command's document says of the plan.
fn members(plan: &Plan) -> Map<String, Value> {
    let members = [
        ("has_changes", json!(plan.change_count() > 0)),
        ("summary", views::summary(plan)),
        ("needs_confirmation", json!(plan.needs_confirmation)),
        ("plan", json!(plan)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
