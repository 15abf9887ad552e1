//! `aws.cluster`: an EKS control plane.

mod update;

use aws_sdk_eks::types::{
    Cluster as Shown, ClusterHealth, ClusterStatus, EncryptionConfig, LogSetup, LogType, Logging, Provider,
    VpcConfigRequest, VpcConfigResponse,
};
use aws_smithy_types::date_time::Format;
use futures::future::join_all;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::kit::{Kind, named};
use nic_sdk::report;
use nic_sdk::schema::{Normalise, boolean, list, map, object, one_of, string};
use nic_sdk::types::{Change, Observation, Progress, Status, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::eks::{Operation, Part, deletion, issue, not_shown_yet, pending, state, still_updating, while_role_spreads};
use crate::cloud::{Cloud, answered, from_aws};
use crate::tags::{Tags, visible};

/// The kind.
pub struct Cluster;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// Base64, as kubeconfig wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate: Option<String>,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oidc_issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
    /// The one EKS makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_security_group_id: Option<String>,
    endpoint_public_access: bool,
    endpoint_private_access: bool,
    /// None while the endpoint is not public.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_access_cidrs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<String>,
    /// The control plane logs that are written; left to the cloud when nothing is said of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    health_issues: Vec<String>,
    tags: Tags,
}

/// A cluster as EKS shows it.
struct Found {
    status: ClusterStatus,
    tags: Tags,
    document: Document,
}

impl Kind for Cluster {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(super::CLUSTER, "Cluster", "cloud.cluster", CreateSafety::Named, schema())
            .protected()
            .time_limits(1800, 7200, 1800)
            .read_batch(10)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        join_all(targets.iter().map(|target| async move {
            let named = target.document.get("name").and_then(Value::as_str);
            let Some(name) = target.remote_id.as_deref().or(named) else { return Observation::absent(&target.address) };
            match look(cloud, name).await {
                Ok(Some(found)) => observe(cloud, target, name, &found),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let tags = cloud.marks.mark(&desired.tags, &change.address);
        let encryption = desired.kms_key_arn.as_deref().map(|key| vec![encryption(key)]);
        let request = cloud.eks.create_cluster().name(&desired.name).version(&desired.version);
        let request = request.role_arn(&desired.role_arn).resources_vpc_config(vpc_config(&desired));
        let request = request.set_encryption_config(encryption).set_tags(Some(tags.into_iter().collect()));
        let request = request.set_logging(desired.log_types.as_deref().map(logging));
        let answer = request.client_request_token(&change.token).send().await.map_err(from_aws);
        answer.map_err(while_role_spreads)?;
        report::created(&desired.name).map_err(failure(&desired.name))?;
        Ok(pending(&desired.name, &Operation::Create, "CREATING".to_owned()))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let name = remote_id(change)?;
        update::next(cloud, change, name).await.map_err(failure(name))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let name = remote_id(change)?;
        let answer = cloud.eks.delete_cluster().name(name).send().await.map_err(from_aws);
        let status = |found: Option<Found>| found.map(|found| found.status.as_str().to_owned());
        deletion(change, answer, async { look(cloud, name).await.map(status) }).await
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        let name = remote_id(change)?;
        let failed = failure(name);
        let told = operation;
        let operation: Operation = document(&told).map_err(&failed)?;
        if let Some(progress) = still_updating(cloud, Part::Cluster(name), name, &operation).await.map_err(&failed)? {
            return Ok(progress);
        }
        let deleting = operation == Operation::Delete;
        match look(cloud, name).await.map_err(&failed)? {
            None if deleting => Ok(Progress::Done(Observation::absent(&change.address))),
            None => not_shown_yet(name, &told)
                .ok_or_else(|| failed(Error::NotFound(format!("the cluster `{name}` does not exist")))),
            Some(found) if found.status == ClusterStatus::Failed => {
                let why = found.document.health_issues.join("; ");
                let why = if why.is_empty() { "EKS gave no reason" } else { &why };
                Err(failed(Error::other("CLUSTER_FAILED", format!("the cluster `{name}` is FAILED: {why}"))))
            }
            Some(found) if found.status == ClusterStatus::Active && !deleting => {
                Ok(Progress::Done(present(&change.address, name, &found.document)))
            }
            Some(found) => Ok(pending(name, &operation, found.status.as_str().to_owned())),
        }
    }
}

fn observe(cloud: &Cloud, target: &Target, name: &str, found: &Found) -> Observation {
    let observation = named::observe(cloud, target, name, &found.tags, &found.document);
    let status = match &found.status {
        ClusterStatus::Active => Status::Present,
        ClusterStatus::Failed => Status::Failed(state("FAILED", &found.document.health_issues)),
        other => Status::InProgress(other.as_str().to_owned()),
    };
    named::in_state(observation, status)
}

/// The cluster in EKS's own terms; none when it does not exist.
pub async fn describe(cloud: &Cloud, name: &str) -> Result<Option<Shown>, Error> {
    match cloud.eks.describe_cluster().name(name).send().await.map_err(from_aws) {
        Ok(answer) => answered(answer.cluster, "cluster").map(Some),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn look(cloud: &Cloud, name: &str) -> Result<Option<Found>, Error> {
    Ok(describe(cloud, name).await?.map(|cluster| found(name, &cluster)))
}

fn found(name: &str, cluster: &Shown) -> Found {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let tags: Tags = cluster.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let status = cluster.status().cloned().unwrap_or(ClusterStatus::Pending);
    let network = cluster.resources_vpc_config();
    let public = network.is_some_and(VpcConfigResponse::endpoint_public_access);
    let key = cluster.encryption_config().iter().find_map(|config| config.provider()?.key_arn());
    let issues = cluster.health().map(ClusterHealth::issues).unwrap_or_default().iter();
    let document = Document {
        name: name.to_owned(),
        id: Some(name.to_owned()),
        arn: owned(cluster.arn()),
        endpoint: owned(cluster.endpoint()),
        ca_certificate: owned(cluster.certificate_authority().and_then(|authority| authority.data())),
        version: cluster.version().unwrap_or_default().to_owned(),
        platform_version: owned(cluster.platform_version()),
        status: Some(status.as_str().to_owned()),
        oidc_issuer: owned(cluster.identity().and_then(|identity| identity.oidc()?.issuer())),
        created_at: cluster.created_at().and_then(|instant| instant.fmt(Format::DateTime).ok()),
        role_arn: cluster.role_arn().unwrap_or_default().to_owned(),
        vpc_id: owned(network.and_then(|network| network.vpc_id())),
        subnet_ids: network.map(|network| network.subnet_ids().to_vec()).unwrap_or_default(),
        security_group_ids: network.map(|network| network.security_group_ids().to_vec()).unwrap_or_default(),
        cluster_security_group_id: owned(network.and_then(|network| network.cluster_security_group_id())),
        endpoint_public_access: public,
        endpoint_private_access: network.is_some_and(VpcConfigResponse::endpoint_private_access),
        public_access_cidrs: network.filter(|_| public).map(|network| network.public_access_cidrs().to_vec()),
        kms_key_arn: owned(key),
        log_types: Some(enabled_logs(cluster.logging())),
        health_issues: issues
            .map(|i| issue(i.code().map_or("Unknown", |code| code.as_str()), i.message(), i.resource_ids()))
            .collect(),
        tags: visible(&tags),
    };
    Found { status, tags, document }
}

#[expect(deprecated, reason = "EKS encrypts everything now, and still takes the list that Nebari sends")]
fn encryption(key: &str) -> EncryptionConfig {
    EncryptionConfig::builder().resources("secrets").provider(Provider::builder().key_arn(key).build()).build()
}

/// Every log that EKS can write.
const LOG_TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

fn enabled_logs(logging: Option<&Logging>) -> Vec<String> {
    let setups = logging.map(Logging::cluster_logging).unwrap_or_default().iter();
    let enabled = setups.filter(|setup| setup.enabled() == Some(true)).flat_map(LogSetup::types);
    enabled.map(|log| log.as_str().to_owned()).collect()
}

/// These logs and no others.
fn logging(wanted: &[String]) -> Logging {
    let (on, off): (Vec<&str>, Vec<&str>) =
        LOG_TYPES.into_iter().partition(|log| wanted.iter().any(|wanted| wanted == log));
    let setup = |types: Vec<&str>, enabled| {
        let types = types.into_iter().map(LogType::from).collect();
        LogSetup::builder().set_types(Some(types)).enabled(enabled).build()
    };
    let setups = [(on, true), (off, false)].into_iter().filter(|(types, _)| !types.is_empty());
    let setups = setups.map(|(types, enabled)| setup(types, enabled)).collect();
    Logging::builder().set_cluster_logging(Some(setups)).build()
}

fn vpc_config(desired: &Document) -> VpcConfigRequest {
    VpcConfigRequest::builder()
        .set_subnet_ids(Some(desired.subnet_ids.clone()))
        .set_security_group_ids(Some(desired.security_group_ids.clone()))
        .endpoint_public_access(desired.endpoint_public_access)
        .endpoint_private_access(desired.endpoint_private_access)
        .set_public_access_cidrs(desired.public_access_cidrs.clone())
        .build()
}

/// The JSON Schema of the document.
fn schema() -> Value {
    let texts = || list(string()).set();
    object()
        .root()
        .hosts(super::KUBERNETES_OBJECT)
        .required("name", string().immutable().natural_name())
        .optional("id", string().computed())
        .optional("arn", string().computed())
        .optional("endpoint", string().computed())
        .optional("ca_certificate", string().computed())
        .required("version", string().normalise(Normalise::Version))
        .optional("platform_version", string().computed())
        .optional("status", string().well(&["ACTIVE"]))
        .optional("oidc_issuer", string().computed())
        .optional("created_at", string().computed())
        .required("role_arn", string().immutable())
        .optional("vpc_id", string().computed())
        .required("subnet_ids", texts())
        .required("security_group_ids", texts())
        .optional("cluster_security_group_id", string().computed())
        .required("endpoint_public_access", boolean())
        .required("endpoint_private_access", boolean())
        .optional("public_access_cidrs", list(string().normalise(Normalise::Cidr)).set())
        .optional("kms_key_arn", string())
        .optional("log_types", list(one_of(&LOG_TYPES)).set())
        .optional("health_issues", list(string()).why())
        .required("tags", map(string()))
        .build()
}
