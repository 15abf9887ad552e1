//! What the design document draws for stage 03 (sections 2.1, 8 and 14.2).
//!
//! ```
//! use nic_kubernetes_initialize::design::{DesignInput, StorageClass, objects};
//!
//! let mut input = DesignInput::documented("aws", "my-nebari", "dev");
//! input.after = vec!["aws.cluster.main".into()];
//! input.pods_after = vec!["aws.node-group.general".into()];
//! input.storage_classes = vec![StorageClass::gp3()];
//! let addresses: Vec<String> = objects(&input).into_iter().map(|resource| resource.address).collect();
//! assert!(addresses.contains(&"aws.namespace.monitoring".to_owned()));
//! assert!(addresses.contains(&"aws.storage-class.gp3".to_owned()));
//! assert!(addresses.contains(&"aws.role-binding.dev.viewer".to_owned()));
//! ```

mod access;
mod limits;
mod network;
mod storage;

use std::collections::BTreeMap;

use nic_sdk::types::Resource;
use serde_json::json;

pub use self::access::{ClusterRole, Role, Rule, ServiceAccount, Subject};
pub use self::limits::{Limits, PriorityClass, Quota};
pub use self::network::{NetworkPolicy, Peer};
pub use self::storage::{BindingMode, StorageClass};
use crate::object::{after, before, object, segment, texts};

/// Everything the objects are made from. Start from [`DesignInput::documented`] and add to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DesignInput {
    /// First segment of every address: `aws`.
    pub provider: String,
    /// The project, which the label `project` of every namespace says.
    pub project: String,
    /// What every object needs: the cluster.
    pub after: Vec<String>,
    /// What the namespaces need besides: the node group `general`. Their pods can only end while there are nodes.
    pub pods_after: Vec<String>,
    /// The namespaces and what is in them.
    pub namespaces: Vec<Namespace>,
    /// Cluster roles of ours. `cluster-admin`, which the document lists as well, comes with Kubernetes and is not ours.
    pub cluster_roles: Vec<ClusterRole>,
    pub storage_classes: Vec<StorageClass>,
    pub priority_classes: Vec<PriorityClass>,
}

/// A namespace and what is in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Namespace {
    pub name: String,
    /// Labels besides `managed-by` and `project`.
    pub labels: BTreeMap<String, String>,
    pub service_accounts: Vec<ServiceAccount>,
    /// Roles, each with whom it is given to.
    pub roles: Vec<Role>,
    /// What all of its pods together may use.
    pub quota: Option<Quota>,
    /// What one container gets when it does not say, and may have at most.
    pub limits: Option<Limits>,
    /// Who may reach its pods.
    pub network_policies: Vec<NetworkPolicy>,
}

impl DesignInput {
    /// What the document draws: the namespaces `platform`, `prod` and `monitoring`, each with the roles `admin` and `viewer`, which
    /// the groups `<project>:admin` and `<project>:viewer` have; the service account `default` of the first, and `monitoring`.
    ///
    /// The document names no quota, limit, network policy or priority class, so there is none until the caller adds it.
    pub fn documented(provider: &str, project: &str, platform: &str) -> Self {
        let mut namespaces: Vec<Namespace> = Vec::new();
        for name in [platform, "prod", "monitoring"] {
            if namespaces.iter().all(|known| known.name != name) {
                namespaces.push(Namespace {
                    name: name.to_owned(),
                    roles: Role::documented(project),
                    ..Namespace::default()
                });
            }
        }
        namespaces[0].service_accounts.push(ServiceAccount::new("default"));
        for namespace in namespaces.iter_mut().filter(|namespace| namespace.name == "monitoring") {
            namespace.service_accounts.push(ServiceAccount::new("monitoring"));
        }
        Self { provider: provider.to_owned(), project: project.to_owned(), namespaces, ..Self::default() }
    }

    /// A service account that [`DesignInput::documented`] or the caller has put in, for its annotations.
    pub fn service_account_mut(&mut self, namespace: &str, name: &str) -> Option<&mut ServiceAccount> {
        let namespace = self.namespaces.iter_mut().find(|known| known.name == namespace)?;
        namespace.service_accounts.iter_mut().find(|account| account.name == name)
    }

    fn address(&self, kind: &str, name: &str) -> String {
        format!("{}.{kind}.{}", self.provider, segment(name))
    }

    fn address_in(&self, namespace: &str, kind: &str, name: &str) -> String {
        format!("{}.{kind}.{}.{}", self.provider, segment(namespace), segment(name))
    }
}

/// Every object, in no particular order: what needs what is in their dependencies.
pub fn objects(input: &DesignInput) -> Vec<Resource> {
    let mut resources = Vec::new();
    for namespace in &input.namespaces {
        let address = input.address("namespace", &namespace.name);
        let labels = namespace_labels(input, namespace);
        let resource = object(
            address.clone(),
            "v1",
            "Namespace",
            (None, &namespace.name),
            json!({ "metadata": { "labels": labels } }),
        );
        resources.push(before(after(resource, &input.after), &input.pods_after));

        let mut within = access::within(input, namespace);
        within.extend(limits::within(input, namespace));
        within.extend(network::within(input, namespace));
        resources.extend(within.into_iter().map(|resource| resource.after(&address)));
    }
    let mut of_cluster = access::of_cluster(input);
    of_cluster.extend(storage::classes(input));
    of_cluster.extend(limits::classes(input));
    resources.extend(of_cluster.into_iter().map(|resource| after(resource, &input.after)));
    resources
}

fn namespace_labels(input: &DesignInput, namespace: &Namespace) -> serde_json::Value {
    let mut labels = texts(&namespace.labels);
    labels["managed-by"] = "nebari-infrastructure-core".into();
    labels["project"] = input.project.as_str().into();
    labels
}
