//! `aws.kubernetes-leftovers`: what the cluster's controllers made in the account, and nobody but them knows of.
//!
//! A Service of type `LoadBalancer` becomes a load balancer with security groups and network interfaces, a claim becomes a
//! volume. When the cluster goes, its controllers go with it, and what they made stays: it costs money, and no subnet in use
//! can be deleted. So this stands between network and cluster in the graph. It is nothing in itself, always there, and its
//! deletion, which comes after the cluster's and before the network's, removes whatever bears the cluster's ownership tag.

mod find;
mod remove;

use futures::future::{join_all, try_join};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::Kind;
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::report;
use nic_sdk::schema::{object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::find::{Leftover, find};

use super::describe_cluster;
use crate::cloud::Cloud;

/// The kind.
pub struct KubernetesLeftovers;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    cluster_name: String,
}

impl Kind for KubernetesLeftovers {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::KUBERNETES_LEFTOVERS,
            "Leftovers of Kubernetes",
            "cloud.kubernetes_leftovers",
            CreateSafety::Named,
            object().only_deletes().required("cluster_name", string().immutable().natural_name()).build(),
        )
        // A load balancer's network interfaces may take 10 minutes to go.
        .time_limits(60, 60, 1800)
        .read_batch(10)
    }

    async fn read(_cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let observe = |target: Target| match document::<Document>(&target.document) {
            Ok(document) => present(&target.address, &document.cluster_name, &document),
            Err(error) => Observation::unreadable(target.address, error),
        };
        targets.into_iter().map(observe).collect()
    }

    async fn create(_cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let document: Document = document(&change.document)?;
        report::created(&document.cluster_name).map_err(failure(&document.cluster_name))?;
        Ok(Progress::Done(present(&change.address, &document.cluster_name, &document)))
    }

    async fn update(_cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let document: Document = document(&change.document)?;
        Ok(Progress::Done(present(&change.address, remote_id(change)?, &document)))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let cluster = remote_id(change)?;
        let failed = failure(cluster);
        let (there, found) = try_join(describe_cluster(cloud, cluster), find(cloud, cluster)).await.map_err(&failed)?;
        if there.is_some() {
            // Its controllers would make everything anew, and what it still uses is nobody's leftover.
            return Err(failed(Error::Conflict(format!("the cluster `{cluster}` still exists"))));
        }
        if found.is_empty() {
            return Ok(Progress::Done(Observation::absent(&change.address)));
        }
        for result in join_all(found.iter().map(|leftover| remove::remove(cloud, leftover))).await {
            result.map_err(&failed)?;
        }
        let names: Vec<String> = found.iter().map(ToString::to_string).collect();
        // Seen to be gone by the next look only.
        Err(failed(Error::Conflict(format!("on their way out: {}", names.join(", ")))))
    }

    async fn poll(_cloud: &Cloud, change: &Change, _operation: Value) -> Result<Progress, Failure> {
        Err(Error::not_implemented(&format!("poll of {}", change.kind)).into())
    }
}
