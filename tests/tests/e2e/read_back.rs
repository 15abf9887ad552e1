//! What a deploy leaves, read back by boto3, which shares no code with NIC: the boundary and the name of every role, and which image the nodes
//! of each group have.

use anyhow::{Context, Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::platform::Site;
use serde_json::{Value, json};

/// A group for each image that NIC chooses.
const GROUPS: &str = r"
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 1}
    arm: {instance: m7g.large, max_nodes: 1}
    gpu: {instance: g4dn.xlarge, gpu: true, max_nodes: 1}
    arm-gpu: {instance: g5g.xlarge, gpu: true, max_nodes: 1}
    neuron: {instance: inf2.xlarge, max_nodes: 1}
";

const SHOWN: &str = r#"
iam, eks = client("iam"), client("eks")
roles = {}
for page in iam.get_paginator("list_roles").paginate():
    for name in (role["RoleName"] for role in page["Roles"]):
        role = iam.get_role(RoleName=name)["Role"]
        tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
        if any(key.startswith("nic.nebari.dev/") for key in tags):
            roles[name] = dict(boundary=role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"), name=tags.get("Name"))
groups = {name: eks.describe_nodegroup(clusterName="my-nebari-dev", nodegroupName=name)["nodegroup"]["amiType"]
          for name in eks.list_nodegroups(clusterName="my-nebari-dev")["nodegroups"]}
show(dict(roles=roles, groups=groups))
"#;

fn config(spelling: &str, boundary: &str) -> String {
    format!(
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n  kubernetes_version: \"1.34\"\n  \
         availability_zones: [us-west-2a, us-west-2b]\n  permissions_boundary: {boundary}{spelling}"
    )
}

/// The roles with their `Name`, where they have one, each with the boundary.
fn roles(boundary: &str, names: &[(&str, bool)]) -> Value {
    let role = |(name, shown): &(&str, bool)| {
        ((*name).to_owned(), json!({ "boundary": boundary, "name": shown.then_some(name) }))
    };
    names.iter().map(role).collect::<serde_json::Map<_, _>>().into()
}

async fn everything_is_as_boto3_shows_it(emulator: Emulator) -> Result<()> {
    let site = Site::start(emulator, 1).await?;
    let boundary = site.make_boundary().await?;
    let workspace = site.workspace(&config(GROUPS, &boundary))?;
    workspace.ok(&["deploy"]).await?;
    let found = site.aws.inspect(SHOWN).await?;
    let expected = roles(
        &boundary,
        &[
            ("my-nebari-dev-cluster-autoscaler", true),
            ("my-nebari-dev-ebs-csi-driver", true),
            ("my-nebari-dev-eks-cluster-role", false),
            ("my-nebari-dev-eks-node-group-role", false),
        ],
    );
    ensure!(found["roles"] == expected, "{found:#}");
    let images = json!({
        "arm": "AL2023_ARM_64_STANDARD",
        "arm-gpu": "AL2023_ARM_64_NVIDIA",
        "general": "AL2023_x86_64_STANDARD",
        "gpu": "AL2023_x86_64_NVIDIA",
        "neuron": "AL2023_x86_64_NEURON",
    });
    ensure!(found["groups"] == images, "{found:#}");

    // A platform of before its service accounts' roles had names gets them in place.
    site.aws
        .inspect(r#"client("iam").untag_role(RoleName="my-nebari-dev-ebs-csi-driver", TagKeys=["Name"]); show(None)"#)
        .await?;
    forget_the_name(&workspace.stage().join("nic-state.json"))?;
    site.aws.clear_log();
    workspace.ok(&["deploy"]).await?;
    ensure!(site.changes() == ["TagRole"], "{:?}", site.changes());
    ensure!(site.aws.inspect(SHOWN).await?["roles"] == expected, "{found:#}");
    site.assert_settled(&workspace).await?;
    workspace.ok(&["destroy", "--yes"]).await?;
    site.delete_boundary(&boundary).await?;
    site.assert_empty().await
}

/// Takes the tag out of what the state says was accepted for the driver's role, as it was before NIC put it there.
fn forget_the_name(path: &std::path::Path) -> Result<()> {
    fn forget(value: &mut Value) -> usize {
        let here = match value {
            Value::Object(members) => {
                let is_tag = members.get("Name").is_some_and(|name| name == "my-nebari-dev-ebs-csi-driver");
                if is_tag {
                    members.remove("Name");
                }
                usize::from(is_tag)
            }
            _ => 0,
        };
        let below: usize = match value {
            Value::Object(members) => members.values_mut().map(forget).sum(),
            Value::Array(elements) => elements.iter_mut().map(forget).sum(),
            _ => 0,
        };
        here + below
    }
    let mut state: Value = serde_json::from_slice(&std::fs::read(path)?).context("read the state")?;
    ensure!(forget(&mut state) > 0, "no name is recorded: {state:#}");
    std::fs::write(path, serde_json::to_vec_pretty(&state)?).context("write the state")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_as_boto3_shows_it_on_moto() -> Result<()> {
    everything_is_as_boto3_shows_it(Emulator::Moto).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_as_boto3_shows_it_on_ministack() -> Result<()> {
    everything_is_as_boto3_shows_it(Emulator::Ministack).await
}
