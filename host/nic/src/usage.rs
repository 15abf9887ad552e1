//! A command line that is not understood, told in the form that it asks for.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use serde_json::json;

use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::{Format, Printer, Verbosity, not_written};

/// Prints help, the version or what is wrong, and says how the process exits.
pub fn told(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let printer = printer(arguments);
    if !error.use_stderr() {
        // Help and version are data: they were asked for.
        return match error.print() {
            Err(lost) if lost.kind() != ErrorKind::BrokenPipe => printer.error(&not_written(&lost.to_string())).into(),
            _ => ExitStatus::Success.into(),
        };
    }
    if printer.format == Format::Text {
        let _ = error.print();
        return ExitStatus::Broke.into();
    }
    printer.error(&refused(error)).into()
}

/// The printer for a command line, as far as one that is not understood can say how it wants to be answered.
pub fn printer(arguments: &[OsString]) -> Printer {
    let is = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let pairs = || arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    let events = is("--events");
    let format = if events || is("--format=json") || pairs() { Format::Json } else { Format::Text };
    Printer { format, log: format, verbosity: Verbosity::Normal, events }
}

fn refused(error: &clap::Error) -> CommandError {
    let text = error.render().to_string();
    // What is wrong comes first, then how it is meant to be.
    let wrong: Vec<&str> = text.lines().take_while(|line| !line.starts_with("Usage:")).map(str::trim).collect();
    let detail = wrong.join(" ").trim().trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut refused = CommandError::broke("USAGE_INVALID", "The command line is not understood", detail)
        .hint("`--help` after a command shows what it takes");
    let usage: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Usage: ")).collect();
    refused.diagnostics[0].details = json!({ "usage": usage });
    refused
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn programs_are_told_in_json_and_people_in_words() {
        let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(printer(&arguments("nic plan --bogus")).format, Format::Text);
        for text in ["nic plan --bogus --format json", "nic plan --format=json --bogus", "nic --events plan --bogus"] {
            assert_eq!(printer(&arguments(text)).format, Format::Json, "{text}");
        }
        let error = Cli::try_parse_from(arguments("nic plan --bogus")).unwrap_err();
        let refused = refused(&error);
        assert_eq!(refused.diagnostics[0].code, "USAGE_INVALID");
        assert!(refused.diagnostics[0].detail.starts_with("unexpected argument '--bogus' found"), "{refused:?}");
    }
}
