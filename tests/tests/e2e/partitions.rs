//! The partitions of AWS: the table of them, held against botocore's, and a platform in each of those that moto has.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nic_aws_partitions::{PARTITIONS, Partition};
use nic_tests::aws::{Emulator, ensure_venv};
use nic_tests::platform::Site;
use serde_json::{Map, Value, json};

/// With everything that leads to an ARN, a principal or a host. `REGION` and `BOUNDARY` are set by the test.
const CONFIG: &str = r#"
project_name: my-nebari
provider: aws
external_container_reg:
  enabled: true
  access_key_id: id of a key
  secret_access_key: the key itself
  extcr_account: "210987654321"
  extcr_region: REGION
amazon_web_services:
  region: REGION
  kubernetes_version: "1.34"
  availability_zones: [REGIONa, REGIONb]
  permissions_boundary: BOUNDARY
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 1}
"#;

/// Whom roles trust, and for which tokens; which policies they have; and for whom the issuer makes tokens.
const TRUSTED: &str = r#"
iam = client("iam")
principals, audiences, policies = set(), set(), set()
for role in iam.list_roles()["Roles"]:
    name = role["RoleName"]
    policies |= {policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]}
    for statement in iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]:
        principals |= set(statement["Principal"].values())
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        audiences |= {value for key, value in conditions.items() if key.endswith(":aud")}
providers = [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
clients = [id for arn in providers for id in iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]]
show(dict(principals=sorted(principals), audiences=sorted(audiences), policies=sorted(policies), clients=clients))
"#;

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

/// What was sent, as it was meant: forms and policies in the encoding of URLs.
fn sent(site: &Site) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let entries = site.aws.log().into_iter();
    let entries = entries.map(|call| {
        let body = call.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        (call.action, decoded(&decoded(&format!("{} {body}", call.summary))))
    });
    entries.collect()
}

async fn a_platform_is_of_its_partition(region: &str, id: &str, suffix: &str, machines: &str) -> Result<()> {
    let site = Site::start_in(Emulator::Moto, region, 1).await?;
    let boundary = site.make_boundary().await?;
    site.aws.keep_bodies(true);
    let workspace = site.workspace(&CONFIG.replace("REGION", region).replace("BOUNDARY", &boundary))?;
    workspace.ok(&["validate"]).await?;
    workspace.ok(&["deploy"]).await?;

    let own = format!("arn:{id}:");
    let stage = |name: &str| workspace.read(&format!(".nebari/stages/02-infrastructure/{name}"));
    let mut said = sent(&site);
    for file in ["nic-state.json", "outputs.json", "kubeconfig"] {
        said.push((file.to_owned(), stage(file)?));
    }
    for (path, object) in site.cluster.objects() {
        said.push((path, object.to_string()));
    }
    for (place, text) in &said {
        for (at, _) in text.match_indices("arn:aws") {
            ensure!(text[at..].starts_with(&own), "{place} names {:.60}", &text[at..]);
        }
        // Names of labels and annotations are the same everywhere.
        for (at, host) in text.match_indices(".amazonaws.com") {
            let rest = &text[at + host.len()..];
            let begins = text[..at].rsplit(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))).next();
            let is_word =
                ["eks", "sts", "cluster.k8s"].contains(&begins.unwrap_or_default()) && !rest.starts_with(".cn");
            let is_host = suffix == "amazonaws.com" || rest.starts_with(".cn");
            ensure!(is_host || is_word, "{place} names {}{host}{:.20}", begins.unwrap_or_default(), rest);
        }
    }
    ensure!(said.iter().any(|(_, text)| text.contains(&own)), "nothing names an ARN");
    let outputs: Value = serde_json::from_str(&stage("outputs.json")?)?;
    let endpoint = outputs["nfs_endpoint"].as_str().context("an endpoint")?;
    ensure!(endpoint.ends_with(&format!(".efs.{region}.{suffix}")), "{endpoint}");

    let trusted = site.aws.inspect(TRUSTED).await?;
    let principals: BTreeSet<&str> =
        trusted["principals"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ensure!(principals.contains("eks.amazonaws.com") && principals.contains(machines), "{trusted:#}");
    let others = principals.iter().filter(|principal| !["eks.amazonaws.com", machines].contains(principal));
    let issuer = format!("{own}iam::123456789012:oidc-provider/oidc.eks.{region}.{suffix}/id/");
    ensure!(others.into_iter().all(|federated| federated.starts_with(&issuer)), "{trusted:#}");
    let policies = trusted["policies"].as_array().context("policies")?;
    ensure!(policies.len() > 5, "{trusted:#}");
    ensure!(policies.iter().all(|policy| policy.as_str().is_some_and(|arn| arn.starts_with(&own))), "{trusted:#}");
    // The one that EKS makes tokens for, in every partition.
    let audience = json!(["sts.amazonaws.com"]);
    ensure!(trusted["audiences"] == audience && trusted["clients"] == audience, "{trusted:#}");

    site.assert_settled(&workspace).await?;
    workspace.ok(&["destroy", "--yes"]).await?;
    site.delete_boundary(&boundary).await?;
    site.assert_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_in_china_is_of_its_partition() -> Result<()> {
    a_platform_is_of_its_partition("cn-north-1", "aws-cn", "amazonaws.com.cn", "ec2.amazonaws.com.cn").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_in_gov_cloud_is_of_its_partition() -> Result<()> {
    a_platform_is_of_its_partition("us-gov-west-1", "aws-us-gov", "amazonaws.com", "ec2.amazonaws.com").await
}
