//! Tokens as `aws eks get-token` makes them.

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use time::OffsetDateTime;
use time::macros::format_description;
use url::Url;

use super::request::Request;
use super::token::{CLUSTER_HEADER, PREFIX};
use crate::sigv4::hex;

/// What goes into a token.
#[derive(Clone, Debug)]
pub struct Presign<'a> {
    /// Where STS is: `https://sts.eu-west-1.amazonaws.com`, or an emulator.
    pub sts_endpoint: &'a str,
    /// The region of the signature.
    pub region: &'a str,
    /// The cluster that the token is for.
    pub cluster_name: &'a str,
    /// Whose token it is.
    pub access_key_id: &'a str,
    /// What it is signed with.
    pub secret_access_key: &'a str,
    /// When it is signed.
    pub time: OffsetDateTime,
}

impl Presign<'_> {
    pub fn token(&self) -> Result<String> {
        let endpoint = Url::parse(self.sts_endpoint).with_context(|| format!("{} is no URL", self.sts_endpoint))?;
        let host = super::token::host(&endpoint)?;
        let timestamp = self.time.format(format_description!("[year][month][day]T[hour][minute][second]Z"))?;
        let scope = format!("{}/{}/sts/aws4_request", &timestamp[..8], self.region);
        let credential = format!("{}/{scope}", self.access_key_id);
        let signed_headers = format!("host;{CLUSTER_HEADER}");
        let mut parameters = [
            ("Action", "GetCallerIdentity"),
            ("Version", "2011-06-15"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &timestamp),
            ("X-Amz-Expires", "60"),
            ("X-Amz-SignedHeaders", &signed_headers),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let request = Request {
            parameters: &parameters,
            headers: &[("host", &host), (CLUSTER_HEADER, self.cluster_name)],
            timestamp: &timestamp,
            scope: &scope,
        };
        let signature = hex(&request.mac(self.secret_access_key).finalize().into_bytes());
        parameters.push(("X-Amz-Signature".to_owned(), signature));
        let url = format!("{}://{host}/?{}", endpoint.scheme(), Request::query(&parameters));
        Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(url)))
    }
}
