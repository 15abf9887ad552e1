//! Clusters that come, are replaced and go, while a component reads on them: an EKS that answers as it is told, and API servers
//! with certificates of their own.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nic_authority::HostAuthority;
use nic_cluster::FoundClusterReader;
use nic_core::diagnostic::Diagnostic;
use nic_core::error::ChangeFailure;
use nic_core::kind::Description;
use nic_core::ports::ClusterReader as _;
use nic_core::ports::{
    Answer, Backend, BackendError, Change, Context, CreatedSink, Facts, Lease, Locator, Outdated, Progress, Query,
    Target,
};
use nic_core::resource::{Observed, Record};
use nic_core::state::State;
use nic_gate::aws::{CredentialSource, EndpointOverrides, SigV4};
use nic_gate::{Gate, GateOptions, HostGate, install_crypto_provider};
use nic_system::SystemClock;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// Answers one request.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, of: impl Fn(&str) -> (u16, Value)) {
    let mut bytes = vec![0; 16 * 1024];
    let read = stream.read(&mut bytes).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1");
    let (status, body) = of(line);
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// An API server with one config map that says which cluster this is.
struct ApiServer {
    url: String,
    authority: String,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl ApiServer {
    async fn start(name: &'static str) -> Self {
        install_crypto_provider();
        let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let asked: Arc<AtomicUsize> = Arc::default();
        let count = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                answer(stream, |line| match line {
                    "GET /api/v1" => {
                        (200, json!({"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": true}]}))
                    }
                    "GET /api/v1/namespaces/dev/configmaps/here" => {
                        (200, json!({"metadata": {"managedFields": []}, "data": {"cluster": name}}))
                    }
                    _ => (404, json!({"kind": "Status", "code": 404, "message": "not here"})),
                })
                .await;
            }
        });
        Self { url, authority: STANDARD.encode(certified.cert.pem()), asked, task }
    }

    /// What EKS says of it.
    fn described(&self, created_at: u32) -> (u16, Value) {
        let authority = json!({"data": self.authority});
        let cluster = json!({"status": "ACTIVE", "createdAt": created_at, "endpoint": self.url, "certificateAuthority": authority});
        (200, json!({ "cluster": cluster }))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// EKS, which counts its questions and answers them all alike.
struct Eks {
    says: Arc<Mutex<(u16, Value)>>,
    asked: Arc<AtomicUsize>,
    gate: HostGate,
}

impl Eks {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (says, asked) = (Arc::new(Mutex::new((404, json!({})))), Arc::<AtomicUsize>::default());
        let (said, count) = (says.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let say = said.lock().unwrap().clone();
                answer(stream, |_| say.clone()).await;
            }
        });
        let credentials = Credentials::new("AKIDEXAMPLE", "hunter2", None, None, "test");
        let gate = Gate::new(GateOptions {
            schemes: vec![Arc::new(SigV4::new(
                CredentialSource::Given(SharedCredentialsProvider::new(credentials)),
                EndpointOverrides::from_variables([("AWS_ENDPOINT_URL_EKS".to_owned(), url)]).unwrap(),
            ))],
            ..GateOptions::default()
        });
        let gate = HostGate::new(gate, &HostAuthority::claim());
        Self { says, asked, gate }
    }

    fn says(&self, answer: (u16, Value)) {
        *self.says.lock().unwrap() = answer;
    }
}

/// A provider whose cluster is the one that is recorded.
struct Recording(Description);

#[async_trait]
impl Provider for Recording {
    fn description(&self) -> &Description {
        &self.0
    }

    fn digest(&self) -> &'static str {
        ""
    }

    async fn validate(&self, _: &Call, _: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        Err(unasked())
    }

    async fn desired(&self, _: &Call, _: &Value, _: &Facts) -> Result<Answer, ProviderError> {
        Err(unasked())
    }

    async fn lookup(&self, _: &Call, _: Vec<Query>) -> Result<Facts, ProviderError> {
        Err(unasked())
    }

    async fn read(&self, _: &Call, _: Vec<Target>) -> Result<Vec<Observed>, ProviderError> {
        Err(unasked())
    }

    async fn discover(&self, _: &Call) -> Result<Vec<Observed>, ProviderError> {
        Err(unasked())
    }

    async fn preflight(&self, _: &Call, _: &Value, _: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        Err(unasked())
    }

    async fn create(&self, _: &Call, _: &Change, _: Arc<dyn CreatedSink>) -> Result<Progress, ChangeFailure> {
        Err(unasked().into())
    }

    async fn update(&self, _: &Call, _: &Change) -> Result<Progress, ChangeFailure> {
        Err(unasked().into())
    }

    async fn delete(&self, _: &Call, _: &Change) -> Result<Progress, ChangeFailure> {
        Err(unasked().into())
    }

    async fn poll(&self, _: &Call, _: &Change, _: &Value) -> Result<Progress, ChangeFailure> {
        Err(unasked().into())
    }

    async fn cluster(&self, call: &Call, _: &Value) -> Result<Option<Locator>, ProviderError> {
        let recorded = call.records.iter().find_map(|record| record.remote_id.as_ref());
        let parameters = |name| json!({"region": "us-west-2", "name": name});
        Ok(recorded.map(|name| Locator { kind: "eks".to_owned(), parameters: parameters(name) }))
    }

    async fn outputs(&self, _: &Call, _: &Value) -> Result<Value, ProviderError> {
        Err(unasked())
    }

    async fn upgrade_document(&self, _: &Context, _: &Outdated<'_>) -> Result<Value, ProviderError> {
        Err(unasked())
    }

    fn check_document(&self, _: &str, _: &Value, _: bool) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn unasked() -> ProviderError {
    ProviderError::other("UNASKED", "only the cluster is asked for")
}

struct Memory;

#[async_trait]
impl Backend for Memory {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(None)
    }

    async fn write(&self, _: &[u8]) -> Result<(), BackendError> {
        Ok(())
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
        Ok(())
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        None
    }
}

/// A platform whose component reads on its own cluster.
struct Platform {
    eks: Eks,
    journal: Arc<Journal>,
    reader: FoundClusterReader<OwnCluster>,
    cluster: ClusterOf,
}

impl Platform {
    async fn new() -> Self {
        let eks = Eks::start().await;
        let clock = Arc::new(SystemClock::default());
        let state = State::empty("sim", "test", "dev", "classic", "lineage", "2026-08-01T00:00:00Z");
        let (journal, writer) = Journal::open(state, Arc::new(Memory), clock, "0");
        let journal = Arc::new(journal);
        tokio::spawn(writer.run());
        let description = serde_json::from_value(json!({"name": "sim", "version": "0.1.0"})).unwrap();
        let provider: Arc<dyn Provider> = Arc::new(Recording(description));
        let cluster = ClusterOf::new(ClusterSource::new(eks.gate.clone()), provider, json!({}));
        let own = OwnCluster::new(cluster.clone(), Context::default(), journal.clone());
        Self { eks, journal, reader: FoundClusterReader::new(own), cluster }
    }

    /// The cluster is recorded, with the instant of its creation.
    async fn records(&self, created_at: Option<u32>) {
        let record = created_at.map(|created_at| Record {
            address: "sim.cluster.main".parse().unwrap(),
            kind: "sim.cluster".to_owned(),
            remote_id: Some("nebari-dev".to_owned()),
            attributes: json!({"created_at": created_at}),
            baseline: json!({}),
            dependencies: BTreeSet::new(),
            secrets: std::collections::BTreeMap::default(),
            pending: None,
            imported: false,
            external: false,
            schema_version: 1,
            component_digest: String::new(),
            state_path: "cloud.cluster".to_owned(),
            name_suffix: None,
            deposed: None,
            shared: false,
            unknown: serde_json::Map::new(),
        });
        self.journal.put(&"sim.cluster.main".parse().unwrap(), |_| record).await.unwrap();
    }

    /// Which cluster a guest finds itself on.
    async fn read(&self) -> Result<String, ProviderError> {
        let found = self.reader.get("v1", "ConfigMap", Some("dev"), "here").await?.unwrap();
        assert!(found["metadata"].get("managedFields").is_none());
        Ok(found["data"]["cluster"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn a_component_reads_the_cluster_that_is_recorded_now_and_never_the_one_before() {
    let (first, second) = (ApiServer::start("first").await, ApiServer::start("second").await);
    let platform = Platform::new().await;
    let denied = |read: Result<String, ProviderError>| matches!(read, Err(ProviderError::Denied { code, .. }) if code == "CLUSTER_NOT_READY");
    assert!(denied(platform.read().await), "nothing is recorded");

    // It is begun: there is a name, and nothing that answers to it.
    platform.records(Some(0)).await;
    assert!(denied(platform.read().await));
    // That was told a moment ago, and is not believed once the cluster is there.
    platform.eks.says(first.described(1));
    platform.records(Some(1)).await;
    assert_eq!(platform.read().await.unwrap(), "first");
    let questions = platform.eks.asked.load(Ordering::SeqCst);
    assert_eq!(platform.read().await.unwrap(), "first");
    assert_eq!(platform.eks.asked.load(Ordering::SeqCst), questions, "nothing changed, nothing is asked");

    platform.eks.says(second.described(2));
    platform.records(Some(2)).await;
    let before = first.asked();
    assert_eq!(platform.read().await.unwrap(), "second");
    let call = Call { context: Context::default(), records: platform.journal.records().await, cluster: None };
    assert!(platform.cluster.connect(&call).await.unwrap().is_some(), "objects go there too");

    platform.eks.says((404, json!({})));
    platform.records(None).await;
    assert!(denied(platform.read().await));
    assert!(platform.cluster.connect(&Call { records: Arc::default(), ..call }).await.unwrap().is_none());
    assert_eq!(first.asked(), before, "the first cluster was not asked again");
}

#[tokio::test]
async fn a_connection_that_failed_is_dropped_and_the_cloud_is_asked_again() {
    let (first, second) = (ApiServer::start("first").await, ApiServer::start("second").await);
    let platform = Platform::new().await;
    platform.eks.says(first.described(1));
    platform.records(Some(1)).await;
    assert_eq!(platform.read().await.unwrap(), "first");
    // Someone else replaces it: nothing in the records says so.
    platform.eks.says(second.described(2));
    first.task.abort();
    let _ = first.task.await;
    let error = platform.read().await.unwrap_err();
    assert!(error.to_string().contains("CLUSTER_UNREACHABLE"), "{error}");
    assert_eq!(platform.read().await.unwrap(), "second");
}

#[tokio::test]
async fn what_could_not_be_checked_is_not_used() {
    let first = ApiServer::start("first").await;
    let platform = Platform::new().await;
    platform.eks.says(first.described(1));
    platform.records(Some(1)).await;
    assert_eq!(platform.read().await.unwrap(), "first");
    let before = first.asked();
    platform.eks.says((403, json!({"message": "no"})));
    platform.records(Some(2)).await;
    assert!(platform.read().await.is_err());
    // Not even for who still has the records of before.
    platform.records(Some(1)).await;
    assert!(platform.read().await.is_err());
    assert_eq!(first.asked(), before);
    platform.eks.says(first.described(1));
    assert_eq!(platform.read().await.unwrap(), "first");
}
