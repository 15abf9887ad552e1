//! Serves the things.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};

/// Asked for first: what is compiled of a component that grants it is still in the cache at the next run.
const PREFERRED_PORT: u16 = 7070;

/// One test's cloud.
#[derive(Debug, Clone, Copy)]
pub struct Things {
    name: &'static str,
    port: u16,
}

/// How often something was made under one name of its owner.
pub type Made = BTreeMap<String, u32>;

#[derive(Debug, Default)]
struct Space {
    next: u64,
    things: BTreeMap<String, Value>,
    by_token: BTreeMap<String, String>,
    facts: Map<String, Value>,
    requests: Vec<String>,
    made: Made,
}

type Spaces = Arc<Mutex<BTreeMap<String, Space>>>;

static SERVER: OnceLock<Result<(u16, Spaces), String>> = OnceLock::new();

/// The server of this process. It runs on a thread of its own, since each test has a runtime that ends with it.
fn server() -> Result<&'static (u16, Spaces)> {
    SERVER.get_or_init(|| start().map_err(|error| format!("{error:#}"))).as_ref().map_err(|error| anyhow!("{error}"))
}

fn start() -> Result<(u16, Spaces)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PREFERRED_PORT))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("listen on loopback for the cloud of things")?;
    let port = listener.local_addr()?.port();
    listener.set_nonblocking(true)?;
    let spaces = Spaces::default();
    let shared = spaces.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("things".to_owned()).spawn(move || runtime.block_on(accept(listener, shared)))?;
    Ok((port, spaces))
}

async fn accept(listener: TcpListener, spaces: Spaces) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let spaces = spaces.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| serve(&spaces, request));
            // A client that hangs up is no news.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn locked(spaces: &Spaces) -> MutexGuard<'_, BTreeMap<String, Space>> {
    spaces.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Things {
    /// An empty cloud of this name, which no other test of the process may have.
    pub fn new(name: &'static str) -> Result<Self> {
        let (port, spaces) = server()?;
        locked(spaces).insert(name.to_owned(), Space::default());
        Ok(Self { name, port: *port })
    }

    /// What grants name: `http://127.0.0.1:<port>`.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where this cloud is.
    pub fn endpoint(&self) -> String {
        format!("{}/{}", self.origin(), self.name)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Space) -> T) -> Result<T> {
        let (_, spaces) = server()?;
        Ok(look(locked(spaces).entry(self.name.to_owned()).or_default()))
    }

    /// Answers a fact.
    pub fn fact(&self, name: &str, value: Value) -> Result<()> {
        self.with(|space| {
            space.facts.insert(name.to_owned(), value);
        })
    }

    /// Everything there is.
    pub fn all(&self) -> Result<Vec<Value>> {
        self.with(|space| space.things.values().cloned().collect())
    }

    /// How often each was made, by address.
    pub fn made(&self) -> Result<Made> {
        self.with(|space| space.made.clone())
    }

    /// Every request since the start or the last [`Things::forget_requests`], as `METHOD /path`.
    pub fn requests(&self) -> Result<Vec<String>> {
        self.with(|space| space.requests.clone())
    }

    /// Those that change something.
    pub fn mutations(&self) -> Result<Vec<String>> {
        Ok(self.requests()?.into_iter().filter(|request| !request.starts_with("GET ")).collect())
    }

    /// Forgets which requests there were.
    pub fn forget_requests(&self) -> Result<()> {
        self.with(|space| space.requests.clear())
    }
}

async fn serve(spaces: &Spaces, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = head.uri.path().trim_start_matches('/');
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let (status, document) = match locked(spaces).get_mut(name) {
        None => refused(StatusCode::NOT_FOUND, "NoSuchCloud", path),
        Some(space) => {
            let asked = head.uri.path_and_query().map_or("", |all| all.as_str());
            space.requests.push(format!("{} {asked}", head.method));
            let id = percent_encoding::percent_decode_str(rest).decode_utf8_lossy().into_owned();
            space.answer(&head.method, &id, &query, &serde_json::from_slice(&body).unwrap_or_default())
        }
    };
    let body = if status == StatusCode::NO_CONTENT { Bytes::new() } else { document.to_string().into() };
    let answer = Response::builder().status(status).header("content-type", "application/json").body(Full::new(body));
    Ok(answer.unwrap_or_default())
}

fn refused(status: StatusCode, code: &str, message: &str) -> (StatusCode, Value) {
    (status, json!({ "code": code, "message": message }))
}

impl Space {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: &BTreeMap<String, String>,
        body: &Value,
    ) -> (StatusCode, Value) {
        let missing = || refused(StatusCode::NOT_FOUND, "NoSuchThing", path);
        match (method, path.split_once('/')) {
            (&Method::POST, None) if path == "things" => self.create(body),
            (&Method::GET, None) if path == "things" => (StatusCode::OK, self.find(query)),
            (&Method::GET, Some(("facts", name))) => {
                self.facts.get(name).map_or_else(missing, |fact| (StatusCode::OK, fact.clone()))
            }
            (&Method::GET, Some(("things", id))) => {
                self.things.get(id).map_or_else(missing, |thing| (StatusCode::OK, thing.clone()))
            }
            (&Method::PUT, Some(("things", id))) => self.things.get_mut(id).map_or_else(missing, |thing| {
                for member in ["value", "list", "tags"] {
                    thing[member] = body[member].clone();
                }
                (StatusCode::OK, thing.clone())
            }),
            (&Method::DELETE, Some(("things", id))) => {
                self.things.remove(id).map_or_else(missing, |_| (StatusCode::NO_CONTENT, Value::Null))
            }
            _ => refused(StatusCode::NOT_FOUND, "NoSuchRequest", path),
        }
    }

    fn create(&mut self, body: &Value) -> (StatusCode, Value) {
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        match body["unique"].as_str() {
            Some("name") if self.things.values().any(|thing| thing["name"] == body["name"]) => {
                return refused(StatusCode::CONFLICT, "NameTaken", &text("name"));
            }
            Some("token") => {
                if let Some(thing) = self.by_token.get(&text("token")).and_then(|id| self.things.get(id)) {
                    return (StatusCode::OK, thing.clone());
                }
            }
            _ => {}
        }
        self.next += 1;
        let id = format!("t-{}", self.next);
        let mut thing = json!({ "id": id, "counter": self.next });
        for member in ["name", "value", "list", "tags", "owner"] {
            thing[member] = body[member].clone();
        }
        let owner = text("owner");
        let address = owner.split_once('/').map_or(owner.clone(), |(_, address)| address.to_owned());
        *self.made.entry(address).or_default() += 1;
        self.by_token.insert(text("token"), id.clone());
        self.things.insert(id, thing.clone());
        (StatusCode::CREATED, thing)
    }

    fn find(&self, query: &BTreeMap<String, String>) -> Value {
        let fits = |thing: &Value| {
            let is = |member: &str| query.get(member).is_none_or(|wanted| thing[member] == wanted.as_str());
            let owner = thing["owner"].as_str().unwrap_or_default();
            is("owner") && is("name") && query.get("prefix").is_none_or(|start| owner.starts_with(start.as_str()))
        };
        self.things.values().filter(|thing| fits(thing)).cloned().collect()
    }
}
