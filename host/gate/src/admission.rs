//! Whether a request may be made at all. Pure: no credential and no socket is near, and nothing is waited for, so a guest has its refusal
//! before it can give the request up.
//!
//! Of a cloud it is asked what a request is, step by step; whether it may be is asked here, in between, for every cloud alike.

use std::sync::Arc;

use super::action::Class;
use super::plain::PlainRequest;
use super::refusal::Refusal;
use super::scheme::{Address, Bound, Classified, CloudBound, Place, Scheme};
use super::{Bounds, CloudRequest, plain, request};

/// The one credential that a cloud has: the user's login.
const LOGIN: &str = "default";

/// A guest's request that may be sent: whoever could refuse it by what it says was asked.
pub struct Admitted(pub(crate) Way);

/// How it leaves.
pub(crate) enum Way {
    /// Signed, to a cloud.
    Cloud(Arc<dyn Scheme>, Box<CloudBound>),
    /// To a host that the grant lists.
    Plain(Box<PlainRequest>),
}

impl Admitted {
    /// About the memory that it takes until it is sent.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Way::Cloud(_, request) => request.parsed.bytes(),
            Way::Plain(request) => request.parsed.bytes(),
        }
    }
}

/// On whose behalf a request is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caller<'a> {
    /// A component, within the bounds of its call.
    Guest(&'a Bounds),
    /// The host itself, which needs no grant.
    Host,
}

/// Admits a request of a guest.
pub(crate) fn admit(schemes: &[Arc<dyn Scheme>], bounds: &Bounds, request: CloudRequest) -> Result<Admitted, Refusal> {
    if !bounds.grants.allows_scheme(&request.scheme) {
        return Err(Refusal::SchemeNotGranted(request.scheme));
    }
    let way = match schemes.iter().find(|scheme| scheme.name() == request.scheme) {
        Some(scheme) => Way::Cloud(scheme.clone(), Box::new(to_cloud(&**scheme, Caller::Guest(bounds), request)?)),
        None => Way::Plain(Box::new(plain::admit(bounds, request)?)),
    };
    Ok(Admitted(way))
}

/// Admits a request that a cloud is to answer.
pub(crate) fn to_cloud(scheme: &dyn Scheme, caller: Caller<'_>, request: CloudRequest) -> Result<CloudBound, Refusal> {
    if request.credential != LOGIN {
        return Err(Refusal::UnknownCredential(request.credential));
    }
    let address = scheme.address(&request.scheme_parameters, &request.service_id)?;
    if let Caller::Guest(bounds) = caller
        && !bounds.grants.allows_service(scheme.name(), address.service)
    {
        return Err(Refusal::ServiceNotGranted(address.service.to_owned()));
    }
    let Bound { destination, is_global } = scheme.bind(&address)?;
    let mut parsed = request::parse(request, scheme.headers())?;
    let host = &destination.host;
    if parsed.origin != format!("https://{host}") {
        let why = format!("{} in {} is at https://{host}", address.service_id, address.region);
        return Err(Refusal::Host { host: parsed.origin, why });
    }
    let classified = scheme.classify(&address, &parsed)?;
    if let Caller::Guest(bounds) = caller {
        check_action(scheme, bounds, &address, &classified)?;
        check_region(scheme, bounds, &address, is_global, classified.action.class)?;
    }
    let Classified { action, body, .. } = classified;
    if let Some(body) = body {
        parsed.body = body;
    }
    Ok(CloudBound { parsed, action, destination })
}

/// Phase and grants, and what the user was asked about.
fn check_action(
    scheme: &dyn Scheme,
    bounds: &Bounds,
    address: &Address,
    Classified { action, says_who, .. }: &Classified,
) -> Result<(), Refusal> {
    let qualified = action.qualified();
    Refusal::check_phase(bounds.phase, action.class, &qualified, action.why)?;
    match action.class {
        Class::Mutate => {
            Refusal::check_mutation(bounds, &qualified)?;
            if *says_who && !bounds.identities { Err(Refusal::NotAgreed(qualified)) } else { Ok(()) }
        }
        _ if bounds.grants.allows_read(scheme.name(), address.service, &qualified) => Ok(()),
        _ => Err(Refusal::ActionNotGranted(qualified)),
    }
}

/// The platform's own region, or a service that its partition has once. Reads may also ask the partition's home, which knows which regions are
/// enabled.
fn check_region(
    scheme: &dyn Scheme,
    bounds: &Bounds,
    Address { region, .. }: &Address,
    is_global: bool,
    class: Class,
) -> Result<(), Refusal> {
    let Some(own) = bounds.region.as_deref() else {
        return Err(Refusal::RegionNotGranted { region: region.clone(), own: None });
    };
    let Place { partition, .. } = scheme.place(own)?;
    let place = scheme.place(region)?;
    let shared = is_global || place.is_home && class == Class::Read;
    if own == region || place.partition == partition && shared {
        return Ok(());
    }
    Err(Refusal::RegionNotGranted { region: region.clone(), own: Some(own.to_owned()) })
}
