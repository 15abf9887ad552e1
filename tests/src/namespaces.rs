//! An API server that keeps what it is given and deletes soon. For crash matrices, where hundreds of platforms are made and
//! destroyed: a real control plane takes ten seconds to finalize one namespace. Everything else is tested on the real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::aws::{Faults, Machine, Machines};
use crate::tls::acceptor;
use gate::Gate;

mod gate;
mod leaving;

pub use gate::{Asked, SERVICE};

/// What is served: group and version, plural, kind, whether it is in namespaces.
const KINDS: [(&str, &str, &str, bool); 21] = [
    ("v1", "namespaces", "Namespace", false),
    ("v1", "limitranges", "LimitRange", true),
    ("v1", "resourcequotas", "ResourceQuota", true),
    ("v1", "secrets", "Secret", true),
    ("v1", "serviceaccounts", "ServiceAccount", true),
    ("v1", "services", "Service", true),
    ("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false),
    ("apps/v1", "daemonsets", "DaemonSet", true),
    ("apps/v1", "deployments", "Deployment", true),
    ("batch/v1", "cronjobs", "CronJob", true),
    ("batch/v1", "jobs", "Job", true),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", true),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", true),
    ("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false),
    ("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false),
    ("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true),
    ("rbac.authorization.k8s.io/v1", "roles", "Role", true),
    ("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", false),
    ("storage.k8s.io/v1", "csidrivers", "CSIDriver", false),
    ("storage.k8s.io/v1", "storageclasses", "StorageClass", false),
    ("v1", "configmaps", "ConfigMap", true),
];

/// What NIC marks its objects with.
const MARK: &str = "nic.nebari.dev/owner";

/// Objects by their paths.
type Objects = Arc<Mutex<BTreeMap<String, Value>>>;

/// Requests that were to change something, as `PATCH /api/v1/namespaces/dev`.
type Writes = Arc<Mutex<Vec<String>>>;

/// How many objects were made: each has a uid of its own, also after one of its name.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// The server. It ends when it is dropped.
#[must_use = "the server ends when it is dropped"]
pub struct NamespaceServer {
    endpoint: String,
    ca_pem: String,
    objects: Objects,
    writes: Writes,
    gate: Gate,
    task: JoinHandle<()>,
}

impl Drop for NamespaceServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NamespaceServer {
    /// Starts it on a free port of loopback, with a certificate of its own. These machines are its nodes, if it has any.
    pub async fn start(machines: Option<Machines>) -> Result<Self> {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).context("make a certificate")?;
        let acceptor = acceptor(certified.cert.der().clone(), certified.signing_key.serialize_der())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback")?;
        let endpoint = format!("https://{}", listener.local_addr()?);
        let objects = Objects::default();
        let writes = Writes::default();
        let gate = Gate::default();
        let passed = gate.clone();
        let shared = (objects.clone(), writes.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, (objects, writes), machines) = (acceptor.clone(), shared.clone(), machines.clone());
                let gate = passed.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request| {
                        gate.pass(request, |request| answer(objects.clone(), writes.clone(), machines.clone(), request))
                    });
                    // A client that is killed mid-request is what this server is for.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { endpoint, ca_pem: certified.cert.pem(), objects, writes, gate, task })
    }

    /// `https://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The authority to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The paths of everything there is.
    pub fn paths(&self) -> Vec<String> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Everything there is, as the server shows it, by its path.
    pub fn shown(&self) -> BTreeMap<String, Value> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything there is, as it was applied, by its path: without what the server adds, and without NIC's mark, which differs from state to
    /// state.
    pub fn objects(&self) -> BTreeMap<String, Value> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for object in objects.values_mut().filter_map(Value::as_object_mut) {
            object.remove("status");
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.retain(|key, _| !["uid", "creationTimestamp", "managedFields"].contains(&key.as_str()));
                if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                    annotations.remove(MARK);
                    if annotations.is_empty() {
                        metadata.remove("annotations");
                    }
                }
            }
        }
        objects
    }

    /// The paths of what does not say that NIC made it.
    pub fn unmarked(&self) -> Vec<String> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let unmarked = objects.iter().filter(|(_, object)| !object["metadata"]["annotations"][MARK].is_string());
        unmarked.map(|(path, _)| path.clone()).collect()
    }

    /// The requests that were to change something since the start or the last `clear_writes`, in the order they came. A dry run is none.
    pub fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets which requests were to change something.
    pub fn clear_writes(&self) {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Arms and disarms faults, for which the service is [`SERVICE`].
    pub fn faults(&self) -> Faults {
        self.gate.faults.clone()
    }

    /// Every request since the start or the last `clear_asked`, in the order they came.
    pub fn asked(&self) -> Vec<Asked> {
        self.gate.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets which requests came.
    pub fn clear_asked(&self) {
        self.gate.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.clear_writes();
        self.clear_asked();
        self.gate.faults.clear();
    }
}

async fn answer(
    objects: Objects,
    writes: Writes,
    machines: Option<Machines>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let dry_run = query.contains("dryRun=All");
    if !matches!(head.method, Method::GET | Method::HEAD) && !dry_run {
        writes.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{} {path}", head.method));
    }
    let machines = match machines {
        Some(machines) if head.method == Method::GET => machines.list().await,
        _ => Vec::new(),
    };
    let mut known = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, document) = if let Some(told) = told(path, &known, &machines).filter(|_| head.method == Method::GET) {
        (StatusCode::OK, told)
    } else if let Some(version) = version_of(path) {
        (StatusCode::OK, resources(version))
    } else if !is_served(path) {
        refused(StatusCode::NOT_FOUND, &format!("\"{path}\" is not served"))
    } else {
        match head.method {
            Method::GET => {
                let object = leaving::look(&mut known, path);
                found(object.map(|object| at_work(&object, machines.len())), path)
            }
            Method::PATCH => match applied(known.get(path), query, &body) {
                Ok(object) => {
                    let status = if known.contains_key(path) { StatusCode::OK } else { StatusCode::CREATED };
                    if !dry_run {
                        known.insert(path.to_owned(), object.clone());
                    }
                    (status, object)
                }
                Err(message) => refused(StatusCode::CONFLICT, message),
            },
            Method::DELETE if !is_meant(known.get(path), &body) => {
                refused(StatusCode::CONFLICT, "the precondition names another uid")
            }
            Method::DELETE => found(leaving::delete(&mut known, path), path),
            _ => refused(StatusCode::METHOD_NOT_ALLOWED, "only GET, PATCH and DELETE are served"),
        }
    };
    let body = Full::new(Bytes::from(document.to_string()));
    let response = Response::builder().status(status).header("content-type", "application/json").body(body);
    Ok(response.unwrap_or_default())
}

/// What a cluster tells of itself: its version, its nodes and namespaces, and that no pod of its own is on its way.
fn told(path: &str, known: &BTreeMap<String, Value>, machines: &[Machine]) -> Option<Value> {
    let listed = |items: Vec<Value>| json!({ "kind": "List", "metadata": {}, "items": items });
    let is_namespace = |path: &str| path.strip_prefix("/api/v1/namespaces/").is_some_and(|name| !name.contains('/'));
    Some(match path {
        "/version" => json!({ "gitVersion": "v1.34.0" }),
        "/api/v1/nodes" => listed(machines.iter().map(node).collect()),
        "/api/v1/namespaces" => {
            let there = known.iter().filter(|(path, _)| is_namespace(path)).map(|(_, namespace)| namespace.clone());
            let active = |mut namespace: Value| {
                if namespace["metadata"]["deletionTimestamp"].is_null() {
                    namespace["status"] = json!({ "phase": "Active" });
                }
                namespace
            };
            listed(there.map(active).collect())
        }
        _ if path.starts_with("/api/v1/namespaces/") && path.ends_with("/pods") => listed(Vec::new()),
        _ => return None,
    })
}

fn node(machine: &Machine) -> Value {
    let ready = json!([{ "type": "Ready", "status": "True" }]);
    json!({ "metadata": { "name": machine.name, "labels": machine.labels }, "status": { "conditions": ready } })
}

/// An object as controllers leave it: where there is a machine, the pods of a workload are available at once.
fn at_work(object: &Value, machines: usize) -> Value {
    let mut object = object.clone();
    let replicas = object["spec"]["replicas"].as_u64().unwrap_or(1);
    let available = if machines == 0 { 0 } else { replicas };
    match object["kind"].as_str() {
        Some("Deployment") => {
            object["status"] = json!({
                "replicas": replicas, "updatedReplicas": replicas, "availableReplicas": available, "readyReplicas": available,
            });
        }
        Some("DaemonSet") => {
            object["status"] = json!({
                "desiredNumberScheduled": machines, "updatedNumberScheduled": machines, "numberAvailable": machines,
            });
        }
        _ => {}
    }
    object
}

/// What is there after server-side apply by one manager: what it sent. A uid in it must be that of what is there.
fn applied(before: Option<&Value>, query: &str, body: &[u8]) -> Result<Value, &'static str> {
    let mut object: Value = serde_json::from_slice(body).unwrap_or_default();
    let meant = object["metadata"]["uid"].take();
    if !meant.is_null() && before.is_none_or(|old| old["metadata"]["uid"] != meant) {
        return Err("the uid is that of no object of this name");
    }
    let now = OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).unwrap_or_default();
    let (uid, made_at) = match before {
        Some(old) => (old["metadata"]["uid"].clone(), old["metadata"]["creationTimestamp"].clone()),
        None => (json!(format!("uid-{}", MADE.fetch_add(1, Ordering::Relaxed))), json!(now)),
    };
    (object["metadata"]["uid"], object["metadata"]["creationTimestamp"]) = (uid, made_at);
    let manager = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager=")).unwrap_or_default();
    object["metadata"]["managedFields"] = json!([{
        "manager": manager, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {},
        "time": object["metadata"]["creationTimestamp"],
    }]);
    if object["kind"] == "CustomResourceDefinition" {
        object["status"] = json!({ "conditions": [{ "type": "Established", "status": "True" }] });
    }
    Ok(object)
}

/// Whether a delete is of the object that is there, as far as it says which one it means.
fn is_meant(there: Option<&Value>, body: &[u8]) -> bool {
    let options: Value = serde_json::from_slice(body).unwrap_or_default();
    let uid = &options["preconditions"]["uid"];
    uid.is_null() || there.is_none_or(|there| there["metadata"]["uid"] == *uid)
}

/// The path's part below `/api/v1` or `/apis/<group>/<version>`, and what stands before it.
fn split(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/apis/").or_else(|| path.strip_prefix("/api/"))?;
    let known = KINDS.iter().find(|(version, ..)| {
        rest.strip_prefix(version).is_some_and(|below| below.is_empty() || below.starts_with('/'))
    });
    let (version, ..) = *known?;
    Some((version, rest[version.len()..].trim_start_matches('/')))
}

/// The version, when its resources are asked for.
fn version_of(path: &str) -> Option<&str> {
    split(path).filter(|(_, below)| below.is_empty()).map(|(version, _)| version)
}

fn is_served(path: &str) -> bool {
    let Some((version, below)) = split(path) else { return false };
    let parts: Vec<&str> = below.split('/').collect();
    let (plural, in_namespace) = match parts[..] {
        [plural, _] => (plural, false),
        ["namespaces", _, plural, _] => (plural, true),
        _ => return false,
    };
    KINDS.iter().any(|kind| kind.0 == version && kind.1 == plural && kind.3 == in_namespace)
}

fn found(object: Option<Value>, path: &str) -> (StatusCode, Value) {
    object.map_or_else(
        || refused(StatusCode::NOT_FOUND, &format!("\"{path}\" not found")),
        |object| (StatusCode::OK, object),
    )
}

fn refused(status: StatusCode, message: &str) -> (StatusCode, Value) {
    let reason = match status {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        _ => "BadRequest",
    };
    let document = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": status.as_u16(),
    });
    (status, document)
}

fn resources(version: &str) -> Value {
    let served = KINDS.iter().filter(|kind| kind.0 == version).map(|(_, plural, kind, namespaced)| {
        json!({
            "name": plural, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        })
    });
    json!({ "kind": "APIResourceList", "groupVersion": version, "resources": served.collect::<Vec<_>>() })
}
