//! Who may reach the pods of a namespace.

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::{DesignInput, Namespace};
use crate::object::object;

/// The label that every namespace bears: its own name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Lets only these peers in, to all pods of the namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPolicy {
    pub name: String,
    /// Who may come in; nobody when empty.
    pub from: Vec<Peer>,
}

/// Where traffic comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Pods of the same namespace.
    SameNamespace,
    /// Pods of the namespace of this name.
    Namespace(String),
    /// Addresses.
    Cidr(String),
}

impl Peer {
    fn document(&self) -> Value {
        match self {
            Self::SameNamespace => json!({ "podSelector": {} }),
            Self::Namespace(name) => json!({ "namespaceSelector": { "matchLabels": { NAME_LABEL: name } } }),
            Self::Cidr(cidr) => json!({ "ipBlock": { "cidr": cidr } }),
        }
    }
}

/// The network policies of a namespace.
pub(super) fn within(input: &DesignInput, namespace: &Namespace) -> Vec<Resource> {
    let policies = namespace.network_policies.iter().map(|policy| {
        let from: Vec<Value> = policy.from.iter().map(Peer::document).collect();
        let ingress = if from.is_empty() { json!([]) } else { json!([{ "from": from }]) };
        let rest = json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress } });
        let address = input.address_in(&namespace.name, "network-policy", &policy.name);
        object(address, "networking.k8s.io/v1", "NetworkPolicy", (Some(&namespace.name), &policy.name), rest)
    });
    policies.collect()
}
