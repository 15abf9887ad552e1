//! A guest's request, taken apart and put together again, so that what is checked is what is sent.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::CloudRequest;
use super::catalogue::{self, Action, Protocol, Service};
use super::refusal::Refusal;

/// Longest body a guest may send. The largest honest one is a policy document or a few hundred tags; more would fill the
/// host's memory, since bodies are signed whole.
pub const MAX_REQUEST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Longest URL a guest may send; services refuse longer ones anyway.
const MAX_URL_BYTES: usize = 16 * 1024;

/// Most parameters of a form or a query. EC2's largest honest forms name some thousand ids; a million empty pairs in eight megabytes would
/// take a hundred times that as values.
const MAX_PARAMETERS: usize = 10_000;
/// Most headers a guest may send: each costs memory in the host.
const MAX_HEADERS: usize = 32;

/// How often a segment is decoded while looking for dots: a front end may decode more often than we do.
const MAX_DECODINGS: usize = 3;

/// RFC 3986 unreserved characters stay, everything else is encoded: the one spelling that every signer agrees on.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Sent as they are. Others are refused: a header can change what a request means.
const PASSED_HEADERS: [&str; 4] = ["accept", "content-type", "amz-sdk-invocation-id", "amz-sdk-request"];

/// Sent as they are where no signature covers them.
const PASSED_UNSIGNED_HEADERS: [&str; 5] = ["accept", "content-type", "if-match", "if-none-match", "if-modified-since"];

/// Every client sends them, and the host has its own.
const REPLACED_HEADERS: [&str; 2] = ["user-agent", "x-amz-user-agent"];

/// A request in its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The method.
    pub method: Method,
    /// The host name, in lower case.
    pub host: String,
    /// Scheme, host and port.
    pub origin: String,
    /// Decoded path segments.
    pub segments: Vec<String>,
    /// Decoded query parameters.
    pub query: Vec<(String, String)>,
    /// What is sent along.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    target: Option<String>,
    /// The body. However often it is sent, it is there once.
    pub body: Bytes,
}

/// Takes a request apart. `signed` says which headers may pass.
pub fn parse(request: CloudRequest, signed: bool) -> Result<Parsed, Refusal> {
    if request.body.len() > MAX_REQUEST_BODY_BYTES {
        return Err(Refusal::malformed(format!("its body is longer than {MAX_REQUEST_BODY_BYTES} bytes")));
    }
    let method = match request.method.as_str() {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(Refusal::malformed("its method is not one of GET, HEAD, POST, PUT, PATCH and DELETE")),
    };
    if matches!(method, Method::GET | Method::HEAD) && !request.body.is_empty() {
        return Err(Refusal::malformed("a GET has no body"));
    }
    let url = parse_url(&request.url)?;
    let segments = url.path_segments().into_iter().flatten().map(decode_segment).collect::<Result<_, _>>()?;
    let query = pairs(url.query_pairs().into_owned())?;
    if let Some((name, _)) = query.iter().find(|(name, _)| name.to_ascii_lowercase().starts_with("x-amz-")) {
        return Err(Refusal::malformed(format!("`{name}` is a parameter of signatures")));
    }
    let (headers, target) = parse_headers(&request.headers, request.body.len(), signed)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let origin = url.origin().ascii_serialization();
    Ok(Parsed { method, host, origin, segments, query, headers, target, body: request.body.into() })
}

fn parse_url(text: &str) -> Result<Url, Refusal> {
    if text.len() > MAX_URL_BYTES {
        return Err(Refusal::malformed(format!("its URL is longer than {MAX_URL_BYTES} bytes")));
    }
    // The parser forgives white space, backslashes and dots; a request that needs forgiveness is no honest one.
    if text.bytes().any(|b| b <= b' ' || b == b'\\' || b >= 0x7f) {
        return Err(Refusal::malformed("its URL holds characters that URLs do not have"));
    }
    let url = Url::parse(text).map_err(|error| Refusal::malformed(format!("its URL cannot be read: {error}")))?;
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Refusal::malformed("its URL holds a user"));
    }
    if url.fragment().is_some() {
        return Err(Refusal::malformed("its URL holds a fragment"));
    }
    // The parser has already resolved dot segments: they are looked for in what was written.
    let path = rest.split('?').next().unwrap_or_default();
    path.split('/').try_for_each(|segment| decode_segment(segment).map(drop))?;
    Ok(url)
}

/// Decodes a segment, and refuses what another parser could take for a step to another path.
fn decode_segment(segment: &str) -> Result<String, Refusal> {
    let mut text = segment.to_owned();
    let mut first = None;
    for _ in 0..MAX_DECODINGS {
        let decoded =
            percent_decode_str(&text).decode_utf8().map_err(|_| Refusal::malformed("its path is not UTF-8"))?;
        let decoded = decoded.into_owned();
        let steps = decoded.split(['/', '\\']).any(|part| part == "." || part == "..");
        if steps || decoded.contains('\\') || decoded.chars().any(char::is_control) {
            return Err(Refusal::malformed("its path holds dot segments or control characters"));
        }
        let settled = decoded == text;
        first.get_or_insert_with(|| decoded.clone());
        if settled {
            break;
        }
        text = decoded;
    }
    Ok(first.unwrap_or_default())
}

type Headers = (Vec<(HeaderName, HeaderValue)>, Option<String>);

fn parse_headers(given: &[(String, String)], body_bytes: usize, signed: bool) -> Result<Headers, Refusal> {
    if given.len() > MAX_HEADERS {
        return Err(Refusal::malformed(format!("it has more than {MAX_HEADERS} headers")));
    }
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    let mut seen = Vec::new();
    let mut target = None;
    for (name, value) in given {
        let bad = || Refusal::malformed(format!("header `{}` is not one that may be sent", name.escape_default()));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        if seen.contains(&name) {
            return Err(Refusal::malformed(format!("header `{name}` is doubled")));
        }
        seen.push(name.clone());
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        let passed = if signed { &PASSED_HEADERS[..] } else { &PASSED_UNSIGNED_HEADERS[..] };
        match name.as_str() {
            "x-amz-target" if signed => {
                target = Some(value.to_str().map_err(|_| bad())?.to_owned());
                headers.push((name, value));
            }
            // The host sends its own.
            "content-length" if value.as_bytes() == body_bytes.to_string().as_bytes() => {}
            "accept-encoding" if value.as_bytes() == b"identity" => {}
            other if REPLACED_HEADERS.contains(&other) => {}
            other if passed.contains(&other) => headers.push((name, value)),
            _ => return Err(bad()),
        }
    }
    Ok((headers, target))
}

/// What the request asks the service for. Form bodies are written anew from what was read.
pub fn classify(service: &Service, parsed: &mut Parsed) -> Result<&'static Action, Refusal> {
    if service.protocol != Protocol::Json && parsed.target.is_some() {
        return Err(Refusal::malformed("`x-amz-target` is not how this service is spoken to"));
    }
    match service.protocol {
        Protocol::Query => classify_query(service, parsed),
        Protocol::Json => {
            expect_root(parsed)?;
            if parsed.method != Method::POST || !parsed.query.is_empty() {
                return Err(Refusal::malformed("this service takes POSTs without parameters"));
            }
            expect_content_type(parsed, &["application/x-amz-json-1.0", "application/x-amz-json-1.1"])?;
            let target = parsed.target.as_deref().ok_or_else(|| Refusal::malformed("it lacks `x-amz-target`"))?;
            catalogue::by_target(service, target)
        }
        Protocol::Rest => {
            if !parsed.body.is_empty() {
                expect_content_type(parsed, &["application/json"])?;
            }
            catalogue::by_path(service, parsed.method.as_str(), &parsed.segments)
        }
    }
}

fn classify_query(service: &Service, parsed: &mut Parsed) -> Result<&'static Action, Refusal> {
    expect_root(parsed)?;
    let from_body = parsed.method == Method::POST;
    let parameters = if from_body {
        if !parsed.query.is_empty() {
            return Err(Refusal::malformed("a form POST has no parameters in its URL"));
        }
        expect_content_type(parsed, &["application/x-www-form-urlencoded"])?;
        let text = std::str::from_utf8(&parsed.body).map_err(|_| Refusal::malformed("its form is not UTF-8"))?;
        if text.bytes().any(|b| b == b';' || b <= b' ') {
            // Some parsers split forms at semicolons too.
            return Err(Refusal::malformed("its form holds characters that forms do not have"));
        }
        pairs(form_urlencoded::parse(text.as_bytes()).into_owned())?
    } else if parsed.method == Method::GET {
        parsed.query.clone()
    } else {
        return Err(Refusal::malformed("this service takes GET and POST"));
    };
    let (version, action) = version_and_action(&parameters)?;
    let action = catalogue::by_parameters(service, &version, &action)?;
    if from_body {
        parsed.body = encode_pairs(&parameters).into();
    }
    Ok(action)
}

/// The parameters, as long as they are no more than an honest client sends.
fn pairs(found: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    let pairs: Vec<_> = found.take(MAX_PARAMETERS + 1).collect();
    if pairs.len() > MAX_PARAMETERS {
        return Err(Refusal::malformed(format!("it has more than {MAX_PARAMETERS} parameters")));
    }
    Ok(pairs)
}

fn version_and_action(parameters: &[(String, String)]) -> Result<(String, String), Refusal> {
    let mut names: Vec<String> = parameters.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    if let Some((name, _)) = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next) {
        return Err(Refusal::malformed(format!("parameter `{name}` is doubled")));
    }
    if names.iter().any(|name| name == "operation" || name.starts_with("x-amz-")) {
        return Err(Refusal::malformed("it holds a parameter that could stand for another action"));
    }
    let exactly = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        found.filter(|value| !value.is_empty()).ok_or_else(|| Refusal::malformed(format!("it lacks `{wanted}`")))
    };
    Ok((exactly("Version")?, exactly("Action")?))
}

fn expect_root(parsed: &Parsed) -> Result<(), Refusal> {
    if parsed.segments.iter().all(String::is_empty) && parsed.segments.len() <= 1 {
        return Ok(());
    }
    Err(Refusal::malformed("this service has no path but `/`"))
}

fn expect_content_type(parsed: &Parsed, allowed: &[&str]) -> Result<(), Refusal> {
    let given = parsed.headers.iter().find(|(name, _)| *name == http::header::CONTENT_TYPE);
    let given = given.and_then(|(_, value)| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let (kind, parameter) = given.split_once(';').unwrap_or((given.as_str(), ""));
    if allowed.contains(&kind.trim()) && matches!(parameter.trim(), "" | "charset=utf-8") {
        return Ok(());
    }
    Err(Refusal::malformed(format!("its content type is not {}", allowed.join(" or "))))
}

/// Method, origin and path, for a refusal before the request is taken apart. What is no URL is not repeated.
pub fn name_of(method: &str, url: &str) -> String {
    let method = Some(method).filter(|m| m.len() <= 7 && m.bytes().all(|b| b.is_ascii_uppercase()));
    let url = Some(url).filter(|url| url.len() <= 2048).and_then(|url| Url::parse(url).ok());
    let place =
        url.map_or_else(|| "?".to_owned(), |url| format!("{}{}", url.origin().ascii_serialization(), url.path()));
    format!("{} {place}", method.unwrap_or("?"))
}

/// What a text of its own costs beside its letters.
const TEXT_BYTES: usize = 40;

impl Parsed {
    /// About the memory that it takes: a URL of slashes alone is small, and its parts are many.
    pub fn bytes(&self) -> usize {
        let query = self.query.iter().map(|(name, value)| name.len() + value.len() + 2 * TEXT_BYTES);
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2 * TEXT_BYTES);
        let segments = self.segments.iter().map(|segment| segment.len() + TEXT_BYTES);
        // The URL is written twice: taken apart, and as it is sent.
        self.body.len() + headers.sum::<usize>() + 2 * (segments.sum::<usize>() + query.sum::<usize>())
    }

    /// Path and query in their one spelling, below a base path.
    pub fn path_and_query(&self, base: &str) -> String {
        let mut text = base.trim_end_matches('/').to_owned();
        for segment in &self.segments {
            text.push('/');
            text.extend(utf8_percent_encode(segment, ESCAPED));
        }
        if self.segments.is_empty() {
            text.push('/');
        }
        if !self.query.is_empty() {
            text.push('?');
            text.push_str(&encode_pairs(&self.query));
        }
        text
    }
}

fn encode_pairs(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}
