//! Whether a request may be made at all. Pure: no credential and no socket is near.

use nic_core::error::ProviderError;
use serde::Deserialize;

use super::catalogue::{self, Action, Class, Service};
use super::endpoints::{self, Binding};
use super::refusal::Refusal;
use super::request::{self, Parsed};
use super::{CloudRequest, Grant, Phase};

/// The scheme that this room signs with.
pub const AWS_SIGV4: &str = "aws-sigv4";

/// On whose behalf.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// A component, within its grant and the phase of its call.
    Guest {
        /// What it was granted.
        grant: &'a Grant,
        /// What its call may do.
        phase: Phase,
    },
    /// The host itself.
    Host,
}

/// A request to AWS that may be signed and sent.
#[derive(Clone)]
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
#[derive(Clone)]
pub struct PlainRequest {
    /// What it says.
    pub parsed: Parsed,
    /// Read or mutation.
    pub class: Class,
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
    if let Caller::Guest { grant, .. } = caller
        && !grant.allows_service(AWS_SIGV4, service.signing_name)
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
    if let Caller::Guest { grant, phase } = caller {
        let qualified = action.qualified();
        if !grant.allows_action(AWS_SIGV4, service.signing_name, &qualified) {
            return Err(Refusal::ActionNotGranted(qualified));
        }
        Refusal::check_phase(phase, action.class, &qualified, action.why)?;
    }
    Ok(AwsRequest { service, action, binding, parsed })
}

/// Admits a request to a host that the grant lists by name.
pub fn admit_plain(grant: &Grant, phase: Phase, request: CloudRequest) -> Result<PlainRequest, Refusal> {
    let scheme = request.scheme.clone();
    let parsed = request::parse(request, false)?;
    if !grant.allows_origin(&scheme, &parsed.origin) {
        return Err(Refusal::Host { host: parsed.origin, why: "the grant does not list it".to_owned() });
    }
    let path = parsed.path_and_query("");
    let path = path.split('?').next().unwrap_or_default();
    let by_method = matches!(parsed.method.as_str(), "GET" | "HEAD");
    let read = by_method || grant.is_read(&scheme, parsed.method.as_str(), &parsed.host, path);
    let class = if read { Class::Read } else { Class::Mutate };
    Refusal::check_phase(phase, class, &format!("{} {}{path}", parsed.method, parsed.origin), "")?;
    Ok(PlainRequest { parsed, class })
}

/// What every request must pass, whatever its scheme.
pub fn admit_scheme(grant: &Grant, phase: Phase, request: &CloudRequest) -> Result<(), ProviderError> {
    if phase == Phase::Pure {
        return Err(Refusal::Pure(request.name()).into());
    }
    if !grant.allows_scheme(&request.scheme) {
        return Err(Refusal::SchemeNotGranted(request.scheme.clone()).into());
    }
    Ok(())
}
