//! Signature Version 4, as the AWS front and the EKS login verify it and test tokens are made with it. Written once for the harness,
//! and apart from the host's: a mistake that both shared would be seen by no test.

use hmac::{Hmac, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

/// Everything but the characters that AWS leaves as they are.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a signature covers besides the request.
pub(crate) struct Scope<'a> {
    /// `X-Amz-Date`.
    pub(crate) timestamp: &'a str,
    /// `<date>/<region>/<service>/aws4_request`.
    pub(crate) scope: &'a str,
}

impl Scope<'_> {
    /// What is signed in the place of a canonical request.
    pub(crate) fn string_to_sign(&self, canonical_request: &str) -> String {
        format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", self.timestamp, self.scope, hex(&Sha256::digest(canonical_request)))
    }

    /// The signature of such a string, to be compared or sent in hexadecimal.
    pub(crate) fn mac(&self, secret_access_key: &str, string_to_sign: &str) -> Hmac<Sha256> {
        let mut key = format!("AWS4{secret_access_key}").into_bytes();
        for part in self.scope.split('/') {
            key = keyed(&key, part).finalize().into_bytes().to_vec();
        }
        keyed(&key, string_to_sign)
    }
}

/// Text as it stands in a canonical request.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Parameters that are not encoded yet, encoded and sorted as they are signed.
pub(crate) fn canonical_query<N: AsRef<str>, V: AsRef<str>>(parameters: impl IntoIterator<Item = (N, V)>) -> String {
    let mut pairs: Vec<(String, String)> =
        parameters.into_iter().map(|(name, value)| (escaped(name.as_ref()), escaped(value.as_ref()))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn keyed(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    mac
}
