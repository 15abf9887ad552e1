//! Removing them: what something still uses is tried again later.

use aws_sdk_ec2::types::{IpPermission, SecurityGroup, UserIdGroupPair};
use nic_sdk::error::Error;

use super::find::Leftover;
use crate::cloud::{Cloud, filter, from_aws};

/// Asks for its removal. That it is in use, or gone, is no error: the next look tells.
pub async fn remove(cloud: &Cloud, leftover: &Leftover) -> Result<(), Error> {
    match ask(cloud, leftover).await {
        Err(Error::Conflict(_)) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

async fn ask(cloud: &Cloud, leftover: &Leftover) -> Result<(), Error> {
    match leftover {
        Leftover::LoadBalancer(arn) => {
            let request = cloud.load_balancing().delete_load_balancer().load_balancer_arn(arn);
            request.send().await.map_err(from_aws).map(|_| ())
        }
        Leftover::ClassicLoadBalancer(name) => {
            let request = cloud.classic_load_balancing().delete_load_balancer().load_balancer_name(name);
            request.send().await.map_err(from_aws).map(|_| ())
        }
        Leftover::TargetGroup(arn) => {
            let request = cloud.load_balancing().delete_target_group().target_group_arn(arn);
            request.send().await.map_err(from_aws).map(|_| ())
        }
        // What is attached goes with what it is attached to.
        Leftover::NetworkInterface(_, false) | Leftover::Volume(_, false) => Ok(()),
        Leftover::NetworkInterface(id, true) => {
            let request = cloud.ec2.delete_network_interface().network_interface_id(id);
            request.send().await.map_err(from_aws).map(|_| ())
        }
        Leftover::Volume(id, true) => {
            cloud.ec2.delete_volume().volume_id(id).send().await.map_err(from_aws).map(|_| ())
        }
        Leftover::SecurityGroup(id) => {
            forget_references(cloud, id).await?;
            cloud.ec2.delete_security_group().group_id(id).send().await.map_err(from_aws).map(|_| ())
        }
    }
}

/// A group that another one's rules name cannot be deleted: controllers let load balancers reach the nodes by such rules.
async fn forget_references(cloud: &Cloud, id: &str) -> Result<(), Error> {
    let groups = cloud.ec2.describe_security_groups().filters(filter("ip-permission.group-id", [id]));
    let groups = groups.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    for group in groups.iter().filter(|group| group.group_id() != Some(id)) {
        let rules = naming(group, id);
        if rules.is_empty() {
            continue;
        }
        let request = cloud.ec2.revoke_security_group_ingress().set_group_id(group.group_id.clone());
        request.set_ip_permissions(Some(rules)).send().await.map_err(from_aws)?;
    }
    Ok(())
}

/// The parts of a group's rules that let in what is in the other group.
fn naming(group: &SecurityGroup, id: &str) -> Vec<IpPermission> {
    let rules = group.ip_permissions().iter().filter_map(|rule| {
        let pairs: Vec<UserIdGroupPair> =
            rule.user_id_group_pairs().iter().filter(|pair| pair.group_id() == Some(id)).cloned().collect();
        let narrowed = IpPermission::builder()
            .set_ip_protocol(rule.ip_protocol.clone())
            .set_from_port(rule.from_port)
            .set_to_port(rule.to_port)
            .set_user_id_group_pairs(Some(pairs.clone()))
            .build();
        (!pairs.is_empty()).then_some(narrowed)
    });
    rules.collect()
}
