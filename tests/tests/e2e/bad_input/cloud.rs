//! Clouds and clusters that do not let in, or are not there. Nothing is recorded, since nothing is known.

use anyhow::{Result, ensure};
use nic_tests::configs::{EXAMPLE, EXISTING};
use nic_tests::nic::Workspace;
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::said::refused;

/// A port that nobody listens on.
const NOBODY: &str = "http://127.0.0.1:1";

/// A working directory with that config and no login.
fn site(config: &str) -> Result<Workspace> {
    let mut workspace = Workspace::new()?;
    workspace.config(config)?;
    workspace
        .env("NIC_PACE", "0.02")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    Ok(workspace)
}

fn with_login(workspace: &mut Workspace, endpoint: &str) {
    workspace
        .env("AWS_ACCESS_KEY_ID", "AKIANICTEST0EXAMPLE0")
        .env("AWS_SECRET_ACCESS_KEY", "nic/test/only/0000000000000000000EXAMPLE")
        .env("AWS_ENDPOINT_URL", endpoint);
}

fn left_nothing(workspace: &Workspace) -> Result<()> {
    ensure!(!workspace.stage().join("nic-state.json").exists(), "something was recorded");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_nothing_is_read_and_it_is_told_once() -> Result<()> {
    let workspace = site(EXAMPLE)?;
    refused(&workspace, "cloud_no_credentials", &["deploy", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    // Where the first thing is a question, it is what fails.
    workspace.config("project_name: my-nebari\namazon_web_services:\n  region: us-west-2\n")?;
    refused(&workspace, "cloud_no_credentials_for_a_question", &["plan", "--quiet"], (2, "CREDENTIALS_MISSING"))
        .await?;
    left_nothing(&workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_have_ended_are_told_wherever_that_is_found_out() -> Result<()> {
    // By the credentials themselves.
    let mut workspace = site(EXAMPLE)?;
    let ended = json!({
        "Version": 1, "AccessKeyId": "AKIANICTEST0EXAMPLE0", "SecretAccessKey": "secret", "SessionToken": "token",
        "Expiration": "2020-01-01T00:00:00Z",
    });
    workspace.write("login.json", &ended.to_string())?;
    workspace.write("aws-config", "[default]\ncredential_process = cat login.json\n")?;
    workspace.env("AWS_CONFIG_FILE", "aws-config");
    refused(&workspace, "cloud_credentials_ended", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;

    // By AWS.
    let answer = "<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired.</Message></Error></Errors></Response>";
    let aws = Attacker::start("400 Bad Request", |_| answer.to_owned()).await?;
    let mut workspace = site(EXAMPLE)?;
    with_login(&mut workspace, &format!("http://{}", aws.address()));
    refused(&workspace, "cloud_says_credentials_ended", &["deploy", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    left_nothing(&workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_region_is_told_before_anything_is_asked_or_by_aws() -> Result<()> {
    // No partition of AWS has such regions.
    let mut workspace = site(&EXAMPLE.replace("us-west-2", "zz-west-2"))?;
    with_login(&mut workspace, NOBODY);
    refused(&workspace, "cloud_no_such_region", &["plan", "--quiet"], (1, "REGION_INVALID")).await?;

    // A region that the account has not enabled answers as if the login were wrong.
    let answer = "<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to validate the provided access credentials</Message></Error></Errors></Response>";
    let aws = Attacker::start("401 Unauthorized", |_| answer.to_owned()).await?;
    let mut workspace = site(&EXAMPLE.replace("us-west-2", "ap-east-1"))?;
    with_login(&mut workspace, &format!("http://{}", aws.address()));
    workspace
        .config("project_name: my-nebari\namazon_web_services:\n  region: ap-east-1\n  kubernetes_version: '1.34'\n")?;
    refused(&workspace, "cloud_region_not_enabled", &["plan", "--quiet"], (2, "DENIED")).await?;
    left_nothing(&workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_out_of_reach_is_told_once() -> Result<()> {
    let mut workspace = site(EXAMPLE)?;
    with_login(&mut workspace, NOBODY);
    refused(&workspace, "cloud_unreachable", &["deploy", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    workspace.env("AWS_ENDPOINT_URL", "not a url");
    refused(&workspace, "cloud_endpoint_invalid", &["plan", "--quiet"], (2, "ENDPOINT_INVALID")).await?;
    left_nothing(&workspace)
}

/// The proxy is what is out of reach, or says no; whatever lies behind it had no say.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_told_as_the_proxy() -> Result<()> {
    let mut workspace = site(EXAMPLE)?;
    with_login(&mut workspace, "");
    workspace.env("HTTPS_PROXY", "http://user:PLANTED@127.0.0.1:1");
    refused(&workspace, "cloud_proxy_unreachable", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    let proxy = Attacker::start("403 Forbidden", |_| "{}".to_owned()).await?;
    workspace.env("HTTPS_PROXY", format!("http://user:PLANTED@{}", proxy.address()));
    refused(&workspace, "cloud_proxy_refuses", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    let ran = workspace.run(&["plan", "-v"]).await?;
    ensure!(!ran.said().contains("PLANTED"), "{}", ran.said());

    // The same of one on the way to a cluster.
    let mut workspace = site(&EXISTING.replace("nic-test", "mine"))?;
    workspace.env("KUBECONFIG", "kubeconfig").env("HTTPS_PROXY", "http://user:PLANTED@127.0.0.1:1");
    workspace.write("kubeconfig", &kubeconfig("https://10.0.0.1:1").to_string())?;
    refused(&workspace, "cluster_behind_a_proxy", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    workspace.env("HTTPS_PROXY", format!("http://user:PLANTED@{}", proxy.address()));
    let ran = workspace.run(&["plan"]).await?;
    ensure!(
        ran.said().contains("PROXY_REFUSED: the proxy `127.0.0.1:") && !ran.said().contains("PLANTED"),
        "{}",
        ran.said()
    );
    workspace.env("HTTPS_PROXY", "ftp://user:PLANTED@127.0.0.1:1");
    let ran = workspace.run(&["plan"]).await?;
    ensure!(ran.said().contains("PROXY_INVALID") && !ran.said().contains("PLANTED"), "{}", ran.said());
    left_nothing(&workspace)
}

/// A profile that cannot be used is named, the first time and every time.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_cannot_be_used_is_named() -> Result<()> {
    let mut workspace = site(EXAMPLE)?;
    let profiles = "\
[profile circle]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = other
[profile other]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = circle
";
    workspace.write("aws-config", profiles)?;
    workspace.env("AWS_CONFIG_FILE", "aws-config").env("AWS_PROFILE", "circle");
    refused(&workspace, "cloud_profile_in_a_circle", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    workspace.env("AWS_PROFILE", "missing");
    refused(&workspace, "cloud_profile_missing", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    left_nothing(&workspace)
}

fn kubeconfig(server: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "mine",
        "clusters": [{ "name": "mine", "cluster": { "server": server } }],
        "contexts": [{ "name": "mine", "context": { "cluster": "mine", "user": "me" } }],
        "users": [{ "name": "me", "user": {} }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_out_of_reach_is_told_once() -> Result<()> {
    let mut workspace = site(&EXISTING.replace("nic-test", "mine"))?;
    workspace.env("KUBECONFIG", "kubeconfig");
    refused(&workspace, "cluster_no_kubeconfig", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    workspace.write("kubeconfig", &kubeconfig(NOBODY).to_string())?;
    refused(&workspace, "cluster_unreachable", &["deploy", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    workspace.config(&EXISTING.replace("nic-test", "theirs"))?;
    refused(&workspace, "cluster_no_context", &["plan", "--quiet"], (2, "RESOURCE_UNREADABLE")).await?;
    left_nothing(&workspace)
}
