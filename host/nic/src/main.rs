//! The command line.

use std::process::ExitCode;

use clap::Parser;
use nic::cli::Cli;

/// Linux would map compiled code in pages of 2 MiB where it can, of which a run needs a few KiB each: half as much memory again.
#[cfg(target_os = "linux")]
fn map_small_pages() {
    // A kernel that cannot has none that large.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(not(target_os = "linux"))]
fn map_small_pages() {}

fn main() -> ExitCode {
    map_small_pages();
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
