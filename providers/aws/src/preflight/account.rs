//! Whether the account is there, has the region, and has room left.

use futures::join;
use nic_sdk::aws::{SdkSetup, partition_of};
use nic_sdk::aws_client;
use nic_sdk::error::Error;
use nic_sdk::kit::preflight::{Summary, all, unchecked};
use nic_sdk::types::Diagnostic;
use serde_json::json;

use super::ask::Asking;
use crate::cloud::{Cloud, from_aws};
use crate::config::Config;

/// Something an account may have so many of.
struct Quota {
    /// For people.
    things: &'static str,
    /// What the addresses of those that a plan makes begin with.
    addresses: &'static str,
    /// Service and code of the quota.
    service: &'static str,
    code: &'static str,
}

const VPCS: Quota = Quota { things: "VPCs", addresses: "aws.vpc.", service: "vpc", code: "L-F678F1CE" };
const ADDRESSES: Quota =
    Quota { things: "Elastic IP addresses", addresses: "aws.elastic-ip.", service: "ec2", code: "L-0263D0A3" };

/// Every check of this file.
pub async fn check(cloud: &Cloud, config: &Config, summary: Summary<'_>) -> Vec<Diagnostic> {
    let asking = Asking { region: &config.region };
    let quotas = all([VPCS, ADDRESSES].map(|quota| room(cloud, asking, quota, summary)));
    let (identity, region, quotas) = join!(identity(asking, config), region_enabled(config), quotas);
    [identity, region, quotas].concat()
}

/// The credentials are somebody's, and the boundary that their roles get is in the same account.
async fn identity(asking: Asking<'_>, config: &Config) -> Vec<Diagnostic> {
    let caller = match asking.caller().await {
        Ok(caller) => caller,
        Err(error @ Error::Denied { .. }) => {
            let detail = format!("AWS does not accept the credentials: {error}");
            return vec![
                Diagnostic::error("CREDENTIALS_REFUSED", "The credentials cannot be used", detail)
                    .hint("log in to AWS again, or let NIC have other credentials"),
            ];
        }
        Err(error) => return vec![unchecked("whose credentials these are", &error)],
    };
    let account = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
    let boundary = config.permissions_boundary.as_deref();
    let elsewhere = boundary.filter(|arn| ![account(&caller).as_str(), "aws"].contains(&account(arn).as_str()));
    let problems = elsewhere.map(|arn| {
        Diagnostic::error(
            "BOUNDARY_IN_ANOTHER_ACCOUNT",
            "The permissions boundary is in another account",
            format!("`{arn}` cannot bound roles that `{caller}` makes"),
        )
        .at(super::at("permissions_boundary"))
        .hint(format!("name a policy of the account {}, or act in that of the boundary", account(&caller)))
    });
    problems.into_iter().collect()
}

/// Regions that came late have to be enabled. The home of the partition knows, the region itself refuses everything.
async fn region_enabled(config: &Config) -> Vec<Diagnostic> {
    let region = config.region.as_str();
    let partition = partition_of(region);
    // The other partitions have no regions to enable.
    if partition.id != "aws" {
        return Vec::new();
    }
    let ec2 = aws_client!(aws_sdk_ec2, SdkSetup::new("EC2", "ec2", partition.global_region));
    let answer = match ec2.describe_regions().all_regions(true).region_names(region).send().await.map_err(from_aws) {
        Ok(answer) => answer,
        Err(error) => return vec![unchecked(&format!("whether the region `{region}` is enabled"), &error)],
    };
    let shown = answer.regions.unwrap_or_default();
    let status = shown.iter().find(|shown| shown.region_name() == Some(region)).and_then(|shown| shown.opt_in_status());
    if status != Some("not-opted-in") {
        return Vec::new();
    }
    vec![
        Diagnostic::error(
            "REGION_NOT_ENABLED",
            "The region is not enabled",
            format!("the account has not enabled `{region}`"),
        )
        .at(super::at("region"))
        .hint("enable it in the account's settings; that takes some minutes"),
    ]
}

/// Whether as many fit as the plan makes.
async fn room(cloud: &Cloud, asking: Asking<'_>, quota: Quota, summary: Summary<'_>) -> Vec<Diagnostic> {
    let wanted = summary.created().filter(|address| address.starts_with(quota.addresses)).count();
    if wanted == 0 {
        return Vec::new();
    }
    let (limit, used) = join!(limit(asking, &quota), used(cloud, &quota));
    let (limit, used) = match (limit, used) {
        (Ok(Some(limit)), Ok(used)) => (limit, used),
        (Err(error), _) | (_, Err(error)) if error.may_pass() => {
            return vec![unchecked(&format!("whether the account has room for more {}", quota.things), &error)];
        }
        _ => return Vec::new(),
    };
    if used + wanted <= limit {
        return Vec::new();
    }
    let Quota { things, code, .. } = quota;
    let detail = format!("the account may have {limit} {things} in this region, has {used}, and needs {wanted} more");
    vec![
        Diagnostic::error("QUOTA_TOO_SMALL", "The account has no room left", detail)
            .hint(format!("have the quota {code} raised, or delete what is no longer in use")),
    ]
}

async fn limit(asking: Asking<'_>, quota: &Quota) -> Result<Option<usize>, Error> {
    let body = json!({ "ServiceCode": quota.service, "QuotaCode": quota.code });
    let target = "ServiceQuotasV20190624.GetServiceQuota";
    let answer = asking.json("Service Quotas", "servicequotas", target, &body).await?;
    let value = answer.pointer("/Quota/Value").and_then(serde_json::Value::as_f64);
    // Quotas are small whole numbers, written with a point.
    Ok(value.filter(|value| (0.0..1e6).contains(value)).and_then(|value| format!("{value:.0}").parse().ok()))
}

async fn used(cloud: &Cloud, quota: &Quota) -> Result<usize, Error> {
    if quota.code == ADDRESSES.code {
        let answer = cloud.ec2.describe_addresses().send().await.map_err(from_aws)?;
        return Ok(answer.addresses.unwrap_or_default().len());
    }
    let pages = cloud.ec2.describe_vpcs().into_paginator().items().send();
    Ok(pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?.len())
}
