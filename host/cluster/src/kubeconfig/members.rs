//! The members of a kubeconfig that go on to others. What is not known here may be a secret, and stays where it is.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nic_core::error::ProviderError;
use serde_json::{Map, Value};

use super::found::{Chosen, file, unusable};

/// Of a cluster, beside its authority.
const OF_A_CLUSTER: [&str; 5] =
    ["server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression"];

/// Of a plugin, beside its variables.
const OF_A_PLUGIN: [&str; 6] =
    ["apiVersion", "command", "args", "installHint", "interactiveMode", "provideClusterInfo"];

/// The extension of a cluster in which a plugin finds its configuration.
const PLUGIN_CONFIG: &str = "client.authentication.k8s.io/exec";

/// How the cluster is reached, its authority by what it is instead of where it stands.
pub(super) fn cluster_members(chosen: &Chosen) -> Result<Map<String, Value>, ProviderError> {
    let cluster = serde_json::to_value(&chosen.cluster).map_err(|error| unusable(&error))?;
    let mut members = known(&cluster, &OF_A_CLUSTER);
    let authority = match (&cluster["certificate-authority-data"], cluster["certificate-authority"].as_str()) {
        (Value::Null, Some(path)) => {
            let bytes = file(Path::new(path)).map_err(|error| unusable(&format!("`{path}`: {error}")))?;
            STANDARD.encode(bytes).into()
        }
        (data, _) => data.clone(),
    };
    if !authority.is_null() {
        members.insert("certificate-authority-data".to_owned(), authority);
    }
    Ok(members)
}

/// How a plugin is called.
pub(super) fn plugin_members(exec: &Value) -> Value {
    let mut members = known(exec, &OF_A_PLUGIN);
    let variables = exec["env"].as_array().into_iter().flatten();
    let variables: Vec<Value> = variables.map(|variable| known(variable, &["name", "value"]).into()).collect();
    if !variables.is_empty() {
        members.insert("env".to_owned(), variables.into());
    }
    members.into()
}

/// What a cluster has for its plugin alone.
pub(super) fn plugin_config(chosen: &Chosen) -> Option<&Value> {
    let extensions = chosen.cluster.extensions.iter().flatten();
    extensions.into_iter().find(|extension| extension.name == PLUGIN_CONFIG).map(|extension| &extension.extension)
}

fn known(of: &Value, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), of.get(name)?.clone()))).collect()
}
