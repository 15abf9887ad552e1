//! How EKS logs people in: a webhook that reviews tokens as aws-iam-authenticator does.
//!
//! A token is a presigned request to STS, in base64. The API server shows it to this webhook,
//! which checks it, sends the request to STS (here an emulator) and has the caller's ARN as answer.
//! Emulators check no signatures, so the webhook does: a token is good for the cluster that its
//! signature covers, and only when the known secret made it.

mod identity;
mod presign;
mod request;
mod token;

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use presign::Presign;

/// Whose tokens are good, and for what.
#[derive(Clone, Debug)]
pub struct EksLoginOptions {
    /// The cluster that tokens must be made for.
    pub cluster_name: String,
    /// The emulator of STS, `http://127.0.0.1:<port>`. Tokens made with it are always allowed.
    pub sts_endpoint: String,
    /// Hosts of STS besides, such as `sts.eu-west-1.amazonaws.com`, or the `host:port` of what stands
    /// in front of the emulator. The emulator is asked instead.
    pub allowed_hosts: Vec<String>,
    /// The one access key there is.
    pub access_key_id: String,
    pub secret_access_key: String,
    /// The groups of everyone who logs in.
    pub groups: Vec<String>,
}

impl EksLoginOptions {
    /// Administrators of `cluster_name`, known to the emulator alone.
    pub fn new(cluster_name: &str, sts_endpoint: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            cluster_name: cluster_name.to_owned(),
            sts_endpoint: sts_endpoint.to_owned(),
            allowed_hosts: Vec::new(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            groups: vec!["system:masters".to_owned()],
        }
    }
}

/// The webhook. It ends when it is dropped.
#[must_use = "the webhook ends when it is dropped"]
pub struct EksLogin {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    options: EksLoginOptions,
    client: reqwest::Client,
    record: Mutex<Record>,
}

/// What tests ask about afterwards.
#[derive(Default)]
struct Record {
    tokens: HashSet<String>,
    logins: usize,
    rejections: Vec<String>,
}

impl EksLogin {
    /// Starts the webhook on a free port of 127.0.0.1.
    pub async fn start(options: EksLoginOptions) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { options, client: identity::client()?, record: Mutex::default() });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// Where the API server finds it, see [`WebhookOptions`](super::WebhookOptions).
    pub fn webhook_url(&self) -> String {
        format!("http://{}/token-review", self.address)
    }

    /// Why tokens were refused, in order. A token that is tried again is refused again.
    pub fn rejections(&self) -> Vec<String> {
        self.shared.record(|record| record.rejections.clone())
    }

    /// How many reviews let somebody in. The API server asks once in 10 s for a token that is good.
    pub fn logins(&self) -> usize {
        self.shared.record(|record| record.logins)
    }

    /// How many different tokens there were, good and bad.
    pub fn tokens_seen(&self) -> usize {
        self.shared.record(|record| record.tokens.len())
    }
}

impl Drop for EksLogin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn record<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        change(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers one request of the API server.
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match read(request).await {
            Ok(token) => (StatusCode::OK, self.review(&token).await),
            Err(error) => (StatusCode::BAD_REQUEST, json!({"error": format!("{error:#}")})),
        };
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
        response
    }

    async fn review(&self, token: &str) -> Value {
        self.record(|record| record.tokens.insert(token.to_owned()));
        let status = match self.login(token).await {
            Ok(user) => {
                self.record(|record| record.logins += 1);
                json!({"authenticated": true, "user": user})
            }
            Err(error) => {
                let reason = format!("{error:#}");
                self.record(|record| record.rejections.push(reason.clone()));
                json!({"authenticated": false, "error": reason})
            }
        };
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status})
    }

    async fn login(&self, token: &str) -> Result<Value> {
        let options = &self.options;
        let verified = token::verify(token, options, OffsetDateTime::now_utc())?;
        let identity = identity::ask(&self.client, &options.sts_endpoint, &options.cluster_name, &verified).await?;
        Ok(json!({
            "username": identity.arn,
            "uid": format!("aws-iam-authenticator:{}:{}", identity.account, identity.user_id),
            "groups": options.groups,
            "extra": {"accessKeyId": [options.access_key_id], "arn": [identity.arn]},
        }))
    }
}

/// The token of a review.
async fn read(request: Request<Incoming>) -> Result<String> {
    let body = request.into_body().collect().await.context("the review breaks off")?.to_bytes();
    let review: Value = serde_json::from_slice(&body).context("the review is not JSON")?;
    anyhow::ensure!(
        review["apiVersion"] == "authentication.k8s.io/v1" && review["kind"] == "TokenReview",
        "not a TokenReview of authentication.k8s.io/v1"
    );
    review["spec"]["token"].as_str().map(str::to_owned).context("the review has no token")
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(|request| async {
                        Ok::<_, Infallible>(shared.answer(request).await)
                    });
                    // A broken connection is the API server's to mend.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
