//! The key of the fingerprints, in a directory beside the state that keeps itself out of git.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use nic_core::document::hex;
use nic_core::secret::Fingerprint;
use sha2::Sha256;

use nic_gate::SecretString;

/// Bytes of a key: as many as the hash has.
const LENGTH: usize = 32;

/// Bytes of a key's id: enough that two keys of one platform differ.
const ID_LENGTH: usize = 8;

/// What the hash is made for, so that it is good for nothing else.
const PURPOSE: &[u8] = b"nic secret fingerprint 1\0";

/// A key for fingerprints.
pub(super) struct Key(Vec<u8>);

impl Key {
    /// The key in this directory, if a whole one can be read.
    pub(super) fn read_in(directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(file(directory)).ok()?;
        let text = text.trim_end();
        let digit = |index: usize| u8::from_str_radix(text.get(index..index + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..LENGTH).map(|index| digit(index * 2)).collect();
        bytes.filter(|_| text.len() == LENGTH * 2).map(Self)
    }

    /// A new key in this directory, durable when this returns.
    pub(super) fn make_in(directory: &Path) -> io::Result<Self> {
        let key = Self::random()?;
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        fs::write(directory.join(".gitignore"), "*\n")?;
        let (path, temporary) = (file(directory), directory.join("fingerprint-key.new"));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&temporary)?;
        writeln!(new, "{}", hex(&key.0))?;
        new.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()?;
        Ok(key)
    }

    /// A new key.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = vec![0; LENGTH];
        let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
        random.fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
        Ok(Self(bytes))
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The value's fingerprint under its name: equal values of two names do not look equal.
    pub(super) fn fingerprint(&self, name: &str, value: &SecretString) -> Option<Fingerprint> {
        let length = u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes();
        let hash = self.hash(&[b"value\0", &length, name.as_bytes(), value.expose().as_bytes()])?;
        let id = self.hash(&[b"id\0"])?;
        Fingerprint::new(&hex(&id[..ID_LENGTH]), &hex(&hash)).ok()
    }

    fn hash(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        // A key of any length is one; the library says so by a result.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(PURPOSE);
        for part in parts {
            mac.update(part);
        }
        Some(mac.finalize().into_bytes().to_vec())
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("fingerprint-key")
}
