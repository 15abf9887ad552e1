//! One file per command. A command takes plain values and a printer, and says how the process exits.

mod completions;
mod config;
mod confirm;
mod consent;
mod deploy;
mod destroy;
mod doctor;
mod drift;
mod graph;
mod kubeconfig;
mod man;
mod outputs;
mod plan;
mod planned;
mod provider;
mod state;
mod status;
mod validate;
mod version;

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_system::limits;
use serde_json::{Map, Value};

use crate::cli::{Cli, Command};
use crate::config::{Config, ConfigError, ConfigSource};
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::fault;
use crate::output::{self, json};
use crate::session;

/// A command's end, with the config's text where its diagnostics lead.
pub struct Ended {
    error: CommandError,
    source: Option<Box<ConfigSource>>,
    /// What its document has beside the error.
    beside: Map<String, Value>,
}

impl From<CommandError> for Ended {
    fn from(error: CommandError) -> Self {
        Self { error, source: None, beside: Map::new() }
    }
}

impl From<ConfigError> for Ended {
    fn from(error: ConfigError) -> Self {
        Self { source: error.source.map(Box::new), ..error.error.into() }
    }
}

impl Ended {
    /// An error whose diagnostics may point into a config.
    fn in_config(error: impl Into<CommandError>, config: &Config) -> Self {
        let mut error = error.into();
        error.diagnostics = config.matter(error.diagnostics).into_iter().map(|d| config.locate(d)).collect();
        let source = Some(Box::new(config.excerpts(&error.diagnostics)));
        Self { source, ..error.into() }
    }
}

type Result = std::result::Result<ExitStatus, Ended>;

/// Runs what the command line asks for.
pub async fn run(cli: Cli) -> ExitStatus {
    let printer = cli.global.printer();
    fault::panics_at("command");
    fault::panics_elsewhere().await;
    let result = match cli.command {
        Command::Deploy(flags) => deploy::run(&flags, printer).await,
        Command::Plan(flags) => plan::run(&flags, printer).await,
        Command::Graph(flags) => graph::run(&flags, printer).await,
        Command::Destroy(flags) => destroy::run(&flags, printer).await,
        Command::Validate(flags) => validate::run(&flags, printer).await,
        Command::Status(flags) => status::run(&flags, printer).await,
        Command::Outputs(flags) => outputs::run(&flags, printer).await,
        Command::Config(command) => config::run(&command, printer).await,
        Command::Doctor(flags) => doctor::run(&flags, printer).await,
        Command::Drift(command) => drift::run(&command, printer).await,
        Command::Provider(command) => provider::run(&command, printer).await,
        Command::State(command) => state::run(&command, printer).await,
        Command::Kubeconfig(flags) => kubeconfig::run(&flags, printer).await,
        Command::Completions { shell } => Ok(completions::run(shell)),
        Command::Man { directory } => man::run(&directory, printer),
        Command::Version => Ok(version::run(printer)),
    };
    let status = match result {
        Ok(status) => status,
        Err(mut ended) => {
            name_limits(&mut ended.error);
            printer.diagnostics(&ended.error.diagnostics, ended.source.as_deref());
            let mut document = json::error_document(&ended.error);
            document.as_object_mut().into_iter().for_each(|members| members.append(&mut ended.beside));
            printer.document(&document);
            ended.error.status
        }
    };
    for error in session::unfinished().await {
        let told = CommandError::from(error).diagnostics;
        let warnings: Vec<_> = told.into_iter().map(|d| Diagnostic { severity: Severity::Warning, ..d }).collect();
        printer.diagnostics(&warnings, None);
    }
    match output::lost() {
        Some(error) => {
            printer.diagnostics(&error.diagnostics, None);
            error.status
        }
        None => status,
    }
}

/// A limit of the system may be met anywhere, and whoever meets it knows only its number.
fn name_limits(error: &mut CommandError) {
    for diagnostic in &mut error.diagnostics {
        let of_sandbox = diagnostic.code == "PLUGIN_SANDBOX_FAILED";
        let threads = || limits::in_panic(&diagnostic.detail).and_then(|error| limits::hint(&error));
        let limit = limits::hint_in(&diagnostic.detail).or_else(|| threads().filter(|_| of_sandbox));
        // Whatever else was said takes the limit for what it kept from being done.
        if let Some(limit) = limit {
            diagnostic.hints = vec![limit];
        }
    }
}
