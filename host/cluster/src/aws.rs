//! EKS: the endpoint and certificate that AWS tells, and tokens that the host mints from the user's own credentials.

mod endpoint;
mod stranger;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue};
use nic_core::error::ProviderError;
use nic_core::ports::Locator;
use nic_gate::aws::{NAME, partition, request};
use nic_gate::{HostGate, SecretString};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use self::endpoint::EndpointAccess;
use self::stranger::Refusing;
use super::connection::{Connected, Server};
use super::exec::{self, ExecCommand};
use super::kind::{ClusterKind, FoundCluster, parameters};
use super::login::Login;
use super::yaml;
use super::{ClusterAccess, Reach};

/// What the authenticator in an EKS cluster allows: it counts 15 minutes from the instant of the signature.
const TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// Well before the end: a request may wait for its turn.
const RENEW_AFTER: Duration = Duration::from_mins(10);

/// What the kubeconfig plugin tells: a minute less, as clocks differ.
const TOLD_LIFETIME: Duration = Duration::from_mins(14);

/// As the AWS command line does: the authenticator counts by the instant of the signature, not by this.
const PRESIGNED_SECONDS: Duration = Duration::from_mins(1);

const TOKEN_PREFIX: &str = "k8s-aws-v1.";

/// Namespace and name of the `ConfigMap` by which a cluster in EKS knows roles of the account as users of its own.
const ACCESS_MAP: (&str, &str) = ("kube-system", "aws-auth");

/// Whether a `ConfigMap` is, or may be, the one that says who may log in; what is not known yet may be any.
pub(super) fn is_access_map(namespace: Option<&str>, name: Option<&str>) -> bool {
    namespace.is_none_or(|namespace| namespace == ACCESS_MAP.0) && name.is_none_or(|name| name == ACCESS_MAP.1)
}

/// What locators call clusters in EKS.
pub(super) const KIND: &str = "eks";

/// The label that says which group a node is of.
pub(super) const GROUP_LABEL: &str = "eks.amazonaws.com/nodegroup";

/// The variable by which the user chooses a login.
pub(super) const CHOOSING_VARIABLE: &str = "AWS_PROFILE";

/// Variables of the plugins that log in to EKS which choose a login and are none.
pub(super) const PLAIN_VARIABLES: &[&str] = &[
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_STS_REGIONAL_ENDPOINTS",
];

/// A plugin with the short options that name the cluster, and a role.
pub(super) const PLAIN_OPTIONS: (&str, &[&str]) = ("aws-iam-authenticator", &["-i", "-r"]);

#[derive(Deserialize)]
struct Parameters {
    region: String,
    name: String,
}

/// A cluster by its name, there or not.
#[derive(Debug)]
struct Named {
    gate: HostGate,
    region: String,
    name: String,
}

/// The cluster that a locator names.
pub(super) fn lead(gate: &HostGate, locator: &Locator) -> Result<Box<dyn ClusterKind>, ProviderError> {
    let Parameters { region, name } = parameters(locator)?;
    Ok(Box::new(Named { gate: gate.clone(), region, name }))
}

#[async_trait]
impl ClusterKind for Named {
    async fn find(&self) -> Result<Option<Arc<dyn FoundCluster>>, ProviderError> {
        let found = describe(&self.gate, &self.region, &self.name).await?;
        Ok(found.map(|cluster| Arc::new(Described { gate: self.gate.clone(), cluster }) as Arc<dyn FoundCluster>))
    }
}

/// A cluster as AWS describes it.
#[derive(Debug)]
struct Described {
    gate: HostGate,
    cluster: EksCluster,
}

#[async_trait]
impl FoundCluster for Described {
    fn fingerprint(&self) -> Option<String> {
        Some(format!("{:?}", self.cluster))
    }

    async fn connect(&self) -> Result<Connected, ProviderError> {
        connect(&self.gate, &self.cluster)
    }

    fn reach(&self) -> Option<Reach> {
        self.cluster.reach.clone()
    }

    fn access(&self, exec: &ExecCommand) -> Result<ClusterAccess, ProviderError> {
        Ok(access(&self.cluster, exec))
    }

    async fn credentials(&self, _written: &Path) -> Result<Value, ProviderError> {
        credentials(&self.gate, &self.cluster).await
    }
}

/// A cluster that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EksCluster {
    region: String,
    name: String,
    /// `https://...`.
    endpoint: String,
    /// Its certificate authority, PEM in base64.
    ca_certificate_base64: String,
    /// When it was made: another of the same name is another cluster.
    created_at: String,
    /// It knows nobody but those in its config map.
    config_map_alone: bool,
    /// From where it is reached, unless from everywhere.
    reach: Option<Reach>,
}

#[derive(Deserialize)]
struct Answer {
    cluster: Description,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    #[serde(default)]
    status: String,
    endpoint: Option<String>,
    certificate_authority: Option<CertificateAuthority>,
    #[serde(default)]
    created_at: Value,
    access_config: Option<AccessConfig>,
    resources_vpc_config: Option<EndpointAccess>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessConfig {
    authentication_mode: Option<String>,
}

#[derive(Deserialize)]
struct CertificateAuthority {
    data: Option<String>,
}

/// Asks AWS for the cluster; none while it does not exist, is not up yet or is on its way out. One that failed never was up: what is to
/// stand on it is not there, and its own record says why.
async fn describe(gate: &HostGate, region: &str, name: &str) -> Result<Option<EksCluster>, ProviderError> {
    let path = format!("/clusters/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    let response = gate.send(request(("eks", "EKS"), region, "GET", &path)?).await?;
    match response.status {
        200 => {}
        404 => return Ok(None),
        status => return Err(refused(status, &response.body)),
    }
    let answer: Answer = serde_json::from_slice(&response.body)
        .map_err(|error| broken(name, format!("AWS describes it in a way that cannot be read: {error}")))?;
    let described = answer.cluster;
    match described.status.as_str() {
        "ACTIVE" | "UPDATING" => {}
        _ => return Ok(None),
    }
    let authority = described.certificate_authority.and_then(|authority| authority.data);
    let (Some(endpoint), Some(ca_certificate_base64)) = (described.endpoint, authority) else { return Ok(None) };
    check_endpoint(&endpoint, region, gate.is_overridden(NAME, "EKS").await?).map_err(|why| broken(name, why))?;
    let created_at = described.created_at.to_string();
    let mode = described.access_config.and_then(|access| access.authentication_mode);
    let config_map_alone = mode.as_deref() == Some("CONFIG_MAP");
    let reach = described.resources_vpc_config.and_then(|access| access.reach());
    let (region, name) = (region.to_owned(), name.to_owned());
    Ok(Some(EksCluster { region, name, endpoint, ca_certificate_base64, created_at, config_map_alone, reach }))
}

/// The token goes there: it must be a name that AWS gives to clusters, unless the user put an emulator in its place.
fn check_endpoint(endpoint: &str, region: &str, overridden: bool) -> Result<(), String> {
    let url = Url::parse(endpoint).map_err(|error| format!("its endpoint is no URL: {error}"))?;
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err("its endpoint is not a plain `https://` URL".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let partition = partition(region).map_err(|refusal| refusal.to_string())?;
    let known =
        [format!(".{region}.eks.{}", partition.dns_suffix), format!(".{region}.{}", partition.dual_stack_dns_suffix)];
    if overridden || (url.port().is_none() && known.iter().any(|known| host.ends_with(known.as_str()))) {
        return Ok(());
    }
    Err(format!("its endpoint `{host}` is not one that AWS gives to clusters"))
}

fn broken(name: &str, why: impl std::fmt::Display) -> ProviderError {
    ProviderError::other("CLUSTER_ENDPOINT_INVALID", format!("cluster `{name}` is not connected to: {why}"))
}

fn refused(status: u16, body: &[u8]) -> ProviderError {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |keys: [&str; 2]| keys.iter().find_map(|key| answer[*key].as_str()).unwrap_or_default().to_owned();
    let (code, message) = (text(["__type", "code"]), text(["message", "Message"]));
    match status {
        429 => ProviderError::Throttled(None),
        401 | 403 => ProviderError::denied("eks:DescribeCluster", message),
        _ => ProviderError::Remote { status, code, message },
    }
}

/// Opens a connection that trusts the cluster's own authority and nobody else.
fn connect(gate: &HostGate, cluster: &EksCluster) -> Result<Connected, ProviderError> {
    let pem = STANDARD.decode(&cluster.ca_certificate_base64).map_err(|error| broken(&cluster.name, error))?;
    let authorities = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| broken(&cluster.name, error))?;
    if authorities.is_empty() {
        return Err(broken(&cluster.name, "its certificate authority is empty"));
    }
    Connected::to(Server {
        name: cluster.name.clone(),
        endpoint: cluster.endpoint.clone(),
        authorities,
        login: Box::new(EksTokens::new(gate.clone(), cluster)),
    })
}

/// A login to one cluster.
struct Token {
    text: SecretString,
    signed_at: OffsetDateTime,
}

/// Signs a question "who am I" that the cluster will put to AWS in our place.
async fn mint(gate: &HostGate, region: &str, name: &str) -> Result<Token, ProviderError> {
    let asked = request(("sts", "STS"), region, "GET", "/?Action=GetCallerIdentity&Version=2011-06-15")?;
    let value = HeaderValue::from_str(name).map_err(|error| broken(name, error))?;
    let header = (HeaderName::from_static("x-k8s-aws-id"), value);
    let presigned = gate.presign(asked, header, PRESIGNED_SECONDS).await?;
    let text = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(presigned.url.as_str()));
    Ok(Token { text: SecretString::new(text), signed_at: presigned.signed_at.into() })
}

/// The `ExecCredential` that a kubeconfig's exec plugin prints.
pub(super) async fn exec_credential(gate: &HostGate, region: &str, name: &str) -> Result<Value, ProviderError> {
    let token = mint(gate, region, name).await?;
    let expires_at = (token.signed_at + TOLD_LIFETIME).replace_nanosecond(0).unwrap_or(token.signed_at);
    Ok(exec::credential(&json!({
        "expirationTimestamp": expires_at.format(&Rfc3339).unwrap_or_default(),
        "token": token.text.expose(),
    })))
}

/// Host, certificate and a token: what Nebari's stages log in with.
async fn credentials(gate: &HostGate, cluster: &EksCluster) -> Result<Value, ProviderError> {
    let pem = STANDARD.decode(&cluster.ca_certificate_base64).map_err(|error| broken(&cluster.name, error))?;
    let pem = String::from_utf8(pem).map_err(|error| broken(&cluster.name, error))?;
    let token = mint(gate, &cluster.region, &cluster.name).await?;
    Ok(json!({ "host": cluster.endpoint, "cluster_ca_certificate": pem, "token": token.text.expose() }))
}

/// A kubeconfig that asks this program for a token whenever one is needed, and so holds none.
fn access(cluster: &EksCluster, exec: &ExecCommand) -> ClusterAccess {
    let EksCluster { region, name, endpoint, ca_certificate_base64, .. } = cluster;
    let arguments = ["kubeconfig", "--token", "--region", region, "--cluster", name];
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": { "server": endpoint, "certificate-authority-data": ca_certificate_base64 },
        }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
        "users": [{ "name": name, "user": { "exec": exec.call(&arguments, &exec.variables, false) } }],
    });
    ClusterAccess { context: name.clone(), kubeconfig: yaml::text(&document), warnings: Vec::new() }
}

/// Tokens for one cluster, made anew before they end: the client renews none that it did not fetch itself.
#[derive(Debug)]
struct EksTokens {
    gate: HostGate,
    region: String,
    name: String,
    config_map_alone: bool,
    kept: Mutex<Option<(SecretString, Instant)>>,
    refused: OnceCell<ProviderError>,
}

impl EksTokens {
    fn new(gate: HostGate, cluster: &EksCluster) -> Self {
        let EksCluster { region, name, config_map_alone, .. } = cluster.clone();
        Self { gate, region, name, config_map_alone, kept: Mutex::new(None), refused: OnceCell::new() }
    }
}

#[async_trait]
impl Login for EksTokens {
    async fn token(&self, refused: Option<&SecretString>) -> Result<Option<SecretString>, ProviderError> {
        const { assert!(RENEW_AFTER.as_secs() < TOKEN_LIFETIME.as_secs()) };
        let mut kept = self.kept.lock().await;
        let good = |(token, made): &&(SecretString, Instant)| made.elapsed() < RENEW_AFTER && Some(token) != refused;
        if let Some((token, _)) = kept.as_ref().filter(good) {
            return Ok(Some(token.clone()));
        }
        let token = mint(&self.gate, &self.region, &self.name).await?.text;
        *kept = Some((token.clone(), Instant::now()));
        Ok(Some(token))
    }

    /// AWS is asked once who that is, however many requests were refused.
    async fn stranger(&self) -> Option<ProviderError> {
        let Self { region, name, config_map_alone, .. } = self;
        let refusing = Refusing { region: region.clone(), name: name.clone(), config_map_alone: *config_map_alone };
        Some(self.refused.get_or_init(|| refusing.error(&self.gate)).await.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_no_name_that_aws_does_not_give_to_clusters() {
        let check = |endpoint: &str, region: &str| check_endpoint(endpoint, region, false).is_ok();
        assert!(check("https://ABC.gr7.us-west-2.eks.amazonaws.com", "us-west-2"));
        assert!(check("https://ABC.sk1.cn-north-1.eks.amazonaws.com.cn", "cn-north-1"));
        assert!(check("https://ABC.gr7.us-west-2.api.aws", "us-west-2"));
        for bad in [
            "http://ABC.gr7.us-west-2.eks.amazonaws.com",
            "https://ABC.gr7.us-east-1.eks.amazonaws.com",
            "https://evil.com/.us-west-2.eks.amazonaws.com",
            "https://us-west-2.eks.amazonaws.com.evil.com",
            "https://user@ABC.gr7.us-west-2.eks.amazonaws.com",
            "https://ABC.gr7.us-west-2.eks.amazonaws.com:8443",
            "https://evilus-west-2.eks.amazonaws.com",
            "https://127.0.0.1:6443",
            "nothing",
        ] {
            assert!(!check(bad, "us-west-2"), "{bad}");
        }
        assert!(check_endpoint("https://127.0.0.1:6443", "us-west-2", true).is_ok());
        assert!(check_endpoint("http://127.0.0.1:6443", "us-west-2", true).is_err());
    }
}
