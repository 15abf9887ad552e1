//! Whether a request may be made at all. Pure: no credential and no socket is near, and nothing is waited for, so a guest has its refusal
//! before it can give the request up.

use std::net::IpAddr;

use serde::Deserialize;
use url::{Host, Url};

use super::catalogue::{self, Action, Class, Service};
use super::endpoints::{self, Binding};
use super::identities;
use super::refusal::Refusal;
use super::request::{self, Parsed};
use super::{Bounds, CloudRequest};
use crate::egress::{Reach, is_metadata, is_metadata_name, not_public};

/// The scheme that this room signs with.
pub const AWS_SIGV4: &str = "aws-sigv4";

/// On whose behalf.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// A component, within the bounds of its call.
    Guest(&'a Bounds),
    /// The host itself.
    Host,
}

/// A guest's request that may be sent: whoever could refuse it by what it says was asked.
pub enum Admitted {
    /// To AWS.
    Aws(AwsRequest),
    /// To a host that the grant lists.
    Plain(PlainRequest),
}

impl Admitted {
    /// About the memory that it takes until it is sent.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Aws(request) => request.parsed.bytes(),
            Self::Plain(request) => request.parsed.bytes(),
        }
    }
}

/// A request to AWS that may be signed and sent.
pub struct AwsRequest {
    /// The service.
    pub service: &'static Service,
    /// The action.
    pub action: &'static Action,
    /// Where it goes.
    pub binding: Binding,
    /// What it says.
    pub parsed: Parsed,
}

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

#[derive(Deserialize)]
struct AwsParameters {
    service: String,
    region: String,
}

/// Admits a request that AWS is to answer.
pub fn admit_aws(caller: Caller<'_>, request: CloudRequest) -> Result<AwsRequest, Refusal> {
    if request.credential != "default" {
        return Err(Refusal::UnknownCredential(request.credential));
    }
    let parameters = AwsParameters::deserialize(&request.scheme_parameters)
        .map_err(|_| Refusal::malformed("`aws-sigv4` needs a `service` and a `region`"))?;
    let service = catalogue::service(&parameters.service, &request.service_id)?;
    if let Caller::Guest(bounds) = caller
        && !bounds.grants.allows_service(AWS_SIGV4, service.signing_name)
    {
        return Err(Refusal::ServiceNotGranted(parameters.service));
    }
    let binding = endpoints::bind(service, &parameters.region)?;
    let mut parsed = request::parse(request, true)?;
    if parsed.origin != format!("https://{}", binding.host) {
        let why = format!("{} in {} is at https://{}", service.service_id, parameters.region, binding.host);
        return Err(Refusal::Host { host: parsed.origin, why });
    }
    let action = request::classify(service, &mut parsed)?;
    if let Caller::Guest(bounds) = caller {
        let qualified = action.qualified();
        Refusal::check_phase(bounds.phase, action.class, &qualified, action.why)?;
        match action.class {
            Class::Mutate => {
                check_mutation(bounds, &qualified)?;
                if identities::says_who(action) && !bounds.identities {
                    return Err(Refusal::NotAgreed(qualified));
                }
            }
            _ if bounds.grants.allows_read(AWS_SIGV4, service.signing_name, &qualified) => {}
            _ => return Err(Refusal::ActionNotGranted(qualified)),
        }
        check_region(bounds, &binding, &parameters.region, action.class)?;
    }
    Ok(AwsRequest { service, action, binding, parsed })
}

/// The platform's own region, or a service that its partition has once. Reads may also ask the partition's home, which knows which regions are
/// enabled.
fn check_region(bounds: &Bounds, binding: &Binding, region: &str, class: Class) -> Result<(), Refusal> {
    let Some(own) = bounds.region.as_deref() else {
        return Err(Refusal::RegionNotGranted { region: region.to_owned(), own: None });
    };
    let partition = endpoints::partition(own)?;
    let is_home = class == Class::Read && partition.is_home(region);
    if own == region || is_home || binding.is_global && partition == endpoints::partition(region)? {
        return Ok(());
    }
    Err(Refusal::RegionNotGranted { region: region.to_owned(), own: Some(own.to_owned()) })
}

/// A mutation is one of the kind that is being changed.
fn check_mutation(bounds: &Bounds, action: &str) -> Result<(), Refusal> {
    match &bounds.kind {
        Some(kind) if bounds.grants.allows_mutation(kind, action) => Ok(()),
        Some(kind) => Err(Refusal::NotOfThisKind { action: action.to_owned(), kind: kind.to_string() }),
        None => Err(Refusal::ActionNotGranted(action.to_owned())),
    }
}

/// Admits a request to a host that the grant lists by name.
pub fn admit_plain(bounds: &Bounds, request: CloudRequest) -> Result<PlainRequest, Refusal> {
    let (scheme, credential) = (request.scheme.clone(), request.credential.clone());
    let grants = &bounds.grants;
    let known = matches!(scheme.as_str(), "none" | "bearer" | "basic") || scheme.starts_with("header:");
    if !known {
        return Err(Refusal::SchemeNotImplemented(scheme));
    }
    let parsed = request::parse(request, false)?;
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
        check_mutation(bounds, &action)?;
    }
    let url = join(&parsed.origin, &parsed.path_and_query(""))?;
    let reach = reach_of(&url, grants.allows_private(&scheme, &credential, &parsed.origin))?;
    Ok(PlainRequest { parsed, class, scheme, credential, url, reach })
}

/// Admits a request of a guest.
pub fn admit(bounds: &Bounds, request: CloudRequest) -> Result<Admitted, Refusal> {
    if !bounds.grants.allows_scheme(&request.scheme) {
        return Err(Refusal::SchemeNotGranted(request.scheme));
    }
    if request.scheme == AWS_SIGV4 {
        return admit_aws(Caller::Guest(bounds), request).map(Admitted::Aws);
    }
    admit_plain(bounds, request).map(Admitted::Plain)
}

/// Origin and path as they are; the parser must not find anything to change.
pub(super) fn join(origin: &str, path_and_query: &str) -> Result<Url, Refusal> {
    let text = format!("{origin}{path_and_query}");
    let url = Url::parse(&text).map_err(|error| Refusal::malformed(format!("its URL cannot be written: {error}")))?;
    if url.as_str() == text { Ok(url) } else { Err(Refusal::malformed("its URL has no single spelling")) }
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
