//! `nic completions`

use clap::CommandFactory;

use super::Result;
use crate::cli::Cli;
use crate::exit::ExitStatus;

pub(super) fn run(shell: clap_complete::Shell) -> Result {
    clap_complete::generate(shell, &mut Cli::command(), "nic", &mut std::io::stdout());
    Ok(ExitStatus::Success)
}
