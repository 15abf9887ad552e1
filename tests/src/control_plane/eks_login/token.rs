//! What a token must be before STS is asked about it: the rules of aws-iam-authenticator, and the
//! check of the signature that STS itself would make and emulators don't.

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};
use url::Url;

use super::EksLoginOptions;
use super::request::Request;

/// What every token begins with.
pub(super) const PREFIX: &str = "k8s-aws-v1.";
/// The header that ties a token to one cluster.
pub(super) const CLUSTER_HEADER: &str = "x-k8s-aws-id";

const MAX_LENGTH: usize = 4096;
const MAX_EXPIRES: u32 = 900;
/// STS takes a request for this long after its date, whatever `X-Amz-Expires` says.
const LIFETIME: Duration = Duration::minutes(15);
/// How far ahead of STS's clock a request's date may be.
const CLOCK_SKEW: Duration = Duration::minutes(5);

const PARAMETERS: [&str; 9] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// A token that may be shown to STS.
#[derive(Debug)]
pub(super) struct Verified {
    /// The presigned request.
    pub(super) url: Url,
    /// Its `Host` header.
    pub(super) host: String,
    /// Who signed it, and for what: `<access key>/<scope>`.
    pub(super) credential: String,
}

/// Checks a token, as of `now`. The error is the reason of the refusal.
pub(super) fn verify(token: &str, options: &EksLoginOptions, now: OffsetDateTime) -> Result<Verified> {
    ensure!(token.len() <= MAX_LENGTH, "the token is longer than {MAX_LENGTH} bytes");
    let encoded = token.strip_prefix(PREFIX).with_context(|| format!("the token does not begin with {PREFIX}"))?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).context("the token is not base64 of the kind used in URLs")?;
    let text = String::from_utf8(bytes).context("the token holds no text")?;
    let url = Url::parse(&text).context("the token holds no URL")?;
    let host = host(&url)?;
    check_host(&url, &host, options)?;
    ensure!(url.path() == "/", "the path is {}, not /", url.path());

    let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let get = |name: &str| {
        parameters.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.as_str())
    };
    for (index, (name, _)) in parameters.iter().enumerate() {
        let name = name.to_ascii_lowercase();
        ensure!(PARAMETERS.contains(&name.as_str()), "the query parameter {name} is not allowed");
        let again = parameters[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(&name));
        ensure!(!again, "the query parameter {name} is given twice");
    }
    ensure!(get("action") == "GetCallerIdentity", "the action is {:?}, not GetCallerIdentity", get("action"));
    let signed_headers: Vec<String> = get("x-amz-signedheaders").split(';').map(str::to_ascii_lowercase).collect();
    ensure!(signed_headers.iter().any(|name| name == CLUSTER_HEADER), "the header {CLUSTER_HEADER} is not signed");
    let expires = get("x-amz-expires");
    ensure!(
        expires.parse::<u32>().is_ok_and(|seconds| seconds <= MAX_EXPIRES),
        "X-Amz-Expires is {expires:?}, not between 0 and {MAX_EXPIRES}"
    );
    check_date(get("x-amz-date"), now)?;
    check_signature(&parameters, &get, &signed_headers, &host, options)?;
    let credential = get("x-amz-credential").to_owned();
    Ok(Verified { url, host, credential })
}

/// The value of the `Host` header of a request to `url`.
pub(super) fn host(url: &Url) -> Result<String> {
    let host = url.host_str().context("the URL has no host")?;
    Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn check_host(url: &Url, host: &str, options: &EksLoginOptions) -> Result<()> {
    let emulator = Url::parse(&options.sts_endpoint).context("the emulator's address is no URL")?;
    if host == self::host(&emulator)? && url.scheme() == emulator.scheme() {
        return Ok(());
    }
    // What stands in front of an emulator speaks no TLS either.
    let nearby = url.host_str().is_some_and(|name| name == "127.0.0.1" || name == "localhost");
    ensure!(url.scheme() == "https" || nearby, "the URL's scheme is {}, not https", url.scheme());
    ensure!(options.allowed_hosts.iter().any(|allowed| allowed == host), "the host {host} is not STS");
    Ok(())
}

fn check_date(date: &str, now: OffsetDateTime) -> Result<()> {
    let signed = PrimitiveDateTime::parse(date, format_description!("[year][month][day]T[hour][minute][second]Z"))
        .with_context(|| format!("X-Amz-Date is {date:?}, not like 20260102T030405Z"))?
        .assume_utc();
    ensure!(now <= signed + LIFETIME, "the token has expired: it was signed at {date}");
    ensure!(signed <= now + CLOCK_SKEW, "the token is not valid yet: it was signed at {date}");
    Ok(())
}

fn check_signature<'a>(
    parameters: &[(String, String)],
    get: &impl Fn(&str) -> &'a str,
    signed_headers: &[String],
    host: &str,
    options: &EksLoginOptions,
) -> Result<()> {
    ensure!(get("x-amz-algorithm") == "AWS4-HMAC-SHA256", "the algorithm is {:?}", get("x-amz-algorithm"));
    let (access_key_id, scope) = get("x-amz-credential").split_once('/').context("X-Amz-Credential has no scope")?;
    ensure!(access_key_id == options.access_key_id, "nobody has the access key {access_key_id}");
    let timestamp = get("x-amz-date");
    let [date, region, "sts", "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
        bail!("the signature's scope is {scope}, not <date>/<region>/sts/aws4_request");
    };
    ensure!(timestamp.starts_with(date), "the signature's scope is of another day than X-Amz-Date");
    if let Some(of_host) = host.strip_prefix("sts.").and_then(|rest| rest.strip_suffix(".amazonaws.com")) {
        ensure!(region == of_host, "the signature is for {region}, and the host is {host}");
    }

    let mut headers = Vec::new();
    for name in signed_headers {
        let value = match name.as_str() {
            "host" => host,
            CLUSTER_HEADER => &options.cluster_name,
            // It is the authenticator that sends the request, and these two are all it sends.
            _ => bail!("the header {name} is signed, but not sent"),
        };
        headers.push((name.as_str(), value));
    }
    ensure!(headers.iter().any(|(name, _)| *name == "host"), "the header host is not signed");
    let unsigned: Vec<(String, String)> =
        parameters.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("x-amz-signature")).cloned().collect();
    let request = Request { parameters: &unsigned, headers: &headers, timestamp, scope };
    let signature = decode_hex(get("x-amz-signature")).context("the signature is not hexadecimal")?;
    if request.mac(&options.secret_access_key).verify_slice(&signature).is_err() {
        bail!("the signature does not match: another key, another cluster, or a changed request");
    }
    Ok(())
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::Presign;
    use super::*;

    /// Made by botocore's `RequestSigner`, so that signing and checking are not only right with
    /// each other.
    const BY_BOTOCORE: &str = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260102%2Feu-west-1%2Fsts%2Faws4_request\
        &X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
        &X-Amz-Signature=1f66dd1daabdac9b983c0ad6cb3c16854229e69245e0eeebdcdb5c39c8e5b4f7";
    const SIGNED: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);

    fn options() -> EksLoginOptions {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        EksLoginOptions {
            allowed_hosts: vec!["sts.eu-west-1.amazonaws.com".to_owned(), "sts.eu-west-2.amazonaws.com".to_owned()],
            ..EksLoginOptions::new("nebari-test", "http://127.0.0.1:5000", "AKIAIOSFODNN7EXAMPLE", secret)
        }
    }

    fn encode(url: &str) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(url))
    }

    fn refusal(token: &str, options: &EksLoginOptions, now: OffsetDateTime) -> String {
        format!("{:#}", verify(token, options, now).expect_err("the token should be refused"))
    }

    #[test]
    fn a_token_of_botocore_is_good_for_fifteen_minutes() {
        let token = encode(BY_BOTOCORE);
        for now in [SIGNED - Duration::minutes(4), SIGNED, SIGNED + Duration::minutes(14)] {
            let verified = verify(&token, &options(), now).expect("the token should be good");
            assert_eq!(verified.host, "sts.eu-west-1.amazonaws.com");
            assert_eq!(verified.credential, "AKIAIOSFODNN7EXAMPLE/20260102/eu-west-1/sts/aws4_request");
        }
        assert!(refusal(&token, &options(), SIGNED + Duration::minutes(16)).contains("has expired"));
        assert!(refusal(&token, &options(), SIGNED - Duration::minutes(6)).contains("not valid yet"));
    }

    #[test]
    fn a_presigned_token_is_what_botocore_makes() {
        let options = options();
        let token = Presign {
            sts_endpoint: "https://sts.eu-west-1.amazonaws.com",
            region: "eu-west-1",
            cluster_name: "nebari-test",
            access_key_id: &options.access_key_id,
            secret_access_key: &options.secret_access_key,
            time: SIGNED,
        }
        .token()
        .expect("the endpoint is a URL");
        let parameters = |token: &str| {
            let url = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
            let url = Url::parse(std::str::from_utf8(&url).ok()?).ok()?;
            let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
            pairs.sort();
            Some((url.host_str()?.to_owned(), pairs))
        };
        assert_eq!(parameters(&token), parameters(&encode(BY_BOTOCORE)));
    }

    #[test]
    fn whatever_differs_from_the_rules_is_refused() {
        let changes = [
            ("https:", "http:", "scheme"),
            ("sts.eu-west-1.amazonaws.com", "sts.example.com", "is not STS"),
            ("sts.eu-west-1.amazonaws.com", "sts.eu-west-2.amazonaws.com", "the signature is for eu-west-1"),
            ("amazonaws.com/?", "amazonaws.com/x?", "path"),
            ("&Version", "&RoleArn=x&Version", "rolearn is not allowed"),
            ("&Version", "&action=GetCallerIdentity&Version", "action is given twice"),
            ("GetCallerIdentity", "AssumeRole", "the action is"),
            ("host%3Bx-k8s-aws-id", "host", "x-k8s-aws-id is not signed"),
            ("host%3Bx-k8s-aws-id", "host%3Bx-k8s-aws-id%3Bx-other", "x-other is signed, but not sent"),
            ("Expires=60", "Expires=901", "X-Amz-Expires"),
            ("Expires=60", "Expires=61", "does not match"),
            ("20260102T030405Z", "20260102", "X-Amz-Date"),
            ("AKIAIOSFODNN7EXAMPLE", "AKIAOTHER", "nobody has the access key"),
            ("%2Fsts%2F", "%2Fs3%2F", "scope"),
            ("1f66dd", "1f66de", "does not match"),
        ];
        for (from, to, reason) in changes {
            let refusal = refusal(&encode(&BY_BOTOCORE.replacen(from, to, 1)), &options(), SIGNED);
            assert!(refusal.contains(reason), "{from} -> {to}: {refusal}");
        }
        let elsewhere = EksLoginOptions { cluster_name: "another".to_owned(), ..options() };
        assert!(refusal(&encode(BY_BOTOCORE), &elsewhere, SIGNED).contains("does not match"));
        assert!(refusal("eyJhbGciOiJSUzI1NiJ9.e30.x", &options(), SIGNED).contains("does not begin with"));
    }
}
