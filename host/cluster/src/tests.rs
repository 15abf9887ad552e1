//! Clusters as the host finds them, against a server that answers for AWS and for the API server.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nic_authority::HostAuthority;
use nic_core::ports::ClusterReader as _;
use nic_gate::aws::{CredentialSource, EndpointOverrides, SigV4};
use nic_gate::{Gate, GateOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A gate whose AWS answers `body` to everything.
async fn gate(status: &'static str, body: String) -> HostGate {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 8192]).await;
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    let credentials = Credentials::new("AKIDEXAMPLE", "hunter2", Some("session+token/==".to_owned()), None, "test");
    let gate = Gate::new(GateOptions {
        schemes: vec![Arc::new(SigV4::new(
            CredentialSource::Given(SharedCredentialsProvider::new(credentials)),
            EndpointOverrides::from_variables([("AWS_ENDPOINT_URL_EKS".to_owned(), url)]).unwrap(),
        ))],
        ..GateOptions::default()
    });
    HostGate::new(gate, &HostAuthority::claim())
}

fn eks() -> Locator {
    Locator { kind: "eks".to_owned(), parameters: json!({"region": "us-west-2", "name": "nebari-dev"}) }
}

fn described(status: &str) -> String {
    json!({"cluster": {
        "name": "nebari-dev",
        "status": status,
        "createdAt": 1.0,
        "endpoint": "https://127.0.0.1:6443",
        "certificateAuthority": {"data": "Y2E="},
    }})
    .to_string()
}

#[tokio::test]
async fn a_token_is_a_signed_question_to_sts() {
    let gate = gate("200 OK", String::new()).await;
    let credential = exec_credential(&gate, "us-west-2", "nebari-dev").await.unwrap();
    assert_eq!(credential["kind"], "ExecCredential");
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1");
    let expires = credential["status"]["expirationTimestamp"].as_str().unwrap();
    assert!(expires.ends_with('Z') && expires.len() == "2026-01-01T00:00:00Z".len(), "{expires}");
    let token = credential["status"]["token"].as_str().unwrap();
    let encoded = token.strip_prefix("k8s-aws-v1.").unwrap();
    assert!(!encoded.contains('='));
    let url = url::Url::parse(std::str::from_utf8(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()).unwrap();
    assert_eq!(url.host_str(), Some("sts.us-west-2.amazonaws.com"));
    assert_eq!((url.scheme(), url.path()), ("https", "/"));
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(query.len(), url.query_pairs().count(), "nothing is doubled");
    assert_eq!(query["Action"], "GetCallerIdentity");
    assert_eq!(query["Version"], "2011-06-15");
    assert_eq!(query["X-Amz-Expires"], "60");
    assert_eq!(query["X-Amz-SignedHeaders"], "host;x-k8s-aws-id");
    assert_eq!(query["X-Amz-Security-Token"], "session+token/==");
    assert!(
        query["X-Amz-Credential"].starts_with("AKIDEXAMPLE/")
            && query["X-Amz-Credential"].ends_with("/us-west-2/sts/aws4_request")
    );
    assert_eq!(query["X-Amz-Signature"].len(), 64);
}

#[tokio::test]
async fn a_cluster_that_is_not_up_is_no_cluster() {
    for (status, body) in [
        ("404 Not Found", json!({"message": "No cluster found"}).to_string()),
        ("200 OK", described("CREATING")),
        ("200 OK", described("DELETING")),
        ("200 OK", described("FAILED")),
        ("200 OK", json!({"cluster": {"status": "ACTIVE"}}).to_string()),
    ] {
        let source = ClusterSource::new(gate(status, body).await);
        assert!(source.connect(&eks(), Generation::default()).await.unwrap().is_none(), "{status}");
    }
    let denied = ClusterSource::new(gate("403 Forbidden", json!({"message": "no"}).to_string()).await);
    assert!(matches!(denied.connect(&eks(), Generation::default()).await.unwrap_err(), ProviderError::Denied { .. }));
    // Its authority is no certificate.
    let broken = ClusterSource::new(gate("200 OK", described("ACTIVE")).await);
    assert_eq!(broken.connect(&eks(), Generation::default()).await.unwrap_err().code(), "CLUSTER_ENDPOINT_INVALID");
}

#[tokio::test]
async fn a_kubeconfig_for_eks_asks_for_tokens_and_holds_none() {
    let source = ClusterSource::new(gate("200 OK", described("ACTIVE")).await);
    let exec =
        ExecCommand { command: "nic".to_owned(), variables: vec![("AWS_PROFILE".to_owned(), "work".to_owned())] };
    let access = source.access(&eks(), Generation::default(), &exec).await.unwrap().unwrap();
    let text = &access.kubeconfig;
    assert_eq!(access.context, "nebari-dev");
    assert!(!text.contains("k8s-aws-v1") && !text.contains("hunter2"), "{text}");
    let read = kube::config::Kubeconfig::from_yaml(text).unwrap();
    let exec = read.auth_infos[0].auth_info.as_ref().unwrap().exec.as_ref().unwrap();
    assert_eq!(exec.command.as_deref(), Some("nic"));
    let args = exec.args.as_ref().unwrap().join(" ");
    assert_eq!(args, "kubeconfig --token --region us-west-2 --cluster nebari-dev");
    assert_eq!(read.current_context.as_deref(), Some("nebari-dev"));
    assert_eq!(read.clusters[0].cluster.as_ref().unwrap().certificate_authority_data.as_deref(), Some("Y2E="));
}

#[tokio::test]
async fn locators_that_cannot_be_followed_have_codes() {
    let source = ClusterSource::new(gate("200 OK", String::new()).await);
    for kind in ["gke", "aks", "kubeconfig-from"] {
        let locator = Locator { kind: kind.to_owned(), parameters: json!({}) };
        assert_eq!(
            source.connect(&locator, Generation::default()).await.unwrap_err().code(),
            "CLUSTER_KIND_NOT_IMPLEMENTED"
        );
    }
    let region = Locator { kind: "eks".to_owned(), parameters: json!({"region": "us-west-2.evil.com", "name": "a"}) };
    assert!(matches!(source.connect(&region, Generation::default()).await.unwrap_err(), ProviderError::Denied { .. }));
    let name = Locator { kind: "eks".to_owned(), parameters: json!({"region": "us-west-2"}) };
    assert_eq!(source.connect(&name, Generation::default()).await.unwrap_err().code(), "CLUSTER_LOCATOR_INVALID");
}

/// Finds what the locator names, if there is one.
struct Named(ClusterSource, Option<Locator>);

#[async_trait]
impl FindCluster for Named {
    async fn find(&self) -> Result<Option<Connected>, ProviderError> {
        let Some(locator) = &self.1 else { return Ok(None) };
        self.0.connect(locator, Generation::default()).await
    }
}

#[tokio::test]
async fn guests_are_told_when_there_is_no_cluster() {
    let source = ClusterSource::new(gate("404 Not Found", "{}".to_owned()).await);
    for locator in [None, Some(eks())] {
        let reader = FoundClusterReader::new(Named(source.clone(), locator));
        let error = reader.get("v1", "Node", None, "a").await.unwrap_err();
        assert!(matches!(&error, ProviderError::Denied { code, .. } if code == "CLUSTER_NOT_READY"), "{error}");
    }
}

/// An API server with these answers by path, and what it was asked.
async fn api_server(answers: BTreeMap<&'static str, serde_json::Value>) -> (Connected, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = Connected::plain(&format!("http://{}", listener.local_addr().unwrap()));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 8192];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let path = target.split('?').next().unwrap_or_default();
            let (status, body) = match answers.get(path) {
                Some(answer) => ("200 OK", answer.to_string()),
                None => ("404 Not Found", json!({"kind": "Status", "code": 404}).to_string()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
            let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await;
            seen.lock().unwrap().push(target);
        }
    });
    (cluster, asked)
}

fn workload(kind: &str, namespace: &str, name: &str) -> Workload {
    let address = format!("aws.object.{name}").parse().unwrap();
    let document = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"namespace": namespace, "name": name}});
    Workload::of(&address, &document).unwrap()
}

#[tokio::test]
async fn what_is_ours_is_asked_after_and_no_more() {
    let stuck = |name: &str, app: &str| {
        let why = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"});
        json!({"metadata": {"name": name, "labels": {"app": app}}, "status": {"conditions": [why]}})
    };
    let app = |app: &str| json!({"selector": {"matchLabels": {"app": app}}, "replicas": 1});
    let (deployments, pods) = ("/apis/apps/v1/namespaces/dev/deployments", "/api/v1/namespaces/dev/pods");
    let good = json!({"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
    let plugin = json!({"desiredNumberScheduled": 1, "updatedNumberScheduled": 1});
    let (cluster, asked) = api_server(BTreeMap::from([
        ("/api/v1/nodes", json!({"items": [{"metadata": {"name": "a"}}]})),
        ("/api/v1/namespaces/kube-system/pods", json!({"items": [
            stuck("dns-1", "dns"), stuck("dns-2", "dns"), stuck("plugin-1", "plugin"), {"metadata": {"name": "starting"}},
        ]})),
        ("/apis/apps/v1/namespaces/dev/deployments/good", json!({"kind": "Deployment", "spec": app("good"), "status": good})),
        ("/apis/apps/v1/namespaces/dev/deployments/scaler", json!({"kind": "Deployment", "spec": app("scaler")})),
        ("/apis/apps/v1/namespaces/kube-system/daemonsets/plugin",
            json!({"kind": "DaemonSet", "spec": app("plugin"), "status": plugin})),
        (pods, json!({"items": [stuck("scaler-1", "scaler")]})),
    ]))
    .await;
    let workloads = vec![
        workload("Deployment", "dev", "good"),
        workload("Deployment", "dev", "scaler"),
        workload("Deployment", "dev", "gone"),
    ];
    let found = platform_health(&cluster, &Ask { nodes: false, workloads: workloads.clone() }).await.unwrap();
    let words = |standing: &PlatformHealth| standing.troubles.iter().map(|t| t.words.clone()).collect::<Vec<_>>();
    let scaler = "Deployment dev/scaler: 0 of 1 pods are ready; no node takes its pod: no room";
    assert_eq!(
        (found.nodes.as_ref(), words(&found)),
        (None, vec![scaler.to_owned(), "Deployment dev/gone is not there".to_owned()])
    );
    assert_eq!(found.troubles[0].address.as_ref().unwrap().as_str(), "aws.object.scaler");
    let mut requests = std::mem::take(&mut *asked.lock().unwrap());
    requests.sort();
    let chosen = format!("{pods}?limit=20&labelSelector=app%3Dscaler");
    assert_eq!(
        requests,
        [chosen, format!("{deployments}/gone"), format!("{deployments}/good"), format!("{deployments}/scaler")]
    );

    // Where node groups are ours, so is what the cluster needs itself. Its pods are told once for each reason, those of ours with ours.
    let workloads = vec![workload("DaemonSet", "kube-system", "plugin")];
    let found = platform_health(&cluster, &Ask { nodes: true, workloads }).await.unwrap();
    // The one node is not ready: a DaemonSet cannot be there either.
    assert_eq!(found.nodes.as_ref().unwrap().all, Count { ready: 0, total: 1 });
    assert_eq!(words(&found), ["Pod kube-system/dns-1 and 1 more: no node takes its pod: no room"]);
    let requests = asked.lock().unwrap().clone();
    let pending = "/api/v1/namespaces/kube-system/pods?limit=100&fieldSelector=status.phase%3DPending";
    assert!(requests.len() == 3 && requests.iter().any(|request| request == pending), "{requests:#?}");

    // An answer that does not come is no good news.
    let (cluster, _) = api_server(BTreeMap::new()).await;
    assert!(platform_health(&cluster, &Ask { nodes: true, workloads: Vec::new() }).await.is_err());
}
