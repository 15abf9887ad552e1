//! The one host name that a service in a region has, and what the user put in its place.
//!
//! A grant such as `*.amazonaws.com` would include an attacker's bucket: host names are computed here, never matched.

use std::collections::BTreeMap;
use std::fmt;

use nic_aws_partitions::Partition;
use url::Url;

use super::catalogue::Service;
use crate::refusal::Refusal;
use crate::scheme::{Bound, Destination, EndpointError};

/// Most of a region's name that is told again. Real ones have at most 15 characters.
const TOLD: usize = 32;

/// The partition of a region, whose syntax is checked: it becomes part of a host name.
pub fn partition(region: &str) -> Result<&'static Partition, Refusal> {
    let unknown = || Refusal::Region { region: region.chars().take(TOLD).collect(), cloud: "AWS" };
    Partition::of_region(region).ok_or_else(unknown)
}

/// Binds a service in a region to its host name.
pub fn bind(service: &Service, region: &str) -> Result<Bound, Refusal> {
    let partition = partition(region)?;
    let at = |host, region| Destination { service: service.signing_name, service_id: service.service_id, host, region };
    if service.signing_name == "iam" {
        let (host, region) = (partition.iam_host.to_owned(), partition.global_region.to_owned());
        return Ok(Bound { destination: at(host, region), is_global: true });
    }
    let host = partition.host(service.endpoint_prefix, region);
    Ok(Bound { destination: at(host, region.to_owned()), is_global: false })
}

/// The user's own endpoints: emulators, private endpoints.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EndpointOverrides {
    all: Option<Url>,
    by_service: BTreeMap<String, Url>,
}

/// What to do about an endpoint that is none.
pub(super) const HINT: &str =
    "set AWS_ENDPOINT_URL to a URL such as `http://localhost:4566`, or unset it to use AWS itself";

/// What begins the names of the variables.
pub(super) const PREFIX: &str = "AWS_ENDPOINT_URL";

impl EndpointOverrides {
    /// From the environment: `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE_ID>`, unless `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, EndpointError> {
        let mut overrides = Self::default();
        let mut ignored = false;
        for (name, value) in variables {
            if name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" {
                ignored = value.eq_ignore_ascii_case("true");
            }
            let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !value.is_empty()) else { continue };
            let url = parse(&value).map_err(|why| EndpointError { name: name.clone(), why, hint: HINT })?;
            match rest.strip_prefix('_') {
                Some(service) => {
                    overrides.by_service.insert(service.to_owned(), url);
                }
                None if rest.is_empty() => overrides.all = Some(url),
                None => {}
            }
        }
        Ok(if ignored { Self::default() } else { overrides })
    }

    /// Adds an endpoint of one service, for what the environment leaves open.
    pub fn or_for(&mut self, service_id: &str, value: &str) -> Result<(), EndpointError> {
        if self.of(service_id).is_none() {
            let name = format!("endpoint_url of {service_id}");
            let url = parse(value).map_err(|why| EndpointError { name, why, hint: HINT })?;
            self.by_service.insert(variable(service_id), url);
        }
        Ok(())
    }

    /// The endpoint in place of the service's own, by the SDK's service id (`Resource Groups`).
    pub fn of(&self, service_id: &str) -> Option<&Url> {
        self.by_service.get(&variable(service_id)).or(self.all.as_ref())
    }
}

/// How a service is called in the name of a variable.
fn variable(service_id: &str) -> String {
    service_id.to_ascii_uppercase().replace([' ', '-'], "_")
}

impl fmt::Debug for EndpointOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointOverrides").field("services", &self.by_service.keys()).finish_non_exhaustive()
    }
}

fn parse(value: &str) -> Result<Url, String> {
    let url = Url::parse(value).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("expected `http://` or `https://` and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("it may not hold a user, a query or a fragment".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::service;
    use super::*;

    fn host(signing_name: &str, service_id: &str, region: &str) -> String {
        bind(service(signing_name, service_id).unwrap(), region).unwrap().destination.host
    }

    #[test]
    fn each_partition_has_its_own_names() {
        assert_eq!(host("ec2", "EC2", "us-west-2"), "ec2.us-west-2.amazonaws.com");
        assert_eq!(host("eks", "EKS", "cn-north-1"), "eks.cn-north-1.amazonaws.com.cn");
        assert_eq!(host("sts", "STS", "us-gov-west-1"), "sts.us-gov-west-1.amazonaws.com");
        assert_eq!(host("ecr", "ECR", "ap-southeast-2"), "api.ecr.ap-southeast-2.amazonaws.com");
        assert_eq!(host("elasticfilesystem", "EFS", "eu-west-1"), "elasticfilesystem.eu-west-1.amazonaws.com");
        assert_eq!(
            host("resource-groups", "Resource Groups", "us-gov-west-1"),
            "resource-groups.us-gov-west-1.amazonaws.com"
        );
        assert_eq!(host("autoscaling", "Auto Scaling", "cn-north-1"), "autoscaling.cn-north-1.amazonaws.com.cn");
        assert_eq!(host("iam", "IAM", "eu-central-1"), "iam.amazonaws.com");
        assert_eq!(host("iam", "IAM", "cn-northwest-1"), "iam.cn-north-1.amazonaws.com.cn");
        assert_eq!(host("iam", "IAM", "us-gov-east-1"), "iam.us-gov.amazonaws.com");
        assert_eq!(bind(service("iam", "IAM").unwrap(), "eu-central-1").unwrap().destination.region, "us-east-1");
    }

    #[test]
    fn nothing_but_a_region_passes_for_a_region() {
        for bad in [
            "",
            "us-west-2.evil.com",
            "us-west-2/",
            "us-west-2@evil",
            "us-west-2#",
            "us-west",
            "us--2",
            "US-WEST-2",
            "us-west-2-2",
            "us-west-222",
            "xx-west-1",
            "us-wést-1",
            " us-west-2",
        ] {
            assert!(partition(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn overrides_are_found_by_service_id_then_for_all() {
        let variables = |pairs: &[(&str, &str)]| {
            EndpointOverrides::from_variables(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
        };
        let overrides = variables(&[
            ("AWS_ENDPOINT_URL_RESOURCE_GROUPS", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:2/aws"),
            ("AWS_ENDPOINT_URL_EKS", ""),
        ])
        .unwrap();
        assert_eq!(overrides.of("Resource Groups").unwrap().as_str(), "http://127.0.0.1:1/");
        assert_eq!(overrides.of("EKS").unwrap().as_str(), "http://127.0.0.1:2/aws");
        let off = variables(&[("AWS_ENDPOINT_URL", "http://a"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]);
        assert_eq!(off.unwrap(), EndpointOverrides::default());
        let error = variables(&[("AWS_ENDPOINT_URL", "http://user:hunter2@host")]).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(variables(&[("AWS_ENDPOINT_URL", "ftp://host")]).is_err());
    }
}
