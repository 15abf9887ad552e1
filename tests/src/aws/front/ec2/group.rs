//! Security groups and their rules: duplicates, missing rules, groups in use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::network::{dependency, interfaces};
use crate::aws::front::Shared;
use crate::aws::front::answer::{Answer, Fault, Outcome, request_id};
use crate::aws::front::call::Call;
use crate::aws::front::efs;

/// What makes a rule itself: protocol, ports and peer. A description does not.
type Rule = (String, String, String, String);

pub(super) async fn check(shared: &Shared, call: &Call) -> Outcome<()> {
    let id = call.parameter("GroupId");
    match call.action.as_str() {
        "DeleteSecurityGroup" if !id.is_empty() => delete(shared, id).await,
        "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" => {
            let present = present(shared, id, call.action.ends_with("Egress")).await?;
            match asked(call).iter().find(|rule| present.contains(*rule)) {
                Some((protocol, _, _, peer)) => Err(Fault::bad(
                    "InvalidPermission.Duplicate",
                    format!("the specified rule \"peer: {peer}, {protocol}, ALLOW\" already exists"),
                )),
                None => Ok(()),
            }
        }
        "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress" => {
            let present = present(shared, id, call.action.ends_with("Egress")).await?;
            if asked(call).iter().any(|rule| !present.contains(rule)) {
                return Err(Fault::bad(
                    "InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.",
                ));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What ministack lacks: a rule's description is changed by taking the rule out and putting it back with the new one. Where the
/// emulator knows the action, it answers itself.
pub(super) async fn describe(shared: &Shared, call: &Call) -> Outcome<Option<Answer>> {
    let Some(direction) = call.action.strip_prefix("UpdateSecurityGroupRuleDescriptions") else { return Ok(None) };
    let answer = shared.upstream.forward(call).await?;
    let unknown = String::from_utf8_lossy(&answer.body).contains("InvalidAction") || answer.status == 501;
    if !unknown {
        return Ok(Some(answer));
    }
    let present = present(shared, call.parameter("GroupId"), direction == "Egress").await?;
    if asked(call).iter().any(|rule| !present.contains(rule)) {
        return Err(Fault::bad(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        ));
    }
    let of = |descriptions: bool| -> Vec<(&str, &str)> {
        let kept = |key: &str| {
            key == "GroupId" || key.starts_with("IpPermissions.") && (descriptions || !key.ends_with(".Description"))
        };
        call.form.iter().filter(|(key, _)| kept(key)).map(|(key, value)| (key.as_str(), value.as_str())).collect()
    };
    shared.upstream.ec2(&format!("RevokeSecurityGroup{direction}"), &of(false)).await?;
    shared.upstream.ec2(&format!("AuthorizeSecurityGroup{direction}"), &of(true)).await?;
    let action = &call.action;
    let body = format!(
        "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{}</requestId><return>true</return></{action}Response>",
        request_id()
    );
    Ok(Some(Answer::xml(200, body)))
}

async fn delete(shared: &Shared, id: &str) -> Outcome<()> {
    let groups = shared.upstream.ec2_items("DescribeSecurityGroups", "securityGroupInfo", &[]).await?;
    let this = groups.iter().find(|group| group["groupId"] == id);
    if this.is_some_and(|group| group["groupName"] == "default") {
        return Err(Fault::bad(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let named = |group: &Value| {
        let permissions = ["ipPermissions", "ipPermissionsEgress"]
            .into_iter()
            .flat_map(|set| group[set].as_array().into_iter().flatten());
        permissions
            .flat_map(|permission| permission["groups"].as_array().into_iter().flatten())
            .any(|pair| pair["groupId"] == id)
    };
    let referenced = groups.iter().any(|group| group["groupId"] != id && named(group));
    let used = shared.eks.lock().await.uses_security_group(id);
    if referenced || used || interfaces(&shared.upstream, id).await? || efs::uses(&shared.upstream, id).await? {
        return Err(dependency(format!("resource {id} has a dependent object")));
    }
    Ok(())
}

/// The rules a group has, in one direction.
async fn present(shared: &Shared, id: &str, egress: bool) -> Outcome<BTreeSet<Rule>> {
    let groups = shared.upstream.ec2_items("DescribeSecurityGroups", "securityGroupInfo", &[("GroupId.1", id)]).await?;
    let set = if egress { "ipPermissionsEgress" } else { "ipPermissions" };
    let mut rules = BTreeSet::new();
    for permission in groups.iter().flat_map(|group| group[set].as_array().into_iter().flatten()) {
        let text = |member: &str| permission[member].as_str().unwrap_or_default();
        let peers = [
            ("ipRanges", "cidrIp"),
            ("ipv6Ranges", "cidrIpv6"),
            ("groups", "groupId"),
            ("prefixListIds", "prefixListId"),
        ];
        for (list, member) in peers {
            for peer in permission[list].as_array().into_iter().flatten().filter_map(|peer| peer[member].as_str()) {
                rules.insert(rule(text("ipProtocol"), text("fromPort"), text("toPort"), peer));
            }
        }
    }
    Ok(rules)
}

/// The rules a request spells out.
fn asked(call: &Call) -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    for index in 1.. {
        let base = format!("IpPermissions.{index}");
        let protocol = call.parameter(&format!("{base}.IpProtocol"));
        if protocol.is_empty() {
            break;
        }
        let (from, to) = (call.parameter(&format!("{base}.FromPort")), call.parameter(&format!("{base}.ToPort")));
        let peers = call.form.iter().filter(|(key, _)| {
            key.starts_with(&format!("{base}."))
                && ["CidrIp", "CidrIpv6", "GroupId", "PrefixListId"]
                    .iter()
                    .any(|member| key.ends_with(&format!(".{member}")))
        });
        rules.extend(peers.map(|(_, peer)| rule(protocol, from, to, peer)));
    }
    // The older way to spell a single rule.
    if !call.parameter("CidrIp").is_empty() {
        rules.insert(rule(
            call.parameter("IpProtocol"),
            call.parameter("FromPort"),
            call.parameter("ToPort"),
            call.parameter("CidrIp"),
        ));
    }
    rules
}

/// All protocols means all ports, however they are written.
fn rule(protocol: &str, from: &str, to: &str, peer: &str) -> Rule {
    let (from, to) = if protocol == "-1" { ("", "") } else { (from, to) };
    (protocol.to_owned(), from.to_owned(), to.to_owned(), peer.to_owned())
}
