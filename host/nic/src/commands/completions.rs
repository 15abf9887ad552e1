//! `nic completions`

use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::ExitStatus;

pub(super) fn run(shell: clap_complete::Shell) -> ExitStatus {
    clap_complete::generate(shell, &mut Cli::command(), "nic", &mut std::io::stdout());
    ExitStatus::Success
}
