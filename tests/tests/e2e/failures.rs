//! What ends as failed in the cloud, and what would: the one says why and is made anew by the next deploy, the other is not begun.

use anyhow::{Result, ensure};
use nic_tests::aws::{AwsCloud, Emulator};
use nic_tests::nic::Workspace;
use nic_tests::platform::{many, workspace};

use super::replacement::CLASSIC;

async fn fails(workspace: &Workspace, code: &str, why: &str) -> Result<()> {
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(
        ran.code == 2 && ran.json()?["error"]["details"]["cause"] == code && ran.said().contains(why),
        "{}",
        ran.said()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_as_failed_says_why_and_is_made_anew() -> Result<()> {
    let (aws, _cluster) = many(Emulator::Ministack, 1).await?;
    let workspace = workspace(&aws)?;
    workspace.config(CLASSIC)?;
    aws.fail_next_cluster("InsufficientFreeAddresses", "no address is left").await;
    fails(&workspace, "CLUSTER_FAILED", "no address is left").await?;

    // Something that never served is no loss: nobody has to confirm that it goes.
    aws.fail_next_nodegroup("NodeCreationFailure", "no machine came up").await;
    fails(&workspace, "NODE_GROUP_FAILED", "no machine came up").await?;

    workspace.ok(&["deploy"]).await?;
    let found = aws.inventory().await?;
    let groups = found["nodegroups"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(found["clusters"].as_array().map(Vec::len) == Some(1) && groups.len() == 2, "{found:#}");
    ensure!(groups.iter().all(|group| group["status"] == "ACTIVE"), "{groups:#?}");
    aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)") && aws.mutating_count() == 0, "{}", ran.said());
    workspace.ok(&["destroy", "--yes"]).await?;
    aws.assert_empty().await
}

async fn is_not_begun(aws: &AwsCloud, config: &str, code: &str) -> Result<()> {
    let workspace = workspace(aws)?;
    workspace.config(config)?;
    aws.clear_log();
    let ran = workspace.run(&["deploy"]).await?;
    ensure!(ran.code == 1 && ran.said().contains(code), "{}", ran.said());
    ensure!(aws.mutating_count() == 0, "{:#?}", aws.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_end_well_is_not_begun() -> Result<()> {
    let (aws, _cluster) = many(Emulator::Ministack, 1).await?;
    is_not_begun(&aws, &CLASSIC.replace("m5.xlarge", "nonsense.xlarge"), "INSTANCE_NOT_OFFERED").await?;
    let key = "arn:aws:kms:us-west-2:123456789012:key/00000000-0000-0000-0000-000000000000";
    let with_key = CLASSIC.replace("  node_groups:", &format!("  eks_kms_arn: {key}\n  node_groups:"));
    is_not_begun(&aws, &with_key, "KMS_KEY_UNUSABLE").await?;
    let taken = r#"client("iam").create_role(RoleName="my-nebari-dev-eks-cluster-role", AssumeRolePolicyDocument=trust("eks.amazonaws.com")); show(None)"#;
    aws.inspect(taken).await?;
    is_not_begun(&aws, CLASSIC, "my-nebari-dev-eks-cluster-role").await
}
