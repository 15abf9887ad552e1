//! An API server that knows namespaces alone and deletes them at once. For crash matrices, where hundreds of platforms are made
//! and destroyed: a real control plane takes ten seconds to finalize one namespace. Everything else is tested on the real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

type Namespaces = Arc<Mutex<BTreeMap<String, Value>>>;

/// The server. It ends when it is dropped.
#[must_use = "the server ends when it is dropped"]
pub struct NamespaceServer {
    endpoint: String,
    ca_pem: String,
    namespaces: Namespaces,
    task: JoinHandle<()>,
}

impl Drop for NamespaceServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NamespaceServer {
    /// Starts it on a free port of loopback, with a certificate of its own.
    pub async fn start() -> Result<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).context("make a certificate")?;
        let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der())
            .map_err(|why| anyhow::anyhow!("use the key: {why}"))?;
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .context("use the certificate")?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback")?;
        let endpoint = format!("https://{}", listener.local_addr()?);
        let namespaces = Namespaces::default();
        let shared = namespaces.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, namespaces) = (acceptor.clone(), shared.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request| answer(namespaces.clone(), request));
                    // A client that is killed mid-request is what this server is for.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { endpoint, ca_pem: certified.cert.pem(), namespaces, task })
    }

    /// `https://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The authority to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The namespaces there are.
    pub fn names(&self) -> Vec<String> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Forgets all of them.
    pub fn reset(&self) {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn answer(namespaces: Namespaces, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut known = namespaces.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, document) = match head.uri.path().strip_prefix("/api/v1") {
        Some("") => (StatusCode::OK, resources()),
        Some(path) => match (path.strip_prefix("/namespaces/"), head.method) {
            (Some(name), Method::GET) => found(known.get(name).cloned(), name),
            (Some(name), Method::PATCH) => {
                let mut object: Value = serde_json::from_slice(&body).unwrap_or_default();
                let uid =
                    known.get(name).map_or_else(|| json!(format!("uid-{name}")), |old| old["metadata"]["uid"].clone());
                object["metadata"]["uid"] = uid;
                object["metadata"]["managedFields"] = json!([{
                    "manager": "nic", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {},
                }]);
                if !head.uri.query().unwrap_or_default().contains("dryRun=All") {
                    known.insert(name.to_owned(), object.clone());
                }
                (StatusCode::OK, object)
            }
            (Some(name), Method::DELETE) => found(known.remove(name), name),
            _ => refused(StatusCode::NOT_FOUND, "only namespaces are served"),
        },
        None => refused(StatusCode::NOT_FOUND, "only /api/v1 is served"),
    };
    let body = Full::new(Bytes::from(document.to_string()));
    let response = Response::builder().status(status).header("content-type", "application/json").body(body);
    Ok(response.unwrap_or_default())
}

fn found(object: Option<Value>, name: &str) -> (StatusCode, Value) {
    object.map_or_else(
        || refused(StatusCode::NOT_FOUND, &format!("namespaces \"{name}\" not found")),
        |object| (StatusCode::OK, object),
    )
}

fn refused(status: StatusCode, message: &str) -> (StatusCode, Value) {
    let reason = if status == StatusCode::NOT_FOUND { "NotFound" } else { "BadRequest" };
    let document = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": status.as_u16(),
    });
    (status, document)
}

fn resources() -> Value {
    json!({
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{
            "name": "namespaces", "singularName": "namespace", "namespaced": false, "kind": "Namespace",
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }],
    })
}
