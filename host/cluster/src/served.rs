//! What kinds are called in URLs: those of Kubernetes itself are known, others are the cluster's to tell.

use std::any::TypeId;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    ConfigMap, LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota, Secret,
    Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::{NamespaceResourceScope, Resource};
use serde::Deserialize;

/// One resource type that a cluster serves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Served {
    /// The plural, as in URLs.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) namespaced: bool,
}

impl Served {
    /// A kind that every Kubernetes of today serves: to ask for it would cost one more round trip at each start.
    pub(super) fn everywhere(api_version: &str, kind: &str) -> Option<Self> {
        fn row<R: Resource>() -> (&'static str, &'static str, &'static str, bool)
        where
            R::Scope: 'static,
        {
            let namespaced = TypeId::of::<R::Scope>() == TypeId::of::<NamespaceResourceScope>();
            (R::API_VERSION, R::KIND, R::URL_PATH_SEGMENT, namespaced)
        }
        let known = [
            row::<ClusterRole>(),
            row::<ClusterRoleBinding>(),
            row::<ConfigMap>(),
            row::<CronJob>(),
            row::<CustomResourceDefinition>(),
            row::<DaemonSet>(),
            row::<Deployment>(),
            row::<Ingress>(),
            row::<Job>(),
            row::<LimitRange>(),
            row::<Namespace>(),
            row::<NetworkPolicy>(),
            row::<Node>(),
            row::<PersistentVolume>(),
            row::<PersistentVolumeClaim>(),
            row::<Pod>(),
            row::<PodDisruptionBudget>(),
            row::<PriorityClass>(),
            row::<ResourceQuota>(),
            row::<Role>(),
            row::<RoleBinding>(),
            row::<Secret>(),
            row::<Service>(),
            row::<ServiceAccount>(),
            row::<StatefulSet>(),
            row::<StorageClass>(),
        ];
        let (_, kind, name, namespaced) = known.into_iter().find(|row| (row.0, row.1) == (api_version, kind))?;
        Some(Self { name: name.to_owned(), kind: kind.to_owned(), namespaced })
    }
}

/// The answer of a cluster about one API version.
#[derive(Deserialize)]
pub(super) struct ServedList {
    #[serde(default)]
    pub(super) resources: Vec<Served>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_kubernetes_itself_are_known() {
        let found = |api_version, kind| Served::everywhere(api_version, kind).map(|row| (row.name, row.namespaced));
        assert_eq!(found("v1", "Namespace"), Some(("namespaces".to_owned(), false)));
        assert_eq!(found("networking.k8s.io/v1", "NetworkPolicy"), Some(("networkpolicies".to_owned(), true)));
        assert_eq!(found("apps/v1beta1", "Deployment"), None);
        assert_eq!(found("traefik.containo.us/v1alpha1", "IngressRoute"), None);
    }
}
