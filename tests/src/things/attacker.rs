//! A server that is not granted to anyone: it keeps every byte that reaches it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long it listens to one who says nothing more.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    bytes: Vec<u8>,
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct Attacker {
    address: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Attacker {
    /// Starts it; it answers every request with this status and body.
    pub async fn start(status: &str, body: impl FnOnce(&str) -> String) -> Result<Self> {
        let told = |body: &str| format!("content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        Self::answering(status, |address| told(&body(address))).await
    }

    /// The same, and how long the body is it does not say before.
    pub async fn chunked(status: &str, body: &str) -> Result<Self> {
        const CHUNK: usize = 16 * 1024;
        let chunk = |chunk: &[u8]| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk));
        let chunks = body.as_bytes().chunks(CHUNK).map(chunk).collect::<Vec<_>>().concat();
        let rest = format!("transfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunks}0\r\n\r\n");
        Self::answering(status, |_| rest).await
    }

    async fn answering(status: &str, rest: impl FnOnce(&str) -> String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback")?;
        let address = listener.local_addr()?.to_string();
        let rest = rest(&address);
        let answer: Arc<str> = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{rest}").into();
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                lock(&shared).connections += 1;
                tokio::spawn(listen(stream, shared.clone(), answer.clone()));
            }
        });
        Ok(Self { address, seen, task })
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:<port>/loot`.
    pub fn url(&self) -> String {
        format!("http://{}/loot", self.address)
    }

    /// How often somebody came.
    pub fn connections(&self) -> usize {
        lock(&self.seen).connections
    }

    /// Every byte that came, as text.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&lock(&self.seen).bytes).into_owned()
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers once the head is there, and goes on listening: nothing may be missed that comes after it.
async fn listen(mut stream: TcpStream, seen: Arc<Mutex<Seen>>, answer: Arc<str>) {
    let (mut buffer, mut head, mut answered) = ([0; 4096], Vec::<u8>::new(), false);
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await {
        lock(&seen).bytes.extend(&buffer[..count]);
        head.extend(&buffer[..count]);
        if !answered && head.windows(4).any(|end| end == b"\r\n\r\n") {
            answered = true;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    }
}
