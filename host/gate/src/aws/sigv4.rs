//! AWS Signature Version 4, over exactly the bytes that are sent.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue, Method};
use nic_core::error::ProviderError;
use url::Url;

/// What is signed.
pub struct Unsigned<'a> {
    pub method: &'a Method,
    /// The URL as it is sent.
    pub url: &'a Url,
    /// The headers as they are sent; the host header follows from the URL.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// The body as it is sent.
    pub body: &'a [u8],
}

/// Who signs, for what, when.
pub struct Scope<'a> {
    /// Whose signature.
    pub credentials: &'a Credentials,
    /// The signing region.
    pub region: &'a str,
    /// The signing name of the service.
    pub service: &'a str,
    /// The instant.
    pub time: SystemTime,
}

/// What a signature adds to a request.
pub struct Signature {
    /// Headers, all sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Query parameters of a presigned URL.
    pub parameters: Vec<(String, String)>,
    /// The signature itself.
    pub text: String,
}

fn broken(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::other("SIGNING_FAILED", format!("the request could not be signed: {error}"))
}

/// Signs by headers, or by query parameters that hold for `expires_in`.
pub fn signature(
    request: &Unsigned<'_>,
    scope: &Scope<'_>,
    expires_in: Option<Duration>,
) -> Result<Signature, ProviderError> {
    let mut settings = SigningSettings::default();
    if expires_in.is_some() {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = expires_in;
    }
    let identity = scope.credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(settings)
        .build()
        .map_err(broken)?
        .into();
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, value) in request.headers {
        headers.push((name.as_str(), value.to_str().map_err(broken)?));
    }
    let body = SignableBody::Bytes(request.body);
    let signable = SignableRequest::new(request.method.as_str(), request.url.as_str(), headers.into_iter(), body)
        .map_err(broken)?;
    let (instructions, text) = sign(signable, &parameters).map_err(broken)?.into_parts();
    let (headers, parameters) = instructions.into_parts();
    let headers = headers
        .into_iter()
        .map(|header| {
            let mut value = HeaderValue::from_str(header.value()).map_err(broken)?;
            value.set_sensitive(true);
            Ok((HeaderName::from_static(header.name()), value))
        })
        .collect::<Result<_, ProviderError>>()?;
    let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
    Ok(Signature { headers, parameters, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that AWS published with the signature test suite (`get-vanilla`, `post-x-www-form-urlencoded`).
    fn suite(method: &Method, headers: &[(HeaderName, HeaderValue)], body: &[u8]) -> Signature {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None, "test");
        let scope = Scope {
            credentials: &credentials,
            region: "us-east-1",
            service: "service",
            time: SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636),
        };
        let url = Url::parse("https://example.amazonaws.com/").unwrap();
        signature(&Unsigned { method, url: &url, headers, body }, &scope, None).unwrap()
    }

    #[test]
    fn signs_as_the_published_test_suite_does() {
        let get = suite(&Method::GET, &[], b"");
        assert_eq!(get.text, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        let names: Vec<&str> = get.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-amz-date", "authorization"]);
        assert!(get.headers.iter().all(|(_, value)| value.is_sensitive()));

        let form = (http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let post = suite(&Method::POST, &[form], b"Param1=value1");
        assert_eq!(post.text, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
    }

    /// Made by botocore 1.43.106 (`SigV4Auth`, `SigV4QueryAuth` with `expires=60`) at 2026-01-02T03:04:05Z.
    #[test]
    fn signs_as_botocore_does() {
        let token = Some("session+token/==".to_owned());
        let credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token, None, "test");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let sign = |service,
                    url: &str,
                    method: &Method,
                    header: Option<(&'static str, &'static str)>,
                    body: &[u8],
                    expires| {
            let scope = Scope { credentials: &credentials, region: "us-west-2", service, time };
            let url = Url::parse(url).unwrap();
            let headers: Vec<_> =
                header.map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).into_iter().collect();
            signature(&Unsigned { method, url: &url, headers: &headers, body }, &scope, expires).unwrap()
        };
        // A path with encoded slashes is encoded once more, parameters are sorted.
        let tags = "https://eks.us-west-2.amazonaws.com/tags/arn%3Aaws%3Aeks%3Aus-west-2%3A1%3Acluster%2Fa?x=a%20b&tagKeys=b&tagKeys=a";
        let tags = sign("eks", tags, &Method::GET, None, b"", None);
        assert_eq!(tags.text, "53ed4843a7e9e187a4ba1a8beb90d99782c5bca83c6361d004c542bae0094850");
        let form = Some(("content-type", "application/x-www-form-urlencoded"));
        let body = b"Action=DescribeVpcs&Version=2016-11-15";
        let describe = sign("ec2", "https://ec2.us-west-2.amazonaws.com/", &Method::POST, form, body, None);
        assert_eq!(describe.text, "80511fa8330135df38f643e65f2b237798c6c20ed78cc9d8afdb3a7713a09b35");
        let url = "https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15";
        let cluster = Some(("x-k8s-aws-id", "nebari-dev"));
        let token = sign("sts", url, &Method::GET, cluster, b"", Some(Duration::from_mins(1)));
        assert_eq!(token.text, "5a4dc9fa24f62ed093979eba9dcae0748c3cad6cf1fe77591163c46a1fdef93b");
    }

    #[test]
    fn the_body_and_the_path_are_covered() {
        let form = (http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let one = suite(&Method::POST, std::slice::from_ref(&form), b"Param1=value1");
        let other = suite(&Method::POST, &[form], b"Param1=value2");
        assert_ne!(one.text, other.text);
    }
}
