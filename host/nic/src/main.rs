//! The command line.

use std::process::ExitCode;

use clap::Parser;
use nic::cli::Cli;
use nic::exit::ExitStatus;
use nic::output::Printer;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = nic_sandbox::compile::serve(&arguments) {
        return code;
    }
    nic_system::limits::note();
    nic::panic::is_told("", nic::usage::printer(&arguments));
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return nic::usage::told(&error, &arguments),
    };
    let printer = cli.global.printer();
    nic::panic::is_told(cli.command.name(), printer);
    nic::logging::init(&cli.global);
    nic_gate::install_crypto_provider();
    nic::fault::panics_at("start");
    let status = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            nic::interrupt::outlive_file_size_limit();
            nic::commands::run(cli).await
        }),
        Err(error) => not_started(&error, printer),
    };
    nic::panic::wait_until_told();
    status.into()
}

fn not_started(error: &std::io::Error, printer: Printer) -> ExitStatus {
    let (code, summary, hint) = match nic_system::limits::hint(error) {
        Some(hint) => ("PROCESS_LIMIT_REACHED", "The system gives this process no more", hint),
        None => ("RUNTIME_NOT_STARTED", "NIC could not start", "see `ulimit -a`, and what else runs here".to_owned()),
    };
    printer.error(&nic::error::CommandError::broke(code, summary, error.to_string()).hint(hint))
}
