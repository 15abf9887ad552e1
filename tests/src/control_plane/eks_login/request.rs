//! The request to STS that a token stands for.

use hmac::Hmac;
use sha2::{Digest, Sha256};

use crate::sigv4::{Scope, canonical_query, hex};

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
        let scope = Scope { timestamp: self.timestamp, scope: self.scope };
        scope.mac(secret_access_key, &scope.string_to_sign(&self.canonical()))
    }

    /// The parameters as they are sent.
    pub(super) fn query(parameters: &[(String, String)]) -> String {
        canonical_query(parameters.iter().map(|(name, value)| (name, value)))
    }

    fn canonical(&self) -> String {
        let headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let headers = headers.concat();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let query = Self::query(self.parameters);
        format!("GET\n/\n{query}\n{headers}\n{}\n{}", names.join(";"), hex(&Sha256::digest("")))
    }
}
