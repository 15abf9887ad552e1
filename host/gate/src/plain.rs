//! Requests to hosts that the grant lists by name, with a credential of the user's own.

use std::net::IpAddr;

use url::{Host, Url};

use super::action::Class;
use super::egress::{Reach, is_metadata, is_metadata_name, not_public};
use super::refusal::Refusal;
use super::request::{self, HeaderRules, Parsed, join};
use super::{Bounds, CloudRequest, clouds};

/// What may be sent where no signature covers it.
const HEADERS: HeaderRules = HeaderRules {
    passed: &["accept", "content-type", "if-match", "if-none-match", "if-modified-since"],
    replaced: clouds::REPLACED_HEADERS,
    is_of_a_signature: clouds::is_of_a_signature,
};

/// A request to a host that the grant lists.
pub struct PlainRequest {
    /// What it says.
    pub parsed: Parsed,
    /// Read or mutation.
    pub class: Class,
    /// How its credential is sent.
    pub scheme: String,
    /// Which credential.
    pub credential: String,
    /// Where it goes.
    pub url: Url,
    /// Where that may be.
    pub reach: Reach,
}

/// Admits a request to a host that the grant lists by name.
pub fn admit(bounds: &Bounds, request: CloudRequest) -> Result<PlainRequest, Refusal> {
    let (scheme, credential) = (request.scheme.clone(), request.credential.clone());
    let grants = &bounds.grants;
    let known = matches!(scheme.as_str(), "none" | "bearer" | "basic") || scheme.starts_with("header:");
    if !known {
        return Err(Refusal::SchemeNotImplemented(scheme));
    }
    let parsed = request::parse(request, HEADERS)?;
    if !grants.allows_origin(&scheme, &credential, &parsed.origin) {
        let why = grants.how_at(&parsed.origin).map_or_else(
            || "the grant does not list it".to_owned(),
            |(own, by)| {
                format!("the grant lists it for the credential `{by}` ({own}), and the request is for `{credential}` ({scheme})")
            },
        );
        return Err(Refusal::Host { host: parsed.origin, why });
    }
    let path = parsed.path_and_query("");
    let path = path.split('?').next().unwrap_or_default();
    let by_method = matches!(parsed.method.as_str(), "GET" | "HEAD");
    // As grants write it: HTTPS goes without saying.
    let place = parsed.origin.strip_prefix("https://").unwrap_or(&parsed.origin);
    let action = format!("{} {place}{path}", parsed.method);
    let class = if by_method || grants.is_read(&scheme, &credential, &action) { Class::Read } else { Class::Mutate };
    Refusal::check_phase(bounds.phase, class, &format!("{} {}{path}", parsed.method, parsed.origin), "")?;
    if class == Class::Mutate {
        Refusal::check_mutation(bounds, &action)?;
    }
    let url = join(&parsed.origin, &parsed.path_and_query(""))?;
    let reach = reach_of(&url, grants.allows_private(&scheme, &credential, &parsed.origin))?;
    Ok(PlainRequest { parsed, class, scheme, credential, url, reach })
}

/// Where a host that a grant names may be. Its address may stand in its name: then no resolver is asked that could refuse it.
fn reach_of(url: &Url, private: bool) -> Result<Reach, Refusal> {
    let refused = |host: String, why: String| Err(Refusal::Host { host, why });
    let (host, address) = match url.host() {
        Some(Host::Ipv4(v4)) => (v4.to_string(), Some(IpAddr::from(v4))),
        Some(Host::Ipv6(v6)) => (v6.to_string(), Some(IpAddr::from(v6))),
        Some(Host::Domain(name)) => (name.to_owned(), is_local_name(name).then_some(IpAddr::from([127, 0, 0, 1]))),
        None => return Ok(Reach::Public),
    };
    if is_metadata_name(&host) || address.is_some_and(is_metadata) {
        return refused(host, "it is a metadata service, which hands out the machine's credentials".to_owned());
    }
    match address.and_then(not_public) {
        Some(what) if !private => {
            let origin = url.origin().ascii_serialization();
            let why = format!("it is {what}, and only you can open that: `nic provider add FILE --private {origin}`");
            refused(host, why)
        }
        _ if private => Ok(Reach::NotMetadata),
        _ => Ok(Reach::Public),
    }
}

/// Whether a name is this machine's by RFC 6761, whatever a resolver makes of it.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}
