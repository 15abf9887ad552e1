//! Updates of a cluster. EKS takes one at a time, so each call begins the next one that is due.

use aws_sdk_eks::types::VpcConfigRequest;
use nic_sdk::error::Error;
use nic_sdk::kit::{LabelEdits, Minor, Scope};
use nic_sdk::types::{Change, Progress};

use super::{Document, encryption, logging, look};
use crate::cloud::{Cloud, answered, from_aws};
use crate::kinds::eks::{Operation, edit_tags, pending, update_id};
use crate::tags::TAGS;
use nic_sdk::kit::change::{document, present};

/// One update as EKS knows them.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Who reaches the endpoint.
    Endpoint { public: bool, private: bool, cidrs: Option<Vec<String>> },
    /// Where the control plane's interfaces are.
    Network { subnet_ids: Vec<String>, security_group_ids: Vec<String> },
    /// Which logs the control plane writes.
    Logs(Vec<String>),
    /// Encrypts Kubernetes Secrets, for ever.
    Encryption(String),
    /// One minor version up.
    Version(String),
}

impl Step {
    /// Makes the change's token this step's own: EKS takes one token for one request.
    fn token(&self, change: &str) -> String {
        match self {
            Self::Endpoint { .. } => format!("{change}-endpoint"),
            Self::Network { .. } => format!("{change}-network"),
            Self::Logs(_) => format!("{change}-logs"),
            Self::Encryption(_) => format!("{change}-encryption"),
            Self::Version(version) => format!("{change}-{version}"),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Endpoint { .. } => "changing access to the endpoint".to_owned(),
            Self::Network { .. } => "changing subnets and security groups".to_owned(),
            Self::Logs(_) => "changing the logs that are written".to_owned(),
            Self::Encryption(_) => "encrypting secrets".to_owned(),
            Self::Version(version) => format!("upgrading to {version}"),
        }
    }
}

/// Does what is due: tags at once, then the first update that takes its time.
pub async fn next(cloud: &Cloud, change: &Change, name: &str) -> Result<Progress, Error> {
    let desired: Document = document(&change.document)?;
    let absent = || Error::NotFound(format!("the cluster `{name}` does not exist"));
    let mut found = look(cloud, name).await?.ok_or_else(absent)?;
    let scope = Scope::new(&change.paths);
    let edits = LabelEdits::between(&found.document.tags, &desired.tags, &scope, TAGS);
    let step = first_step(&found.document, &desired, &scope)?;
    if !edits.is_empty() {
        let arn = answered(found.document.arn.clone(), "ARN of the cluster")?;
        edit_tags(cloud, &arn, &edits).await?;
    }
    if let Some(step) = step {
        let update_id = begin(cloud, name, &step, &step.token(&change.token)).await?;
        return Ok(pending(name, &Operation::Update { update_id }, step.message()));
    }
    if !edits.is_empty() {
        found = look(cloud, name).await?.ok_or_else(absent)?;
    }
    Ok(Progress::Done(present(&change.address, name, &found.document)))
}

fn first_step(shown: &Document, desired: &Document, scope: &Scope<'_>) -> Result<Option<Step>, Error> {
    let wanted = within_scope(shown, desired, scope);
    let access = |document: &Document| {
        let cidrs = document.public_access_cidrs.clone().filter(|_| document.endpoint_public_access);
        (document.endpoint_public_access, document.endpoint_private_access, cidrs.map(sorted))
    };
    if access(shown) != access(&wanted) {
        let (public, private, cidrs) = access(&wanted);
        return Ok(Some(Step::Endpoint { public, private, cidrs }));
    }
    let place = |d: &Document| (sorted(d.subnet_ids.clone()), sorted(d.security_group_ids.clone()));
    if place(shown) != place(&wanted) {
        let (subnet_ids, security_group_ids) = place(&wanted);
        return Ok(Some(Step::Network { subnet_ids, security_group_ids }));
    }
    let logs = |document: &Document| sorted(document.log_types.clone().unwrap_or_default());
    if logs(shown) != logs(&wanted) {
        return Ok(Some(Step::Logs(logs(&wanted))));
    }
    if shown.kms_key_arn != wanted.kms_key_arn {
        return encryption_step(shown, &wanted).map(Some);
    }
    if shown.version != wanted.version {
        return next_version(&shown.version, &wanted.version).map(|version| Some(Step::Version(version)));
    }
    Ok(None)
}

/// What is shown, with what the change is about as it is desired.
fn within_scope(shown: &Document, desired: &Document, scope: &Scope<'_>) -> Document {
    let source = |pointer: &str| if scope.touches(pointer) { desired } else { shown };
    Document {
        endpoint_public_access: source("/endpoint_public_access").endpoint_public_access,
        endpoint_private_access: source("/endpoint_private_access").endpoint_private_access,
        public_access_cidrs: source("/public_access_cidrs").public_access_cidrs.clone(),
        subnet_ids: source("/subnet_ids").subnet_ids.clone(),
        security_group_ids: source("/security_group_ids").security_group_ids.clone(),
        kms_key_arn: source("/kms_key_arn").kms_key_arn.clone(),
        // Nothing said of the logs is no wish to have none, unless they were asked for once.
        log_types: match &desired.log_types {
            None if !scope.names("/log_types") => shown.log_types.clone(),
            _ => source("/log_types").log_types.clone(),
        },
        version: source("/version").version.clone(),
        ..shown.clone()
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

fn encryption_step(shown: &Document, desired: &Document) -> Result<Step, Error> {
    match (&shown.kms_key_arn, &desired.kms_key_arn) {
        (None, Some(key)) => Ok(Step::Encryption(key.clone())),
        (from, to) => {
            let (from, to) = (from.as_deref().unwrap_or("no key"), to.as_deref().unwrap_or("no key"));
            let message =
                format!("EKS cannot change the encryption of secrets from {from} to {to}: only a new cluster can");
            Err(Error::other("KMS_KEY_CANNOT_CHANGE", message))
        }
    }
}

/// The version one minor above what is shown, on the way to what is desired.
fn next_version(shown: &str, desired: &str) -> Result<String, Error> {
    let cannot = |why: &str| {
        let message = format!("EKS cannot go from version {shown} to {desired}: {why}");
        Error::other("VERSION_CANNOT_CHANGE", message)
    };
    let (from, to) = Minor::parse(shown).zip(Minor::parse(desired)).ok_or_else(|| cannot("that is no version"))?;
    if from.major() != to.major() || to < from {
        return Err(cannot("it moves up by minor versions only"));
    }
    Ok(from.plus(1).to_string())
}

async fn begin(cloud: &Cloud, name: &str, step: &Step, token: &str) -> Result<String, Error> {
    let config = match step {
        Step::Version(version) => {
            let request = cloud.eks.update_cluster_version().name(name).version(version).client_request_token(token);
            return update_id(request.send().await.map_err(from_aws)?.update);
        }
        Step::Encryption(key) => {
            let request = cloud.eks.associate_encryption_config().cluster_name(name).encryption_config(encryption(key));
            return update_id(request.client_request_token(token).send().await.map_err(from_aws)?.update);
        }
        Step::Logs(wanted) => {
            let request = cloud.eks.update_cluster_config().name(name).logging(logging(wanted));
            return update_id(request.client_request_token(token).send().await.map_err(from_aws)?.update);
        }
        Step::Endpoint { public, private, cidrs } => VpcConfigRequest::builder()
            .endpoint_public_access(*public)
            .endpoint_private_access(*private)
            .set_public_access_cidrs(cidrs.clone()),
        Step::Network { subnet_ids, security_group_ids } => VpcConfigRequest::builder()
            .set_subnet_ids(Some(subnet_ids.clone()))
            .set_security_group_ids(Some(security_group_ids.clone())),
    };
    let request = cloud.eks.update_cluster_config().name(name).resources_vpc_config(config.build());
    update_id(request.client_request_token(token).send().await.map_err(from_aws)?.update)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Document {
        Document {
            version: "1.29".into(),
            subnet_ids: vec!["subnet-1".into(), "subnet-2".into()],
            endpoint_public_access: true,
            public_access_cidrs: Some(vec!["0.0.0.0/0".into()]),
            ..Document::default()
        }
    }

    #[test]
    fn versions_move_one_minor_at_a_time_and_never_down() {
        assert_eq!(next_version("1.29", "1.31").unwrap(), "1.30");
        assert_eq!(next_version("1.30", "1.31").unwrap(), "1.31");
        assert!(next_version("1.31", "1.30").is_err());
        assert!(next_version("1.31", "2.0").is_err());
    }

    #[test]
    fn one_update_at_a_time_and_the_version_last() {
        let everything = Scope::new(&[]);
        let mut desired = Document { version: "1.31".into(), endpoint_private_access: true, ..cluster() };
        desired.subnet_ids.reverse();
        let endpoint = Step::Endpoint { public: true, private: true, cidrs: Some(vec!["0.0.0.0/0".into()]) };
        assert_eq!(first_step(&cluster(), &desired, &everything).unwrap(), Some(endpoint));
        let shown = Document { endpoint_private_access: true, ..cluster() };
        assert_eq!(first_step(&shown, &desired, &everything).unwrap(), Some(Step::Version("1.30".into())));
        assert_eq!(first_step(&desired, &desired, &everything).unwrap(), None);
    }

    #[test]
    fn what_was_not_asked_for_is_left_alone() {
        let desired = Document { version: "1.30".into(), endpoint_private_access: true, ..cluster() };
        let only_version = ["/version".to_owned()];
        let step = first_step(&cluster(), &desired, &Scope::new(&only_version)).unwrap();
        assert_eq!(step, Some(Step::Version("1.30".into())));
    }

    #[test]
    fn logs_are_left_to_the_cloud_until_they_are_asked_for() {
        let shown = Document { log_types: Some(vec!["audit".into(), "api".into()]), ..cluster() };
        assert_eq!(first_step(&shown, &cluster(), &Scope::new(&[])).unwrap(), None);
        let desired = Document { log_types: Some(vec!["api".into(), "audit".into()]), ..cluster() };
        assert_eq!(first_step(&shown, &desired, &Scope::new(&[])).unwrap(), None);
        let desired = Document { log_types: Some(vec!["audit".into()]), ..cluster() };
        let step = first_step(&shown, &desired, &Scope::new(&[])).unwrap();
        assert_eq!(step, Some(Step::Logs(vec!["audit".into()])));
        let named = ["/log_types".to_owned()];
        assert_eq!(first_step(&shown, &cluster(), &Scope::new(&named)).unwrap(), Some(Step::Logs(Vec::new())));
    }

    #[test]
    fn encryption_comes_once_and_stays() {
        let desired = Document { kms_key_arn: Some("arn:k".into()), ..cluster() };
        assert_eq!(first_step(&cluster(), &desired, &Scope::new(&[])).unwrap(), Some(Step::Encryption("arn:k".into())));
        assert!(first_step(&desired, &cluster(), &Scope::new(&[])).is_err());
    }
}
