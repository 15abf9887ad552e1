//! A guest's request, taken apart and put together again, so that what is checked is what is sent.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::CloudRequest;
use super::refusal::Refusal;

/// Longest body a guest may send. The largest honest one is a policy document or a few hundred tags; more would fill the
/// host's memory, since bodies are signed whole.
pub const MAX_REQUEST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Longest URL a guest may send; services refuse longer ones anyway.
const MAX_URL_BYTES: usize = 16 * 1024;

/// Most parameters of a form or a query. The largest honest forms name some thousand ids; a million empty pairs in eight megabytes would
/// take a hundred times that as values.
const MAX_PARAMETERS: usize = 10_000;
/// Most headers a guest may send: each costs memory in the host.
const MAX_HEADERS: usize = 32;

/// How often a segment is decoded while looking for dots: a front end may decode more often than we do.
const MAX_DECODINGS: usize = 3;

/// RFC 3986 unreserved characters stay, everything else is encoded: the one spelling that every signer agrees on.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which headers a request may have. Others are refused: a header can change what a request means.
#[derive(Debug, Clone, Copy)]
pub struct HeaderRules {
    /// Sent as they are.
    pub passed: &'static [&'static str],
    /// Every client sends them, and the host has its own.
    pub replaced: &'static [&'static str],
    /// Whether a parameter of the URL is one of a signature: no request has one.
    pub is_of_a_signature: fn(&str) -> bool,
}

/// A request in its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Parsed {
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
    /// The body. However often it is sent, it is there once.
    pub body: Bytes,
}

/// Takes a request apart.
pub fn parse(request: CloudRequest, rules: HeaderRules) -> Result<Parsed, Refusal> {
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
    if let Some((name, _)) = query.iter().find(|(name, _)| (rules.is_of_a_signature)(name)) {
        return Err(Refusal::malformed(format!("`{name}` is a parameter of signatures")));
    }
    let headers = parse_headers(&request.headers, request.body.len(), rules)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let origin = url.origin().ascii_serialization();
    Ok(Parsed { method, host, origin, segments, query, headers, body: request.body.into() })
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

type Headers = Vec<(HeaderName, HeaderValue)>;

fn parse_headers(given: &[(String, String)], body_bytes: usize, rules: HeaderRules) -> Result<Headers, Refusal> {
    if given.len() > MAX_HEADERS {
        return Err(Refusal::malformed(format!("it has more than {MAX_HEADERS} headers")));
    }
    let mut headers = Headers::new();
    let mut seen = Vec::new();
    for (name, value) in given {
        let bad = || Refusal::malformed(format!("header `{}` is not one that may be sent", name.escape_default()));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        if seen.contains(&name) {
            return Err(Refusal::malformed(format!("header `{name}` is doubled")));
        }
        seen.push(name.clone());
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        match name.as_str() {
            // The host sends its own.
            "content-length" if value.as_bytes() == body_bytes.to_string().as_bytes() => {}
            "accept-encoding" if value.as_bytes() == b"identity" => {}
            other if rules.replaced.contains(&other) => {}
            other if rules.passed.contains(&other) => headers.push((name, value)),
            _ => return Err(bad()),
        }
    }
    Ok(headers)
}

/// The parameters, as long as they are no more than an honest client sends.
pub(crate) fn pairs(found: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    let pairs: Vec<_> = found.take(MAX_PARAMETERS + 1).collect();
    if pairs.len() > MAX_PARAMETERS {
        return Err(Refusal::malformed(format!("it has more than {MAX_PARAMETERS} parameters")));
    }
    Ok(pairs)
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

/// A form or a query in its one spelling.
pub(crate) fn encode_pairs(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

/// Origin and path as they are; the parser must not find anything to change.
pub(crate) fn join(origin: &str, path_and_query: &str) -> Result<Url, Refusal> {
    let text = format!("{origin}{path_and_query}");
    let url = Url::parse(&text).map_err(|error| Refusal::malformed(format!("its URL cannot be written: {error}")))?;
    if url.as_str() == text { Ok(url) } else { Err(Refusal::malformed("its URL has no single spelling")) }
}
