//! The layer in front of an emulator that behaves as AWS does.
//!
//! Each request goes through the same steps: identify, log, verify the signature, hold it against the service's model, strike
//! with a fault if one is armed, refuse or replay what AWS would refuse or replay, then let the service's repairs answer or the emulator. One file
//! per service holds its repairs and says which emulator needs them; a further service is one more file and one more
//! line in `Shared::answer`.

mod answer;
mod autoscaling;
mod call;
mod ec2;
mod ecr;
mod efs;
mod eks;
mod fault;
mod hide;
mod iam;
mod log;
mod models;
mod quota;
mod resource_groups;
mod signature;
mod sts;
mod token;
mod upstream;
mod wait;
mod xml;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::aws::{ACCOUNT, Credentials, locked};
use answer::{Answer, Fault, Outcome};
use call::{Call, Protocol};
use upstream::Upstream;

pub use eks::{Machine, Machines, Pace};
pub use fault::{Effect, Faults, Matching, When};
pub use hide::Hide;
pub(crate) use iam::Providers as Identities;
pub use log::{Logged, depth, together};
pub use wait::Wait;

/// AWS refuses larger requests long before; it bounds what a runaway client can make the harness hold.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// The access key whose requests are answered but neither logged, struck by faults nor kept from seeing new things.
pub(crate) const INSPECTOR_KEY: &str = "AKIANICINSPECTOR0000";

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub credentials: Mutex<Credentials>,
    /// Whose the credentials are.
    pub account: Mutex<String>,
    pub log: log::Log,
    pub faults: Faults,
    pub upstream: Upstream,
    /// One mutation at a time: a check and the change it allows must not be torn apart.
    pub gate: tokio::sync::Mutex<()>,
    pub eks: tokio::sync::Mutex<eks::Eks>,
    pub efs: tokio::sync::Mutex<efs::Efs>,
    pub hidden: Mutex<hide::Hidden>,
    pub tokens: Mutex<token::Tokens>,
    pub identities: Mutex<iam::Providers>,
    pub nats: Mutex<ec2::nat::Nats>,
    pub models: models::Models,
}

/// The running layer; dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct Front {
    pub shared: Arc<Shared>,
    address: SocketAddr,
    accepting: JoinHandle<Infallible>,
}

impl Front {
    pub(crate) async fn start(emulator: &str, region: &str, credentials: Credentials, venv: &Path) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback for the AWS front")?;
        let address = listener.local_addr().context("read the front's own address")?;
        let shared = Arc::new(Shared {
            credentials: Mutex::new(credentials),
            account: Mutex::new(ACCOUNT.to_owned()),
            log: log::Log::new(),
            faults: Faults::default(),
            upstream: Upstream::new(emulator, region)?,
            gate: tokio::sync::Mutex::default(),
            eks: tokio::sync::Mutex::new(eks::Eks::new(region)?),
            efs: tokio::sync::Mutex::default(),
            hidden: Mutex::default(),
            tokens: Mutex::default(),
            identities: Mutex::default(),
            nats: Mutex::default(),
            models: models::Models::start(venv)?,
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, address, accepting })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // The task owns the connections' tasks: they end with it.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        // Accepting fails for passing reasons only (a peer that is gone, no free descriptors).
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let _ = stream.set_nodelay(true);
        connections.spawn(connection(stream, Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let reset = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Connection { stream, reset: Arc::clone(&reset) });
    let service = service_fn(move |request| serve(Arc::clone(&shared), request, Arc::clone(&reset)));
    // An error here is a peer that went away, or a fault that dropped the connection.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
}

/// Why a connection ends without an answer; hyper closes it on any error.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    reset: Arc<AtomicBool>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(|_| Dropped)?.to_bytes();
    let call = Call::identify(head.method, &head.uri, head.headers, body);
    let answer = shared.handle(&call, &reset).await?;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body)).map_err(|_| Dropped)
}

impl Shared {
    async fn handle(self: &Arc<Self>, call: &Call, reset: &AtomicBool) -> Result<Answer, Dropped> {
        let mut credentials = locked(&self.credentials).clone();
        if call.access_key() == INSPECTOR_KEY {
            INSPECTOR_KEY.clone_into(&mut credentials.access_key);
            return Ok(match signature::verify(call, &credentials) {
                Ok(()) => self.answer(call, true).await,
                Err(fault) => fault.answer(call),
            });
        }
        let seq = self.log.begin(call);
        let latency = self.faults.current_latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let answer = match signature::verify(call, &credentials) {
            Ok(()) => match self.models.check(call).await {
                Ok(()) => self.handle_faulty(call, reset).await?,
                Err(fault) => fault.answer(call),
            },
            Err(fault) => fault.answer(call),
        };
        self.log.end(seq, &call.action, answer.status);
        Ok(answer)
    }

    async fn handle_faulty(self: &Arc<Self>, call: &Call, reset: &AtomicBool) -> Result<Answer, Dropped> {
        match self.faults.strike(&call.service, &call.action, call.mutating) {
            None => Ok(self.answer(call, false).await),
            Some((when, effect)) => {
                let answer = match when {
                    When::BeforeServer => None,
                    When::AfterServer => Some(self.answer(call, false).await),
                };
                match effect {
                    Effect::Kill(kill) => {
                        kill();
                        reset.store(true, Ordering::Relaxed);
                        Err(Dropped)
                    }
                    Effect::Reset => {
                        reset.store(true, Ordering::Relaxed);
                        Err(Dropped)
                    }
                    Effect::LostResponse => Err(Dropped),
                    Effect::Hang => std::future::pending().await,
                    Effect::Delay(time) => {
                        tokio::time::sleep(time).await;
                        match answer {
                            Some(answer) => Ok(answer),
                            None => Ok(self.answer(call, false).await),
                        }
                    }
                    Effect::Throttle | Effect::ServerError | Effect::ExpiredToken | Effect::AccessDenied => {
                        let fault =
                            fault::error(&effect, call).unwrap_or_else(|| Fault::harness("a fault without an error"));
                        Ok(fault.answer(call))
                    }
                }
            }
        }
    }

    /// What AWS would answer. The inspector sees new things at once.
    async fn answer(self: &Arc<Self>, call: &Call, inspector: bool) -> Answer {
        let outcome = if call.mutating {
            // AWS finishes what it has begun, even when whoever asked has been killed; this future ends with the connection.
            let (shared, call) = (Arc::clone(self), call.clone());
            let change = tokio::spawn(async move { shared.outcome(&call, inspector).await });
            change.await.unwrap_or_else(|error| Err(Fault::harness(format!("the harness failed: {error}"))))
        } else {
            self.outcome(call, inspector).await
        };
        outcome.unwrap_or_else(|fault| fault.answer(call))
    }

    async fn outcome(&self, call: &Call, inspector: bool) -> Outcome<Answer> {
        // EC2 alone knows dry runs; both emulators carry them out.
        if call.protocol == Protocol::Ec2 && call.parameter("DryRun") == "true" {
            return Err(Fault::new(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."));
        }
        let _turn = if call.mutating { Some(self.gate.lock().await) } else { None };
        self.eks.lock().await.settle(self).await;
        self.efs.lock().await.settle(&self.upstream).await?;
        if let Some(replayed) = locked(&self.tokens).replay(call) {
            return replayed;
        }
        if !inspector {
            hide::check(&mut locked(&self.hidden), call)?;
        }
        let answer = match call.service.as_str() {
            "ec2" => ec2::handle(self, call, inspector).await?,
            "iam" => iam::handle(self, call, inspector).await?,
            "eks" => eks::handle(self, call, inspector).await?,
            "elasticfilesystem" => efs::handle(self, call, inspector).await?,
            "ecr" => ecr::handle(self, call).await?,
            "resource-groups" => resource_groups::handle(self, call).await?,
            "autoscaling" => autoscaling::handle(self, call).await?,
            "servicequotas" => quota::handle(self, call).await?,
            "sts" => sts::handle(self, call).await?,
            _ => self.upstream.forward(call).await?,
        };
        if let Some(id) = hide::created(call).filter(|_| answer.succeeded()) {
            locked(&self.hidden).created(&id);
        }
        locked(&self.tokens).remember(call, &answer);
        Ok(answer)
    }
}

/// A connection that can be ended by a reset instead of an orderly close.
struct Connection {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        // An orderly close would announce itself before the reset.
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
