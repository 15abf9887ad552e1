//! Verifies Signature Version 4 as AWS does, in the header and in a presigned query.

use std::collections::BTreeMap;

use hmac::Mac as _;
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime, PrimitiveDateTime, macros::format_description};

use super::answer::Fault;
use super::call::{Call, Protocol};
use crate::aws::Credentials;
use crate::sigv4::{Scope, canonical_query, escaped, hex};

/// A region that an account has to enable, and that this one has not: nobody is known there.
const NOT_ENABLED: &str = "ap-east-1";

/// How far the clocks may differ.
const SKEW: Duration = Duration::minutes(15);

/// Where in the request the signature stood.
struct Given {
    credential: String,
    signed_headers: Vec<String>,
    signature: String,
    date: String,
    token: String,
    /// Seconds a presigned request is good for; none for the header form.
    expires: Option<i64>,
}

/// Checks the request against these credentials, or says what AWS would say.
pub(crate) fn verify(call: &Call, known: &Credentials) -> Result<(), Fault> {
    let given =
        given(call).ok_or_else(|| refusal(call, Refusal::Missing, "Request is missing Authentication Token"))?;
    let scope: Vec<&str> = given.credential.split('/').collect();
    let [key, date, region, service, "aws4_request"] = scope[..] else {
        return Err(refusal(
            call,
            Refusal::Incomplete,
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
        ));
    };
    if key != known.access_key || region == NOT_ENABLED {
        return Err(refusal(call, Refusal::UnknownKey, "The security token included in the request is invalid."));
    }
    if given.token != known.session_token.as_deref().unwrap_or_default() {
        return Err(refusal(call, Refusal::UnknownKey, "The security token included in the request is invalid."));
    }
    check_time(call, &given, date)?;
    for required in required_headers(call) {
        if !given.signed_headers.contains(&required) {
            return Err(refusal(
                call,
                Refusal::Mismatch,
                &format!("There were headers present in the request which were not signed: {required}"),
            ));
        }
    }
    let actual_hash = hex(&Sha256::digest(&call.body));
    let claimed = call.header("x-amz-content-sha256");
    if !claimed.is_empty() && claimed != actual_hash {
        return Err(refusal(
            call,
            Refusal::Mismatch,
            "The value of the x-amz-content-sha256 header does not match the payload",
        ));
    }
    let text = canonical_request(call, &given, &actual_hash);
    let scope = Scope { timestamp: &given.date, scope: &format!("{date}/{region}/{service}/aws4_request") };
    let to_sign = scope.string_to_sign(&text);
    if hex(&scope.mac(&known.secret_key, &to_sign).finalize().into_bytes()) != given.signature {
        let message = format!(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. \
             The Canonical String for this request should have been\n'{text}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
        );
        return Err(refusal(call, Refusal::Mismatch, &message));
    }
    Ok(())
}

fn given(call: &Call) -> Option<Given> {
    let authorization = call.header("authorization");
    if let Some(rest) = authorization.strip_prefix("AWS4-HMAC-SHA256") {
        let fields: BTreeMap<&str, &str> = rest.split(',').filter_map(|field| field.trim().split_once('=')).collect();
        return Some(Given {
            credential: (*fields.get("Credential")?).to_owned(),
            signed_headers: fields.get("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: (*fields.get("Signature")?).to_owned(),
            date: call.header("x-amz-date").to_owned(),
            token: call.header("x-amz-security-token").to_owned(),
            expires: None,
        });
    }
    let query = |name: &str| call.query_parameter(name);
    Some(Given {
        credential: query("X-Amz-Credential")?,
        signed_headers: query("X-Amz-SignedHeaders")?.split(';').map(str::to_owned).collect(),
        signature: query("X-Amz-Signature")?,
        date: query("X-Amz-Date")?,
        token: query("X-Amz-Security-Token").unwrap_or_default(),
        expires: Some(query("X-Amz-Expires")?.parse().unwrap_or(0)),
    })
}

fn check_time(call: &Call, given: &Given, scope_date: &str) -> Result<(), Fault> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed_at = PrimitiveDateTime::parse(&given.date, &format)
        .map_err(|_| refusal(call, Refusal::Incomplete, "Date must be in ISO-8601 'basic format'"))?
        .assume_utc();
    if !given.date.starts_with(scope_date) {
        return Err(refusal(
            call,
            Refusal::Mismatch,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        ));
    }
    let now = OffsetDateTime::now_utc();
    let good_until = signed_at + given.expires.map_or(SKEW, Duration::seconds);
    if now > good_until {
        return Err(refusal(
            call,
            Refusal::Expired,
            &format!("Signature expired: {} is now earlier than {now}", given.date),
        ));
    }
    if signed_at > now + SKEW {
        return Err(refusal(
            call,
            Refusal::Expired,
            &format!("Signature not yet current: {} is still later than {now}", given.date),
        ));
    }
    Ok(())
}

/// Headers that a signature has to cover: the host, and whatever AWS itself would read.
fn required_headers(call: &Call) -> Vec<String> {
    let own = call
        .headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| name.starts_with("x-amz-") && name != "x-amz-user-agent");
    std::iter::once("host".to_owned()).chain(own).collect()
}

fn canonical_request(call: &Call, given: &Given, payload_hash: &str) -> String {
    let mut headers = String::new();
    for name in &given.signed_headers {
        let values: Vec<String> = call
            .headers
            .get_all(name.as_str())
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        headers.extend([name.as_str(), ":", &values.join(","), "\n"]);
    }
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{payload_hash}",
        call.method,
        canonical_path(&call.path),
        canonical_query(form_urlencoded::parse(call.query.as_bytes()).filter(|(name, _)| name != "X-Amz-Signature")),
        given.signed_headers.join(";")
    )
}

/// Every service but S3: dot segments removed, then each segment encoded once more than it was sent.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let encoded: Vec<String> = segments.iter().map(|segment| escaped(segment)).collect();
    let end = if path.ends_with('/') && !encoded.is_empty() { "/" } else { "" };
    format!("/{}{end}", encoded.join("/"))
}

#[derive(Clone, Copy)]
enum Refusal {
    Missing,
    Incomplete,
    UnknownKey,
    Mismatch,
    Expired,
}

/// The same refusal has other names in other services.
fn refusal(call: &Call, kind: Refusal, message: &str) -> Fault {
    let (status, code) = match (call.protocol, kind) {
        (Protocol::Ec2, Refusal::Expired) => (400, "RequestExpired"),
        (Protocol::Ec2, Refusal::UnknownKey | Refusal::Mismatch) => {
            return Fault::new(401, "AuthFailure", "AWS was not able to validate the provided access credentials");
        }
        (Protocol::Ec2 | Protocol::Query, Refusal::Missing) => (403, "MissingAuthenticationToken"),
        (Protocol::Ec2 | Protocol::Query, Refusal::Incomplete) => (400, "IncompleteSignature"),
        (Protocol::Query, Refusal::UnknownKey) => (403, "InvalidClientTokenId"),
        (Protocol::Query, Refusal::Mismatch | Refusal::Expired) => (403, "SignatureDoesNotMatch"),
        (_, Refusal::Missing) => (403, "MissingAuthenticationTokenException"),
        (_, Refusal::Incomplete) => (403, "IncompleteSignatureException"),
        (_, Refusal::UnknownKey) => (403, "UnrecognizedClientException"),
        (_, Refusal::Mismatch | Refusal::Expired) => (403, "InvalidSignatureException"),
    };
    Fault::new(status, code, message)
}
