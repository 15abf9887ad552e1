//! What is asked on a terminal before something is lost: it names the place, one answer alone agrees, and after any other nothing is
//! changed. Where there is no terminal: `whose.rs`.

use std::time::Duration;

use anyhow::{Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::configs::{CLASSIC, EXISTING};
use nic_tests::control_plane::kubeconfig;
use nic_tests::namespaces::NamespaceServer;
use nic_tests::nic::Workspace;
use nic_tests::platform::{PACE, Site};
use nic_tests::terminal::Terminal;

const FIX: &str = "Change it back in AWS account 123456789012? [y/N]";
const ACCEPT: &str = "Record what is found in AWS account 123456789012 as what is right?";
const DESTROY: &str = "Type `my-nebari` to destroy all of it in AWS account 123456789012:";
const RETIRE: &str = "Type `my-nebari` to put the state aside:";

/// How long a run may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Ctrl-C, and Ctrl-D at the beginning of a line.
const STOP: &str = "\x03";
const END: &str = "\x04";

/// Somebody puts the network's names out of use.
const BY_HAND: &str = r#"
ec2 = client("ec2")
vpc = next(v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"])
ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames=dict(Value=False))
show(None)
"#;

/// Waits until the question is on the screen, and answers it. Gives the exit code, and all that was shown.
async fn answered(workspace: &Workspace, command: &[&str], question: &str, answer: &str) -> Result<(i32, String)> {
    // So wide that nothing is wrapped.
    let mut terminal = Terminal::start(workspace, command, 50, 250)?;
    let asked = terminal.until(PATIENCE, |screen| screen.contains(question)).await;
    ensure!(asked? && terminal.shown().contains(question), "nobody asked `{question}`: {}", terminal.shown());
    terminal.write(answer).await?;
    let code = terminal.end(PATIENCE).await?;
    Ok((code, terminal.history().join("\n")))
}

/// None of these agrees.
async fn refused(workspace: &Workspace, command: &[&str], question: &str, answers: &[&str]) -> Result<()> {
    let before = workspace.state()?;
    for answer in answers {
        let (code, said) = answered(workspace, command, question, answer).await?;
        ensure!(code == 1 && said.contains("NOT_CONFIRMED"), "{command:?}, {answer:?}: ended with {code}\n{said}");
        ensure!(workspace.state()? == before, "{command:?}, {answer:?}: the state was changed\n{said}");
    }
    Ok(())
}

/// A small platform that is not as it was made.
async fn drifted() -> Result<(Site, Workspace)> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(CLASSIC)?;
    workspace.ok(&["deploy", "--target", "aws.vpc.main"]).await?;
    site.aws.inspect(BY_HAND).await?;
    site.aws.clear_log();
    Ok((site, workspace))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_agree_at_the_terminal_keeps_everything() -> Result<()> {
    let (site, workspace) = drifted().await?;

    refused(&workspace, &["drift", "fix"], FIX, &["no\n", "\n", "my-nebari\n", END]).await?;
    refused(&workspace, &["drift", "accept"], ACCEPT, &["n\n"]).await?;
    refused(&workspace, &["destroy"], DESTROY, &["no\n", "y\n", "yes\n", "my-nebar\n", "My-Nebari\n", END]).await?;
    refused(&workspace, &["state", "retire"], RETIRE, &["no\n", "yes\n", "nebari\n", END]).await?;
    ensure!(site.changes().is_empty(), "{:?}", site.changes());

    // And the answer that agrees.
    let (code, said) = answered(&workspace, &["drift", "fix"], FIX, "y\n").await?;
    ensure!(code == 0 && said.contains("Done. (1 change)"), "{code}\n{said}");
    ensure!(site.changes() == ["ModifyVpcAttribute"], "{:?}", site.changes());
    site.aws.inspect(BY_HAND).await?;
    let (code, said) = answered(&workspace, &["drift", "accept"], ACCEPT, "Yes\n").await?;
    ensure!(code == 0 && said.contains("Accepted. (1 record)"), "{code}\n{said}");
    let state = workspace.stage().join("nic-state.json");
    let kept = std::fs::read(&state)?;
    let (code, said) = answered(&workspace, &["state", "retire"], RETIRE, "my-nebari\n").await?;
    ensure!(code == 0 && said.contains("of `my-nebari` in AWS account 123456789012."), "{code}\n{said}");
    ensure!(!state.exists(), "it was not put aside: {said}");
    std::fs::write(&state, kept)?;
    let (code, said) = answered(&workspace, &["destroy"], DESTROY, "my-nebari\n").await?;
    ensure!(code == 0 && said.contains("Done. ("), "{code}\n{said}");
    site.assert_empty().await?;
    // With nothing to lose nothing is asked.
    let mut terminal = Terminal::start(&workspace, &["destroy"], 50, 250)?;
    ensure!(terminal.end(PATIENCE).await? == 0, "{}", terminal.shown());
    Ok(())
}

/// Ctrl-C is an answer too, and who wants to hear nothing is asked all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_seen_and_can_be_left() -> Result<()> {
    let (site, workspace) = drifted().await?;
    for (command, question) in [
        (&["destroy"][..], DESTROY),
        (&["destroy", "--quiet"], DESTROY),
        (&["drift", "fix", "--quiet"], FIX),
        (&["state", "retire", "--quiet"], RETIRE),
    ] {
        let before = workspace.state()?;
        let (code, said) = answered(&workspace, command, question, STOP).await?;
        ensure!(code == 130 && workspace.state()? == before, "{command:?}: ended with {code}\n{said}");
    }
    ensure!(site.changes().is_empty(), "{:?}", site.changes());
    Ok(())
}

/// Of a cluster that is the user's own there is no account: the question names the cluster.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_named_before_anything_on_it_is_destroyed() -> Result<()> {
    let cluster = NamespaceServer::start(None).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(EXISTING)?;
    workspace.write("kubeconfig", &kubeconfig::by_token(cluster.endpoint(), cluster.ca_pem(), "anybody"))?;
    workspace.env("KUBECONFIG", "kubeconfig").env("NIC_PACE", PACE.to_string());
    workspace.ok(&["deploy"]).await?;
    let before = cluster.shown();
    let place = format!("the cluster `nic-test` at {}", cluster.endpoint());
    let question = format!("Type `my-nebari` to destroy all of it in {place}:");
    refused(&workspace, &["destroy"], &question, &["no\n", "nic-test\n"]).await?;
    ensure!(cluster.shown() == before, "{:?}", cluster.writes());
    let (code, said) = answered(&workspace, &["destroy"], &question, "my-nebari\n").await?;
    ensure!(code == 0 && cluster.paths().is_empty(), "{code} {:?}\n{said}", cluster.paths());
    Ok(())
}
