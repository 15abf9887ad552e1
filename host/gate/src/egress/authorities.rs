//! Certificates that the user's settings trust in place of the machine's: a network that looks into TLS has one of its own.

use std::fmt;
use std::path::{Path, PathBuf};

use nic_core::error::ProviderError;
use nic_system::files;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The largest bundle that is read. What systems trust has a quarter of a megabyte.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The file of certificates in place of the machine's, for every program that goes by it.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// The certificates of one file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authorities {
    path: PathBuf,
    certificates: Vec<Vec<u8>>,
}

impl Authorities {
    /// Reads the file that a setting names.
    ///
    /// # Errors
    /// `CA_BUNDLE_INVALID`: it is not there, or holds no certificate.
    pub fn read(path: &Path, setting: &str) -> Result<Self, ProviderError> {
        let invalid = |why: &dyn fmt::Display| ProviderError::Other {
            code: "CA_BUNDLE_INVALID".to_owned(),
            message: format!("`{}`, which {setting} names, is no file of certificates: {why}", path.display()),
            detail: serde_json::json!({ "hint": format!("let {setting} name a file of PEM certificates, or take it away") }),
        };
        let bytes = files::read_at_most(path, MAX_BYTES).map_err(|error| invalid(&error))?;
        if bytes.len() > MAX_BYTES {
            return Err(invalid(&format!("it is larger than {} MiB", MAX_BYTES >> 20)));
        }
        let mut store = RootCertStore::empty();
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&bytes) {
            let certificate = certificate.map_err(|error| invalid(&format!("it is broken PEM ({error})")))?;
            // Systems' own bundles hold some that no library takes.
            if store.add(certificate.clone()).is_ok() {
                certificates.push(certificate.to_vec());
            }
        }
        if certificates.is_empty() {
            return Err(invalid(&"it holds none in PEM"));
        }
        Ok(Self { path: path.to_owned(), certificates })
    }

    /// Each of them, in DER.
    pub fn der(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(Vec::as_slice)
    }

    /// All of them, as text.
    pub fn pem(&self) -> String {
        use base64::Engine as _;
        let one = |der: &Vec<u8>| {
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        self.certificates.iter().map(one).collect()
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorities").field(&self.path).finish()
    }
}

/// Whether what the machine trusts can be read, where the environment says that it is one file.
///
/// # Errors
/// As [`Authorities::read`]: the library below would go on as if the file were empty.
pub fn check_machine() -> Result<(), ProviderError> {
    match std::env::var_os(SSL_CERT_FILE).filter(|path| !path.is_empty()) {
        Some(path) => Authorities::read(Path::new(&path), SSL_CERT_FILE).map(drop),
        None => Ok(()),
    }
}

/// The error of TLS in a link of another error's chain of causes.
pub fn tls_error<'a>(link: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    link.downcast_ref().or_else(|| wrapped.and_then(|inner| inner.downcast_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_holds_no_certificate_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let refused = |why: &str| {
            let error = Authorities::read(&path, "THE_SETTING").unwrap_err();
            let text = error.to_string();
            assert_eq!(error.code(), "CA_BUNDLE_INVALID");
            assert!(text.contains(&*path.to_string_lossy()) && text.contains("THE_SETTING"), "{text}");
            assert!(text.contains(why), "{text}");
        };
        refused("No such file");
        std::fs::write(&path, "no PEM at all").unwrap();
        refused("it holds none in PEM");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        refused("it holds none in PEM");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n").unwrap();
        refused("broken PEM");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        refused("no regular file");
    }
}
