//! The provider against an API server that answers as it is told.

use std::sync::Mutex;

use nic_core::ports::{BackendError, Context};
use nic_core::resource::{FieldConflict, Pending, PendingAction, Record};
use nic_gate::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

mod named;

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
    KubernetesProvider::new(Arc::new(Fixed(connected)), secrets, Arc::new(|_, _| true))
}

fn call(records: Vec<Record>) -> Call {
    Call { context: Context::default(), records: Arc::new(records), cluster: None }
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
    Record { baseline, ..Record::unmade("aws.kubernetes.x".parse().unwrap(), "kubernetes.object".to_owned()) }
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
        "PATCH /api/v1/namespaces/dev?fieldManager=nic-&force=true&dryRun=All" => {
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
        "PATCH /api/v1/namespaces/dev?fieldManager=nic-&force=false" => (201, body.clone()),
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

fn settings() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "dev", "labels": {"managed-by": "nic"}}})
}

/// As it was accepted, with that uid.
fn accepted(baseline: Value, uid: &str) -> Record {
    Record { attributes: json!({ "uid": uid }), ..record(baseline) }
}

#[tokio::test]
async fn a_field_of_someone_else_is_taken_only_when_it_is_ours_and_the_plan_showed_it() {
    let (connected, seen) = server(|line, body| match line {
        line if line.starts_with("GET") => {
            (200, json!({"metadata": {"name": "a", "uid": "u", "labels": {"managed-by": "helm"}}}))
        }
        line if line.contains("force=true") => (200, body.clone()),
        _ => taken(),
    })
    .await;
    let provider = provider(Some(connected));
    // Found, not recorded: it stood before.
    for records in [vec![], vec![record(Value::Null)]] {
        let failure = provider.update(&call(records), &change(settings())).await.unwrap_err();
        assert_eq!(failure.error.code(), "FIELD_MANAGER_CONFLICT");
        assert!(failure.error.to_string().contains("`.metadata.labels.managed-by` belongs to `helm`"));
    }
    // Recorded, but the plan showed another field.
    for ours in [accepted(settings(), "u"), record(settings())] {
        let elsewhere = Change { paths: vec!["/metadata/labels/other".to_owned()], ..change(settings()) };
        let failure = provider.update(&call(vec![ours.clone()]), &elsewhere).await.unwrap_err();
        assert_eq!(failure.error.code(), "FIELD_MANAGER_CONFLICT");
        assert!(seen.lock().unwrap().iter().all(|line| !line.contains("force=true")));
        // Recorded, and the plan showed it.
        let done = provider.update(&call(vec![ours]), &change(settings())).await.unwrap();
        assert!(matches!(done, Progress::Done(observed) if !observed.shared));
        seen.lock().unwrap().clear();
    }
}

/// A namespace on a server, and the changes that were asked of it: manager, uid and mark.
#[derive(Default)]
struct OneNamespace {
    live: Option<Value>,
    changes: Vec<(String, Value, bool)>,
}

/// A server of one namespace, which was there before when it has a uid.
async fn one_namespace(uid: Option<&str>, labels: &Value) -> (KubernetesProvider, Arc<Mutex<OneNamespace>>) {
    let live = uid.map(|uid| json!({"metadata": {"name": "dev", "uid": uid, "labels": labels}}));
    let one = Arc::new(Mutex::new(OneNamespace { live, changes: Vec::new() }));
    let kept = one.clone();
    let (connected, _) = server(move |line, body| {
        let mut one = kept.lock().unwrap();
        if line.starts_with("GET") {
            return one.live.clone().map_or_else(not_found, |live| (200, live));
        }
        if line.starts_with("DELETE") {
            one.live = None;
            one.changes.push(("delete".to_owned(), body["preconditions"]["uid"].clone(), false));
            return (200, json!({"kind": "Status", "status": "Success"}));
        }
        let manager = line.split("fieldManager=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let (meant, mark) = (body["metadata"]["uid"].clone(), &body["metadata"]["annotations"]["nic.nebari.dev/owner"]);
        assert!(!line.contains("force=true") || line.contains("dryRun"), "{line}");
        if !line.contains("dryRun") {
            one.changes.push((manager.clone(), meant.clone(), mark.is_string()));
        }
        let there = one.live.as_ref().map(|live| live["metadata"]["uid"].clone());
        if !meant.is_null() && there.as_ref() != Some(&meant) {
            let message = "uid mismatch";
            return (
                409,
                json!({"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict", "message": message}),
            );
        }
        let mut live = body.clone();
        live["metadata"]["uid"] = there.clone().unwrap_or_else(|| json!("new"));
        live["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Apply"}]);
        if !line.contains("dryRun") {
            one.live = Some(live.clone());
        }
        (if there.is_some() { 200 } else { 201 }, live)
    })
    .await;
    (provider(Some(connected)), one)
}

fn changes(one: &Mutex<OneNamespace>) -> Vec<(String, Value, bool)> {
    std::mem::take(&mut one.lock().unwrap().changes)
}

fn lineage(records: Vec<Record>) -> Call {
    let context = Context { lineage: "0123456789abcdef".to_owned(), ..Context::default() };
    Call { context, ..call(records) }
}

fn done(progress: Progress) -> Observed {
    let Progress::Done(observed) = progress else { panic!("it is not done: {progress:?}") };
    observed
}

#[tokio::test]
async fn what_is_made_bears_the_mark_each_time_it_is_applied_and_shows_none_of_it() {
    let (provider, one) = one_namespace(None, &json!({})).await;
    let made =
        done(provider.create(&lineage(vec![]), &change(namespace("dev")), Arc::new(Told::default())).await.unwrap());
    assert_eq!((made.shared, &made.document), (false, &namespace("dev")));
    assert!(!format!("{made:?}").contains("nic.nebari.dev"), "{made:?}");
    assert_eq!(changes(&one), [("nic-01234567".to_owned(), Value::Null, true)]);

    let ours = || lineage(vec![accepted(namespace("dev"), "new")]);
    let updated = done(provider.update(&ours(), &change(namespace("dev"))).await.unwrap());
    assert!(!updated.shared);
    assert_eq!(changes(&one), [("nic-01234567".to_owned(), json!("new"), true)]);
    // Found again without a state, by its mark; and what is read shows none of it.
    for records in [vec![], vec![accepted(namespace("dev"), "new")]] {
        let observed = provider.read(&lineage(records), vec![target(namespace("dev"))]).await.unwrap().remove(0);
        assert_eq!((observed.status.clone(), observed.shared), (Status::Present, false));
        assert!(!format!("{observed:?}").contains("nic.nebari.dev/owner"), "{observed:?}");
    }
    // An annotation of ours that is given up is missed, though the mark beside it stays.
    let mut before = namespace("dev");
    before["metadata"]["annotations"] = json!({"a": "b"});
    one.lock().unwrap().live.as_mut().unwrap()["metadata"]["annotations"]["a"] = "b".into();
    let target = Target { baseline: before.clone(), ..target(namespace("dev")) };
    let observed = provider.read(&lineage(vec![accepted(before, "new")]), vec![target]).await.unwrap().remove(0);
    assert_eq!(observed.document["metadata"]["annotations"], json!({"a": "b"}));
}

#[tokio::test]
async fn what_somebody_made_between_the_look_and_the_create_is_shared_and_loses_the_mark() {
    let (provider, one) = one_namespace(Some("theirs"), &json!({"team": "x"})).await;
    let made =
        done(provider.create(&lineage(vec![]), &change(namespace("dev")), Arc::new(Told::default())).await.unwrap());
    assert!(made.shared && made.is_present());
    let theirs = json!("theirs");
    assert_eq!(
        changes(&one),
        [
            ("nic-01234567".to_owned(), Value::Null, true),
            ("nic-01234567".to_owned(), theirs.clone(), false),
            ("nic-01234567-shared".to_owned(), theirs, false),
        ]
    );
    // One of ours that a lost answer hid is ours.
    let (provider, _) = one_namespace(Some("new"), &json!({})).await;
    let again = lineage(vec![accepted(namespace("dev"), "new")]);
    assert!(!done(provider.create(&again, &change(namespace("dev")), Arc::new(Told::default())).await.unwrap()).shared);
}

#[tokio::test]
async fn an_update_is_of_the_object_that_was_read() {
    let recorded = || lineage(vec![accepted(namespace("dev"), "gone")]);
    let (provider, one) = one_namespace(Some("theirs"), &json!({})).await;
    let failure = provider.update(&recorded(), &change(namespace("dev"))).await.unwrap_err();
    assert_eq!(failure.error.code(), "RESOURCE_FOREIGN");
    assert_eq!(one.lock().unwrap().live.as_ref().unwrap()["metadata"]["labels"], json!({}));
    let (provider, one) = one_namespace(None, &json!({})).await;
    assert!(!done(provider.update(&recorded(), &change(namespace("dev"))).await.unwrap()).shared);
    assert_eq!(
        changes(&one),
        [("nic-01234567".to_owned(), json!("gone"), true), ("nic-01234567".to_owned(), Value::Null, true)]
    );
}

#[tokio::test]
async fn what_stood_before_is_used_given_back_and_never_deleted() {
    let (provider, one) = one_namespace(Some("theirs"), &json!({"team": "x"})).await;
    let observed = provider.read(&lineage(vec![]), vec![target(namespace("dev"))]).await.unwrap().remove(0);
    assert!(observed.shared && observed.conflicts.is_empty(), "{observed:?}");
    let used = done(provider.update(&lineage(vec![]), &change(namespace("dev"))).await.unwrap());
    assert!(used.shared);
    assert_eq!(changes(&one), [("nic-01234567-shared".to_owned(), json!("theirs"), false)]);

    let shared = || lineage(vec![Record { shared: true, ..accepted(namespace("dev"), "theirs") }]);
    let gone = done(provider.delete(&shared(), &change(namespace("dev"))).await.unwrap());
    assert_eq!((gone.status, changes(&one)), (Status::Absent, Vec::new()));
    provider.release(&shared(), &change(namespace("dev"))).await.unwrap();
    assert_eq!(changes(&one), [("nic-01234567-shared".to_owned(), json!("theirs"), false)]);
    assert!(one.lock().unwrap().live.as_ref().unwrap()["metadata"].get("labels").is_none());
    // Nothing of ours is on it any more: nothing is asked.
    one.lock().unwrap().live.as_mut().unwrap()["metadata"]["managedFields"] = json!([]);
    provider.release(&shared(), &change(namespace("dev"))).await.unwrap();
    assert_eq!(changes(&one), Vec::new());
}

/// A create was begun, and nothing of it is known.
fn creating() -> Record {
    let pending = Pending {
        action: PendingAction::Create,
        document: namespace("dev"),
        operation: None,
        started_at: "2026-01-01T00:00:05Z".to_owned(),
        token: String::new(),
    };
    Record { pending: Some(pending), ..record(Value::Null) }
}

#[tokio::test]
async fn the_mark_that_a_killed_create_left_on_what_stood_before_is_taken_back() {
    for goes_on in [true, false] {
        let (provider, one) = one_namespace(Some("theirs"), &json!({"managed-by": "nic"})).await;
        {
            let mut one = one.lock().unwrap();
            let metadata = &mut one.live.as_mut().unwrap()["metadata"];
            metadata["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
            metadata["annotations"] = json!({"nic.nebari.dev/owner": "0123456789abcdef///aws.kubernetes.x"});
            metadata["managedFields"] =
                json!([{"manager": "nic-01234567", "operation": "Apply", "time": "2026-01-01T00:00:05Z"}]);
        }
        let call = lineage(vec![creating()]);
        let given_back = ("nic-01234567".to_owned(), json!("theirs"), false);
        if goes_on {
            assert!(done(provider.update(&call, &change(namespace("dev"))).await.unwrap()).shared);
            assert_eq!(changes(&one), [given_back, ("nic-01234567-shared".to_owned(), json!("theirs"), false)]);
        } else {
            provider.release(&call, &change(namespace("dev"))).await.unwrap();
            assert_eq!(changes(&one), [given_back]);
        }
        let live = one.lock().unwrap().live.clone().unwrap();
        assert!(!live.to_string().contains("nic.nebari.dev"), "{live}");
    }
}

#[tokio::test]
async fn of_two_platforms_that_make_one_object_the_later_one_shares_it_or_stops() {
    for (mark, shares) in
        [("fedcba9876543210/other/dev/aws.kubernetes.x", true), ("fedcba9876543210///aws.kubernetes.x", false)]
    {
        let (connected, seen) = server(move |line, body| {
            let metadata = json!({"name": "dev", "uid": "u", "labels": {"managed-by": "nic"},
                "annotations": {"nic.nebari.dev/owner": mark}});
            match line {
                line if line.starts_with("GET") => (200, json!({"metadata": metadata})),
                line if line.contains("fieldManager=nic-01234567&") => {
                    assert!(
                        body["metadata"]["annotations"]["nic.nebari.dev/owner"] != mark && !line.contains("force=true")
                    );
                    taken()
                }
                _ => (200, body.clone()),
            }
        })
        .await;
        let provider = provider(Some(connected));
        let made = provider.create(&lineage(vec![]), &change(namespace("dev")), Arc::new(Told::default())).await;
        if shares {
            assert!(done(made.unwrap()).shared);
        } else {
            assert_eq!(made.unwrap_err().error.code(), "RESOURCE_FOREIGN");
        }
        let shared = seen.lock().unwrap().iter().filter(|line| line.contains("nic-01234567-shared")).count();
        assert_eq!(shared, usize::from(shares));
    }
}

#[tokio::test]
async fn what_comes_with_the_cluster_is_never_changed_as_ours() {
    let (connected, seen) = server(|line, body| match line {
        line if line.starts_with("GET") => (200, json!({"metadata": {"name": "kube-system", "uid": "u"}})),
        _ => (200, body.clone()),
    })
    .await;
    let recorded = lineage(vec![accepted(namespace("kube-system"), "u")]);
    let updated = done(provider(Some(connected)).update(&recorded, &change(namespace("kube-system"))).await.unwrap());
    assert!(updated.shared);
    assert!(seen.lock().unwrap().iter().all(|line| !line.contains("nic-01234567&")), "{seen:?}");
}

#[tokio::test]
async fn what_a_dry_run_repeats_of_a_secret_is_not_told() {
    let (connected, _) = server(|line, body| match line {
        line if line.starts_with("GET") => (200, json!({"metadata": {"name": "a", "namespace": "dev", "uid": "u"}})),
        _ => {
            let message = format!("admission webhook failed on {body}");
            (500, json!({"kind": "Status", "status": "Failure", "code": 500, "message": message}))
        }
    })
    .await;
    let document = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "dev"},
        "stringData": {"password": {"$secret": "db"}}});
    let recorded = lineage(vec![accepted(document.clone(), "u")]);
    let observed = provider(Some(connected)).read(&recorded, vec![target(document)]).await.unwrap().remove(0);
    let Status::Unreadable(error) = observed.status else { panic!("{observed:?}") };
    let told = error.to_string();
    assert!(told.contains("admission webhook failed") && told.contains("(secret)"), "{told}");
    assert!(!told.contains("hunter2") && !told.contains("aHVudGVyMg=="), "{told}");
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_asked_for_no_more_than_are_on_their_way() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (nobody.local_addr().unwrap(), Arc::new(Mutex::new(0)));
    let counted = asked.clone();
    tokio::spawn(async move {
        while nobody.accept().await.is_ok() {
            *counted.lock().unwrap() += 1;
        }
    });
    let connected = Connected::plain(&format!("http://{address}"));
    let targets = (0..100).map(|number| target(namespace(&format!("n{number}")))).collect();
    let observed = provider(Some(connected)).read(&call(vec![]), targets).await.unwrap();
    assert_eq!(observed.len(), 100);
    assert!(observed.iter().all(|seen| matches!(seen.status, Status::Unreadable(_))));
    assert!(*asked.lock().unwrap() < 50, "{asked:?}");
}

#[tokio::test]
async fn another_uid_and_another_state_are_foreign() {
    let (provider, one) = one_namespace(Some("theirs"), &json!({"managed-by": "nic"})).await;
    let read =
        async |records| provider.read(&lineage(records), vec![target(namespace("dev"))]).await.unwrap().remove(0);
    let observed = read(vec![accepted(namespace("dev"), "ours")]).await;
    assert!(matches!(&observed.status, Status::Foreign(words) if words.contains("made anew by somebody else")));
    assert!(observed.shared && observed.attributes.unwrap()["uid"] == "theirs");
    let gone = done(
        provider.delete(&lineage(vec![accepted(namespace("dev"), "ours")]), &change(namespace("dev"))).await.unwrap(),
    );
    assert_eq!((gone.status, changes(&one)), (Status::Absent, Vec::new()));

    one.lock().unwrap().live.as_mut().unwrap()["metadata"]["annotations"] =
        json!({"nic.nebari.dev/owner": "fedcba9876543210///aws.kubernetes.x"});
    let observed = read(vec![]).await;
    assert_eq!(observed.other_lineage.unwrap().lineage, "fedcba9876543210");
    assert!(matches!(observed.status, Status::Foreign(_)) && !observed.shared);
}

#[tokio::test]
async fn what_others_decide_of_a_namespace_is_left_and_of_anything_else_is_told() {
    let (connected, seen) = server(|line, body| match line {
        line if line.starts_with("GET") => {
            let kind = if line.contains("/configmaps/") { "ConfigMap" } else { "Namespace" };
            let metadata = json!({"name": "a", "uid": "u", "labels": {"managed-by": "helm"}});
            (200, json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}))
        }
        line if line.contains("force=true") => {
            assert!(line.contains("dryRun=All"), "{line}");
            (200, body.clone())
        }
        _ if body["metadata"]["labels"].get("managed-by").is_some() => taken(),
        _ => {
            let mut live = body.clone();
            live["metadata"]["labels"]["managed-by"] = "helm".into();
            (200, live)
        }
    })
    .await;
    let provider = provider(Some(connected));
    let read = async |document| provider.read(&lineage(vec![]), vec![target(document)]).await.unwrap().remove(0);
    let told = |left| {
        vec![FieldConflict { field: ".metadata.labels.managed-by".to_owned(), manager: "helm".to_owned(), left }]
    };
    let observed = read(namespace("a")).await;
    // Nothing that would be tried for ever.
    assert_eq!((&observed.document, &observed.conflicts), (&namespace("a"), &told(true)));
    let observed = read(settings()).await;
    assert_eq!(
        (&observed.document["metadata"]["labels"]["managed-by"], &observed.conflicts),
        (&json!("helm"), &told(false))
    );
    let mut two = namespace("a");
    two["metadata"]["labels"]["project"] = "p".into();
    assert!(done(provider.update(&lineage(vec![]), &change(two)).await.unwrap()).shared);
    assert!(seen.lock().unwrap().iter().all(|line| !line.contains("fieldManager=nic-01234567&")), "{seen:?}");
}

#[tokio::test]
async fn who_may_not_change_what_is_there_may_use_it() {
    let forbidden =
        || (403, json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"}));
    let (connected, _) = server(move |line, _| match line {
        line if line.starts_with("GET") => {
            let metadata = json!({"name": "a", "uid": "u", "labels": {}});
            (200, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        }
        _ => forbidden(),
    })
    .await;
    let provider = provider(Some(connected));
    let observed = provider.read(&lineage(vec![]), vec![target(namespace("a"))]).await.unwrap().remove(0);
    assert!(observed.shared && observed.document == namespace("a"), "{observed:?}");
    assert_eq!(observed.conflicts[0].field, ".metadata.labels.managed-by");
    let made =
        done(provider.create(&lineage(vec![]), &change(namespace("a")), Arc::new(Told::default())).await.unwrap());
    assert!(made.shared);
    // What does not serve all the same is as it is wanted, or refused.
    let failure = provider.create(&lineage(vec![]), &change(settings()), Arc::new(Told::default())).await.unwrap_err();
    assert_eq!(failure.error.code(), "CLUSTER_FORBIDS");
    let mut bare = settings();
    bare["metadata"].as_object_mut().unwrap().remove("labels");
    let (connected, _) = server(move |line, _| match line {
        line if line.starts_with("GET") => (
            200,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "dev", "uid": "u"}}),
        ),
        _ => forbidden(),
    })
    .await;
    let made = self::provider(Some(connected)).create(&lineage(vec![]), &change(bare), Arc::new(Told::default())).await;
    assert!(done(made.unwrap()).shared);
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
    let ours = call(vec![accepted(namespace("dev"), "u")]);
    let Progress::Pending(waiting) = provider.delete(&ours, &going).await.unwrap() else { panic!("still there") };
    assert_eq!(waiting.message, "Some resources are remaining");
    let progress = provider.poll(&call(vec![]), &going, &waiting.operation).await.unwrap();
    assert!(matches!(progress, Progress::Done(observed) if observed.status == Status::Absent));
    assert!(seen.lock().unwrap().iter().any(|line| line.starts_with("DELETE")));
}

#[tokio::test]
async fn built_in_namespaces_are_left_alone_whatever_an_older_state_says() {
    let (connected, seen) = server(|_, _| (200, json!({"metadata": {"name": "default", "uid": "u"}}))).await;
    let provider = provider(Some(connected));
    let ours = call(vec![accepted(namespace("default"), "u")]);
    let kept = Change { remote_id: Some("Namespace.v1/default".to_owned()), ..change(Value::Null) };
    assert!(matches!(provider.delete(&ours, &kept).await.unwrap(), Progress::Done(_)));
    assert_eq!(*seen.lock().unwrap(), ["GET /api/v1/namespaces/default"]);
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
    let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "dev"}, "data": {"$$secret": "db"}});
    let observed = provider(Some(connected)).read(&call(vec![]), vec![target(document.clone())]).await.unwrap();
    assert_eq!(observed[0].document["data"], document["data"]);
}

#[tokio::test]
async fn answers_of_the_server_keep_their_meaning() {
    for (code, reason, expected) in [
        (401, "Unauthorized", "CLUSTER_LOGIN_FAILED"),
        (403, "Forbidden", "CLUSTER_FORBIDS"),
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
