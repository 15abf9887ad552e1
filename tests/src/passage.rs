//! What may stand between NIC and the world: a proxy that tunnels, a front whose certificate nobody knows, and a door that may be shut.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::tls::acceptor;

/// A proxy on loopback that does nothing but CONNECT. It ends when it is dropped.
#[derive(Debug)]
pub struct ConnectProxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ConnectProxy {
    /// One that dials what it is asked for.
    pub async fn start() -> Result<Self> {
        Self::dialling(true).await
    }

    /// One that lets nothing through: it only hears who was meant.
    pub async fn refusing() -> Result<Self> {
        Self::dialling(false).await
    }

    async fn dialling(dials: bool) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback")?;
        let address = listener.local_addr()?.to_string();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = heads.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, kept.clone(), dials));
            }
        });
        Ok(Self { address, heads, task })
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The requests since the last look, each with its headers.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn tunnel(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>, dials: bool) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    let Some(target) = target.filter(|_| dials) else {
        return Ok(stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await?);
    };
    let mut far = TcpStream::connect(target).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut stream, &mut far).await?;
    Ok(())
}

/// A front on loopback that takes TLS off, under a certificate of an authority made here. It ends when it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    endpoint: String,
    authority: String,
    task: JoinHandle<()>,
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TlsFront {
    /// Starts it before a server that speaks plain HTTP at this URL.
    pub async fn before(url: &str) -> Result<Self> {
        let behind = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "Corp Test CA");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &authority)?;
        let acceptor = acceptor(leaf.der().clone(), key.serialize_der())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback")?;
        let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut near) = acceptor.accept(stream).await else { return };
                    let Ok(mut far) = TcpStream::connect(behind).await else { return };
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Ok(Self { endpoint, authority: authority.pem(), task })
    }

    /// `https://localhost:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate of its authority.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// A door on loopback to a server, which lets everybody in or nobody, as a firewall does. It ends when it is dropped.
#[derive(Debug)]
pub struct Door {
    endpoint: String,
    open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    /// Starts it, open, before a server at this `https://` URL of an address.
    pub async fn before(url: &str) -> Result<Self> {
        let behind = url.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback")?;
        let endpoint = format!("https://127.0.0.1:{}", listener.local_addr()?.port());
        let (open, seen) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut seen, behind) = (seen.clone(), behind.clone());
                tokio::spawn(async move {
                    let through = async {
                        let Ok(mut far) = TcpStream::connect(behind).await else { return };
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    };
                    tokio::select! {
                        _ = seen.wait_for(|open| !open) => {}
                        () = through => {}
                    }
                });
            }
        });
        Ok(Self { endpoint, open, task })
    }

    /// `https://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Shuts it, before whoever is within too, or opens it.
    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}
