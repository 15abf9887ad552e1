//! Somebody who may do some things and no others.

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, PostParams};
use serde_json::{Value, from_value, json};

use super::{ControlPlane, kubeconfig};

/// Where the accounts are.
const NAMESPACE: &str = "kube-system";

impl ControlPlane {
    /// Makes a service account with these rules for the whole cluster; gives a token of it.
    pub async fn token(&self, name: &str, rules: &Value) -> Result<String> {
        let new = PostParams::default();
        let metadata = json!({ "name": name });
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), NAMESPACE);
        accounts.create(&new, &from_value(json!({ "metadata": metadata }))?).await?;
        let role = json!({ "metadata": metadata, "rules": rules });
        Api::<ClusterRole>::all(self.client()).create(&new, &from_value(role)?).await?;
        let binding = json!({
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }],
        });
        Api::<ClusterRoleBinding>::all(self.client()).create(&new, &from_value(binding)?).await?;
        let request: TokenRequest = from_value(json!({ "spec": { "audiences": [] } }))?;
        let granted = accounts.create_token_request(name, &new, &request).await?;
        granted.status.and_then(|status| status.token).context("no token was granted")
    }

    /// The kubeconfig of such an account, new with these rules.
    pub async fn kubeconfig_of(&self, name: &str, rules: &Value) -> Result<String> {
        Ok(kubeconfig::by_token(self.server(), self.ca_pem(), &self.token(name, rules).await?))
    }
}
