//! The official AWS SDK crates over [`cloud_http`](crate::cloud_http): they build and parse, the host signs and sends.
//!
//! The SDK crates are dependencies of the provider, default features off. One line makes a client:
//!
//! ```ignore
//! let ec2 = nic_sdk::aws_client!(aws_sdk_ec2, SdkSetup::new("EC2", "ec2", "us-west-2"));
//! let eks = nic_sdk::aws_client!(aws_sdk_eks, SdkSetup::new("EKS", "eks", "us-west-2"));
//! let iam = nic_sdk::aws_client!(aws_sdk_iam, SdkSetup::global("IAM", "iam", "us-west-2"));
//!
//! let vpcs = ec2.describe_vpcs().send().await.map_err(nic_sdk::aws::error)?;
//! ```
//!
//! It stands for these, should a service need something else:
//!
//! ```ignore
//! let setup = SdkSetup::new("EC2", "ec2", "us-west-2");
//! let config = aws_sdk_ec2::Config::builder()
//!     .behavior_version(setup.behavior_version())
//!     .region(aws_sdk_ec2::config::Region::new(setup.region().to_owned()))
//!     .http_client(setup.http_client())
//!     .allow_no_auth() // without credentials only "no auth" remains: the host signs
//!     .retry_config(setup.retry_config())
//!     .timeout_config(setup.timeout_config())
//!     .stalled_stream_protection(setup.stalled_stream_protection())
//!     .identity_cache(aws_sdk_ec2::config::IdentityCache::no_cache())
//!     .time_source(setup.time_source())
//!     .build();
//! let ec2 = aws_sdk_ec2::Client::from_conf(config);
//! ```
//!
//! Retries, timeouts and stalled-stream protection are off because they are the host's, and because they sleep, which a
//! component cannot.

mod connector;
mod error;

pub use error::{classify, error};
pub use nic_aws_partitions::{EKS_PRINCIPAL, PARTITIONS, Partition, SERVICE_ACCOUNT_AUDIENCE};

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use self::connector::Connector;
use crate::cloud_http::Scheme;

/// The partition of a region, the first where no other has such a region. Derived from its name, so that no call is needed for it.
pub fn partition_of(region: &str) -> &'static Partition {
    Partition::of_region(region).unwrap_or(&PARTITIONS[0])
}

/// What the config of one SDK client needs, see the [module](self).
#[derive(Debug, Clone)]
pub struct SdkSetup {
    service_id: String,
    signing_name: String,
    signing_region: String,
    region: String,
}

impl SdkSetup {
    /// A regional service: its SDK service id (`EC2`), its signing name (`ec2`), the region.
    pub fn new(service_id: &str, signing_name: &str, region: &str) -> Self {
        Self {
            service_id: service_id.to_owned(),
            signing_name: signing_name.to_owned(),
            signing_region: region.to_owned(),
            region: region.to_owned(),
        }
    }

    /// A service with one endpoint per partition, such as IAM: signed for the region where that stands.
    pub fn global(service_id: &str, signing_name: &str, region: &str) -> Self {
        Self {
            signing_region: partition_of(region).global_region.to_owned(),
            ..Self::new(service_id, signing_name, region)
        }
    }

    /// The region the SDK makes its endpoint from.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Requests over `cloud-http`, signed by the host.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Connector {
            service_id: self.service_id.clone(),
            scheme: Scheme::aws_sigv4(&self.signing_name, &self.signing_region),
        })
    }

    /// The newest behaviour: the SDK crates are pinned by the provider's lock file.
    pub fn behavior_version(&self) -> BehaviorVersion {
        BehaviorVersion::latest()
    }

    /// None: the host retries.
    pub fn retry_config(&self) -> RetryConfig {
        RetryConfig::disabled()
    }

    /// None: the host has its own.
    pub fn timeout_config(&self) -> TimeoutConfig {
        TimeoutConfig::disabled()
    }

    /// None: answers come whole.
    pub fn stalled_stream_protection(&self) -> StalledStreamProtectionConfig {
        StalledStreamProtectionConfig::disabled()
    }

    /// The WASI wall clock, which shows the context's `now`.
    pub fn time_source(&self) -> SharedTimeSource {
        SharedTimeSource::new(SystemTimeSource::new())
    }
}

/// A client of an AWS SDK crate from an [`SdkSetup`](crate::aws::SdkSetup): `aws_client!(aws_sdk_ec2, setup)`.
#[macro_export]
macro_rules! aws_client {
    ($sdk:ident, $setup:expr) => {{
        let setup: $crate::aws::SdkSetup = $setup;
        let config = $sdk::Config::builder()
            .behavior_version(setup.behavior_version())
            .region($sdk::config::Region::new(setup.region().to_owned()))
            .http_client(setup.http_client())
            .allow_no_auth()
            .retry_config(setup.retry_config())
            .timeout_config(setup.timeout_config())
            .stalled_stream_protection(setup.stalled_stream_protection())
            .identity_cache($sdk::config::IdentityCache::no_cache())
            .time_source(setup.time_source())
            .build();
        $sdk::Client::from_conf(config)
    }};
}
