//! A disk without room. A limit on the size of files stands for it: it holds for everybody, root too, and needs no mount. A write beyond
//! it fails in the middle of the file, as on a full disk. The sandbox's own memory is a file too and needs a few MiB, so the state is
//! padded until it is nearly as large as a file may be.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use nic_tests::golden::shown;
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::PACE;
use nic_tests::schemas::conforms;
use nic_tests::things::{Things, granting};
use serde_json::{Value, json};

use super::said::{is_as_read, refused, told};

/// As large as a file may be.
const LIMIT: usize = 16 << 20;

/// What is left of that for new records: a few of them.
const ROOM: usize = 6 << 10;

/// The shell counts in blocks of 512 bytes.
fn limited() -> [String; 3] {
    let blocks = LIMIT / 512;
    ["sh".to_owned(), "-c".to_owned(), format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]
}

fn config(things: &Things, count: usize) -> String {
    // One after the other, so that the state grows step by step.
    let resource = |number: usize| match number {
        0 => json!({ "name": "n0" }),
        _ => json!({ "name": format!("n{number}"), "depends_on": [format!("n{}", number - 1)] }),
    };
    let section = json!({ "endpoint": things.endpoint(), "resources": (0..count).map(resource).collect::<Vec<_>>() });
    format!("{:#}\n", json!({ "project_name": "my-nebari", "provider": "scripted", "scripted": section }))
}

/// Adds a member that NIC does not know, and keeps.
fn pad(workspace: &Workspace) -> Result<()> {
    let path = workspace.stage().join("nic-state.json");
    let mut state = workspace.state()?;
    let size = usize::try_from(std::fs::metadata(&path)?.len())?;
    state["padding"] = "x".repeat(LIMIT - size - ROOM).into();
    std::fs::write(&path, format!("{state:#}\n"))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_in_the_middle_of_a_deploy_loses_nothing() -> Result<()> {
    let things = Things::new("disk")?;
    let components = granting(&things, |_| ())?;
    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", components.path().display().to_string()).env("NIC_PACE", PACE.to_string());
    workspace.config(&config(&things, 1))?;
    workspace.ok(&["deploy"]).await?;
    pad(&workspace)?;
    workspace.config(&config(&things, 12))?;

    let wrapper = limited();
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let ran = workspace.run_under(&wrapper, &["deploy"]).await?;
    ensure!(ran.code == 2 && ran.stderr.contains("STATE_NOT_WRITABLE"), "{}", ran.said());
    let first = whole(&workspace, &things)?;
    ensure!((2..12).contains(&first), "{first} of 12 were made before the disk was full");

    // Again, still without room: nothing is made that could not be recorded.
    let (arguments, with_json) = (["deploy", "--quiet"], ["deploy", "--quiet", "--format", "json"]);
    let text = workspace.run_under(&wrapper, &arguments).await?;
    let json = workspace.run_under(&wrapper, &with_json).await?;
    ensure!(whole(&workspace, &things)? < 12);
    let text = Ran { stdout: String::new(), ..text };
    told(&workspace, "disk_full", (&arguments, &text), (&with_json, &json), (2, "STATE_NOT_WRITABLE"))?;
    let left = std::fs::read_dir(workspace.stage())?.flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".new")).collect();
    ensure!(left.is_empty(), "what was written in vain takes room: {left:?}");

    // With room: it goes on, and nothing was made twice.
    workspace.ok(&["deploy"]).await?;
    ensure!(whole(&workspace, &things)? == 12);
    let twice: BTreeMap<_, _> = things.made()?.into_iter().filter(|(_, times)| *times != 1).collect();
    ensure!(twice.is_empty(), "made more than once: {twice:?}");

    // Deployed and recorded, and the file for later stages cannot be written.
    workspace.write("taken", "mine\n")?;
    let arguments = ["deploy", "--quiet", "--outputs", "taken/outputs.json"];
    let before = workspace.state()?["cloud"].clone();
    let ran = workspace.run(&arguments).await?;
    let json = workspace.run(&[&arguments[..], &["--format", "json"]].concat()).await?;
    ensure!(ran.code == 2 && json.json()?["error"]["code"] == "FILE_NOT_WRITABLE", "{}", json.said());
    conforms(&json.json()?, "error.json")?;
    ensure!(workspace.state()?["cloud"] == before && workspace.read("taken")? == "mine\n");
    is_as_read("disk_outputs_below_a_file", &shown(&workspace, &arguments, &ran)?);
    Ok(())
}

/// How many things there are, each of them in a state that is whole: recorded, or its creation pending.
fn whole(workspace: &Workspace, things: &Things) -> Result<usize> {
    let state = workspace.state()?;
    conforms(&state, "state-v1.json")?;
    let mut recorded = Vec::new();
    addresses(&state, &mut recorded);
    let there = things.all()?;
    for thing in &there {
        let owner = thing["owner"].as_str().context("an owner")?;
        let (lineage, address) = owner.split_once('/').context("lineage and address")?;
        ensure!(state["lineage"] == lineage, "{owner} is of another state");
        ensure!(recorded.iter().any(|one| one == address), "{address} is there and not recorded: {state:#}");
    }
    Ok(there.len())
}

fn addresses(value: &Value, found: &mut Vec<String>) {
    if let Some(address) = value.pointer("/_nic/address").and_then(Value::as_str) {
        found.push(address.to_owned());
    }
    match value {
        Value::Object(members) => members.values().for_each(|member| addresses(member, found)),
        Value::Array(elements) => elements.iter().for_each(|element| addresses(element, found)),
        _ => {}
    }
}

/// A result that nobody got is no success.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_written_is_an_error() -> Result<()> {
    let workspace = Workspace::new()?;
    let full = ["sh", "-c", "exec \"$0\" \"$@\" > /dev/full"];
    for arguments in [&["version"][..], &["version", "--format", "json"], &["completions", "bash"]] {
        let ran = workspace.run_under(&full, arguments).await?;
        ensure!(
            ran.code == 2 && ran.stderr.contains("OUTPUT_NOT_WRITTEN"),
            "{arguments:?}: {} {}",
            ran.code,
            ran.said()
        );
    }
    // Who has read enough, has.
    let head = ["sh", "-c", "\"$0\" \"$@\" | head -c 1"];
    let ran = workspace.run_under(&head, &["completions", "bash"]).await?;
    ensure!(ran.code == 0 && ran.stderr.is_empty() && ran.stdout.len() == 1, "{}", ran.said());
    refused(&workspace, "disk_man_below_a_file", &["man", "/dev/null/man"], (2, "FILE_NOT_WRITABLE")).await
}
