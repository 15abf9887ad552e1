//! The table of AWS's partitions, held against botocore's.

use std::path::Path;

use anyhow::{Result, ensure};
use nic_aws_partitions::{PARTITIONS, Partition};
use nic_tests::aws::ensure_venv;
use serde_json::{Map, Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_partitions_are_those_that_botocore_knows() -> Result<()> {
    let venv = tokio::task::spawn_blocking(|| ensure_venv(&|_| ())).await??;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/partitions.py");
    let output = tokio::process::Command::new(venv.join("bin/python")).arg(script).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut known: Map<String, Value> = serde_json::from_slice(&output.stdout)?;

    for (id, shown) in &mut known {
        let regions = shown["regions"].take();
        ensure!(regions.as_array().is_some_and(|regions| !regions.is_empty()), "{id} has no region: {shown}");
        for region in regions.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let partition = Partition::of_region(region).map(|partition| partition.id);
            ensure!(partition == Some(id.as_str()), "{region} is in {id}, and not in {partition:?}");
        }
    }
    let ours = PARTITIONS.iter().map(|partition| {
        let mut areas = partition.areas.to_vec();
        areas.sort_unstable();
        let shown = json!({
            "areas": areas,
            "regions": null,
            "dns_suffix": partition.dns_suffix,
            "dual_stack_dns_suffix": partition.dual_stack_dns_suffix,
            "iam_host": partition.iam_host,
            "global_region": partition.global_region,
        });
        (partition.id.to_owned(), shown)
    });
    assert_eq!(Value::Object(ours.collect()), Value::Object(known));
    Ok(())
}

#[test]
fn what_is_no_region_is_in_no_partition() {
    for bad in [
        "",
        "us",
        "us-west",
        "us-west-2a",
        "us-west-",
        "us--2",
        "US-west-2",
        "us-we_st-2",
        "us-west-222",
        "cn-1",
        "gov-west-1",
        "us-gov-1x",
        "eusc-east-1",
        "us.west-2",
        "us-west-2.evil.com",
    ] {
        assert_eq!(Partition::of_region(bad), None, "{bad}");
    }
}
