//! VPCs, subnets, gateways and route tables: what AWS refuses, checked before the emulator is asked.

use serde_json::Value;

use super::cidr::Cidr;
use super::kind::Kind;
use crate::aws::front::Shared;
use crate::aws::front::answer::{Answer, Fault, Outcome, request_id};
use crate::aws::front::call::Call;
use crate::aws::front::efs;
use crate::aws::front::upstream::Upstream;
use crate::aws::locked;

/// Every thing a change names must exist, and be visible.
pub(super) async fn check_references(shared: &Shared, call: &Call, inspector: bool) -> Outcome<()> {
    let named = Kind::all()
        .iter()
        .map(|kind| call.parameter(kind.parameter))
        .chain([call.parameter("GatewayId")])
        .filter(|id| !id.is_empty());
    let tagged = if call.action == "CreateTags" { call.list("ResourceId") } else { Vec::new() };
    for id in named.chain(tagged) {
        let Some(kind) = Kind::of(id) else { continue };
        if !inspector && locked(&shared.hidden).refuses(id) {
            return Err(kind.missing(id));
        }
        if find(&shared.upstream, kind, id).await?.is_none() {
            // Routes name it otherwise than NAT gateways do themselves.
            if kind.prefix == "nat-" && call.action.ends_with("Route") {
                return Err(Fault::bad(
                    "InvalidNatGatewayID.NotFound",
                    format!("The natGateway ID '{id}' does not exist"),
                ));
            }
            return Err(kind.missing(id));
        }
    }
    Ok(())
}

/// `aws:` tags are AWS's own.
pub(super) fn check_tags(call: &Call) -> Outcome<()> {
    let reserved = call.form.iter().any(|(key, value)| {
        key.contains("Tag.") && key.ends_with(".Key") && value.to_ascii_lowercase().starts_with("aws:")
    });
    if reserved {
        return Err(Fault::bad("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use"));
    }
    Ok(())
}

/// Refuses what AWS refuses; answers by itself where AWS answers and the emulator would do it twice.
pub(super) async fn check(shared: &Shared, call: &Call) -> Outcome<Option<Answer>> {
    let upstream = &shared.upstream;
    match call.action.as_str() {
        "CreateVpc" if !call.parameter("CidrBlock").is_empty() => {
            block(call.parameter("CidrBlock"), "InvalidVpc.Range")?;
        }
        "CreateSubnet" => create_subnet(upstream, call).await?,
        "DeleteSubnet" => {
            let id = call.parameter("SubnetId");
            let interfaces = interfaces(upstream, id).await? || locked(&shared.nats).in_subnet(id);
            if shared.eks.lock().await.uses_subnet(id) || interfaces || efs::uses(upstream, id).await? {
                return Err(dependency(format!("The subnet '{id}' has dependencies and cannot be deleted.")));
            }
        }
        "DeleteVpc" => delete_vpc(upstream, call.parameter("VpcId")).await?,
        "AttachInternetGateway" => attach_gateway(upstream, call).await?,
        "DetachInternetGateway" => detach_gateway(shared, call).await?,
        "DeleteInternetGateway" => {
            let id = call.parameter("InternetGatewayId");
            if attached_to(upstream, id).await?.is_some() {
                return Err(dependency(format!("The internetGateway '{id}' has dependencies and cannot be deleted.")));
            }
        }
        "CreateRoute" => create_route(upstream, call).await?,
        "DeleteRoute" => {
            let destination = call.parameter("DestinationCidrBlock");
            if !destination.is_empty() && route(&table(upstream, call).await?, destination).is_none() {
                let id = call.parameter("RouteTableId");
                return Err(Fault::bad(
                    "InvalidRoute.NotFound",
                    format!("no route with destination-cidr-block {destination} in route table {id}"),
                ));
            }
        }
        "AssociateRouteTable" => return associate(upstream, call).await,
        "DisassociateRouteTable" => disassociate(upstream, call.parameter("AssociationId")).await?,
        "DeleteRouteTable" if !associations(&table(upstream, call).await?).is_empty() => {
            let id = call.parameter("RouteTableId");
            return Err(dependency(format!("The routeTable '{id}' has dependencies and cannot be deleted.")));
        }
        _ => {}
    }
    Ok(None)
}

/// What AWS does besides, and the emulators do not.
pub(super) async fn after(shared: &Shared, call: &Call) -> Outcome<()> {
    // A deleted subnet leaves its route table; on both emulators the association would keep the table undeletable.
    if call.action == "DeleteSubnet" {
        let subnet = call.parameter("SubnetId");
        for table in tables(&shared.upstream).await? {
            for association in associations(&table).iter().filter(|association| association["subnetId"] == subnet) {
                let id = association["routeTableAssociationId"].as_str().unwrap_or_default();
                shared.upstream.ec2("DisassociateRouteTable", &[("AssociationId", id)]).await?;
            }
        }
    }
    Ok(())
}

async fn find(upstream: &Upstream, kind: &Kind, id: &str) -> Outcome<Option<Value>> {
    match upstream.ec2_items(kind.describe, kind.set, &[(&format!("{}.1", kind.parameter), id)]).await {
        Ok(items) => Ok(items.into_iter().find(|item| item[kind.id] == id)),
        Err(fault) if fault.code.ends_with(".NotFound") || fault.code.ends_with(".Malformed") => Ok(None),
        Err(fault) => Err(fault),
    }
}

pub(super) async fn required(upstream: &Upstream, id: &str) -> Outcome<Value> {
    let kind = Kind::of(id).ok_or_else(|| Fault::bad("InvalidParameterValue", format!("Invalid id: \"{id}\"")))?;
    find(upstream, kind, id).await?.ok_or_else(|| kind.missing(id))
}

pub(super) async fn all(upstream: &Upstream, describe: &str) -> Outcome<Vec<Value>> {
    match Kind::described_by(describe) {
        Some(kind) => upstream.ec2_items(kind.describe, kind.set, &[]).await,
        None => Ok(Vec::new()),
    }
}

/// Whether a network interface is in this subnet or VPC, or bears this security group.
pub(super) async fn interfaces(upstream: &Upstream, id: &str) -> Outcome<bool> {
    let interfaces = upstream.ec2_items("DescribeNetworkInterfaces", "networkInterfaceSet", &[]).await?;
    let bears = |interface: &Value| {
        interface["groupSet"].as_array().is_some_and(|groups| groups.iter().any(|group| group["groupId"] == id))
    };
    Ok(interfaces.iter().any(|interface| interface["subnetId"] == id || interface["vpcId"] == id || bears(interface)))
}

pub(super) fn dependency(message: String) -> Fault {
    Fault::bad("DependencyViolation", message)
}

/// A block between /16 and /28.
fn block(text: &str, code: &str) -> Outcome<Cidr> {
    match Cidr::parse(text) {
        None => Err(Fault::bad(
            "InvalidParameterValue",
            format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."),
        )),
        Some(cidr) if !(16..=28).contains(&cidr.prefix) => {
            Err(Fault::bad(code, format!("The CIDR '{text}' is invalid.")))
        }
        Some(cidr) => Ok(cidr),
    }
}

async fn create_subnet(upstream: &Upstream, call: &Call) -> Outcome<()> {
    let vpc = required(upstream, call.parameter("VpcId")).await?;
    let text = call.parameter("CidrBlock");
    let cidr = block(text, "InvalidSubnet.Range")?;
    let associated =
        vpc["cidrBlockAssociationSet"].as_array().into_iter().flatten().filter_map(|one| one["cidrBlock"].as_str());
    let mut blocks = associated.chain(vpc["cidrBlock"].as_str()).filter_map(Cidr::parse);
    if !blocks.any(|one| one.contains(cidr)) {
        return Err(Fault::bad("InvalidSubnet.Range", format!("The CIDR '{text}' is invalid.")));
    }
    let siblings = all(upstream, "DescribeSubnets").await?;
    let mut siblings = siblings
        .iter()
        .filter(|subnet| subnet["vpcId"] == vpc["vpcId"])
        .filter_map(|subnet| subnet["cidrBlock"].as_str())
        .filter_map(Cidr::parse);
    if siblings.any(|other| other.overlaps(cidr)) {
        return Err(Fault::bad("InvalidSubnet.Conflict", format!("The CIDR '{text}' conflicts with another subnet")));
    }
    let zone = call.parameter("AvailabilityZone");
    if !zone.is_empty() {
        let zones = upstream.ec2_items("DescribeAvailabilityZones", "availabilityZoneInfo", &[]).await?;
        let names: Vec<&str> = zones.iter().filter_map(|one| one["zoneName"].as_str()).collect();
        if !names.contains(&zone) {
            let names = names.join(", ");
            let message = format!(
                "Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {names}."
            );
            return Err(Fault::bad("InvalidParameterValue", message));
        }
    }
    Ok(())
}

async fn delete_vpc(upstream: &Upstream, id: &str) -> Outcome<()> {
    let inside =
        |items: Vec<Value>, ours: fn(&Value) -> bool| items.iter().any(|item| item["vpcId"] == id && ours(item));
    let in_use = inside(all(upstream, "DescribeSubnets").await?, |_| true)
        || inside(tables(upstream).await?, |table| !is_main(table))
        || inside(all(upstream, "DescribeSecurityGroups").await?, |group| group["groupName"] != "default")
        || gateway_of(upstream, id).await?.is_some()
        || interfaces(upstream, id).await?;
    if in_use {
        return Err(dependency(format!("The vpc '{id}' has dependencies and cannot be deleted.")));
    }
    Ok(())
}

/// The VPC a gateway is attached to.
async fn attached_to(upstream: &Upstream, gateway: &str) -> Outcome<Option<String>> {
    let gateway = required(upstream, gateway).await?;
    let attachments = gateway["attachmentSet"].as_array().cloned().unwrap_or_default();
    Ok(attachments.iter().find_map(|attachment| attachment["vpcId"].as_str().map(str::to_owned)))
}

/// The gateway attached to a VPC.
pub(super) async fn gateway_of(upstream: &Upstream, vpc: &str) -> Outcome<Option<String>> {
    let gateways = all(upstream, "DescribeInternetGateways").await?;
    let ours = |gateway: &&Value| {
        gateway["attachmentSet"].as_array().is_some_and(|set| set.iter().any(|attachment| attachment["vpcId"] == vpc))
    };
    Ok(gateways.iter().find(ours).and_then(|gateway| gateway["internetGatewayId"].as_str().map(str::to_owned)))
}

async fn attach_gateway(upstream: &Upstream, call: &Call) -> Outcome<()> {
    let (gateway, vpc) = (call.parameter("InternetGatewayId"), call.parameter("VpcId"));
    if let Some(other) = attached_to(upstream, gateway).await? {
        return Err(Fault::bad(
            "Resource.AlreadyAssociated",
            format!("resource {gateway} is already attached to network {other}"),
        ));
    }
    if gateway_of(upstream, vpc).await?.is_some() {
        return Err(Fault::bad(
            "InvalidParameterValue",
            format!("Network {vpc} already has an internet gateway attached"),
        ));
    }
    Ok(())
}

async fn detach_gateway(shared: &Shared, call: &Call) -> Outcome<()> {
    let (gateway, vpc) = (call.parameter("InternetGatewayId"), call.parameter("VpcId"));
    if attached_to(&shared.upstream, gateway).await?.as_deref() != Some(vpc) {
        return Err(Fault::bad("Gateway.NotAttached", format!("resource {gateway} is not attached to network {vpc}")));
    }
    // NAT gateways have a public address, and so have nodes in subnets that hand them out.
    let nodes = shared.eks.lock().await.node_subnets();
    let mapped = |subnet: &Value| {
        subnet["vpcId"] == vpc
            && subnet["mapPublicIpOnLaunch"] == "true"
            && nodes.iter().any(|id| subnet["subnetId"] == **id)
    };
    let subnets = all(&shared.upstream, "DescribeSubnets").await?;
    let behind_nat = |subnet: &Value| {
        let id = subnet["subnetId"].as_str().unwrap_or_default();
        subnet["vpcId"] == vpc && locked(&shared.nats).in_subnet(id)
    };
    if subnets.iter().any(|subnet| mapped(subnet) || behind_nat(subnet)) {
        return Err(dependency(format!(
            "Network {vpc} has some mapped public address(es). Please unmap those before detaching the gateway."
        )));
    }
    Ok(())
}

async fn tables(upstream: &Upstream) -> Outcome<Vec<Value>> {
    all(upstream, "DescribeRouteTables").await
}

async fn table(upstream: &Upstream, call: &Call) -> Outcome<Value> {
    required(upstream, call.parameter("RouteTableId")).await
}

fn associations(table: &Value) -> Vec<&Value> {
    table["associationSet"].as_array().into_iter().flatten().collect()
}

fn is_main(table: &Value) -> bool {
    associations(table).iter().any(|association| association["main"] == "true")
}

fn route<'a>(table: &'a Value, destination: &str) -> Option<&'a Value> {
    let destination = Cidr::parse(destination)?;
    let same = |route: &&Value| route["destinationCidrBlock"].as_str().and_then(Cidr::parse) == Some(destination);
    table["routeSet"].as_array()?.iter().find(same)
}

async fn create_route(upstream: &Upstream, call: &Call) -> Outcome<()> {
    let (id, destination, gateway) =
        (call.parameter("RouteTableId"), call.parameter("DestinationCidrBlock"), call.parameter("GatewayId"));
    let table = table(upstream, call).await?;
    if !destination.is_empty() && Cidr::parse(destination).is_none() {
        return Err(Fault::bad(
            "InvalidParameterValue",
            format!(
                "Value ({destination}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
            ),
        ));
    }
    if route(&table, destination).is_some() {
        return Err(Fault::bad("RouteAlreadyExists", format!("The route identified by {destination} already exists.")));
    }
    let nat = call.parameter("NatGatewayId");
    if !nat.is_empty() && required(upstream, nat).await?["vpcId"] != table["vpcId"] {
        return Err(Fault::bad(
            "InvalidParameterValue",
            format!("route table {id} and NAT gateway {nat} belong to different networks"),
        ));
    }
    if gateway.starts_with("igw-") && attached_to(upstream, gateway).await?.as_deref() != table["vpcId"].as_str() {
        return Err(Fault::bad(
            "InvalidParameterValue",
            format!("route table {id} and network gateway {gateway} belong to different networks"),
        ));
    }
    Ok(())
}

async fn associate(upstream: &Upstream, call: &Call) -> Outcome<Option<Answer>> {
    let (id, subnet) = (call.parameter("RouteTableId"), call.parameter("SubnetId"));
    if subnet.is_empty() {
        return Ok(None);
    }
    let (table, known) = (table(upstream, call).await?, required(upstream, subnet).await?);
    if table["vpcId"] != known["vpcId"] {
        return Err(Fault::bad(
            "InvalidParameterValue",
            format!("Route table {id} and subnet {subnet} belong to different networks"),
        ));
    }
    for other in tables(upstream).await? {
        let Some(association) = associations(&other).into_iter().find(|association| association["subnetId"] == subnet)
        else {
            continue;
        };
        if other["routeTableId"] == id {
            // The same association again is the same association.
            let association = association["routeTableAssociationId"].as_str().unwrap_or_default();
            return Ok(Some(Answer::xml(
                200,
                format!(
                    "<AssociateRouteTableResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{}</requestId><associationId>{association}</associationId>\
                     <associationState><state>associated</state></associationState></AssociateRouteTableResponse>",
                    request_id()
                ),
            )));
        }
        return Err(Fault::bad(
            "Resource.AlreadyAssociated",
            format!("the specified association for route table {id} conflicts with an existing association"),
        ));
    }
    Ok(None)
}

async fn disassociate(upstream: &Upstream, id: &str) -> Outcome<()> {
    for table in tables(upstream).await? {
        if let Some(association) =
            associations(&table).into_iter().find(|association| association["routeTableAssociationId"] == id)
        {
            if association["main"] == "true" {
                return Err(Fault::bad(
                    "InvalidParameterValue",
                    format!("cannot disassociate the main route table association {id}"),
                ));
            }
            return Ok(());
        }
    }
    Err(Fault::bad("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist")))
}
