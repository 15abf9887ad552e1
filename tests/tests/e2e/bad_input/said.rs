//! A bad input, and everything that is expected of every answer to one.

use anyhow::{Context, Result, ensure};
use nic_tests::golden::{fits_a_terminal, shown};
use nic_tests::nic::{Ran, Workspace};
use nic_tests::schemas::conforms;
use serde_json::Value;

/// Compares with the text of that name in `snapshots/`.
pub fn is_as_read(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Runs the command in text and in JSON: both end with this exit code, the document and the text have this error code, and both are
/// as they were read. A warning may stand before the error.
pub async fn refused(workspace: &Workspace, name: &str, arguments: &[&str], (exit, code): (i32, &str)) -> Result<()> {
    let text = workspace.run(arguments).await?;
    let with_json = [arguments, &["--format", "json"]].concat();
    let json = workspace.run(&with_json).await?;
    told(workspace, name, (arguments, &text), (&with_json, &json), (exit, code))
}

/// The same for two runs that were made otherwise.
pub fn told(
    workspace: &Workspace,
    name: &str,
    (arguments, text): (&[&str], &Ran),
    (with_json, json): (&[&str], &Ran),
    (exit, code): (i32, &str),
) -> Result<()> {
    let (text, json) = (&without_progress(text), &without_progress(json));
    let all = format!("{}\n{}", shown(workspace, arguments, text)?, shown(workspace, with_json, json)?);
    is_an_answer(text, json, exit, code).with_context(|| format!("{name}:\n{all}"))?;
    is_as_read(name, &all);
    Ok(())
}

fn is_an_answer(text: &Ran, json: &Ran, exit: i32, code: &str) -> Result<()> {
    ensure!(text.code == exit && json.code == exit, "ended with {} and {}, not {exit}", text.code, json.code);
    ensure!(text.stdout.is_empty(), "an error is no data");
    ensure!(text.stderr.contains(code), "the text has no {code}");
    fits_a_terminal(&text.stderr)?;
    let document = json.json()?;
    conforms(&document, "error.json")?;
    ensure!(document["error"]["code"] == code, "the code is {}", document["error"]["code"]);
    let hints = document["error"]["recovery_suggestions"].as_array().map_or(0, Vec::len);
    let located = document["error"]["details"].get("line").is_some();
    ensure!(hints > 0 || located, "neither a hint nor a place says what to do");
    for line in json.stderr.lines() {
        let line: Value = serde_json::from_str(line).context("stderr is JSON lines")?;
        ensure!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    Ok(())
}

/// What was said on the way is not part of the answer.
fn without_progress(ran: &Ran) -> Ran {
    let is_told = |line: &&str| serde_json::from_str::<Value>(line).map_or(true, |line| line.get("code").is_some());
    let stderr = ran.stderr.lines().filter(is_told).flat_map(|line| [line, "\n"]).collect();
    Ran { stderr, ..ran.clone() }
}
