//! Text that looks like something else reaches the cloud as it was written; numbers and truth values in Nebari's spellings are what they are
//! for Nebari.

use anyhow::{Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::platform::Platform;
use serde_json::json;

const CONFIG: &str = r#"
project_name: my-nebari
namespace: dev
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: 1.30
  availability_zones: [us-west-2a, us-west-2b]
  tags:
    CostCentre: 0042317
    Account: 011122223333
    Octal: 0o17
    Hex: 0x1F
    Exp: 1e3
    Date: 2026-11-30
    Sexagesimal: 190:20:30
    Ready: yes
    on: off
  node_groups:
    general: {instance: m5.2xlarge, min_nodes: "1", max_nodes: 2.0}
    user:
      instance: m5.xlarge
      min_nodes: 0
      max_nodes: 1_0
      spot: yes
      labels: {release: 1.10, unit: 007, ready: yes}
      taints:
        - {key: release, value: 1.10, effect: NoSchedule}
        - {key: unit, value: 007, effect: NoSchedule}
        - {key: spare, value: null, effect: NoSchedule}
        - {key: flag, value: true, effect: NoSchedule}
"#;

const FOUND: &str = r#"
eks, ec2 = client("eks"), client("ec2")
group = eks.describe_nodegroup(clusterName="my-nebari-dev", nodegroupName="user")["nodegroup"]
vpcs = [{tag["Key"]: tag["Value"] for tag in vpc.get("Tags", [])} for vpc in ec2.describe_vpcs()["Vpcs"]]
show({
    "version": eks.describe_cluster(name="my-nebari-dev")["cluster"]["version"],
    "most": group["scalingConfig"]["maxSize"],
    "capacity": group["capacityType"],
    "labels": {key: group["labels"].get(key) for key in ["release", "unit", "ready"]},
    "taints": {taint["key"]: taint.get("value") or None for taint in group["taints"]},
    "tags": [tags for tags in vpcs if "CostCentre" in tags],
})
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_reaches_the_cloud_as_it_is_meant() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Ministack, CONFIG).await?;
    workspace.ok(&["deploy"]).await?;
    let found = platform.aws.inspect(FOUND).await?;
    let written = json!({
        "CostCentre": "0042317",
        "Account": "011122223333",
        "Octal": "0o17",
        "Hex": "0x1F",
        "Exp": "1e3",
        "Date": "2026-11-30",
        "Sexagesimal": "190:20:30",
        "Ready": "yes",
        "on": "off",
    });
    let tags = &found["tags"][0];
    for (key, value) in written.as_object().into_iter().flatten() {
        ensure!(&tags[key] == value, "{key}: {found:#}");
    }
    ensure!(found["version"] == "1.30" && found["most"] == 10 && found["capacity"] == "SPOT", "{found:#}");
    ensure!(found["labels"] == json!({ "release": "1.10", "unit": "007", "ready": "yes" }), "{found:#}");
    let taints = json!({ "release": "1.10", "unit": "007", "spare": null, "flag": "true" });
    ensure!(found["taints"] == taints, "{found:#}");

    // Other notations of the same are no change.
    workspace.config(&CONFIG.replace("max_nodes: 1_0", "max_nodes: '10'").replace("spot: yes", "spot: 'on'"))?;
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)"), "{}", ran.stdout);
    Ok(())
}
