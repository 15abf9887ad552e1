//! An inventory without what chance calls things: two accounts with the same things in them then look the same.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

/// The lists of an inventory, and the member by which each names its elements.
const IDS: [(&str, &str); 11] = [
    ("vpcs", "VpcId"),
    ("subnets", "SubnetId"),
    ("internet_gateways", "InternetGatewayId"),
    ("elastic_ips", "AllocationId"),
    ("nat_gateways", "NatGatewayId"),
    ("volumes", "VolumeId"),
    ("route_tables", "RouteTableId"),
    ("security_groups", "GroupId"),
    ("roles", "RoleId"),
    ("policies", "PolicyId"),
    ("file_systems", "FileSystemId"),
];

/// The tag by which NIC knows its own.
const OWNER: &str = "nic.nebari.dev/owner";

/// What is called by chance and belongs to one thing: ids of what has no name, a cluster's issuer, its own security group, an Auto
/// Scaling group.
static CHANCE: LazyLock<Regex> = LazyLock::new(|| {
    let ids = "(eni|eipassoc|rtbassoc|fsmt|fsap|dopt|vpc-cidr-assoc|acl|sgr)-[0-9a-f]{8,17}";
    let issuer = "/id/[0-9A-Fa-f]{32}";
    let addon = "/[0-9a-f]{32}";
    let group = r"(eks-cluster-sg-[A-Za-z0-9_-]+?)-[0-9a-f]{8}\b";
    let scaling = "eks-([A-Za-z][A-Za-z0-9_-]*?)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    Regex::new(&format!("{ids}|{issuer}|{addon}|{group}|{scaling}|{uuid}")).expect("the expression is valid")
});

/// The inventory with addresses in the place of ids, without times, and with every list in an order of its own.
pub fn shape(inventory: &Value) -> Result<Value> {
    let mut text = inventory.to_string();
    for (id, name) in names(inventory) {
        text = text.replace(&id, &name);
    }
    let text = CHANCE.replace_all(&text, |found: &Captures<'_>| match (found.get(1), found.get(2), found.get(3)) {
        (Some(kind), ..) => format!("<{}>", kind.as_str()),
        (_, Some(cluster), _) => format!("{}-<digits>", cluster.as_str()),
        (_, _, Some(group)) => format!("eks-{}-<uuid>", group.as_str()),
        _ if found[0].starts_with("/id/") => "/id/<issuer>".to_owned(),
        _ if found[0].starts_with('/') => "/<digits>".to_owned(),
        _ => "<uuid>".to_owned(),
    });
    let mut shape = serde_json::from_str(&text).context("an inventory with other names in it")?;
    settle(&mut shape);
    Ok(shape)
}

/// What stands for each id: the address in NIC's mark, else what the thing is called by whoever made it.
fn names(inventory: &Value) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (list, id) in IDS {
        for (index, thing) in inventory[list].as_array().into_iter().flatten().enumerate() {
            let Some(own) = thing[id].as_str() else { continue };
            let address =
                thing["Tags"][OWNER].as_str().and_then(|owner| owner.split_once('/')).map(|(_, address)| address);
            let called = ["GroupName", "CidrBlock"].iter().find_map(|member| thing[*member].as_str());
            let name = address.or(called).map_or_else(|| format!("{list} {index}"), without_chance);
            names.insert(own.to_owned(), format!("<{name}>"));
        }
    }
    names
}

/// The name of a thing; EKS puts a number into that of the security group it makes.
fn without_chance(name: &str) -> String {
    let eks = name.starts_with("eks-cluster-sg-");
    if eks { "the cluster's own security group".to_owned() } else { name.to_owned() }
}

fn settle(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| !passes(key));
            if let Some(owner) = members.get_mut(OWNER) {
                // The lineage differs from platform to platform.
                *owner = json!(owner.as_str().and_then(|text| text.split_once('/')).map(|(_, address)| address));
            }
            members.values_mut().for_each(settle);
            // An emulator shows an empty list in one place and none in another.
            members.retain(|_, value| value.as_array().is_none_or(|elements| !elements.is_empty()));
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(settle);
            elements.sort_by_key(Value::to_string);
        }
        // A document within a document has an order of its own.
        Value::String(text) if text.starts_with('{') => {
            if let Ok(members) = serde_json::from_str::<Map<String, Value>>(text) {
                let mut document = Value::Object(members);
                settle(&mut document);
                *value = document;
            }
        }
        _ => {}
    }
}

/// Whether a member says when or where rather than what.
fn passes(key: &str) -> bool {
    const CHANCE: [&str; 9] = [
        "certificateAuthority",
        "clientRequestToken",
        "endpoint",
        "IpAddress",
        "PrivateIp",
        "PrivateIpAddress",
        "PublicIp",
        "ResponseMetadata",
        "PublicIpv4Pool",
    ];
    CHANCE.contains(&key) || ["At", "Date", "Time", "Timestamp"].iter().any(|end| key.ends_with(end))
}
