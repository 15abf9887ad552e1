//! `nic man`

use std::path::Path;

use clap::CommandFactory;
use serde_json::json;

use super::Result;
use crate::cli::Cli;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::Printer;

pub(super) fn run(directory: &Path, printer: Printer) -> Result {
    let failed = |error: std::io::Error| {
        let detail = format!("`{}`: {error}", directory.display());
        CommandError::broke("FILE_NOT_WRITABLE", "A file cannot be written", detail)
            .hint("give a directory that can be made or written to")
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
    printer.line(format!("Written to {}.", directory.display()));
    printer.document(&json!({ "success": true, "directory": directory }));
    Ok(ExitStatus::Success)
}
