//! States that cannot be used, and places where none can be kept. Whatever is wrong, the bytes that are there stay as they are.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_core::state::{State, format_v1};
use nic_tests::configs::LEAST;
use nic_tests::nic::Workspace;
use nic_tests::platform::PACE;
use nic_tests::things::{Things, granting};
use serde_json::{Value, json};

use super::said::{refused, told};

/// A working directory with a config, and the bytes of its platform's state.
fn site() -> Result<(Workspace, Vec<u8>)> {
    let workspace = Workspace::new()?;
    workspace.config(LEAST)?;
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
        ("zeros", vec![0; whole.len()], (2, "STATE_DAMAGED")),
        ("written_twice", whole.repeat(2), (2, "STATE_DAMAGED")),
        ("utf16", utf16(&text), (2, "STATE_DAMAGED")),
        ("conflict", conflict(&text).into_bytes(), (2, "STATE_DAMAGED")),
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

fn utf16(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn conflict(text: &str) -> String {
    format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
}

/// Every command that reads a state, and how it ends when that cannot be read.
const READERS: [(&[&str], i32); 15] = [
    (&["deploy"], 2),
    (&["plan"], 2),
    (&["destroy", "--yes"], 2),
    (&["status"], 2),
    (&["outputs"], 2),
    (&["kubeconfig"], 2),
    (&["graph"], 2),
    (&["graph", "--recorded"], 2),
    (&["state", "list"], 2),
    (&["state", "show"], 2),
    (&["drift", "detect"], 2),
    (&["drift", "diff"], 2),
    (&["drift", "accept", "--yes"], 2),
    (&["drift", "fix", "--yes"], 2),
    // It looks at everything, and the answer is that something is wrong.
    (&["doctor"], 1),
];

/// Whoever asks is told the same, and nobody takes it for a platform of which nothing is there.
async fn is_no_empty_platform(workspace: &Workspace, name: &str, code: &str) -> Result<()> {
    for (arguments, exit) in READERS {
        let ran = workspace.run(&[arguments, &["--format", "json"]].concat()).await?;
        let told = ran.json()?;
        let found = if exit == 1 {
            told["checks"].as_array().into_iter().flatten().any(|c| c["diagnostics"][0]["code"] == code)
        } else {
            told["error"]["code"] == code
        };
        ensure!(ran.code == exit && found, "{name}: {arguments:?} ended with {}: {}", ran.code, ran.said());
        for empty in ["STATE_NOT_FOUND", "nothing is deployed", "none yet at"] {
            ensure!(!ran.said().contains(empty), "{name}: {arguments:?}: {}", ran.said());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_no_empty_platform_to_any_command() -> Result<()> {
    let (mut workspace, whole) = site()?;
    workspace.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let text = String::from_utf8(whole.clone())?;
    for (name, bytes, code) in [
        ("empty", Vec::new(), "STATE_DAMAGED"),
        ("half", whole[..whole.len() / 2].to_vec(), "STATE_DAMAGED"),
        ("conflict", conflict(&text).into_bytes(), "STATE_DAMAGED"),
        (
            "newer",
            text.replace("\"format_version\": \"1\"", "\"format_version\": 9999").into_bytes(),
            "STATE_NEWER_FORMAT",
        ),
    ] {
        std::fs::write(path(&workspace), &bytes)?;
        is_no_empty_platform(&workspace, name, code).await?;
        ensure!(std::fs::read(path(&workspace))? == bytes, "{name}: the state was written");
    }
    // What an editor adds changes nothing.
    for text in [format!("\u{feff}{text}"), text.replace('\n', "\r\n")] {
        std::fs::write(path(&workspace), &text)?;
        ensure!(workspace.ok(&["state", "list", "--format", "json"]).await?.json()?["serial"] == 0);
        ensure!(workspace.ok(&["state", "show", "--format", "json"]).await?.json()?["project_name"] == "my-nebari");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_leads_to_no_file_is_no_empty_platform_to_any_command() -> Result<()> {
    type Make = fn(&Path) -> Result<()>;
    let (mut workspace, _) = site()?;
    workspace.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let state = path(&workspace);
    let make: [(&str, Make); 4] = [
        ("dangling_link", |state| Ok(symlink("/nowhere/nic-state.json", state)?)),
        ("circle_of_links", |state| Ok(symlink("nic-state.json", state)?)),
        ("directory", |state| Ok(std::fs::create_dir(state)?)),
        ("socket", |state| UnixListener::bind(state).map(drop).context("a socket")),
    ];
    for (name, make) in make {
        make(&state)?;
        refused(&workspace, &format!("state_{name}"), &["deploy"], (2, "STATE_NOT_READABLE")).await?;
        is_no_empty_platform(&workspace, name, "STATE_NOT_READABLE").await?;
        if state.is_dir() { std::fs::remove_dir(&state)? } else { std::fs::remove_file(&state)? }
    }
    // A link in the place of a directory: who would write is told of the directory, who looks of the link.
    std::fs::remove_dir_all(workspace.path().join(".nebari"))?;
    symlink("/nowhere", workspace.path().join(".nebari"))?;
    for (arguments, code) in [(&["deploy"][..], "STATE_NOT_WRITABLE"), (&["status"], "STATE_NOT_READABLE")] {
        let ran = workspace.run(&[arguments, &["--format", "json"]].concat()).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == code, "{arguments:?}: {}", ran.said());
    }
    Ok(())
}

/// A state that is kept elsewhere: a link to it is as good as the file, and stays a link.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_state_is_followed_locked_and_kept() -> Result<()> {
    let things = Things::new("link")?;
    let components = granting(&things, |_| ())?;
    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", components.path().display().to_string()).env("NIC_PACE", PACE.to_string());
    let section = json!({ "endpoint": things.endpoint(), "resources": [{ "name": "a" }] });
    workspace
        .config(&json!({ "project_name": "my-nebari", "provider": "scripted", "scripted": section }).to_string())?;
    workspace.ok(&["deploy"]).await?;
    let (link, file) = (path(&workspace), workspace.path().join("kept/state.json"));
    std::fs::create_dir(workspace.path().join("kept"))?;
    std::fs::rename(&link, &file)?;
    symlink("../../../kept/state.json", &link)?;

    let section = json!({ "endpoint": things.endpoint(), "resources": [{ "name": "a" }, { "name": "b" }] });
    workspace
        .config(&json!({ "project_name": "my-nebari", "provider": "scripted", "scripted": section }).to_string())?;
    workspace.ok(&["deploy"]).await?;
    ensure!(std::fs::symlink_metadata(&link)?.is_symlink(), "the link was replaced");
    ensure!(things.made()?.values().all(|times| *times == 1), "{:?}", things.made()?);
    let listed = workspace.ok(&["state", "list", "--state", "kept/state.json", "--format", "json"]).await?.json()?;
    ensure!(listed["resources"].as_array().map(Vec::len) == Some(2), "{listed:#}");

    // Who holds it by one path holds it by the other.
    let held = std::fs::File::options().append(true).open(workspace.path().join("kept/state.json.lock"))?;
    held.try_lock()?;
    for state in [&[][..], &["--state", "kept/state.json"]] {
        let ran = workspace.run(&[&["plan", "--format", "json"][..], state].concat()).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "STATE_LOCKED", "{state:?}: {}", ran.said());
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
    // Nor is it ever taken for a file, whoever looks and however it is spelt.
    for (command, url) in
        [("deploy", "gs://b/k"), ("outputs", "AZ://c/k"), ("status", "s3:/b/k"), ("destroy", "http://h/k")]
    {
        let ran = workspace.run(&[command, "--state", url, "--format", "json"]).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "BACKEND_NOT_IMPLEMENTED", "{url}: {}", ran.said());
        ensure!(
            !workspace.path().join(url.split('/').next().unwrap_or_default()).exists(),
            "{url} was made a directory"
        );
    }
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

/// Root reads and writes everywhere, so `nic` runs without the capabilities that let it.
const WITHOUT: &[&str] = &["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"];

/// A state that was written under `sudo`.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_may_not_be_read_is_told_and_what_sudo_has_to_do_with_it() -> Result<()> {
    let (workspace, whole) = site()?;
    std::fs::write(path(&workspace), &whole)?;
    let wrapper = if std::fs::metadata("/proc/self")?.uid() == 0 { WITHOUT } else { &["env"] };
    let permissions = |of: &Path, mode| std::fs::set_permissions(of, std::fs::Permissions::from_mode(mode));
    let (arguments, with_json) = (["deploy"], ["deploy", "--format", "json"]);
    permissions(&path(&workspace), 0o000)?;
    let text = workspace.run_under(wrapper, &arguments).await?;
    let json = workspace.run_under(wrapper, &with_json).await?;
    told(&workspace, "state_of_root", (&arguments, &text), (&with_json, &json), (2, "STATE_NOT_READABLE"))?;
    // Nor may anybody say that there is none where the directory does not let look.
    permissions(&path(&workspace), 0o600)?;
    permissions(&workspace.stage(), 0o000)?;
    let ran = workspace.run_under(wrapper, &["state", "list", "--format", "json"]).await;
    permissions(&workspace.stage(), 0o755)?;
    let ran = ran?;
    ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "STATE_NOT_READABLE", "{}", ran.said());
    Ok(())
}

/// A directory without permission to write.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_is_told_and_what_is_in_it_can_still_be_read() -> Result<()> {
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
