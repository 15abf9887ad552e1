//! Bytes that are no text, in the environment and on the command line; and values of the config that come from a variable.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use anyhow::{Context as _, Result, ensure};
use nic_tests::configs::EXAMPLE;
use nic_tests::nic::{Ran, Workspace, unwrapped};

use super::said::{refused, told};

/// `café` as an old terminal writes it.
const BYTES: &[u8] = b"caf\xe9";

fn site() -> Result<Workspace> {
    let mut workspace = Workspace::new()?;
    workspace.config(EXAMPLE)?;
    workspace
        .env("NIC_PACE", "0.02")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    Ok(workspace)
}

async fn with(workspace: &Workspace, name: &[u8], value: &[u8], arguments: &[&str]) -> Result<Ran> {
    let mut command = workspace.command(arguments)?;
    command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
    Ok(Ran::from(command.output().await.context("run nic")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_nobodys_business_is_as_if_it_were_not_there() -> Result<()> {
    let workspace = site()?;
    let expected = workspace.ok(&["validate"]).await?;
    for name in [&b"PS1"[..], b"LANG", b"LC_ALL", b"USER", b"TERM", b"COLUMNS", b"NIC_LOG", BYTES] {
        let ran = with(&workspace, name, BYTES, &["validate"]).await?;
        ensure!((ran.code, &ran.stdout) == (0, &expected.stdout), "{}: {}", String::from_utf8_lossy(name), ran.said());
    }
    // A name that is no text, with a value that is.
    let ran = with(&workspace, BYTES, b"x", &["plan", "--quiet"]).await?;
    ensure!(ran.code == 2 && ran.stderr.contains("CREDENTIALS_MISSING"), "{}", ran.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_ours_is_named() -> Result<()> {
    let workspace = site()?;
    let (text, json) = (["validate"], ["validate", "--format", "json"]);
    let name = b"NEBARI_SECRET__namespace";
    let (said, document) = (with(&workspace, name, BYTES, &text).await?, with(&workspace, name, BYTES, &json).await?);
    told(&workspace, "environment_no_text", (&text, &said), (&json, &document), (1, "CONFIG_INVALID_VALUE"))?;

    // AWS's are looked for by name: as if they were not there, another login or another cloud would be taken.
    for (name, code) in [
        (&b"AWS_PROFILE"[..], "CREDENTIALS_INVALID"),
        (b"AWS_SECRET_ACCESS_KEY", "CREDENTIALS_INVALID"),
        (b"AWS_ENDPOINT_URL", "ENDPOINT_INVALID"),
        (b"AWS_ENDPOINT_URL_EC2", "ENDPOINT_INVALID"),
    ] {
        let ran = with(&workspace, name, BYTES, &["plan", "--quiet"]).await?;
        let name = String::from_utf8_lossy(name);
        ensure!(ran.code == 2 && ran.stderr.contains(code) && ran.stderr.contains(&*name), "{name}: {}", ran.said());
    }
    workspace.config("project_name: my-nebari\nprovider: existing\n")?;
    let ran = with(&workspace, b"KUBECONFIG", BYTES, &["plan", "--quiet"]).await?;
    ensure!(ran.code == 2 && ran.stderr.contains("KUBECONFIG_UNREADABLE"), "{}", ran.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_may_be_any_bytes_and_an_argument_may_not() -> Result<()> {
    let workspace = site()?;
    let config = [BYTES, b".yaml"].concat();
    std::fs::write(workspace.path().join(OsStr::from_bytes(&config)), EXAMPLE)?;
    let run = async |arguments: &[&[u8]]| -> Result<Ran> {
        let mut command = workspace.command(&[])?;
        command.args(arguments.iter().map(|argument| OsString::from_vec(argument.to_vec())));
        Ok(Ran::from(command.output().await?))
    };
    let ran = run(&[b"validate", b"-f", &config]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    let ran = run(&[b"state", b"list", b"--state", BYTES, b"--format", b"json"]).await?;
    ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "STATE_NOT_FOUND", "{}", ran.said());
    for arguments in [&[BYTES, b"--format", b"json"][..], &[b"plan", b"--confirm", BYTES, b"--format", b"json"]] {
        let ran = run(arguments).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "USAGE_INVALID", "{}", ran.said());
    }
    Ok(())
}

/// A variable sets a key as the file would. When its value is wrong the file is right, and the variable is what is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_from_a_variable_is_taken_and_told_as_that() -> Result<()> {
    let mut workspace = site()?;
    workspace.config("project_name: my-nebari\namazon_web_services:\n  kubernetes_version: '1.34'\n")?;
    workspace.env("NEBARI_SECRET__amazon_web_services__region", "us-west-2");
    workspace.ok(&["validate"]).await?;
    workspace.env("NEBARI_SECRET__amazon_web_services__region", "us_west_2");
    refused(&workspace, "environment_wrong_value", &["validate"], (1, "REGION_INVALID")).await?;
    // Where nobody says what a key is, it may be a secret: then it is one, and is no text.
    let mut workspace = site()?;
    workspace.env("NEBARI_SECRET__project_name", "1x");
    refused(&workspace, "environment_wrong_name", &["validate"], (1, "CONFIG_INVALID_VALUE")).await
}

/// What sets values of the config is named for secrets, and sets every key: as if it stood in the file, where it is right and where it is
/// wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_sets_any_key_as_if_it_stood_in_the_file() -> Result<()> {
    let workspace = site()?;
    let tap = workspace.path().join("tap").display().to_string();
    let run = async |variable: &str, value: &str| -> Result<Ran> {
        drop(std::fs::remove_file(&tap));
        let mut command = workspace.command(&["validate"])?;
        command.env(format!("NEBARI_SECRET__{variable}"), value).env("NIC_TAP", &tap);
        Ok(Ran::from(command.output().await?))
    };
    for (variable, value, seen) in [
        ("amazon_web_services__kubernetes_version", "1.30", r#""kubernetes_version":"1.30""#),
        ("amazon_web_services__node_groups__user__max_nodes", "9", r#""max_nodes":9,"#),
        ("amazon_web_services__node_groups__user__spot", "yes", r#""spot":true"#),
        ("amazon_web_services__availability_zones__1", "us-west-2c", r#"["us-west-2a","us-west-2c"]"#),
        ("amazon_web_services__tags__CostCentre", "0042317", r#""CostCentre":"0042317""#),
        ("namespace", "prod", r#""namespace":"prod""#),
    ] {
        let ran = run(variable, value).await?;
        ensure!(ran.code == 0, "{variable}={value}: {}", ran.said());
        ensure!(workspace.read("tap")?.contains(seen), "{variable}={value}: {}", workspace.read("tap")?);
    }
    for (variable, value, why) in [
        ("amazon_web_services__region", "eu-central-1", "`us-west-2a` is not in the region `eu-central-1`"),
        ("amazon_web_services__availability_zones__7", "us-west-2c", "has no `7`"),
        ("amazon_web_services__node_groups__user__max_nodes", "nine", "VALUE_TYPE"),
        ("amazon_web_services__region__deeper", "x", "is no map"),
        ("namespace", "", "CONFIG_INVALID_VALUE"),
        ("", "x", "names no key"),
        ("amazon_web_services____tags", "x", "names an empty key"),
    ] {
        let ran = run(variable, value).await?;
        let told = unwrapped(&ran.said());
        ensure!(ran.code == 1 && told.contains(why), "{variable}={value}: {}", ran.said());
        ensure!(told.contains(&format!("`NEBARI_SECRET__{variable}`")), "{variable}={value}: {}", ran.said());
    }
    // Nobody is known to read it, and it is not silently without effect.
    let ran = run("colour", "red").await?;
    ensure!(ran.code == 0 && ran.said().contains("`NEBARI_SECRET__colour`"), "{}", ran.said());
    Ok(())
}
