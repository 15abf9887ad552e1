//! The text forms: diagnostics with excerpts, the plan, the no-change run.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::diff::AttributeChange;
use nic_core::document::{canonical, hidden_words, is_unknown, secret_name};
use nic_core::plan::{Action, Plan, PlannedChange, Reason};
use serde_json::Value;

use crate::config::ConfigSource;

/// How many unchanged resources are named before the rest is counted.
const UNCHANGED_NAMED: usize = 8;

/// Longest value that is shown in a plan, in characters.
const MAX_VALUE: usize = 60;

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
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error", AnsiColor::Red.on_default().bold()),
        Severity::Warning => ("warning", AnsiColor::Yellow.on_default().bold()),
        Severity::Info => ("note", AnsiColor::Cyan.on_default().bold()),
    };
    let mut text = format!("{style}{word}[{}]{style:#}: {BOLD}{}{BOLD:#}", diagnostic.code, diagnostic.summary);
    if !diagnostic.detail.is_empty() {
        let _ = write!(text, "\n  {}", diagnostic.detail);
    }
    for hint in &diagnostic.hints {
        let _ = write!(text, "\n  {DIM}hint:{DIM:#} {hint}");
    }
    text
}

fn excerpt(diagnostic: &Diagnostic, source: &ConfigSource, span: std::ops::Range<usize>) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
        Severity::Info => miette::Severity::Advice,
    };
    let mut report = MietteDiagnostic::new(diagnostic.summary.clone())
        .with_code(diagnostic.code.clone())
        .with_severity(severity)
        .with_label(LabeledSpan::at(span, diagnostic.detail.clone()));
    if !diagnostic.hints.is_empty() {
        report = report.with_help(diagnostic.hints.join("\n"));
    }
    let named = NamedSource::new(source.path.display().to_string(), source.text.to_string());
    let report = Report::new(report).with_source_code(named);
    let mut text = String::new();
    // Colour is stripped by the stream where there is no terminal for it.
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_width(80).with_links(false);
    if handler.render_report(&mut text, report.as_ref()).is_err() {
        text = format!("{}: {}", diagnostic.summary, diagnostic.detail);
    }
    text.trim_end().to_owned()
}

/// The plan, destroys first; unchanged resources are left out.
pub fn plan(plan: &Plan, verbose: bool) -> String {
    let mut text = String::new();
    for change in plan.changes.iter().filter(|change| change.action.is_change()) {
        let style = colour(change.action);
        let _ = writeln!(
            text,
            "  {style}{:>3}{style:#} {} {BOLD}{}{BOLD:#}{}",
            change.symbol(),
            change.title,
            change.address.name(),
            because(change)
        );
        for difference in &change.differences {
            attribute(&mut text, difference, change.action);
        }
        if verbose {
            let _ = writeln!(text, "        {DIM}{}{DIM:#}", change.address);
        }
    }
    for change in plan.changes.iter().filter(|change| change.reason == Reason::Retained) {
        let _ = writeln!(text, "  {DIM}  = {} {} (stays: `retain`){DIM:#}", change.title, change.address.name());
    }
    let _ = write!(text, "{}", summary(plan));
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

fn because(change: &PlannedChange) -> String {
    let why = match change.reason {
        Reason::GoneFromCloud => "it is gone from the cloud",
        Reason::Drift => "it was changed outside NIC",
        Reason::CannotUpdateInPlace => "cannot be changed in place",
        Reason::Failed => "it failed",
        Reason::PendingFromLastRun => "begun by an earlier run",
        Reason::NotInConfig => "no longer in the config",
        Reason::Deposed => "it was replaced",
        Reason::Found => "found with our marks, not recorded",
        _ => return String::new(),
    };
    format!(" {DIM}({why}){DIM:#}")
}

/// `scaling_config.max_size` for `/scaling_config/max_size`.
pub(super) fn path(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace("~1", "/").replace("~0", "~").replace('/', ".")
}

/// A value of a difference, cut to fit a line; secrets are not shown.
pub(super) fn shown(difference: &AttributeChange, value: &Value) -> String {
    let sensitive = difference.sensitive && !value.is_null() || secret_name(value).is_some();
    match hidden_words(value) {
        Some(words) => format!("({words})"),
        None if sensitive => "(sensitive)".to_owned(),
        None => value_text(value),
    }
}

fn attribute(text: &mut String, difference: &AttributeChange, action: Action) {
    let path = path(&difference.pointer);
    let forced = if difference.forces_replace && action == Action::Replace { " forces replacement" } else { "" };
    let red = AnsiColor::Red.on_default();
    if let Some(words) = hidden_words(&difference.new) {
        let _ = writeln!(text, "        {path}: ({words}){red}{forced}{red:#}");
        return;
    }
    let shown = |value: &Value| shown(difference, value);
    let _ = writeln!(
        text,
        "        {path}: {DIM}{}{DIM:#} → {}{red}{forced}{red:#}",
        shown(&difference.old),
        shown(&difference.new)
    );
}

fn value_text(value: &Value) -> String {
    let whole = match value {
        Value::Null => "(none)".to_owned(),
        unknown if is_unknown(unknown) => "(known after apply)".to_owned(),
        Value::String(text) => text.clone(),
        other => canonical(other),
    };
    // What comes from a cloud is shown, never obeyed: control characters would move the cursor.
    let safe: String = whole.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if safe.chars().count() > MAX_VALUE {
        let cut: String = safe.chars().take(MAX_VALUE - 1).collect();
        return format!("{cut}…");
    }
    safe
}

/// `VPC vpc-123 exists, no changes needed.` for the resources people know, and a count of the rest.
pub fn unchanged(plan: &Plan) -> String {
    let kept: Vec<&PlannedChange> = plan.changes.iter().filter(|change| change.action == Action::NoOp).collect();
    let mut text = String::new();
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
