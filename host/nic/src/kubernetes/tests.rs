//! The provider against an API server that answers as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use nic_core::ports::{BackendError, Context};
use nic_core::resource::Record;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::signing::SecretString;

type Handler = dyn Fn(&str, &Value) -> (u16, Value) + Send + Sync;

/// An API server. It is asked with method and URL (`GET /api/v1/namespaces/dev`) and the body.
async fn server(
    handler: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static,
) -> (Connected, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (handler, kept): (Arc<Handler>, _) = (Arc::new(handler), seen.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (handler, kept) = (handler.clone(), kept.clone());
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut chunk = [0; 8192];
                let (head, body) = loop {
                    let read = stream.read(&mut chunk).await.unwrap_or(0);
                    bytes.extend_from_slice(&chunk[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .to_lowercase()
                        .lines()
                        .find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
                    if body.len() >= length.unwrap_or(0) {
                        break (head.to_owned(), body.to_owned());
                    }
                };
                let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
                let body = serde_json::from_str(&body).unwrap_or(Value::Null);
                let (status, answer) = match line.as_str() {
                    "GET /api/v1" => (
                        200,
                        json!({"resources": [
                        {"name": "namespaces", "kind": "Namespace", "namespaced": false},
                        {"name": "namespaces/status", "kind": "Namespace", "namespaced": false},
                        {"name": "configmaps", "kind": "ConfigMap", "namespaced": true},
                        {"name": "secrets", "kind": "Secret", "namespaced": true}]}),
                    ),
                    "GET /apis/apiextensions.k8s.io/v1" => (
                        200,
                        json!({"resources": [
                        {"name": "customresourcedefinitions", "kind": "CustomResourceDefinition", "namespaced": false}]}),
                    ),
                    line => {
                        kept.lock().unwrap().push(line.to_owned());
                        handler(line, &body)
                    }
                };
                let answer = answer.to_string();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
            });
        }
    });
    (Connected::plain(&url), seen)
}

struct Fixed(Option<Connected>);

#[async_trait]
impl ClusterResolver for Fixed {
    async fn connect(&self, _: &Call) -> Result<Option<Connected>, ProviderError> {
        Ok(self.0.clone())
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

#[async_trait]
impl CreatedSink for Told {
    async fn created(&self, remote_id: &str) -> Result<(), BackendError> {
        self.0.lock().unwrap().push(remote_id.to_owned());
        Ok(())
    }
}

fn provider(connected: Option<Connected>) -> KubernetesProvider {
    let secrets = SecretResolver::new(|name| (name == "db").then(|| SecretString::new("hunter2")));
    KubernetesProvider::new(Arc::new(Fixed(connected)), secrets)
}

fn call(records: Vec<Record>) -> Call {
    Call { context: Context::default(), records: Arc::new(records) }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"managed-by": "nic"}}})
}

fn target(document: Value) -> Target {
    Target {
        address: "aws.kubernetes.x".parse().unwrap(),
        kind: "kubernetes.object".to_owned(),
        remote_id: None,
        document,
        baseline: Value::Null,
    }
}

fn change(document: Value) -> Change {
    Change {
        address: "aws.kubernetes.x".parse().unwrap(),
        kind: "kubernetes.object".to_owned(),
        remote_id: None,
        document,
        prior: Value::Null,
        paths: vec!["/metadata/labels/managed-by".to_owned()],
        token: String::new(),
        deadline: Duration::from_mins(1),
    }
}

fn record(baseline: Value) -> Record {
    Record {
        address: "aws.kubernetes.x".parse().unwrap(),
        kind: "kubernetes.object".to_owned(),
        remote_id: None,
        attributes: json!({}),
        baseline,
        dependencies: BTreeSet::new(),
        secrets: BTreeMap::new(),
        pending: None,
        imported: false,
        external: false,
        schema_version: 1,
        component_digest: String::new(),
        name_suffix: None,
        deposed: None,
        state_path: String::new(),
    }
}

fn not_found() -> (u16, Value) {
    (404, json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "not found"}))
}

fn taken() -> (u16, Value) {
    (
        409,
        json!({"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict", "message": "conflict",
        "details": {"causes": [{"reason": "FieldManagerConflict", "message": "conflict with \"helm\" using v1",
            "field": ".metadata.labels.managed-by"}]}}),
    )
}

#[tokio::test]
async fn without_a_cluster_everything_is_absent_and_nothing_can_be_made() {
    let provider = provider(None);
    let observed = provider.read(&call(vec![]), vec![target(namespace("dev"))]).await.unwrap();
    assert_eq!(observed[0].status, Status::Absent);
    let failure =
        provider.create(&call(vec![]), &change(namespace("dev")), Arc::new(Told::default())).await.unwrap_err();
    assert_eq!(failure.error.code(), "CLUSTER_NOT_READY");
    let gone = provider.delete(&call(vec![]), &change(namespace("dev"))).await.unwrap();
    assert!(matches!(gone, Progress::Done(observed) if observed.status == Status::Absent));
}

#[tokio::test]
async fn what_is_as_wanted_shows_no_difference_and_what_is_missing_is_absent() {
    let (connected, seen) = server(|line, body| match line {
        "GET /api/v1/namespaces/dev" => {
            let mut live = namespace("dev");
            live["metadata"]["uid"] = "u".into();
            live["spec"] = json!({"finalizers": ["kubernetes"]});
            (200, live)
        }
        "PATCH /api/v1/namespaces/dev?fieldManager=nic&force=true&dryRun=All" => {
            let mut live = body.clone();
            live["spec"] = json!({"finalizers": ["kubernetes"]});
            (200, live)
        }
        _ => not_found(),
    })
    .await;
    let missing = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "gone"}});
    let unknown = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}});
    let targets = vec![target(namespace("dev")), target(missing), target(unknown)];
    let provider = provider(Some(connected));
    let mut observed = provider.read(&call(vec![]), targets).await.unwrap();
    observed.sort_by_key(|o| o.remote_id.clone());
    assert_eq!(observed[0].status, Status::Absent);
    assert_eq!(observed[1].status, Status::Absent);
    assert_eq!(observed[2].status, Status::Present);
    assert_eq!(observed[2].document, namespace("dev"));
    assert_eq!(observed[2].remote_id.as_deref(), Some("Namespace.v1/dev"));
    assert_eq!(observed[2].attributes.as_ref().unwrap()["uid"], "u");
    assert!(seen.lock().unwrap().iter().all(|line| line.starts_with("GET") || line.contains("dryRun=All")));
}

#[tokio::test]
async fn a_create_tells_its_name_and_what_was_made() {
    let (connected, seen) = server(|line, body| match line {
        "PATCH /api/v1/namespaces/dev?fieldManager=nic&force=false" => (201, body.clone()),
        _ => not_found(),
    })
    .await;
    let told = Arc::new(Told::default());
    let progress =
        provider(Some(connected)).create(&call(vec![]), &change(namespace("dev")), told.clone()).await.unwrap();
    assert!(
        matches!(progress, Progress::Done(observed) if observed.document == namespace("dev") && observed.is_present())
    );
    assert_eq!(*told.0.lock().unwrap(), ["Namespace.v1/dev"]);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_field_of_someone_else_is_taken_only_when_it_is_ours_and_the_plan_showed_it() {
    let (connected, seen) =
        server(|line, body| if line.contains("force=true") { (200, body.clone()) } else { taken() }).await;
    let provider = provider(Some(connected));
    // Found, not recorded.
    for records in [vec![], vec![record(Value::Null)]] {
        let failure = provider.update(&call(records), &change(namespace("dev"))).await.unwrap_err();
        assert_eq!(failure.error.code(), "FIELD_MANAGER_CONFLICT");
        assert!(failure.error.to_string().contains("`.metadata.labels.managed-by` belongs to `helm`"));
    }
    // Recorded, but the plan showed another field.
    let ours = || call(vec![record(namespace("dev"))]);
    let elsewhere = Change { paths: vec!["/metadata/labels/other".to_owned()], ..change(namespace("dev")) };
    assert_eq!(provider.update(&ours(), &elsewhere).await.unwrap_err().error.code(), "FIELD_MANAGER_CONFLICT");
    assert!(seen.lock().unwrap().iter().all(|line| line.ends_with("force=false")));
    // Recorded, and the plan showed it.
    assert!(matches!(provider.update(&ours(), &change(namespace("dev"))).await.unwrap(), Progress::Done(_)));
}

#[tokio::test]
async fn a_definition_is_waited_for() {
    let (connected, _) = server(|line, body| {
        let mut live = body.clone();
        if line.starts_with("GET") {
            live = json!({"metadata": {"name": "things.example.com"}});
            live["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
        }
        (200, live)
    })
    .await;
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"}});
    let provider = provider(Some(connected));
    let made = change(definition.clone());
    let progress = provider.create(&call(vec![]), &made, Arc::new(Told::default())).await.unwrap();
    let Progress::Pending(waiting) = progress else { panic!("it is not established yet") };
    assert_eq!(waiting.poll_after, POLL_AFTER);
    let progress = provider.poll(&call(vec![]), &made, &waiting.operation).await.unwrap();
    assert!(matches!(progress, Progress::Done(observed) if observed.document == definition));
}

#[tokio::test]
async fn a_delete_lasts_until_the_object_is_gone() {
    let looks = Arc::new(Mutex::new(0));
    let counted = looks.clone();
    let (connected, seen) = server(move |line, body| match line {
        "GET /api/v1/namespaces/dev" => {
            let mut looks = counted.lock().unwrap();
            *looks += 1;
            if *looks > 2 {
                return not_found();
            }
            let mut live = namespace("dev");
            live["metadata"]["uid"] = "u".into();
            live["status"] = json!({"conditions": [{"status": "True", "message": "Some resources are remaining"}]});
            (200, live)
        }
        "DELETE /api/v1/namespaces/dev" => {
            assert_eq!(body["preconditions"]["uid"], "u");
            assert_eq!(body["propagationPolicy"], "Background");
            (200, json!({"kind": "Status", "status": "Success"}))
        }
        _ => not_found(),
    })
    .await;
    let provider = provider(Some(connected));
    let going = Change { remote_id: Some("Namespace.v1/dev".to_owned()), ..change(Value::Null) };
    let Progress::Pending(waiting) = provider.delete(&call(vec![]), &going).await.unwrap() else {
        panic!("still there")
    };
    assert_eq!(waiting.message, "Some resources are remaining");
    let progress = provider.poll(&call(vec![]), &going, &waiting.operation).await.unwrap();
    assert!(matches!(progress, Progress::Done(observed) if observed.status == Status::Absent));
    let before = seen.lock().unwrap().len();
    let kept = Change { remote_id: Some("Namespace.v1/default".to_owned()), ..change(Value::Null) };
    assert!(matches!(provider.delete(&call(vec![]), &kept).await.unwrap(), Progress::Done(_)));
    assert_eq!(seen.lock().unwrap().len(), before, "built-in namespaces are left alone");
}

#[tokio::test]
async fn a_definition_whose_deletion_was_given_up_is_touched_until_it_is_gone() {
    let touched = Arc::new(Mutex::new(false));
    let kept = touched.clone();
    let (connected, _) = server(move |line, body| match line {
        "GET /apis/apiextensions.k8s.io/v1" => (
            200,
            json!({"kind": "APIResourceList", "resources": [{"name": "customresourcedefinitions", "kind": "CustomResourceDefinition", "namespaced": false, "verbs": []}]}),
        ),
        line if line.starts_with("GET") && line.ends_with("/things.example.com") && *kept.lock().unwrap() => not_found(),
        line if line.starts_with("GET") && line.ends_with("/things.example.com") => (
            200,
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "things.example.com", "uid": "u", "resourceVersion": "7", "deletionTimestamp": "2026-01-01T00:00:00Z"},
                "status": {"conditions": [
                    {"type": "Established", "status": "True", "message": "the initial names have been accepted"},
                    {"type": "Terminating", "status": "True", "reason": "InstanceDeletionFailed", "message": "could not list instances"},
                ]}}),
        ),
        line if line.starts_with("PATCH") => {
            assert_eq!(body["metadata"]["uid"], "u");
            assert_eq!(body["metadata"]["annotations"]["nic.nebari.dev/touched-at"], "7");
            *kept.lock().unwrap() = true;
            (200, body.clone())
        }
        _ => not_found(),
    })
    .await;
    let provider = provider(Some(connected));
    let remote_id = "CustomResourceDefinition.v1.apiextensions.k8s.io/things.example.com".to_owned();
    let going = Change { remote_id: Some(remote_id), ..change(Value::Null) };
    let operation = json!({"wait": "gone", "uid": "u"});
    let Progress::Pending(waiting) = provider.poll(&call(vec![]), &going, &operation).await.unwrap() else {
        panic!("still there")
    };
    assert_eq!(waiting.message, "could not list instances");
    assert!(*touched.lock().unwrap());
    let progress = provider.poll(&call(vec![]), &going, &waiting.operation).await.unwrap();
    assert!(matches!(progress, Progress::Done(observed) if observed.status == Status::Absent));
}

#[tokio::test]
async fn secrets_are_sent_and_never_shown() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = sent.clone();
    let (connected, _) = server(move |line, body| {
        if line.starts_with("GET") {
            let mut live = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "dev"}});
            live["data"] = json!({"password": "b2xk"});
            return (200, live);
        }
        kept.lock().unwrap().push(body["data"]["password"].clone());
        if line.contains("dryRun") {
            return (200, body.clone());
        }
        (422, json!({"kind": "Status", "status": "Failure", "code": 422, "reason": "Invalid", "message": "Invalid value: aHVudGVyMg=="}))
    })
    .await;
    let document = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "dev"},
        "stringData": {"password": {"$secret": "db"}}});
    let provider = provider(Some(connected));
    let observed = provider.read(&call(vec![]), vec![target(document.clone())]).await.unwrap();
    assert_eq!(observed[0].document["stringData"], json!({"password": {"$hidden": "secret value changed"}}));
    let printed = format!("{observed:?}");
    assert!(!printed.contains("b2xk") && !printed.contains("hunter2"), "{printed}");
    let failure = provider.update(&call(vec![]), &change(document)).await.unwrap_err();
    assert_eq!(failure.error.to_string(), "Invalid: Invalid value: (secret)");
    assert_eq!(*sent.lock().unwrap(), [json!("aHVudGVyMg=="), json!("aHVudGVyMg==")]);
}

#[tokio::test]
async fn a_literal_dollar_is_data_and_no_reference() {
    let (connected, _) = server(|line, body| match line {
        _ if line.starts_with("GET") => (200, json!({"metadata": {"uid": "u"}, "data": {"$secret": "db"}})),
        _ => {
            assert_eq!(body["data"], json!({"$secret": "db"}));
            (200, body.clone())
        }
    })
    .await;
    let document =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"$$secret": "db"}});
    let observed = provider(Some(connected)).read(&call(vec![]), vec![target(document.clone())]).await.unwrap();
    assert_eq!(observed[0].document["data"], document["data"]);
}

#[tokio::test]
async fn answers_of_the_server_keep_their_meaning() {
    for (code, reason, expected) in [
        (401, "Unauthorized", "DENIED"),
        (403, "Forbidden", "DENIED"),
        (409, "Conflict", "CONFLICT"),
        (429, "TooManyRequests", "THROTTLED"),
        (500, "InternalError", "REMOTE_ERROR"),
    ] {
        let (connected, _) = server(move |_, _| {
            (
                code,
                json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "no",
                "details": {"retryAfterSeconds": 2}}),
            )
        })
        .await;
        let failure = provider(Some(connected)).update(&call(vec![]), &change(namespace("dev"))).await.unwrap_err();
        assert_eq!(failure.error.code(), expected, "{code}");
        if code == 429 {
            assert_eq!(failure.error, ProviderError::Throttled(Some(Duration::from_secs(2))));
        }
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let connected = Connected::plain(&format!("http://{nobody}"));
    let observed = provider(Some(connected)).read(&call(vec![]), vec![target(namespace("dev"))]).await.unwrap();
    assert!(
        matches!(&observed[0].status, Status::Unreadable(ProviderError::Remote { code, .. }) if code == "CLUSTER_UNREACHABLE"),
        "{observed:?}"
    );
}
