//! Every command as people and programs meet it, in text and in JSON: exit code, stdout and stderr together, as somebody read them in a
//! terminal of 80 columns. `INSTA_UPDATE=always` writes the snapshots anew, to be read again.
//!
//! `nic status` is not here, nor what deploy and its like say on stderr while they work.

use anyhow::{Context, Result, ensure};
use clap::CommandFactory as _;
use nic_tests::aws::Emulator;
use nic_tests::configs::EXAMPLE;
use nic_tests::golden::{fits_a_terminal, shown};
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::Platform;
use nic_tests::schemas::conforms;
use serde_json::Value;

/// Compares with the text of that name in `snapshots/`.
fn is_as_read(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("command_{name}"), text));
}

/// Whether stderr is part of the answer, or holds what was said on the way.
#[derive(Clone, Copy, PartialEq)]
enum Stderr {
    Kept,
    LeftOut,
}

fn kept(ran: Ran, stderr: Stderr) -> Ran {
    if stderr == Stderr::Kept { ran } else { Ran { stderr: "(left out)\n".to_owned(), ..ran } }
}

/// One run in text, which fits a terminal.
async fn in_text(workspace: &Workspace, arguments: &[&str], stderr: Stderr) -> Result<String> {
    let ran = workspace.ok(arguments).await?;
    // What is written in a language has the lines that the language needs.
    let prose = !matches!(arguments, ["graph" | "outputs" | "kubeconfig", ..] | ["state", "show", ..]);
    if prose {
        fits_a_terminal(&ran.stdout).with_context(|| format!("nic {arguments:?}"))?;
    }
    shown(workspace, arguments, &kept(ran, stderr))
}

/// One run in JSON, whose document fits its schema.
async fn in_json(workspace: &Workspace, arguments: &[&str], schema: &str, stderr: Stderr) -> Result<(String, Value)> {
    let arguments = [arguments, &["--format", "json"]].concat();
    let ran = workspace.ok(&arguments).await?;
    let document = ran.json()?;
    conforms(&document, schema).with_context(|| format!("nic {arguments:?}"))?;
    Ok((shown(workspace, &arguments, &kept(ran, stderr))?, document))
}

/// Text and JSON of one command that changes nothing.
async fn both(workspace: &Workspace, name: &str, arguments: &[&str], schema: &str, stderr: Stderr) -> Result<Value> {
    let text = in_text(workspace, arguments, stderr).await?;
    let (json, document) = in_json(workspace, arguments, schema, stderr).await?;
    is_as_read(name, &format!("{text}\n{json}"));
    Ok(document)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_a_platform() -> Result<()> {
    use Stderr::{Kept, LeftOut};
    let (platform, workspace) = Platform::of(Emulator::Ministack, EXAMPLE).await?;
    let nic = &workspace;

    // Before the first deploy.
    both(nic, "validate", &["validate"], "validate.json", Kept).await?;
    both(nic, "doctor_before", &["doctor"], "doctor.json", Kept).await?;
    both(nic, "graph", &["graph"], "graph.json", LeftOut).await?;
    is_as_read("graph_mermaid", &in_text(nic, &["graph", "--as", "mermaid"], LeftOut).await?);
    is_as_read("plan_of_everything", &in_text(nic, &["plan"], LeftOut).await?);
    both(nic, "plan_of_a_part", &["plan", "--target", "aws.vpc.main"], "plan-result.json", LeftOut).await?;

    // Deployed, and deployed again.
    is_as_read("deploy", &in_text(nic, &["deploy"], LeftOut).await?);
    is_as_read("deploy_again", &in_text(nic, &["deploy"], LeftOut).await?);
    let (json, document) = in_json(nic, &["deploy"], "deploy.json", LeftOut).await?;
    conforms(&document, "outputs.json")?;
    is_as_read("deploy_in_json", &json);
    conforms(&serde_json::from_str(&nic.read(".nebari/stages/02-infrastructure/outputs.json")?)?, "outputs.json")?;

    // What is there.
    both(nic, "outputs", &["outputs"], "outputs.json", Kept).await?;
    both(nic, "kubeconfig", &["kubeconfig"], "kubeconfig.json", Kept).await?;
    both(nic, "state_list", &["state", "list"], "state-list.json", Kept).await?;
    both(nic, "state_show", &["state", "show", "aws.subnet.0"], "state-record.json", Kept).await?;
    let (_, whole) = in_json(nic, &["state", "show"], "state-v1.json", Kept).await?;
    ensure!(whole == nic.state()?, "the state that is shown is another");
    both(nic, "graph_recorded", &["graph", "--recorded"], "graph.json", Kept).await?;
    both(nic, "doctor_after", &["doctor"], "doctor.json", Kept).await?;
    both(nic, "drift_none", &["drift", "detect"], "drift.json", LeftOut).await?;

    // Changed behind NIC's back: told, fixed, accepted.
    platform.most_users(9).await?;
    both(nic, "drift_detect", &["drift", "detect"], "drift.json", LeftOut).await?;
    both(nic, "drift_diff", &["drift", "diff"], "drift.json", LeftOut).await?;
    is_as_read("drift_fix", &in_text(nic, &["drift", "fix", "--yes"], LeftOut).await?);
    platform.most_users(8).await?;
    let (json, _) = in_json(nic, &["drift", "fix", "--yes"], "destroy.json", LeftOut).await?;
    is_as_read("drift_fix_in_json", &json);
    platform.most_users(7).await?;
    is_as_read("drift_accept", &in_text(nic, &["drift", "accept", "--yes"], LeftOut).await?);
    platform.most_users(6).await?;
    let (json, document) = in_json(nic, &["drift", "accept", "--yes"], "drift-accepted.json", LeftOut).await?;
    conforms(&document, "drift.json")?;
    is_as_read("drift_accept_in_json", &json);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_without_a_platform() -> Result<()> {
    use Stderr::Kept;
    let workspace = Workspace::new()?;
    both(&workspace, "version", &["version"], "version.json", Kept).await?;
    both(&workspace, "provider_list", &["provider", "list"], "provider-list.json", Kept).await?;
    is_as_read("provider_list_verbose", &in_text(&workspace, &["provider", "list", "-v"], Kept).await?);

    // A schema for editors, the same in both forms.
    let text = workspace.ok(&["config", "schema"]).await?.json()?;
    let json = workspace.ok(&["config", "schema", "--format", "json"]).await?.json()?;
    ensure!(text == json && jsonschema::meta::is_valid(&text), "{text:#}");

    both(&workspace, "man", &["man", "man"], "man.json", Kept).await?;
    let mut pages: Vec<String> = std::fs::read_dir(workspace.path().join("man"))?
        .map(|page| Ok(page?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    pages.sort();
    is_as_read("man_pages", &pages.join("\n"));

    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = workspace.ok(&["completions", shell]).await?.stdout;
        ensure!(script.contains("kubeconfig") && script.contains("detailed-exitcode"), "{shell}: {script}");
    }
    let bash = workspace.ok(&["completions", "bash"]).await?.stdout;
    workspace.write("completions.bash", &bash)?;
    let checked = tokio::process::Command::new("bash")
        .args(["-n", "completions.bash"])
        .current_dir(workspace.path())
        .output()
        .await
        .context("bash checks the completions")?;
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    Ok(())
}

/// The names of a command and of everything below it.
fn names(command: &clap::Command, above: &[String], found: &mut Vec<Vec<String>>) {
    found.push(above.to_vec());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        names(below, &[above, &[below.get_name().to_owned()]].concat(), found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn help_of_every_command() -> Result<()> {
    let workspace = Workspace::new()?;
    let mut all = Vec::new();
    names(&nic::cli::Cli::command(), &[], &mut all);
    ensure!(all.len() > 20, "{all:?}");
    for name in all {
        let mut arguments: Vec<&str> = name.iter().map(String::as_str).collect();
        arguments.push("--help");
        let text = in_text(&workspace, &arguments, Stderr::Kept).await?;
        is_as_read(
            &["help"].iter().copied().chain(name.iter().map(String::as_str)).collect::<Vec<_>>().join("_"),
            &text,
        );
    }
    // Without a command there is nothing to do, and help says what there would be.
    let bare = workspace.run(&[]).await?;
    ensure!(bare.code == 2 && bare.stdout.is_empty() && bare.stderr.contains("Usage: nic"), "{}", bare.said());
    Ok(())
}
