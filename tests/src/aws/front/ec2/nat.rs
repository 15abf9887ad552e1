//! NAT gateways: they take their time, hold their address and stand in the way until they are gone.
//!
//! Both emulators make and delete them at once, release an address in use, and let subnets and gateways go from under them. moto
//! leaves their network interfaces and the use of their addresses behind; ministack shows no address of theirs and knows neither
//! subnet nor allocation.

use std::collections::BTreeMap;

use super::network::{all, gateway_of, required};
use crate::aws::front::Shared;
use crate::aws::front::answer::{Answer, Fault, Outcome, escape, request_id};
use crate::aws::front::call::Call;
use crate::aws::front::xml;
use crate::aws::locked;
use crate::front::{Countdown, Wait};

/// What AWS does with one.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Coming(Countdown),
    There,
    /// It could not be made; it stays in sight until it is deleted.
    Failed,
    Going(Countdown),
    Gone,
}

#[derive(Debug)]
struct Nat {
    subnet: String,
    allocation: String,
    phase: Phase,
}

/// Every NAT gateway that was made.
#[derive(Debug)]
pub(crate) struct Nats {
    /// How long one takes to come and to go; AWS: about two minutes and one.
    pub wait: Wait,
    gateways: BTreeMap<String, Nat>,
}

impl Default for Nats {
    fn default() -> Self {
        Self { wait: Wait::millis(200), gateways: BTreeMap::new() }
    }
}

impl Nats {
    pub(crate) fn clear(&mut self) {
        self.gateways.clear();
    }

    /// Those that hold an address and a place in a subnet.
    fn standing(&self) -> impl Iterator<Item = &Nat> {
        self.gateways.values().filter(|nat| !matches!(nat.phase, Phase::Gone | Phase::Failed))
    }

    pub(crate) fn in_subnet(&self, subnet: &str) -> bool {
        self.standing().any(|nat| nat.subnet == subnet)
    }

    fn holds(&self, allocation: &str) -> bool {
        self.standing().any(|nat| nat.allocation == allocation)
    }
}

/// Refuses what AWS refuses.
pub(super) async fn check(shared: &Shared, call: &Call) -> Outcome<()> {
    settle(shared).await?;
    let allocation = call.parameter("AllocationId");
    let held = locked(&shared.nats).holds(allocation);
    match call.action.as_str() {
        "CreateNatGateway" if call.parameter("ConnectivityType") != "private" && allocation.is_empty() => {
            Err(Fault::bad("MissingParameter", "The request must include the AllocationId parameter."))
        }
        "CreateNatGateway" if held => Err(Fault::bad(
            "Resource.AlreadyAssociated",
            format!("Elastic IP address [{allocation}] is already associated"),
        )),
        "ReleaseAddress" if held => Err(Fault::bad(
            "InvalidIPAddress.InUse",
            format!("The address with allocation id {allocation} cannot be released because it is in use."),
        )),
        _ => Ok(()),
    }
}

/// Takes over one that the emulator has just made.
pub(super) async fn created(shared: &Shared, call: &Call, id: &str) -> Outcome<()> {
    if call.action != "CreateNatGateway" {
        return Ok(());
    }
    let subnet = required(&shared.upstream, call.parameter("SubnetId")).await?;
    let vpc = subnet["vpcId"].as_str().unwrap_or_default();
    let connected = gateway_of(&shared.upstream, vpc).await?.is_some();
    let mut nats = locked(&shared.nats);
    let phase = if connected { Phase::Coming(Countdown::start(nats.wait)) } else { Phase::Failed };
    let (subnet, allocation) = (call.parameter("SubnetId").to_owned(), call.parameter("AllocationId").to_owned());
    nats.gateways.insert(id.to_owned(), Nat { subnet, allocation, phase });
    Ok(())
}

/// Begins a deletion; the emulator is told when it is over.
pub(super) async fn delete(shared: &Shared, call: &Call) -> Outcome<Option<Answer>> {
    if call.action != "DeleteNatGateway" {
        return Ok(None);
    }
    let id = call.parameter("NatGatewayId");
    {
        let mut nats = locked(&shared.nats);
        let wait = nats.wait;
        let Some(nat) = nats.gateways.get_mut(id) else {
            return Err(Fault::bad("NatGatewayNotFound", format!("NAT gateway {id} was not found")));
        };
        if !matches!(nat.phase, Phase::Going(_) | Phase::Gone) {
            nat.phase = Phase::Going(Countdown::start(wait));
        }
    }
    settle(shared).await?;
    let body = format!(
        "<DeleteNatGatewayResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{}</requestId>\
         <natGatewayId>{id}</natGatewayId></DeleteNatGatewayResponse>",
        request_id()
    );
    Ok(Some(Answer::xml(200, body)))
}

/// Ends what has taken its time.
async fn settle(shared: &Shared) -> Outcome<()> {
    let mut gone = Vec::new();
    for (id, nat) in &mut locked(&shared.nats).gateways {
        match nat.phase {
            Phase::Coming(countdown) if countdown.over() => nat.phase = Phase::There,
            Phase::Going(countdown) if countdown.over() => {
                nat.phase = Phase::Gone;
                gone.push((id.clone(), nat.subnet.clone(), nat.allocation.clone()));
            }
            _ => {}
        }
    }
    for (id, subnet, allocation) in gone {
        let shown =
            shared.upstream.ec2_items("DescribeNatGateways", "natGatewaySet", &[("NatGatewayId.1", &id)]).await?;
        let addresses = shown.iter().flat_map(|nat| nat["natGatewayAddressSet"].as_array().into_iter().flatten());
        let interfaces: Vec<String> =
            addresses.filter_map(|address| address["networkInterfaceId"].as_str().map(str::to_owned)).collect();
        shared.upstream.ec2("DeleteNatGateway", &[("NatGatewayId", &id)]).await?;
        let allocated = all(&shared.upstream, "DescribeAddresses").await?;
        let held = allocated.iter().filter(|address| address["allocationId"] == *allocation);
        for association in held.filter_map(|address| address["associationId"].as_str()) {
            shared.upstream.ec2("DisassociateAddress", &[("AssociationId", association)]).await?;
        }
        let left = shared.upstream.ec2_items("DescribeNetworkInterfaces", "networkInterfaceSet", &[]).await?;
        for interface in left.iter().filter(|interface| interface["subnetId"] == *subnet) {
            let name = interface["networkInterfaceId"].as_str().unwrap_or_default();
            if interfaces.iter().any(|other| other == name) {
                shared.upstream.ec2("DeleteNetworkInterface", &[("NetworkInterfaceId", name)]).await?;
            }
        }
    }
    Ok(())
}

/// The description with the states and addresses that AWS would show; none for other descriptions.
pub(super) async fn as_they_are(shared: &Shared, call: &Call, text: &str) -> Outcome<Option<String>> {
    if call.action != "DescribeNatGateways" {
        return Ok(None);
    }
    // One that is being made is known to the emulator before it is known here: a read that comes meanwhile, from a run after one that was
    // killed, would see it available at once.
    drop(shared.gate.lock().await);
    let addresses = all(&shared.upstream, "DescribeAddresses").await?;
    let mut replacements = Vec::new();
    for (id, nat) in &mut locked(&shared.nats).gateways {
        let state = match &mut nat.phase {
            Phase::Coming(countdown) if !countdown.over() => {
                countdown.looked();
                "pending"
            }
            Phase::Going(countdown) if !countdown.over() => {
                countdown.looked();
                "deleting"
            }
            Phase::Coming(_) | Phase::There => "available",
            Phase::Failed => "failed",
            Phase::Going(_) | Phase::Gone => "deleted",
        };
        let failure = if state == "failed" {
            "<failureCode>Gateway.NotAttached</failureCode><failureMessage>Network has no Internet gateway attached</failureMessage>"
        } else {
            ""
        };
        let public = addresses.iter().find(|address| address["allocationId"] == *nat.allocation);
        let public = public.and_then(|address| address["publicIp"].as_str()).map(escape).unwrap_or_default();
        let address = format!(
            "<item><allocationId>{}</allocationId><publicIp>{public}</publicIp></item>",
            escape(&nat.allocation)
        );
        replacements.push((id.clone(), "state", format!("<state>{state}</state>{failure}")));
        replacements.push((
            id.clone(),
            "natGatewayAddressSet",
            format!("<natGatewayAddressSet>{address}</natGatewayAddressSet>"),
        ));
    }
    let kept = |error: anyhow::Error| Fault::harness(format!("{}: {error:#}", call.action));
    xml::with_members(text, "natGatewaySet", "natGatewayId", &replacements).map(Some).map_err(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_or_never_came_holds_nothing() {
        let nat = |phase| Nat { subnet: "subnet-1".into(), allocation: "eipalloc-1".into(), phase };
        let mut nats = Nats::default();
        for (phase, held) in [
            (Phase::Coming(Countdown::start(Wait::NONE)), true),
            (Phase::There, true),
            (Phase::Going(Countdown::start(Wait::NONE)), true),
            (Phase::Failed, false),
            (Phase::Gone, false),
        ] {
            nats.gateways.insert("nat-1".into(), nat(phase));
            assert_eq!((nats.in_subnet("subnet-1"), nats.holds("eipalloc-1")), (held, held), "{phase:?}");
        }
    }
}
