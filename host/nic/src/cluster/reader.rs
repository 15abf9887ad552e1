//! Reads on the cluster for guests, within their grant.

use async_trait::async_trait;
use nic_core::error::ProviderError;
use nic_core::ports::Locator;
use serde::Deserialize;
use serde_json::Value;

use super::connection::{Connected, ObjectName};
use super::{ClusterReader, ClusterSource};

/// Most objects in one list: they are held in memory whole.
const MAX_OBJECTS: usize = 5_000;

/// What a component may read of the cluster, from its manifest's entry of capability `kubernetes`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct KubernetesGrant {
    /// `get`, `list`.
    #[serde(default)]
    verbs: Vec<String>,
    /// `v1/Node`, `apps/v1/Deployment`, or `*` for every kind.
    #[serde(default)]
    kinds: Vec<String>,
}

impl KubernetesGrant {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Secrets are never a guest's, whatever the grant says.
    fn check(&self, verb: &str, api_version: &str, kind: &str) -> Result<(), ProviderError> {
        let denied = |what: &str| Err(ProviderError::Denied(format!("{verb} {api_version} {kind}: {what}")));
        if kind.eq_ignore_ascii_case("Secret") {
            return denied("no component may read Secrets [SECRETS_NEVER]");
        }
        let kind = format!("{api_version}/{kind}");
        let granted = self.verbs.iter().any(|v| v == verb) && self.kinds.iter().any(|k| *k == kind || k == "*");
        if granted { Ok(()) } else { denied("not granted [KIND_NOT_GRANTED]") }
    }
}

/// A guest's view of the cluster.
#[derive(Debug, Clone)]
pub struct GrantedReader {
    source: ClusterSource,
    locator: Option<Locator>,
    grant: KubernetesGrant,
}

impl GrantedReader {
    /// Connects when it is first asked.
    pub fn new(source: ClusterSource, locator: Option<Locator>, grant: KubernetesGrant) -> Self {
        Self { source, locator, grant }
    }

    async fn connected(&self) -> Result<Connected, ProviderError> {
        let none = || ProviderError::Denied("no cluster is known yet [CLUSTER_NOT_READY]".to_owned());
        let locator = self.locator.as_ref().ok_or_else(none)?;
        self.source.connect(locator).await?.ok_or_else(none)
    }
}

#[async_trait]
impl ClusterReader for GrantedReader {
    async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ProviderError> {
        self.grant.check("get", api_version, kind)?;
        let object = ObjectName {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        Ok(self.connected().await?.get(&object).await?.map(without_noise))
    }

    async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        label_selector: &str,
    ) -> Result<Value, ProviderError> {
        self.grant.check("list", api_version, kind)?;
        let cluster = self.connected().await?;
        let found = cluster.list(api_version, kind, namespace, label_selector, MAX_OBJECTS).await?;
        Ok(Value::Array(found.into_iter().map(without_noise).collect()))
    }
}

/// Without the bookkeeping of field managers, which is longer than most objects.
fn without_noise(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_grant_allows_its_verbs_and_kinds_and_never_secrets() {
        let grant: KubernetesGrant = serde_json::from_value(
            json!({"capability": "kubernetes", "verbs": ["get"], "kinds": ["v1/Node", "v1/Secret"]}),
        )
        .unwrap();
        assert!(grant.check("get", "v1", "Node").is_ok());
        for (verb, api_version, kind) in [
            ("list", "v1", "Node"),
            ("get", "v1", "Pod"),
            ("get", "v1", "Secret"),
            ("get", "v1", "secret"),
            ("get", "apps/v1", "Node"),
        ] {
            assert!(matches!(grant.check(verb, api_version, kind), Err(ProviderError::Denied(_))), "{verb} {kind}");
        }
        let all: KubernetesGrant = serde_json::from_value(json!({"verbs": ["get", "list"], "kinds": ["*"]})).unwrap();
        assert!(all.check("list", "apps/v1", "Deployment").is_ok() && all.check("get", "v1", "Secret").is_err());
        assert!(KubernetesGrant::none().check("get", "v1", "Node").is_err());
    }

    #[test]
    fn bookkeeping_is_left_out() {
        let noisy = json!({"metadata": {"name": "a", "managedFields": [1],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x", "kept": "y"}}});
        assert_eq!(without_noise(noisy), json!({"metadata": {"name": "a", "annotations": {"kept": "y"}}}));
    }
}
