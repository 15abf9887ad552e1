//! Signature Version 4 in a query string, as far as STS needs it.

use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::control_plane::hex;

/// Everything but the characters that are never encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A GET of `/` without a body.
pub(super) struct Request<'a> {
    /// The query's parameters as they are meant, not encoded, without the signature.
    pub(super) parameters: &'a [(String, String)],
    /// The signed headers with their values, in lower case and sorted.
    pub(super) headers: &'a [(&'a str, &'a str)],
    /// `X-Amz-Date`.
    pub(super) timestamp: &'a str,
    /// `<date>/<region>/<service>/aws4_request`.
    pub(super) scope: &'a str,
}

impl Request<'_> {
    /// The signature's bytes, to be sent in hexadecimal.
    pub(super) fn mac(&self, secret_access_key: &str) -> Hmac<Sha256> {
        let mut key = format!("AWS4{secret_access_key}").into_bytes();
        for part in self.scope.split('/') {
            key = keyed(&key, part).finalize().into_bytes().to_vec();
        }
        let canonical = hex(&Sha256::digest(self.canonical()));
        keyed(&key, &format!("AWS4-HMAC-SHA256\n{}\n{}\n{canonical}", self.timestamp, self.scope))
    }

    fn canonical(&self) -> String {
        let headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let headers = headers.concat();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let query = query(self.parameters);
        format!("GET\n/\n{query}\n{headers}\n{}\n{}", names.join(";"), hex(&Sha256::digest("")))
    }
}

/// The parameters, encoded and sorted as they are signed.
pub(super) fn query(parameters: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut pairs: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn keyed(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    mac
}
