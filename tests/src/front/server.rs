//! The server on loopback.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::Answer;

/// Clouds refuse larger requests long before; it bounds what a runaway client can make the harness hold.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What answers.
pub(crate) trait Double: Send + Sync + 'static {
    /// The answer, or none when the connection ends without.
    fn answer(self: &Arc<Self>, arrived: Arrived, link: &Link) -> impl Future<Output = Result<Answer, Dropped>> + Send;
}

/// Why a connection ends without an answer; hyper closes it on any error.
#[derive(Debug)]
pub(crate) struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

/// The connection that a request came by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link(Arc<AtomicBool>);

impl Link {
    /// Lets it end by a reset instead of an orderly close.
    pub(crate) fn reset(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_reset(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The running double; dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct Front<D> {
    pub double: Arc<D>,
    address: SocketAddr,
    accepting: JoinHandle<Infallible>,
}

impl<D: Double> Front<D> {
    /// Starts it on a free port.
    pub(crate) async fn start(double: D) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback for a double")?;
        let address = listener.local_addr().context("read the double's own address")?;
        let double = Arc::new(double);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&double)));
        Ok(Self { double, address, accepting })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl<D> Drop for Front<D> {
    fn drop(&mut self) {
        // The task owns the connections' tasks: they end with it.
        self.accepting.abort();
    }
}

async fn accept<D: Double>(listener: TcpListener, double: Arc<D>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        // Accepting fails for passing reasons only (a peer that is gone, no free descriptors).
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let _ = stream.set_nodelay(true);
        connections.spawn(connection(stream, Arc::clone(&double)));
    }
}

async fn connection<D: Double>(stream: TcpStream, double: Arc<D>) {
    let link = Link::default();
    let io = TokioIo::new(Connection { stream, link: link.clone() });
    let service = service_fn(move |request| serve(Arc::clone(&double), request, link.clone()));
    // An error here is a peer that went away, or a fault that dropped the connection.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
}

async fn serve<D: Double>(
    double: Arc<D>,
    request: Request<Incoming>,
    link: Link,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(|_| Dropped)?.to_bytes();
    let arrived = Arrived { method: head.method, uri: head.uri, headers: head.headers, body };
    let answer = double.answer(arrived, &link).await?;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body)).map_err(|_| Dropped)
}

/// A connection that can be ended by a reset instead of an orderly close.
struct Connection {
    stream: TcpStream,
    link: Link,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.link.is_reset() {
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
        if self.link.is_reset() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::front::{Effect, Faults, Log, Matching, Request as Recorded, When};

    /// A cloud that counts.
    #[derive(Debug)]
    struct Counter {
        log: Log,
        faults: Faults,
        count: AtomicUsize,
    }

    impl Double for Counter {
        async fn answer(self: &Arc<Self>, arrived: Arrived, link: &Link) -> Result<Answer, Dropped> {
            let mutating = arrived.method != Method::GET;
            let action = format!("{} {}", arrived.method, arrived.uri.path());
            let request =
                Recorded { service: "count", action: &action, mutating, summary: String::new(), body: &arrived.body };
            let counted = async || {
                let before = self.count.fetch_add(usize::from(mutating), Ordering::Relaxed);
                Answer::json(200, &json!(before))
            };
            let refused = |_: &Effect| Answer::json(503, &json!("later"));
            self.faults.around(&self.log, &request, link, async { Ok(()) }, counted, refused).await
        }
    }

    #[tokio::test]
    async fn what_comes_is_recorded_and_struck_on_the_side_that_was_armed() {
        let counter = Counter { log: Log::new(), faults: Faults::default(), count: AtomicUsize::new(0) };
        let front = Front::start(counter).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let url = format!("{}/it", front.endpoint());
        let post = async || client.post(&url).body("x").send().await.map(|answer| answer.status().as_u16());
        let count = || front.double.count.load(Ordering::Relaxed);
        let faults = &front.double.faults;

        assert_eq!(post().await.unwrap(), 200);
        faults.next(Matching::mutating(), 1, When::BeforeServer, Effect::Throttle);
        assert_eq!((post().await.unwrap(), count()), (503, 1), "it had no effect");
        faults.next(Matching::mutating(), 1, When::AfterServer, Effect::Reset);
        assert!(post().await.is_err());
        assert_eq!(count(), 2, "it had its effect");
        faults.next(Matching::action("count", "POST /it"), 1, When::BeforeServer, Effect::LostResponse);
        assert!(post().await.is_err());
        assert_eq!(count(), 3, "a lost response is one after the effect");
        faults.next(Matching::any(), 1, When::BeforeServer, Effect::Delay(Duration::ZERO));
        assert_eq!((post().await.unwrap(), count()), (200, 4), "late, and once");

        let told: Vec<_> = front.double.log.entries().iter().map(|one| (one.seq, one.status)).collect();
        assert_eq!(told, [(1, 200), (2, 503), (3, 0), (4, 0), (5, 200)]);
        assert_eq!(faults.struck(), 4);
    }
}
