//! The key of the fingerprints, in a directory beside the state that keeps itself out of git.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use nic_core::document::hex;
use nic_core::secret::Fingerprint;
use nic_system::files::{make_own_directory, only_owner_writes, read_at_most, replace_durably};
use sha2::Sha256;

use nic_gate::SecretString;

/// Bytes of a key: as many as the hash has.
const LENGTH: usize = 32;

/// Bytes of its file: it is written in digits.
const MAX_BYTES: usize = 4 * LENGTH;

/// Bytes of a key's id: enough that two keys of one platform differ.
const ID_LENGTH: usize = 8;

/// What the hash is made for, so that it is good for nothing else.
const PURPOSE: &[u8] = b"nic secret fingerprint 1\0";

/// A key for fingerprints.
pub(super) struct Key(Vec<u8>);

impl Key {
    /// The key in this directory, if a whole one can be read.
    pub(super) fn read_in(directory: &Path) -> Option<Self> {
        // What others can read, or what a link leads to, is nobody's secret: whoever put it there could try values with it.
        let is_own = fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir())
            && fs::symlink_metadata(file(directory)).is_ok_and(|found| {
                found.is_file() && only_owner_writes(&found) && matches!(found.mode() & 0o777, 0o400 | 0o600)
            });
        let bytes = is_own.then(|| read_at_most(&file(directory), MAX_BYTES).ok()).flatten()?;
        let text = std::str::from_utf8(&bytes).ok()?.trim_end();
        let digit = |index: usize| u8::from_str_radix(text.get(index..index + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..LENGTH).map(|index| digit(index * 2)).collect();
        bytes.filter(|_| text.len() == LENGTH * 2).map(Self)
    }

    /// A new key in this directory, durable when this returns.
    pub(super) fn make_in(directory: &Path) -> io::Result<Self> {
        let key = Self::random()?;
        make_own_directory(directory)?;
        if fs::symlink_metadata(directory)?.is_symlink() {
            return Err(io::Error::other(format!("`{}` is a link: remove it", directory.display())));
        }
        replace_durably(&directory.join(".gitignore"), b"*\n")?;
        replace_durably(&file(directory), format!("{}\n", hex(&key.0)).as_bytes())?;
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
