//! The machines of node groups: what joins the cluster behind them as nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Eks;
use crate::aws::front::Shared;

/// A machine of a node group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine {
    /// The name of its node.
    pub name: String,
    /// What EKS and the group label it with.
    pub labels: BTreeMap<String, String>,
    /// Key, value and effect of the group's taints, the effect as Kubernetes spells it.
    pub taints: Vec<(String, String, String)>,
}

/// The machines of an account, as they are at each moment.
#[derive(Debug, Clone)]
pub struct Machines(pub(in crate::aws) Arc<Shared>);

impl Machines {
    /// Those that run now.
    pub async fn list(&self) -> Vec<Machine> {
        self.0.eks.lock().await.machines()
    }
}

impl Eks {
    /// As many for each group as it wants, once it is made and until it goes; fewer where AWS has no more.
    pub(super) fn machines(&self) -> Vec<Machine> {
        let groups = self.clusters.values().flat_map(|cluster| cluster.groups.iter());
        groups.flat_map(|(name, group)| self.machines_of(name, &group.document)).collect()
    }

    fn machines_of(&self, group: &str, document: &Value) -> Vec<Machine> {
        if !["ACTIVE", "UPDATING", "DEGRADED"].contains(&document["status"].as_str().unwrap_or_default()) {
            return Vec::new();
        }
        let wanted = document["scalingConfig"]["desiredSize"].as_u64().unwrap_or_default();
        let most = self.scarce.get(group).copied().unwrap_or(u64::MAX);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let given = document["labels"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
        let own = ("eks.amazonaws.com/nodegroup".to_owned(), group.to_owned());
        let labels: BTreeMap<String, String> = given.chain([own]).collect();
        let spelled = |taint: &Value| {
            let effect = match taint["effect"].as_str() {
                Some("NO_EXECUTE") => "NoExecute",
                Some("PREFER_NO_SCHEDULE") => "PreferNoSchedule",
                _ => "NoSchedule",
            };
            (text(&taint["key"]), text(&taint["value"]), effect.to_owned())
        };
        let taints: Vec<_> = document["taints"].as_array().into_iter().flatten().map(spelled).collect();
        let host = group.to_ascii_lowercase().replace('_', "-");
        let machine =
            |number: u64| Machine { name: format!("{host}-{number}"), labels: labels.clone(), taints: taints.clone() };
        (0..wanted.min(most)).map(machine).collect()
    }

    /// Whether this cluster has any machine for its add-ons' pods.
    pub(super) fn has_machines(&self, cluster: &str) -> bool {
        let groups = self.clusters.get(cluster).into_iter().flat_map(|cluster| &cluster.groups);
        groups.into_iter().any(|(name, group)| !self.machines_of(name, &group.document).is_empty())
    }
}
