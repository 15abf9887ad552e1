//! What a request to AWS says of where it goes: a service that the catalogue has, and a region.

use serde::Deserialize;
use serde_json::Value;

use super::{NAME, catalogue, endpoints};
use crate::refusal::Refusal;
use crate::scheme::{Address, Place};

#[derive(Deserialize)]
struct Parameters {
    service: String,
    region: String,
}

/// The service and the region in the parameters of the signature.
pub(super) fn address(parameters: &Value, service_id: &str) -> Result<Address, Refusal> {
    let Parameters { service, region } = Parameters::deserialize(parameters)
        .map_err(|_| Refusal::malformed(format!("`{NAME}` needs a `service` and a `region`")))?;
    let service = catalogue::service(&service, service_id)?;
    Ok(Address { service: service.signing_name, service_id: service.service_id, region })
}

/// What is known of a region.
pub(super) fn place(region: &str) -> Result<Place, Refusal> {
    let partition = endpoints::partition(region)?;
    Ok(Place { partition: partition.id, is_home: partition.is_home(region) })
}
