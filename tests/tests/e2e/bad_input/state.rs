//! States that cannot be used, and places where none can be kept. Whatever is wrong, the bytes that are there stay as they are.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_core::state::{State, format_v1};
use nic_tests::nic::Workspace;
use serde_json::{Value, json};

use super::said::{refused, told};

const CONFIG: &str = "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n";

/// A working directory with a config, and the bytes of its platform's state.
fn site() -> Result<(Workspace, Vec<u8>)> {
    let workspace = Workspace::new()?;
    workspace.config(CONFIG)?;
    std::fs::create_dir_all(workspace.stage())?;
    let mut state =
        State::empty("aws", "my-nebari", "dev", "classic", "0123456789abcdef0123456789abcdef", "2026-01-01T00:00:00Z");
    state.region = Some("us-west-2".to_owned());
    Ok((workspace, format_v1::encode(&state)?))
}

/// The same once a VPC is there, and the files of all users lie on a server in the cluster.
fn on_nfs(state: &[u8]) -> Result<Vec<u8>> {
    let mut state: Value = serde_json::from_slice(state)?;
    state["cloud"]["vpc"]["_nic"] = json!({
        "address": "aws.vpc.main", "kind": "aws.vpc", "remote_id": "vpc-1", "baseline": null, "dependencies": [],
        "schema_version": 1, "component_digest": "00",
    });
    state["metadata"]["immutable_configuration"] = json!({"/storage/type": "nfs"});
    Ok(serde_json::to_vec(&state)?)
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.stage().join("nic-state.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_used_is_refused_and_stays_as_it_is() -> Result<()> {
    let (workspace, whole) = site()?;
    let text = String::from_utf8(whole.clone())?;
    let edited = |from: &str, to: &str| {
        ensure!(text.contains(from), "`{from}` is not in {text}");
        Ok(text.replacen(from, to, 1).into_bytes())
    };
    for (name, bytes, expected) in [
        ("another_project", edited("\"my-nebari\"", "\"their-nebari\"")?, (1, "STATE_OF_ANOTHER_PLATFORM")),
        ("another_provider", edited("\"aws\"", "\"gcp\"")?, (1, "STATE_OF_ANOTHER_PLATFORM")),
        ("another_region", edited("\"us-west-2\"", "\"eu-central-1\"")?, (1, "STATE_OF_ANOTHER_PLATFORM")),
        ("of_other_storage", on_nfs(&whole)?, (1, "CONFIG_KEY_IMMUTABLE")),
        ("newer_format", edited("\"format_version\": \"1\"", "\"format_version\": \"2\"")?, (2, "STATE_NEWER_FORMAT")),
        ("cut_in_half", whole[..whole.len() / 2].to_vec(), (2, "STATE_DAMAGED")),
        ("empty", Vec::new(), (2, "STATE_DAMAGED")),
        ("terraform", b"{\"version\": 4, \"serial\": 3, \"resources\": []}\n".to_vec(), (2, "STATE_DAMAGED")),
        ("member_of_wrong_type", edited("\"serial\": 0", "\"serial\": \"three\"")?, (2, "STATE_DAMAGED")),
    ] {
        std::fs::write(path(&workspace), &bytes)?;
        refused(&workspace, &format!("state_{name}"), &["deploy"], expected).await?;
        let unread = workspace.run(&["destroy", "--yes", "--format", "json"]).await?;
        ensure!(unread.code == expected.0 && unread.json()?["error"]["code"] == expected.1, "{}", unread.said());
        ensure!(std::fs::read(path(&workspace))? == bytes, "{name}: the state was written");
    }
    Ok(())
}

/// Commands that only look say it in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_is_told_the_same() -> Result<()> {
    let (workspace, whole) = site()?;
    refused(&workspace, "state_none", &["outputs"], (2, "STATE_NOT_FOUND")).await?;
    refused(&workspace, "state_in_a_bucket", &["plan", "--state", "s3://bucket/state"], (2, "BACKEND_NOT_IMPLEMENTED"))
        .await?;
    std::fs::write(path(&workspace), &whole[..whole.len() - 20])?;
    refused(&workspace, "state_cut_list", &["state", "list"], (2, "STATE_DAMAGED")).await?;
    std::fs::write(path(&workspace), &whole)?;
    refused(&workspace, "state_no_record", &["state", "show", "aws.vpc.main"], (2, "STATE_NO_RECORD")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_lock_says_who_holds_it_and_is_not_broken() -> Result<()> {
    let (workspace, whole) = site()?;
    std::fs::write(path(&workspace), &whole)?;
    // Held as another `nic` holds it: by the operating system, with a word on who it is.
    let held = std::fs::File::create_new(workspace.stage().join("nic-state.json.lock"))?;
    held.try_lock()?;
    let who = json!({ "who": "ada@laptop", "pid": 4242, "operation": "deploy", "since": "2026-01-01T00:00:00Z" });
    (&held).write_all(who.to_string().as_bytes())?;
    refused(&workspace, "state_locked", &["deploy"], (2, "STATE_LOCKED")).await?;
    let waited = std::time::Instant::now();
    let ran = workspace.run(&["plan", "--lock-timeout", "1s"]).await?;
    ensure!(ran.code == 2 && waited.elapsed() >= Duration::from_secs(1), "it did not wait: {}", ran.said());
    drop(held);
    ensure!(std::fs::read(path(&workspace))? == whole, "the state was written");
    // It goes with its holder.
    let ran = workspace.run(&["state", "list"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    Ok(())
}

/// A file where a directory should be refuses whoever asks, root too.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_no_directory_is_told() -> Result<()> {
    let (workspace, _) = site()?;
    workspace.write("taken", "mine\n")?;
    let arguments = ["deploy", "--state", "taken/nic-state.json"];
    refused(&workspace, "state_below_a_file", &arguments, (2, "STATE_NOT_WRITABLE")).await?;
    ensure!(workspace.read("taken")? == "mine\n");
    Ok(())
}

/// A directory without permission to write. Root writes there all the same, so `nic` runs without the capability that lets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_is_told_and_what_is_in_it_can_still_be_read() -> Result<()> {
    const WITHOUT: &[&str] = &["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"];
    let (workspace, whole) = site()?;
    std::fs::write(path(&workspace), &whole)?;
    let permissions = |mode| std::fs::set_permissions(workspace.stage(), std::fs::Permissions::from_mode(mode));
    permissions(0o555)?;
    let root = std::fs::metadata("/proc/self")?.uid() == 0;
    let wrapper = if root { WITHOUT } else { &["env"] };
    let probe = tokio::process::Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("touch")
        .arg(workspace.stage().join("probe"))
        .output()
        .await
        .context("setpriv, of util-linux, takes the capability from root")?;
    ensure!(!probe.status.success(), "the directory lets everybody write: the test would prove nothing");

    let (arguments, with_json) = (["deploy"], ["deploy", "--format", "json"]);
    let text = workspace.run_under(wrapper, &arguments).await?;
    let json = workspace.run_under(wrapper, &with_json).await?;
    let list = workspace.run_under(wrapper, &["state", "list", "--format", "json"]).await?;
    permissions(0o755)?;
    told(&workspace, "state_read_only_directory", (&arguments, &text), (&with_json, &json), (2, "STATE_NOT_WRITABLE"))?;
    ensure!(list.code == 0 && list.json()?["serial"] == 0, "{}", list.said());
    ensure!(std::fs::read(path(&workspace))? == whole, "the state was written");
    let left: Vec<_> = std::fs::read_dir(workspace.stage())?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(left == ["nic-state.json"], "{left:?}");
    Ok(())
}
