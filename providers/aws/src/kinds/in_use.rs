//! What holds a part of the network that AWS does not delete because it is in use.

use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceAttachment};
use nic_sdk::error::Error;

use crate::cloud::{Cloud, filter, from_aws};

/// So many are named; of the others it is only told how many there are.
const NAMED: usize = 5;

/// What a delete was answered, with the network interfaces that hold the thing if it is in use: those whose attribute `by`
/// is its id. That they cannot be looked for is nobody's concern, the refusal is.
pub async fn with_holders<A>(cloud: &Cloud, answer: Result<A, Error>, by: &str, id: &str) -> Result<(), Error> {
    let refusal = match answer {
        Ok(_) => return Ok(()),
        Err(Error::Conflict(refusal)) => refusal,
        Err(other) => return Err(other),
    };
    let holders = interfaces(cloud, by, id).await.unwrap_or_default();
    if holders.is_empty() {
        return Err(Error::Conflict(refusal));
    }
    let named: Vec<String> = holders.iter().take(NAMED).map(shown).collect();
    let more = match holders.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let refusal = refusal.trim_end_matches('.');
    Err(Error::Conflict(format!("{refusal}; network interfaces that hold it: {}{more}", named.join(", "))))
}

async fn interfaces(cloud: &Cloud, by: &str, id: &str) -> Result<Vec<NetworkInterface>, Error> {
    let request = cloud.ec2.describe_network_interfaces().filters(filter(by, [id]));
    request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)
}

/// Its id, what it is for, and whose it is: an instance's, or that of the service which made it.
fn shown(interface: &NetworkInterface) -> String {
    let id = interface.network_interface_id().unwrap_or_default();
    let purpose = interface.description().filter(|text| !text.is_empty()).map(str::to_owned);
    let instance = interface.attachment().and_then(NetworkInterfaceAttachment::instance_id);
    let whose = instance.or(interface.requester_id()).map(|whose| format!("of {whose}"));
    let about: Vec<String> = purpose.into_iter().chain(whose).collect();
    if about.is_empty() { id.to_owned() } else { format!("{id} ({})", about.join(", ")) }
}
