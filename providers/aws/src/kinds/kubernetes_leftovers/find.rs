//! Finding them, by the tags that controllers put on what they make.

use std::fmt;

use aws_sdk_ec2::types::{NetworkInterfaceStatus, VolumeState};
use futures::future::{join_all, try_join, try_join3};
use nic_sdk::error::Error;

use crate::cloud::{Cloud, filter, from_aws, from_ec2};
use crate::tags::{OWNER_KEY, Tags};

/// How many load balancers or target groups one request for tags may name.
const TAGS_OF: usize = 20;

/// Something that was made for a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    /// Of the second generation, by ARN.
    LoadBalancer(String),
    /// Of the first generation, by name.
    ClassicLoadBalancer(String),
    /// By ARN.
    TargetGroup(String),
    /// By id, and whether nothing uses it.
    NetworkInterface(String, bool),
    /// By id, and whether nothing uses it.
    Volume(String, bool),
    /// By id.
    SecurityGroup(String),
}

impl Leftover {
    /// What the cloud calls it.
    pub fn id(&self) -> &str {
        match self {
            Self::LoadBalancer(id)
            | Self::ClassicLoadBalancer(id)
            | Self::TargetGroup(id)
            | Self::NetworkInterface(id, _)
            | Self::Volume(id, _)
            | Self::SecurityGroup(id) => id,
        }
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sort = match self {
            Self::LoadBalancer(_) | Self::ClassicLoadBalancer(_) => "load balancer",
            Self::TargetGroup(_) => "target group",
            Self::NetworkInterface(..) => "network interface",
            Self::Volume(..) => "volume",
            Self::SecurityGroup(_) => "security group",
        };
        // Of an ARN, the part that people know: `loadbalancer/net/a1b2/c3d4`.
        let name = self.id().rsplit(':').next().unwrap_or_default();
        write!(f, "{sort} {name}")?;
        match self {
            Self::NetworkInterface(_, false) | Self::Volume(_, false) => f.write_str(" (in use)"),
            _ => Ok(()),
        }
    }
}

/// Everything that bears the cluster's ownership tag, ours aside.
pub async fn find(cloud: &Cloud, cluster: &str) -> Result<Vec<Leftover>, Error> {
    let (balancers, ec2) = try_join(
        try_join3(
            load_balancers(cloud, cluster),
            classic_load_balancers(cloud, cluster),
            target_groups(cloud, cluster),
        ),
        try_join3(network_interfaces(cloud, cluster), volumes(cloud, cluster), security_groups(cloud, cluster)),
    )
    .await?;
    let all = [balancers.0, balancers.1, balancers.2, ec2.0, ec2.1, ec2.2];
    Ok(all.into_iter().flatten().collect())
}

/// The key of the tag that controllers of Kubernetes itself set.
fn cluster_key(cluster: &str) -> String {
    format!("kubernetes.io/cluster/{cluster}")
}

/// The keys of those that AWS's own controllers set; their value is the cluster's name.
const CONTROLLER_KEYS: [&str; 2] = ["elbv2.k8s.aws/cluster", "cluster.k8s.amazonaws.com/name"];

/// Whether the tags say that the cluster made it. `shared` says that it did not.
fn is_owned(tags: &Tags, cluster: &str) -> bool {
    let owned = tags.get(&cluster_key(cluster)).is_some_and(|value| value == "owned");
    let controlled = CONTROLLER_KEYS.iter().any(|key| tags.get(*key).is_some_and(|value| value == cluster));
    (owned || controlled) && !tags.contains_key(OWNER_KEY)
}

fn marked(cluster: &str) -> aws_sdk_ec2::types::Filter {
    let keys = CONTROLLER_KEYS.iter().map(|key| (*key).to_owned());
    filter("tag-key", keys.chain([cluster_key(cluster)]))
}

async fn load_balancers(cloud: &Cloud, cluster: &str) -> Result<Vec<Leftover>, Error> {
    let all = cloud.load_balancing().describe_load_balancers().into_paginator().items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let arns = all.into_iter().filter_map(|balancer| balancer.load_balancer_arn).collect();
    Ok(owned(cloud, cluster, arns).await?.into_iter().map(Leftover::LoadBalancer).collect())
}

async fn target_groups(cloud: &Cloud, cluster: &str) -> Result<Vec<Leftover>, Error> {
    let all = cloud.load_balancing().describe_target_groups().into_paginator().items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let arns = all.into_iter().filter_map(|group| group.target_group_arn).collect();
    Ok(owned(cloud, cluster, arns).await?.into_iter().map(Leftover::TargetGroup).collect())
}

/// Those whose tags say that the cluster made them.
async fn owned(cloud: &Cloud, cluster: &str, arns: Vec<String>) -> Result<Vec<String>, Error> {
    let ask = |arns: &[String]| {
        let request = cloud.load_balancing().describe_tags().set_resource_arns(Some(arns.to_vec()));
        async move { request.send().await.map_err(from_aws) }
    };
    let mut found = Vec::new();
    for answer in in_parts(&arns, &ask).await? {
        for description in answer.tag_descriptions.unwrap_or_default() {
            let pair = |tag: &aws_sdk_elasticloadbalancingv2::types::Tag| {
                Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
            };
            let tags: Tags = description.tags().iter().filter_map(pair).collect();
            found.extend(description.resource_arn.filter(|_| is_owned(&tags, cluster)));
        }
    }
    Ok(found)
}

/// Asks about all of these, in as many requests as it takes.
async fn in_parts<A, F, Ask>(ids: &[String], ask: &Ask) -> Result<Vec<A>, Error>
where
    F: Future<Output = Result<A, Error>>,
    Ask: Fn(&[String]) -> F,
{
    let parts = join_all(ids.chunks(TAGS_OF).map(|part| part_of(part, ask))).await;
    let parts = parts.into_iter().collect::<Result<Vec<Vec<A>>, Error>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// One that has gone since it was listed makes the whole request fail: then each is asked about by itself.
async fn part_of<A, F, Ask>(ids: &[String], ask: &Ask) -> Result<Vec<A>, Error>
where
    F: Future<Output = Result<A, Error>>,
    Ask: Fn(&[String]) -> F,
{
    match ask(ids).await {
        Err(error) if error.is_not_found() => {}
        answer => return answer.map(|answer| vec![answer]),
    }
    let answers = join_all(ids.chunks(1).map(ask)).await.into_iter();
    answers.filter(|answer| !answer.as_ref().is_err_and(Error::is_not_found)).collect()
}

async fn classic_load_balancers(cloud: &Cloud, cluster: &str) -> Result<Vec<Leftover>, Error> {
    let client = cloud.classic_load_balancing();
    let all = client.describe_load_balancers().into_paginator().items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let names: Vec<String> = all.into_iter().filter_map(|balancer| balancer.load_balancer_name).collect();
    let ask = |names: &[String]| {
        let request = client.describe_tags().set_load_balancer_names(Some(names.to_vec()));
        async move { request.send().await.map_err(from_aws) }
    };
    let mut found = Vec::new();
    for answer in in_parts(&names, &ask).await? {
        for description in answer.tag_descriptions.unwrap_or_default() {
            let tags = description.tags().iter();
            let tags: Tags =
                tags.map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned())).collect();
            let name = description.load_balancer_name.filter(|_| is_owned(&tags, cluster));
            found.extend(name.map(Leftover::ClassicLoadBalancer));
        }
    }
    Ok(found)
}

async fn network_interfaces(cloud: &Cloud, cluster: &str) -> Result<Vec<Leftover>, Error> {
    let all = cloud.ec2.describe_network_interfaces().filters(marked(cluster)).into_paginator().items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let owned = all.into_iter().filter(|interface| is_owned(&from_ec2(interface.tag_set()), cluster));
    let leftover = owned.filter_map(|interface| {
        let free = interface.status() == Some(&NetworkInterfaceStatus::Available);
        Some(Leftover::NetworkInterface(interface.network_interface_id?, free))
    });
    Ok(leftover.collect())
}

async fn volumes(cloud: &Cloud, cluster: &str) -> Result<Vec<Leftover>, Error> {
    let all = cloud.ec2.describe_volumes().filters(marked(cluster)).into_paginator().items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let owned = all.into_iter().filter(|volume| is_owned(&from_ec2(volume.tags()), cluster));
    let there = owned.filter(|volume| !matches!(volume.state(), Some(VolumeState::Deleting | VolumeState::Deleted)));
    let leftover = there.filter_map(|volume| {
        let free = volume.state() != Some(&VolumeState::InUse);
        Some(Leftover::Volume(volume.volume_id?, free))
    });
    Ok(leftover.collect())
}

async fn security_groups(cloud: &Cloud, cluster: &str) -> Result<Vec<Leftover>, Error> {
    let all = cloud.ec2.describe_security_groups().filters(marked(cluster)).into_paginator().items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    // Nebari names the platform's own group as the cluster, and says of it too that the cluster owns it.
    let owned = all
        .into_iter()
        .filter(|group| group.group_name() != Some(cluster) && is_owned(&from_ec2(group.tags()), cluster));
    Ok(owned.filter_map(|group| group.group_id.map(Leftover::SecurityGroup)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_cluster_owns_and_nic_does_not_is_a_leftover() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let key = "kubernetes.io/cluster/demo-dev";
        assert!(is_owned(&tags(&[(key, "owned")]), "demo-dev"));
        assert!(is_owned(&tags(&[("elbv2.k8s.aws/cluster", "demo-dev")]), "demo-dev"));
        assert!(!is_owned(&tags(&[(key, "shared")]), "demo-dev"));
        assert!(!is_owned(&tags(&[(key, "owned")]), "demo"));
        assert!(!is_owned(&tags(&[("elbv2.k8s.aws/cluster", "demo")]), "demo-dev"));
        assert!(!is_owned(&tags(&[(key, "owned"), (OWNER_KEY, "l/aws.security-group.main")]), "demo-dev"));
        assert!(!is_owned(&tags(&[("Name", "demo-dev")]), "demo-dev"));
    }

    #[test]
    fn people_read_what_it_is() {
        let arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/net/a1/b2".to_owned();
        assert_eq!(Leftover::LoadBalancer(arn).to_string(), "load balancer loadbalancer/net/a1/b2");
        assert_eq!(Leftover::Volume("vol-1".to_owned(), false).to_string(), "volume vol-1 (in use)");
    }
}
