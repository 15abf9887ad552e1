//! The command line.

use std::process::ExitCode;

use clap::Parser;
use nic::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return nic::usage::told(&error, &std::env::args_os().collect::<Vec<_>>()),
    };
    nic::logging::init(&cli.global);
    nic::signing::install_crypto_provider();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(nic::commands::run(cli)).into(),
        Err(_) => nic::exit::ExitStatus::Broke.into(),
    }
}
