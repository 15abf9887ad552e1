//! `nic completions`

use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::ExitStatus;
use crate::output;

pub(super) fn run(shell: clap_complete::Shell) -> ExitStatus {
    // Into memory first: the library panics when whoever reads stops reading.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nic", &mut script);
    output::raw(&script);
    ExitStatus::Success
}
