//! A connected cluster: one request path for everything the host asks of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::client::{AuthError, Body};
use kube::core::Status;
use kube::{Client, Config};
use nic_core::document::hex;
use nic_core::error::{CLUSTER_FORBIDS, ProviderError};
use nic_core::identity::Identity;
use nic_gate::egress::{Proxies, Proxy, check_machine, refusal_of, stopped_at, tls_error};
use nic_gate::{SecretString, install_crypto_provider};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use url::Url;

use super::login::Login;
use super::proxied;
use super::served::{Served, ServedList};

/// The version at which an object was touched.
const TOUCHED: &str = "nic.nebari.dev/touched-at";

/// The code of a login that is refused, or that there is not.
const LOGIN_FAILED: &str = "CLUSTER_LOGIN_FAILED";

/// Where what names no namespace stands.
const DEFAULT_NAMESPACE: &str = "default";

/// Longest time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time for one request; admission webhooks may take 30 s by themselves.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Objects per page of a list.
const PAGE: usize = 500;

/// Longest answer that is taken: a page of the largest objects that a cluster keeps.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// RFC 3986 unreserved characters stay.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a cluster is, and how the host logs in.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) endpoint: String,
    pub(super) authorities: Vec<Vec<u8>>,
    pub(super) login: Box<dyn Login>,
}

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// None for objects of the whole cluster.
    pub namespace: Option<String>,
    pub name: String,
}

impl ObjectName {
    /// Whether both mean one object, which each version of its API shows.
    pub fn is_also(&self, other: &Self) -> bool {
        let group = |object: &'_ Self| object.api_version.split_once('/').map(|(group, _)| group.to_owned());
        let namespace = |object: &'_ Self| object.namespace.clone().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        (&self.kind, &self.name) == (&other.kind, &other.name)
            && group(self) == group(other)
            && namespace(self) == namespace(other)
    }

    fn wrong_scope(&self, what: &str) -> ProviderError {
        ProviderError::other("OBJECT_SCOPE_WRONG", format!("{} `{}` {what}", self.kind, self.name))
    }
}

/// How much of a list is taken. It is held in memory whole.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// How many objects.
    pub objects: usize,
    /// How many bytes, as the server writes them.
    pub bytes: usize,
}

/// How an object is applied.
#[derive(Debug, Clone, Copy)]
pub struct Apply<'a> {
    /// Who owns the fields from then on.
    pub manager: &'a str,
    /// Only say what would be.
    pub dry_run: bool,
    /// Take fields from other managers.
    pub force: bool,
}

/// An object that was applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The object as it is then.
    pub live: Value,
    /// Whether it did not exist before.
    pub created: bool,
}

/// Why the cluster did not do it.
#[derive(Debug)]
pub enum RequestError {
    /// It said so.
    Status(Box<Status>),
    /// It did not get that far.
    Failed(ProviderError),
}

impl From<ProviderError> for RequestError {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error)
    }
}

impl From<RequestError> for ProviderError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Failed(error) => error,
            RequestError::Status(status) => explain_status(*status),
        }
    }
}

impl RequestError {
    /// The HTTP status, when the cluster answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.code),
            Self::Failed(_) => None,
        }
    }
}

fn explain_status(status: Status) -> ProviderError {
    let Status { code, message, reason, details, .. } = status;
    let causes = || details.iter().flat_map(|details| &details.causes);
    match code {
        403 if causes().any(|cause| cause.reason == "NamespaceTerminating") => ProviderError::Conflict(message),
        403 => ProviderError::denied(CLUSTER_FORBIDS, format!("the cluster's permissions refuse it: {message}")),
        404 => ProviderError::NotFound(message),
        409 => ProviderError::Conflict(message),
        429 => {
            let seconds = details.as_ref().map_or(0, |details| details.retry_after_seconds);
            ProviderError::Throttled((seconds > 0).then(|| Duration::from_secs(u64::from(seconds))))
        }
        408 | 504 => ProviderError::TimedOut(message),
        status => ProviderError::Remote { status, code: reason, message },
    }
}

/// A connection. Cheap to clone; it logs in again by itself.
#[derive(Clone)]
pub struct Connected {
    pub(super) client: Client,
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    endpoint: String,
    /// Of the authorities that vouch for it, when they are its own.
    ca_sha256: Option<String>,
    login: Box<dyn Login>,
    /// The proxy on the way, for people.
    proxy: Option<String>,
    /// Whether the far end did not answer as the cluster that was meant.
    failed: AtomicBool,
    /// Resource types by API version, each asked for by one caller at a time.
    served: std::sync::Mutex<BTreeMap<String, Arc<Mutex<Vec<Served>>>>>,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl Connected {
    /// Connects by endpoint, authority and token.
    pub(super) fn to(server: Server) -> Result<Self, ProviderError> {
        let endpoint = server.endpoint.parse().map_err(|error| unusable(&server.name, &error))?;
        let mut config = Config::new(endpoint);
        config.root_cert = Some(server.authorities);
        Self::with(server.name, config, server.login, None)
    }

    /// Connects to a test's own API server.
    #[cfg(test)]
    pub(crate) fn plain(endpoint: &str) -> Self {
        Self::with(
            "test".to_owned(),
            Config::new(endpoint.parse().unwrap()),
            Box::new(super::kubeconfig::User(None)),
            None,
        )
        .unwrap()
    }

    /// Connects as a client configuration says, through its own proxy or else the one that the environment names.
    pub(super) fn with(
        name: String,
        mut config: Config,
        login: Box<dyn Login>,
        own_proxy: Option<Proxy>,
    ) -> Result<Self, ProviderError> {
        install_crypto_provider();
        let proxy = match own_proxy {
            Some(own) => Some(own),
            None => proxy_of_environment(&config.cluster_url)?,
        };
        config.proxy_url = proxy.as_ref().map(|proxy| proxied::url(&name, proxy)).transpose()?;
        if config.root_cert.is_none() {
            check_machine()?;
        }
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(REQUEST_TIMEOUT);
        config.reset_reader_on_write = true;
        // Whether a request may be repeated is the engine's decision.
        config.default_retry = false;
        let endpoint = config.cluster_url.to_string();
        let ca_sha256 = config.root_cert.as_ref().map(|authorities| hex(&Sha256::digest(authorities.concat())));
        let client = Client::try_from(config).map_err(|error| match error {
            kube::Error::Auth(error) => no_login(&name, &error),
            error => unusable(&name, &error),
        })?;
        let proxy = proxy.map(|proxy| proxy.told());
        let (failed, served) = (AtomicBool::new(false), std::sync::Mutex::default());
        let inner = Inner { name, endpoint, ca_sha256, login, proxy, failed, served };
        Ok(Self { client, inner: Arc::new(inner) })
    }

    /// The cluster's name, for people.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether it broke off, met a stranger, or was refused its login: the cluster may be another one by now.
    pub(super) fn has_failed(&self) -> bool {
        self.inner.failed.load(Ordering::Relaxed)
    }

    /// Which cluster it is: by the uid of the namespace that none is without, or, where that may not be read, by its authority.
    pub async fn identity(&self) -> Result<Identity, ProviderError> {
        let id = match self.call(Method::GET, "/api/v1/namespaces/kube-system", "", None).await {
            Ok(namespace) => namespace["metadata"]["uid"].as_str().map(str::to_owned),
            Err(error) if matches!(error.code(), Some(403 | 404)) => None,
            Err(error) => return Err(error.into()),
        };
        let Inner { name, endpoint, ca_sha256, .. } = &*self.inner;
        let which = id.as_ref().map_or_else(String::new, |uid| format!(", with uid {uid} of `kube-system`"));
        let name = format!("the cluster `{name}` at {}{which}", endpoint.trim_end_matches('/'));
        Ok(Identity { kind: "cluster".to_owned(), id, ca_sha256: ca_sha256.clone(), name })
    }

    /// The version of its API server, `v1.34.2`.
    pub async fn version(&self) -> Result<String, ProviderError> {
        let answer = self.call(Method::GET, "/version", "", None).await?;
        Ok(answer["gitVersion"].as_str().unwrap_or("of unknown version").to_owned())
    }

    /// One object; none when it, or its kind, does not exist.
    pub async fn get(&self, object: &ObjectName) -> Result<Option<Value>, ProviderError> {
        let Some(path) = self.path(object).await? else { return Ok(None) };
        match self.call(Method::GET, &path, "", None).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The objects of one kind, or an error when there is more than `most`; none of a kind that does not exist.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        label_selector: &str,
        most: Most,
    ) -> Result<Vec<Value>, ProviderError> {
        let Some(served) = self.served(api_version, kind).await? else { return Ok(Vec::new()) };
        let path = format!("{}{}", collection(api_version, namespace.filter(|_| served.namespaced))?, served.name);
        let selector = utf8_percent_encode(label_selector, ESCAPED).to_string();
        let mut found = Vec::new();
        let mut after = String::new();
        let mut left = most.bytes;
        loop {
            let query = format!("limit={PAGE}&labelSelector={selector}&continue={after}");
            let Answered { document: mut page, bytes, .. } =
                self.answer(Method::GET, &path, &query, None).await.map_err(ProviderError::from)?;
            left = left.checked_sub(bytes).ok_or_else(|| too_large(&self.inner.name, most.bytes))?;
            if let Value::Array(items) = page["items"].take() {
                // Items of a list lack what the list says once.
                found.extend(items.into_iter().map(|mut item| {
                    item["apiVersion"] = api_version.into();
                    item["kind"] = kind.into();
                    item
                }));
            }
            if found.len() > most.objects {
                let limit = most.objects;
                let message = format!("there are more than {limit} objects of kind `{kind}`; narrow the selector");
                return Err(ProviderError::other("TOO_MANY_OBJECTS", message));
            }
            let next = page["metadata"]["continue"].as_str().unwrap_or_default();
            if next.is_empty() {
                return Ok(found);
            }
            after = utf8_percent_encode(next, ESCAPED).to_string();
        }
    }

    /// Of the objects of one kind in a namespace, or anywhere, those that these selectors choose, and of them so many: one request, which
    /// is not followed by more.
    pub async fn some(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        selectors: &[(&str, String)],
        limit: usize,
    ) -> Result<Vec<Value>, ProviderError> {
        let Some(served) = self.served(api_version, kind).await? else { return Ok(Vec::new()) };
        let path = format!("{}{}", collection(api_version, namespace)?, served.name);
        let mut query = format!("limit={limit}");
        for (name, selector) in selectors {
            let _ = write!(query, "&{name}={}", utf8_percent_encode(selector, ESCAPED));
        }
        let mut page = self.call(Method::GET, &path, &query, None).await.map_err(ProviderError::from)?;
        match page["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    /// Server-side apply of a whole document.
    pub async fn apply(&self, object: &ObjectName, document: &Value, how: Apply<'_>) -> Result<Applied, RequestError> {
        let Some(path) = self.path(object).await? else {
            // Its definition may have been made a moment ago.
            let message = format!("the cluster does not serve {} {} yet", object.api_version, object.kind);
            return Err(ProviderError::Conflict(message).into());
        };
        let dry_run = if how.dry_run { "&dryRun=All" } else { "" };
        let query = format!("fieldManager={}&force={}{dry_run}", how.manager, how.force);
        let body = Some(("application/apply-patch+yaml", document));
        let Answered { status, document: live, .. } = self.answer(Method::PATCH, &path, &query, body).await?;
        Ok(Applied { live, created: status == StatusCode::CREATED })
    }

    /// Deletes the object of that uid; what depends on it goes in the background.
    pub async fn delete(&self, object: &ObjectName, uid: &str) -> Result<(), RequestError> {
        let Some(path) = self.path(object).await? else { return Ok(()) };
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": { "uid": uid },
        });
        match self.call(Method::DELETE, &path, "", Some(("application/json", &options))).await {
            Err(error) if error.code() == Some(404) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Changes the object in nothing but an annotation, so that controllers look at it anew.
    pub async fn touch(&self, object: &ObjectName, live: &Value) -> Result<(), RequestError> {
        self.annotate(object, live, TOUCHED, &live["metadata"]["resourceVersion"]).await
    }

    /// Changes the object in nothing but an annotation; null takes it away.
    pub async fn annotate(
        &self,
        object: &ObjectName,
        live: &Value,
        key: &str,
        value: &Value,
    ) -> Result<(), RequestError> {
        let Some(path) = self.path(object).await? else { return Ok(()) };
        let annotated = json!({ "metadata": {
            // Another object of that name is not meant.
            "uid": live["metadata"]["uid"],
            "annotations": { key: value },
        } });
        self.call(Method::PATCH, &path, "", Some(("application/merge-patch+json", &annotated))).await.map(drop)
    }

    async fn path(&self, object: &ObjectName) -> Result<Option<String>, ProviderError> {
        let Some(beside) = self.beside(object).await? else { return Ok(None) };
        Ok(Some(format!("{beside}/{}", segment(&object.name)?)))
    }

    /// Where an object stands with others of its kind; none when the cluster does not serve it. A name without a namespace stands for
    /// `default`, as in Kubernetes itself: so older states record what they made there.
    pub(super) async fn beside(&self, object: &ObjectName) -> Result<Option<String>, ProviderError> {
        let Some(served) = self.served(&object.api_version, &object.kind).await? else { return Ok(None) };
        if let (false, Some(namespace)) = (served.namespaced, &object.namespace) {
            // What may be declared in a namespace is no leave to declare it for all of them.
            return Err(object.wrong_scope(&format!("names the namespace `{namespace}`, and is of the whole cluster")));
        }
        let namespace = served.namespaced.then(|| object.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE));
        Ok(Some(format!("{}{}", collection(&object.api_version, namespace)?, served.name)))
    }

    /// Refuses a name without a namespace for what stands in one: what may be declared for the whole cluster is no leave to declare it in
    /// a namespace.
    pub async fn check_scope(&self, object: &ObjectName) -> Result<(), ProviderError> {
        match self.served(&object.api_version, &object.kind).await? {
            Some(served) if served.namespaced && object.namespace.is_none() => {
                Err(object.wrong_scope("names no namespace, and stands in one"))
            }
            _ => Ok(()),
        }
    }

    /// What a kind is called in URLs; none when the cluster does not serve it.
    async fn served(&self, api_version: &str, kind: &str) -> Result<Option<Served>, ProviderError> {
        if let Some(known) = Served::everywhere(api_version, kind) {
            return Ok(Some(known));
        }
        let find =
            |list: &[Served]| list.iter().find(|served| served.kind == kind && !served.name.contains('/')).cloned();
        let slot = {
            let mut all = self.inner.served.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(api_version.to_owned()).or_default().clone()
        };
        let mut known = slot.lock().await;
        if let Some(found) = find(&known) {
            return Ok(Some(found));
        }
        // Unknown, or not known yet: definitions come while we work.
        let path = collection(api_version, None)?;
        match self.call(Method::GET, path.trim_end_matches('/'), "", None).await {
            Ok(list) => {
                *known = ServedList::deserialize(list)
                    .map_err(|error| ProviderError::other("CLUSTER_ANSWER_INVALID", format!("{path}: {error}")))?
                    .resources;
                Ok(find(&known))
            }
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Value, RequestError> {
        self.answer(method, path, query, body).await.map(|answered| answered.document)
    }

    /// The same, with the status that it was answered with, and its size.
    async fn answer(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Answered, RequestError> {
        let mut refused = None;
        loop {
            let token = self.token(refused.as_ref()).await?;
            let uri = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
            let request = self.request(&method, &uri, token.as_ref(), body)?;
            let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.send(request)).await;
            let answer = answer.unwrap_or_else(|_| Err(kube::Error::Service("no answer in time".into())));
            let lost = answer.as_ref().is_err_and(|error| !matches!(error, kube::Error::Api(_)));
            match answer.map_err(|error| self.explain(error)) {
                Ok((status, bytes)) => {
                    let document = serde_json::from_slice(&bytes);
                    let bytes = bytes.len();
                    return document.map(|document| Answered { status, document, bytes }).map_err(|error| {
                        // The text itself may hold a secret.
                        let message = format!("cluster `{}` answered what is no JSON: {error}", self.inner.name);
                        ProviderError::other("CLUSTER_ANSWER_INVALID", message).into()
                    });
                }
                // The token ended early, or the clock jumped.
                Err(error) if error.code() == Some(401) && token.is_some() && refused.is_none() => refused = token,
                Err(error) => {
                    let is_refused = error.code() == Some(401);
                    if lost || is_refused {
                        self.inner.failed.store(true, Ordering::Relaxed);
                    }
                    return Err(if is_refused { self.refused().await.into() } else { error });
                }
            }
        }
    }

    /// One request. What the server refuses is an error, whatever its words are.
    async fn send(&self, request: Request<Vec<u8>>) -> Result<(StatusCode, Vec<u8>), kube::Error> {
        let answer = self.client.send(request.map(Body::from)).await?;
        let status = answer.status();
        let whole = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let bytes = whole.map_err(kube::Error::Service)?.to_bytes();
        if status.is_client_error() || status.is_server_error() {
            // A proxy between us and the server has words of its own.
            let other = || Status::failure(String::from_utf8_lossy(&bytes).trim(), "Unknown");
            let said = serde_json::from_slice(&bytes).ok().filter(|said: &Status| said.code != 0);
            return Err(kube::Error::Api(said.unwrap_or_else(|| other().with_code(status.as_u16())).boxed()));
        }
        Ok((status, bytes.into()))
    }

    /// What the cluster knows us by, where that is not part of the connection. Another one than was refused.
    pub(super) async fn token(&self, refused: Option<&SecretString>) -> Result<Option<SecretString>, ProviderError> {
        self.inner.login.token(refused).await
    }

    /// The cluster does not know who asks.
    async fn refused(&self) -> ProviderError {
        let name = &self.inner.name;
        if let Some(told) = self.inner.login.stranger().await {
            return told;
        }
        let user = self.inner.login.user();
        let who = user.map_or_else(|| "nobody in particular".to_owned(), |user| format!("the user `{user}`"));
        let message = format!("the cluster of the context `{name}` does not accept the login of {who}");
        let hint = format!(
            "a token or a certificate may have ended: log in again, and see `kubectl --context {name} auth whoami`"
        );
        ProviderError::Other { code: LOGIN_FAILED.to_owned(), message, detail: json!({ "hint": hint }) }
    }

    pub(super) fn request(
        &self,
        method: &Method,
        uri: &str,
        token: Option<&SecretString>,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Request<Vec<u8>>, ProviderError> {
        let mut request = Request::builder().method(method).uri(uri).header(header::ACCEPT, "application/json");
        if let Some((content_type, _)) = body {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .map_err(|error| unusable(&self.inner.name, &error))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let bytes = body.map(|(_, body)| body.to_string().into_bytes()).unwrap_or_default();
        request.body(bytes).map_err(|error| unusable(&self.inner.name, &error))
    }

    fn explain(&self, error: kube::Error) -> RequestError {
        let Inner { name, proxy, .. } = &*self.inner;
        let mut refusal = None;
        let mut last = String::new();
        let mut connecting = false;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if let Some(error) = current.downcast_ref::<AuthError>() {
                return no_login(name, error).into();
            }
            if current.is::<LengthLimitError>() {
                return too_large(name, MAX_ANSWER_BYTES).into();
            }
            if let Some(tls) = tls_error(current) {
                return untrusted(name, tls, proxy.is_some()).into();
            }
            last = current.to_string();
            refusal = refusal.or_else(|| refusal_of(&last).map(str::to_owned));
            // The connector's error type is not ours to name; its text is fixed.
            connecting |= last.contains("client error (Connect)");
            cause = current.source();
        }
        match error {
            kube::Error::Api(status) => RequestError::Status(status),
            _ if let Some(proxy) = proxy.as_ref().filter(|_| connecting || refusal.is_some()) => {
                stopped_at(proxy, &format!("cluster `{name}`"), refusal.as_deref(), &last).into()
            }
            _ if connecting => {
                // Status 503 lets the engine try again; nothing was sent.
                let message = format!("cannot connect to cluster `{name}`: {last}");
                ProviderError::Remote { status: 503, code: "CLUSTER_UNREACHABLE".to_owned(), message }.into()
            }
            _ => ProviderError::TimedOut(format!("cluster `{name}`: {last}")).into(),
        }
    }
}

/// What the server answered a request with.
struct Answered {
    status: StatusCode,
    document: Value,
    bytes: usize,
}

fn too_large(name: &str, limit: usize) -> ProviderError {
    let message = format!("cluster `{name}` answered more than {} MiB", limit >> 20);
    ProviderError::other("RESPONSE_TOO_LARGE", message)
}

/// A login that did not get as far as the cluster. What a program of an `auth-provider` answered is not told: there are secrets in it.
fn no_login(name: &str, error: &AuthError) -> ProviderError {
    let why = match error {
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
            format!("its `auth-provider` ended with {}: {}", out.status, last.trim())
        }
        error => error.to_string(),
    };
    let message = format!("there is no login to the cluster of the context `{name}`: {why}");
    let hint = format!("see whether `kubectl --context {name} auth whoami` works");
    ProviderError::Other { code: LOGIN_FAILED.to_owned(), message, detail: json!({ "hint": hint }) }
}

/// The other side is not the cluster that was meant, by its certificate.
fn untrusted(name: &str, tls: &rustls::Error, proxied: bool) -> ProviderError {
    let between = if proxied { "the proxy on the way" } else { "something on the way" };
    let hint = format!(
        "a cluster is known by its own authority, which the cloud or the kubeconfig names: either another cluster is at that address by now, \
         or {between} looks into TLS and has to let this host pass as it is (docs/networks.md)"
    );
    ProviderError::Other {
        code: "CLUSTER_TLS_FAILED".to_owned(),
        message: format!("no trusted connection to cluster `{name}`: {tls}"),
        detail: json!({ "hint": hint }),
    }
}

/// The proxy that the environment names for a cluster's URL.
fn proxy_of_environment(url: &Uri) -> Result<Option<Proxy>, ProviderError> {
    match Url::parse(&url.to_string()) {
        Ok(url) => Ok(Proxies::default().of(&url)?.cloned()),
        Err(_) => Ok(None),
    }
}

fn unusable(name: &str, error: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::other("CLUSTER_ENDPOINT_INVALID", format!("cluster `{name}` cannot be connected to: {error}"))
}

/// `/apis/apps/v1/namespaces/x/`. Names come from guests: none may step to another path.
fn collection(api_version: &str, namespace: Option<&str>) -> Result<String, ProviderError> {
    let root = match api_version.split_once('/') {
        None => format!("/api/{}/", segment(api_version)?),
        Some((group, version)) => format!("/apis/{}/{}/", segment(group)?, segment(version)?),
    };
    Ok(match namespace {
        Some(namespace) => format!("{root}namespaces/{}/", segment(namespace)?),
        None => root,
    })
}

/// What the API server itself takes for a name in a path, and a little less.
pub(super) fn segment(text: &str) -> Result<String, ProviderError> {
    if matches!(text, "" | "." | "..") || text.len() > 253 || text.contains(['/', '%', '?', '#']) {
        return Err(ProviderError::other("OBJECT_NAME_INVALID", format!("`{}` is not a name", text.escape_default())));
    }
    Ok(utf8_percent_encode(text, ESCAPED).to_string())
}
