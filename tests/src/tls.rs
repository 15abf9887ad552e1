//! TLS for servers on loopback.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Takes TLS off connections under a certificate, with its key in DER.
pub fn acceptor(certificate: CertificateDer<'static>, key: Vec<u8>) -> Result<TlsAcceptor> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let key = PrivateKeyDer::try_from(key).map_err(|why| anyhow!("use the key: {why}"))?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .context("use the certificate")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
