//! `nic doctor`: everything a deploy stands on, looked at one by one.

use anstyle::{AnsiColor, Style};
use nic_core::diagnostic::Diagnostic;
use nic_core::ports::Backend;
use nic_core::state::format_v1;
use serde_json::{Value, json};

use super::Result;
use crate::backend;
use crate::cache;
use crate::cli::DoctorArgs;
use crate::clouds;
use crate::config::Config;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::host_gate;
use crate::loading;
use crate::output::{Printer, human};
use crate::reach;
use crate::session::Session;

/// What came of one look.
enum Finding {
    /// Well; what was found.
    Well(String),
    /// Nothing to look at yet, and why.
    Skipped(String),
    Wrong(Vec<Diagnostic>),
}

struct Check {
    name: &'static str,
    finding: Finding,
}

impl Check {
    fn of(name: &'static str, result: std::result::Result<String, CommandError>) -> Self {
        let finding = match result {
            Ok(found) => Finding::Well(found),
            Err(error) => Finding::Wrong(error.diagnostics),
        };
        Self { name, finding }
    }

    fn skipped(name: &'static str, why: &str) -> Self {
        Self { name, finding: Finding::Skipped(why.to_owned()) }
    }
}

pub(super) async fn run(flags: &DoctorArgs, printer: Printer) -> Result {
    let mut checks = vec![Check::of("cache", cache::check())];
    let config = Config::load(&flags.of.config.file);
    checks.push(Check::of("config", config.as_ref().map(described).map_err(|error| error.error.clone())));
    let config = config.ok();
    match &config {
        Some(config) => {
            let component = loading::component(&config.provider, printer).await;
            let told = component.map(|c| format!("{} {}", c.manifest().name, c.manifest().version));
            checks.push(Check::of("provider", told));
        }
        None => checks.push(Check::skipped("provider", "no usable config")),
    }
    let recorded = state(flags).await;
    let resources = recorded.as_ref().ok().map(|(_, resources)| *resources);
    checks.push(Check::of("state", recorded.map(|(told, _)| told)));
    checks.push(lock(flags));
    checks.push(Check { name: "endpoints", finding: endpoints() });
    checks.push(credentials(config.as_ref()).await);
    checks.push(match resources {
        Some(0) => Check::skipped("cluster", "nothing is deployed"),
        Some(_) => cluster(flags, printer).await,
        // What cannot be read may record anything.
        None => Check::skipped("cluster", "the state cannot be read"),
    });
    Ok(tell(&checks, printer))
}

fn described(config: &Config) -> String {
    format!("{} ({}, {})", config.path.display(), config.project_name, config.provider)
}

async fn state(flags: &DoctorArgs) -> std::result::Result<(String, usize), CommandError> {
    let location = flags.of.state.resolve(&flags.of.config.file);
    let Some(bytes) = backend::open(&location)?.read().await? else {
        return Ok((format!("none yet at {location}"), 0));
    };
    let state = format_v1::decode(&bytes).map_err(|error| backend::damaged(&location, &error))?;
    let count = state.records.len();
    Ok((format!("{location} ({count} resources, serial {})", state.serial), count))
}

fn lock(flags: &DoctorArgs) -> Check {
    let location = flags.of.state.resolve(&flags.of.config.file);
    let told = match backend::holder(&location) {
        Err(error) => Err(error.into()),
        Ok(None) => Ok("free".to_owned()),
        Ok(Some(holder)) => {
            let detail = format!("{} runs `nic {}` since {}", holder.who, holder.operation, holder.since);
            Err(CommandError::broke("STATE_LOCKED", "The state is in use", detail)
                .hint("wait for it, or give `--lock-timeout 10m` to the next command"))
        }
    };
    Check::of("lock", told)
}

/// Emulators and private endpoints are easily forgotten in an environment.
fn endpoints() -> Finding {
    let prefixes = || clouds::CLOUDS.iter().filter_map(|cloud| cloud.endpoint_variables);
    let mut names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| prefixes().any(|prefix| name.starts_with(prefix)))
        .collect();
    names.sort();
    Finding::Well(if names.is_empty() {
        "the clouds' own".to_owned()
    } else {
        format!("replaced by {}", names.join(", "))
    })
}

async fn credentials(config: Option<&Config>) -> Check {
    let name = "credentials";
    let Some(config) = config else { return Check::skipped(name, "no usable config") };
    let Some(check) = clouds::of(&config.provider).and_then(|cloud| cloud.login_check) else {
        return Check::skipped(name, "this provider needs none of a cloud");
    };
    let Some(region) = config.region() else { return Check::skipped(name, "the config names no region") };
    let told = match host_gate::open() {
        Ok(gate) => check(&gate, &region).await,
        Err(error) => Err(error),
    };
    Check::of(name, told)
}

async fn cluster(flags: &DoctorArgs, printer: Printer) -> Check {
    let told = async {
        let session = Session::of_state(&flags.of, printer).await?;
        let mut answer = session.cluster_answers().await;
        if let Err(error) = &mut answer {
            reach::explain(&session, error.diagnostics.iter_mut()).await;
        }
        answer
    };
    match told.await {
        Ok(Some(name)) => Check::of("cluster", Ok(format!("{name} answers"))),
        Ok(None) => Check::skipped("cluster", "the state has none"),
        Err(error) => Check::of("cluster", Err(error)),
    }
}

fn tell(checks: &[Check], printer: Printer) -> ExitStatus {
    let mut listed = Vec::new();
    let mut wrong = Vec::new();
    for Check { name, finding } in checks {
        let (sign, style, told, status) = match finding {
            Finding::Well(told) => ("✓", AnsiColor::Green.on_default(), told.clone(), "ok"),
            Finding::Skipped(why) => ("-", Style::new().dimmed(), why.clone(), "skipped"),
            Finding::Wrong(diagnostics) => {
                wrong.extend(diagnostics.iter().cloned());
                ("✗", AnsiColor::Red.on_default(), String::new(), "wrong")
            }
        };
        printer.line(format!("{style}{sign}{style:#} {name:<12}{told}").trim_end());
        if let Finding::Wrong(diagnostics) = finding {
            for diagnostic in diagnostics {
                printer.line(human::plain(diagnostic, 4));
            }
            listed.push(json!({ "name": name, "status": status, "diagnostics": diagnostics }));
        } else {
            listed.push(json!({ "name": name, "status": status, "found": told }));
        }
    }
    let healthy = wrong.is_empty();
    printer.line(if healthy { "Nothing is wrong." } else { "Mend what is marked, and run `nic doctor` again." });
    let mut document = json!({ "success": healthy, "checks": listed });
    if !healthy {
        let error = crate::output::json::error_document(&CommandError::refused(wrong));
        if let (Value::Object(document), Value::Object(error)) = (&mut document, error) {
            document.extend(error);
        }
    }
    printer.document(&document);
    if healthy { ExitStatus::Success } else { ExitStatus::Refused }
}
