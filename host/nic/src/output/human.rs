//! The text forms: diagnostics with excerpts, the plan, the no-change run.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::diff::AttributeChange;
use nic_core::document::hidden_words;
use nic_core::plan::{Action, Plan, PlannedChange, Reason};
use serde_json::Value;

use super::excerpt::excerpt;
use super::values::{self, path, shown};
use super::wrap;
use crate::config::ConfigSource;

/// How many unchanged resources are named before the rest is counted.
const UNCHANGED_NAMED: usize = 8;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

fn colour(action: Action) -> Style {
    match action {
        Action::Create => AnsiColor::Green.on_default(),
        Action::Update => AnsiColor::Yellow.on_default(),
        Action::Replace => AnsiColor::Magenta.on_default(),
        Action::Delete => AnsiColor::Red.on_default(),
        Action::NoOp | Action::Forget => DIM,
    }
}

/// A diagnostic: what happened, where, what to do.
pub fn diagnostic(diagnostic: &Diagnostic, source: Option<&ConfigSource>, index: usize) -> String {
    if diagnostic.severity != Severity::Info
        && let Some(source) = source
        && let Some(Some(span)) = source.spans.get(index)
        && !span.is_empty()
    {
        // The first line of what is meant is enough to find it; a whole section would bury the message.
        let line = source.text[span.start..].find('\n').map_or(span.end, |length| span.start + length);
        return excerpt(diagnostic, source, span.start..span.end.min(line));
    }
    plain(diagnostic, 0)
}

/// A diagnostic without an excerpt, that far to the right.
pub fn plain(diagnostic: &Diagnostic, indent: usize) -> String {
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error", AnsiColor::Red.on_default().bold()),
        Severity::Warning => ("warning", AnsiColor::Yellow.on_default().bold()),
        Severity::Info => ("note", AnsiColor::Cyan.on_default().bold()),
    };
    let margin = " ".repeat(indent);
    let (code, summary) = (&diagnostic.code, &diagnostic.summary);
    let mut text = format!("{margin}{style}{word}[{code}]{style:#}: {BOLD}{summary}{BOLD:#}");
    let place = |member: &str| diagnostic.details.get(member);
    if let (Some(Value::String(file)), Some(line), Some(column)) = (place("file"), place("line"), place("column")) {
        let _ = write!(text, "\n{margin}  {DIM}at{DIM:#} {file}:{line}:{column}");
    }
    if !diagnostic.detail.is_empty() {
        let _ = write!(text, "\n{}", wrap::hanging(&format!("{margin}  "), indent + 2, &diagnostic.detail));
    }
    for hint in &diagnostic.hints {
        let head = format!("{margin}  {DIM}hint:{DIM:#} ");
        let _ = write!(text, "\n{}", wrap::hanging(&head, indent + 8, hint));
    }
    text
}

/// The plan, destroys first; unchanged resources are left out. Of what is made it tells a few values, or all of them.
pub fn plan(plan: &Plan, verbose: bool) -> String {
    let mut text = String::new();
    for change in plan.changes.iter().filter(|change| change.action.is_change()) {
        let style = colour(change.action);
        let (symbol, name, why) = (change.symbol(), change.address.name(), because(change));
        let head = format!("  {style}{symbol:>3}{style:#} {} {BOLD}{name}{BOLD:#}", change.title);
        let between = match why.as_str() {
            "" => "",
            _ if wrap::width(&head) + 1 + wrap::width(&why) <= wrap::WIDTH => " ",
            _ => "\n        ",
        };
        let _ = writeln!(text, "{head}{between}{why}");
        for difference in &change.differences {
            attribute(&mut text, difference, change.action);
        }
        if let Some(why) = &change.confirmation {
            let red = AnsiColor::Red.on_default();
            // A line of its own, to be copied.
            let told = format!("{why}; deploy needs\n--confirm {}", change.address);
            let _ = writeln!(text, "{}", wrap::hanging(&format!("        {red}!{red:#} "), 10, &told));
        }
        match &change.values {
            Some(values) if verbose => text.push_str(&values::all(values)),
            Some(values) if change.action == Action::Create => text.push_str(&values::telling(values, name)),
            _ => {}
        }
        if verbose {
            let _ = writeln!(text, "        {DIM}{}{DIM:#}", change.address);
        }
    }
    for (change, why) in plan.changes.iter().filter_map(|change| Some((change, stays(change)?))) {
        let told = format!("{} {} ({why})", change.title, change.address.name());
        let _ = writeln!(text, "{}{DIM:#}", wrap::hanging(&format!("  {DIM}  = "), 6, &told));
    }
    let _ = write!(text, "{}", summary(plan));
    match plan.needs_confirmation.len() {
        0 => {}
        1 => text.push_str("\nOne of them loses what is protected: deploy refuses it until it is confirmed."),
        several => {
            let _ = write!(
                text,
                "\n{several} of them lose what is protected: deploy refuses them until they are confirmed."
            );
        }
    }
    text
}

/// `Plan: 1 to create, 2 to update, 0 to replace, 0 to delete.`
pub fn summary(plan: &Plan) -> String {
    let count = |action| plan.changes.iter().filter(|change| change.action == action).count();
    format!(
        "Plan: {} to create, {} to update, {} to replace, {} to delete.",
        count(Action::Create),
        count(Action::Update),
        count(Action::Replace),
        count(Action::Delete)
    )
}

/// What is said of something shared when it is first met.
const SHARED: &str = "exists already and is shared: used, never deleted";

/// Why something is not changed that might have been expected to be.
fn stays(change: &PlannedChange) -> Option<String> {
    match change.reason {
        Reason::Retained => Some("stays: `retain`".to_owned()),
        Reason::Shared => Some("stays: it is shared, NIC did not make it".to_owned()),
        Reason::UsedByOthers => Some(format!("stays: used by {}", change.used_by.join(", "))),
        Reason::Found if change.shared && change.action == Action::NoOp => Some(SHARED.to_owned()),
        _ => None,
    }
}

fn because(change: &PlannedChange) -> String {
    if let Some(host) = &change.goes_with {
        return format!("{DIM}(cannot be read: goes with {host}){DIM:#}");
    }
    let why = match change.reason {
        Reason::Found if change.shared => SHARED,
        Reason::GoneFromCloud => "it is gone from the cloud",
        Reason::Drift => "it was changed outside NIC",
        Reason::CannotUpdateInPlace => "cannot be changed in place",
        Reason::Failed => "it failed",
        Reason::PendingFromLastRun => "begun by an earlier run",
        Reason::ChangedByOthers => "somebody else is changing it; that is waited for",
        Reason::NotInConfig => "no longer in the config",
        Reason::Deposed => "it was replaced",
        Reason::Found => "found with our marks, not recorded",
        _ => return String::new(),
    };
    format!("{DIM}({why}){DIM:#}")
}

fn attribute(text: &mut String, difference: &AttributeChange, action: Action) {
    let path = path(&difference.pointer);
    let forced = if difference.forces_replace && action == Action::Replace { " forces replacement" } else { "" };
    let red = AnsiColor::Red.on_default();
    if let Some(words) = hidden_words(&difference.new) {
        let _ = writeln!(text, "        {path}: ({words}){red}{forced}{red:#}");
        return;
    }
    let (old, new) = (shown(difference, &difference.old), shown(difference, &difference.new));
    let line = format!("        {path}: {DIM}{old}{DIM:#} → {new}{red}{forced}{red:#}");
    if wrap::width(&line) <= wrap::WIDTH {
        let _ = writeln!(text, "{line}");
    } else {
        // Below each other, long values can be compared too.
        let _ = writeln!(text, "        {path}:{red}{forced}{red:#}\n            {DIM}{old}{DIM:#}\n          → {new}");
    }
}

/// `VPC vpc-123 exists, no changes needed.` for the resources people know, and a count of the rest.
pub fn unchanged(plan: &Plan) -> String {
    let (met, kept): (Vec<&PlannedChange>, Vec<&PlannedChange>) = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::NoOp)
        .partition(|change| change.shared && change.reason == Reason::Found);
    let mut text = String::new();
    for change in met {
        let _ = writeln!(text, "{} {} {SHARED}.", change.title, change.address.name());
    }
    // The things people talk about: what stands alone at its place, and what stands for nodes.
    let telling = |change: &&&PlannedChange| {
        matches!(
            change.kind.split_once('.').map_or("", |(_, kind)| kind),
            "vpc" | "network" | "cluster" | "node-group" | "node-pool"
        )
    };
    let named: Vec<&&PlannedChange> = kept.iter().filter(telling).take(UNCHANGED_NAMED).collect();
    for change in &named {
        let name = match change.remote_id.as_deref() {
            Some(id) if change.address.name() == "main" && id.len() <= 40 && !id.contains(['/', ':']) => id,
            _ => change.address.name(),
        };
        let _ = writeln!(text, "{} {name} exists, no changes needed.", change.title);
    }
    match kept.len() - named.len() {
        0 => {}
        1 => text.push_str("1 other resource exists, no changes needed.\n"),
        more => {
            let _ = writeln!(text, "{more} other resources exist, no changes needed.");
        }
    }
    text.trim_end().to_owned()
}

/// `Done. (2 changes)`.
pub fn done(changes: usize) -> String {
    format!("Done. ({changes} {})", if changes == 1 { "change" } else { "changes" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_that_has_no_room_beside_its_place_is_wrapped() {
        let text: std::sync::Arc<str> = "project_name: 1x\n".into();
        let source = ConfigSource { path: "nebari-config.yaml".into(), text, spans: vec![Some(14..16)] };
        let detail = "a long explanation of what is expected here and why ".repeat(3);
        let shown =
            diagnostic(&Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", detail), Some(&source), 0);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert!(shown.lines().all(|line| line.chars().count() <= wrap::WIDTH), "{shown}");
        assert!(shown.contains("nebari-config.yaml:1:15"), "{shown}");
    }
}
