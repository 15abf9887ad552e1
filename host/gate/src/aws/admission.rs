//! Whether a request to AWS may be made.

use serde::Deserialize;

use super::endpoints::{self, Bound};
use super::{NAME, USER_AGENT, catalogue, classify, identities, is_of_a_signature};
use crate::action::Class;
use crate::refusal::Refusal;
use crate::request::{self, HeaderRules};
use crate::scheme::{Caller, CloudBound};
use crate::{Bounds, CloudRequest};

/// What a guest may send to AWS; the signature covers it.
const HEADERS: HeaderRules = HeaderRules {
    passed: &["accept", "content-type", "amz-sdk-invocation-id", "amz-sdk-request", classify::TARGET],
    replaced: &["user-agent", USER_AGENT],
    is_of_a_signature,
};

#[derive(Deserialize)]
struct Parameters {
    service: String,
    region: String,
}

/// Admits a request that AWS is to answer.
pub(crate) fn admit(caller: Caller<'_>, request: CloudRequest) -> Result<CloudBound, Refusal> {
    if request.credential != "default" {
        return Err(Refusal::UnknownCredential(request.credential));
    }
    let parameters = Parameters::deserialize(&request.scheme_parameters)
        .map_err(|_| Refusal::malformed("`aws-sigv4` needs a `service` and a `region`"))?;
    let service = catalogue::service(&parameters.service, &request.service_id)?;
    if let Caller::Guest(bounds) = caller
        && !bounds.grants.allows_service(NAME, service.signing_name)
    {
        return Err(Refusal::ServiceNotGranted(parameters.service));
    }
    let bound = endpoints::bind(service, &parameters.region)?;
    let host = &bound.destination.host;
    let mut parsed = request::parse(request, HEADERS)?;
    if parsed.origin != format!("https://{host}") {
        let why = format!("{} in {} is at https://{host}", service.service_id, parameters.region);
        return Err(Refusal::Host { host: parsed.origin, why });
    }
    let action = classify::classify(service, &mut parsed)?;
    if let Caller::Guest(bounds) = caller {
        let qualified = action.qualified();
        Refusal::check_phase(bounds.phase, action.class, &qualified, action.why)?;
        match action.class {
            Class::Mutate => {
                Refusal::check_mutation(bounds, &qualified)?;
                if identities::says_who(action) && !bounds.identities {
                    return Err(Refusal::NotAgreed(qualified));
                }
            }
            _ if bounds.grants.allows_read(NAME, service.signing_name, &qualified) => {}
            _ => return Err(Refusal::ActionNotGranted(qualified)),
        }
        check_region(bounds, &bound, &parameters.region, action.class)?;
    }
    Ok(CloudBound { parsed, action, destination: bound.destination })
}

/// The platform's own region, or a service that its partition has once. Reads may also ask the partition's home, which knows which regions are
/// enabled.
fn check_region(bounds: &Bounds, bound: &Bound, region: &str, class: Class) -> Result<(), Refusal> {
    let Some(own) = bounds.region.as_deref() else {
        return Err(Refusal::RegionNotGranted { region: region.to_owned(), own: None });
    };
    let partition = endpoints::partition(own)?;
    let is_home = class == Class::Read && partition.is_home(region);
    if own == region || is_home || bound.is_global && partition == endpoints::partition(region)? {
        return Ok(());
    }
    Err(Refusal::RegionNotGranted { region: region.to_owned(), own: Some(own.to_owned()) })
}
