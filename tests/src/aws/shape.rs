//! An inventory without what chance calls things: two accounts with the same things in them then look the same.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

use crate::names::Names;

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

/// What stands for the lineage of the state, where it is known which that is.
pub(crate) const LINEAGE: &str = "<lineage>";

/// What is called by chance and belongs to the thing that it is shown in, so that its sort is enough.
static PARTS: LazyLock<Regex> = LazyLock::new(|| {
    let ids = r"\b(eni|eipassoc|rtbassoc|fsap|dopt|vpc-cidr-assoc|acl|sgr)-[0-9a-f]{8,17}\b";
    let issuer = "/id/[0-9A-Fa-f]{32}";
    Regex::new(&format!("{ids}|{issuer}|{UUID}")).expect("the expression is valid")
});

const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// The inventory with addresses in the place of ids, without times, and with every list in an order of its own.
pub fn shape(inventory: &Value) -> Result<Value> {
    settled(&names(inventory), inventory, passes)
}

/// A document about these things as [`shape`] has the things themselves, without the members that pass.
pub(crate) fn settled(names: &Names, document: &Value, passes: fn(&str) -> bool) -> Result<Value> {
    let text = names.given(document)?.to_string();
    // What the inventory knows has its name by now. Another issuer is not ours, and another UUID belongs to what is not listed.
    let text = PARTS.replace_all(&text, |found: &Captures<'_>| match found.get(1) {
        Some(sort) => format!("<{}>", sort.as_str()),
        None if found[0].starts_with("/id/") => "/id/<other issuer>".to_owned(),
        None => "<other uuid>".to_owned(),
    });
    let mut settled = serde_json::from_str(&text).context("a document with other names in it")?;
    settle(&mut settled, passes);
    Ok(settled)
}

/// What stands for each id: the address in NIC's mark, else what the thing is called by whoever made it.
pub(crate) fn names(inventory: &Value) -> Names {
    let mut names = Names::default();
    let things = |list: &str| inventory[list].as_array().into_iter().flatten();
    for (list, id) in IDS {
        for (index, thing) in things(list).enumerate() {
            let address =
                thing["Tags"][OWNER].as_str().and_then(|owner| owner.split_once('/')).map(|(_, address)| address);
            let called = ["GroupName", "CidrBlock"].iter().find_map(|member| thing[*member].as_str());
            let name = address.or(called).map_or_else(|| format!("{list} {index}"), without_chance);
            names.call(text(&thing[id]), format!("<{name}>"));
        }
    }
    for target in things("file_systems").flat_map(|system| system["MountTargets"].as_array().into_iter().flatten()) {
        let subnet = names.given(&target["SubnetId"]).unwrap_or_default();
        let subnet = text(&subnet).trim_matches(['<', '>']);
        names.call(text(&target["MountTargetId"]), format!("<mount target in {subnet}>"));
    }
    for group in things("security_groups").map(|group| text(&group["GroupName"])) {
        if let Some((cluster, _)) = group.rsplit_once('-').filter(|_| group.starts_with(EKS_GROUP)) {
            names.call(group, format!("{cluster}-<digits>"));
        }
    }
    for issuer in things("clusters").map(|cluster| text(&cluster["identity"]["oidc"]["issuer"])) {
        names.call(last(issuer), "<issuer>");
    }
    for addon in things("addons").map(|addon| text(&addon["addonArn"])) {
        names.call(last(addon), "<digits>");
    }
    for group in things("nodegroups").map(|group| text(&group["nodegroupArn"])) {
        names.call(last(group), "<uuid>");
    }
    for group in things("scaling_groups").map(|group| text(&group["AutoScalingGroupName"])) {
        // What comes before says which node group it is of.
        let uuid = group.len().checked_sub(36).and_then(|start| group.get(start..)).unwrap_or_default();
        names.call(uuid, "<uuid>");
    }
    names
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// How EKS begins the name of the security group that it makes for a cluster; it ends in a number.
const EKS_GROUP: &str = "eks-cluster-sg-";

/// The name of a thing.
fn without_chance(name: &str) -> String {
    if name.starts_with(EKS_GROUP) { "the cluster's own security group".to_owned() } else { name.to_owned() }
}

fn settle(value: &mut Value, passes: fn(&str) -> bool) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| !passes(key));
            if let Some(owner) = members.get_mut(OWNER).filter(|owner| !text(owner).starts_with(LINEAGE)) {
                // The lineage differs from platform to platform.
                *owner = json!(text(owner).split_once('/').map(|(_, address)| address));
            }
            members.values_mut().for_each(|member| settle(member, passes));
            // An emulator shows an empty list in one place and none in another.
            members.retain(|_, value| value.as_array().is_none_or(|elements| !elements.is_empty()));
        }
        Value::Array(elements) => {
            for element in elements.iter_mut() {
                settle(element, passes);
            }
            elements.sort_by_key(Value::to_string);
        }
        // A document within a document has an order of its own.
        Value::String(text) if text.starts_with('{') => {
            if let Ok(members) = serde_json::from_str::<Map<String, Value>>(text) {
                let mut document = Value::Object(members);
                settle(&mut document, passes);
                *value = document;
            }
        }
        _ => {}
    }
}

/// Whether a member says when or where rather than what.
pub(crate) fn passes(key: &str) -> bool {
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
