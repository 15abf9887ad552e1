//! The table of clouds: what is known of each without speaking to it.

use nic_core::error::ProviderError;
use nic_gate::HostGate;
use serde_json::Value;

use crate::aws;
use crate::exec::ExecCommand;

/// Labels that say which group a node is of, by cloud.
pub(crate) const GROUP_LABELS: &[&str] =
    &[aws::GROUP_LABEL, "cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool"];

/// Variables of the plugins of kubeconfigs that choose a login and are none.
pub(crate) const PLAIN_VARIABLES: &[&[&str]] = &[aws::PLAIN_VARIABLES, &["KUBECONFIG"]];

/// Short options of those plugins whose values are no secret: the plugin, and its options.
pub(crate) const PLAIN_OPTIONS: &[(&str, &[&str])] = &[aws::PLAIN_OPTIONS];

/// Variables by which the user chooses a login of a cloud, and which a kubeconfig of ours takes along. Never a key.
pub(crate) const CHOOSING_VARIABLES: &[&str] = &[aws::CHOOSING_VARIABLE];

impl ExecCommand {
    /// This very program, with the logins that are chosen now.
    pub fn from_environment() -> Self {
        let path = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
        let chosen =
            |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok().filter(|value| !value.is_empty())?));
        Self {
            command: path.unwrap_or_else(|| "nic".to_owned()),
            variables: CHOOSING_VARIABLES.iter().filter_map(chosen).collect(),
        }
    }
}

/// The `ExecCredential` that the exec plugin of a kubeconfig prints, for the cluster of a region. Kubeconfigs that name no kind are of the
/// first that there was.
///
/// # Errors
/// What the cloud's login says.
pub async fn exec_credential(gate: &HostGate, region: &str, name: &str) -> Result<Value, ProviderError> {
    aws::exec_credential(gate, region, name).await
}

/// Whether a `ConfigMap` is, or may be, one that says who may log in; what is not known yet may be any.
pub fn is_access_map(namespace: Option<&str>, name: Option<&str>) -> bool {
    aws::is_access_map(namespace, name)
}
