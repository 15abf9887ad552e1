//! Kubeconfigs: the user's own as a way in, and small ones for others as a way out.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use nic_core::error::ProviderError;
use serde_json::{Value, json};

use super::ClusterAccess;
use super::connection::Connected;
use super::eks::EksCluster;
use crate::signing::SecretString;

/// How a kubeconfig calls this program for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCommand {
    /// The program, `nic` or its path.
    pub command: String,
    /// Variables that choose the user's AWS login, such as `AWS_PROFILE`. Never a key.
    pub variables: Vec<(String, String)>,
}

impl ExecCommand {
    /// This very program, with the profile that is chosen now.
    pub fn from_environment() -> Self {
        let path = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
        let profile = std::env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty());
        Self {
            command: path.unwrap_or_else(|| "nic".to_owned()),
            variables: profile.map(|profile| ("AWS_PROFILE".to_owned(), profile)).into_iter().collect(),
        }
    }
}

/// A kubeconfig as YAML. It may hold a login, so nothing prints it: it belongs into a file that only the user can read,
/// never into state, outputs or a log.
#[derive(Debug, Clone)]
pub struct KubeconfigText {
    yaml: SecretString,
    holds_credentials: bool,
}

impl KubeconfigText {
    /// Whether whoever reads it can log in with it.
    pub fn holds_credentials(&self) -> bool {
        self.holds_credentials
    }

    /// The text.
    pub fn expose(&self) -> &str {
        self.yaml.expose()
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::Other {
        code: "KUBECONFIG_UNREADABLE".to_owned(),
        message: format!("the kubeconfig cannot be used: {error}"),
        detail: json!({ "hint": "KUBECONFIG names the file, ~/.kube/config is the default; see `kubectl config get-contexts`" }),
    }
}

fn read() -> Result<Kubeconfig, ProviderError> {
    Kubeconfig::read().map_err(|error| unreadable(&error))
}

/// Connects as `kubectl --context` would.
pub(super) async fn connect(context: Option<&str>) -> Result<Connected, ProviderError> {
    let kubeconfig = read()?;
    let context = chosen(&kubeconfig, context)?;
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unreadable(&error))?;
    Connected::with(context, config, None)
}

fn chosen(kubeconfig: &Kubeconfig, context: Option<&str>) -> Result<String, ProviderError> {
    let current = || kubeconfig.current_context.clone().filter(|context| !context.is_empty());
    let context = context.map(str::to_owned).or_else(current).ok_or_else(|| unreadable(&"no context is chosen"))?;
    if kubeconfig.contexts.iter().any(|named| named.name == context) {
        return Ok(context);
    }
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    Err(unreadable(&format!("it has no context `{context}`, only {}", known.join(", "))))
}

/// A kubeconfig of one context, as `kubectl config view --minify --flatten` makes it.
pub(super) fn context_access(context: Option<&str>) -> Result<ClusterAccess, ProviderError> {
    let kubeconfig = read()?;
    let context = chosen(&kubeconfig, context)?;
    minify(kubeconfig, &context)
}

/// Where the login is: who has the file can use the context.
pub(super) fn credentials(context: Option<&str>) -> Result<Value, ProviderError> {
    let context = chosen(&read()?, context)?;
    let named = std::env::var("KUBECONFIG").ok().filter(|path| !path.is_empty());
    let path = named.or_else(|| Some(std::env::home_dir()?.join(".kube/config").display().to_string()));
    Ok(json!({ "config_path": path, "config_context": context }))
}

fn minify(mut kubeconfig: Kubeconfig, context: &str) -> Result<ClusterAccess, ProviderError> {
    kubeconfig.contexts.retain(|named| named.name == context);
    let chosen = kubeconfig.contexts.first().and_then(|named| named.context.clone());
    let chosen = chosen.ok_or_else(|| unreadable(&format!("context `{context}` is empty")))?;
    kubeconfig.clusters.retain(|named| named.name == chosen.cluster);
    kubeconfig.auth_infos.retain(|named| Some(&named.name) == chosen.user.as_ref());
    kubeconfig.current_context = Some(context.to_owned());

    let cluster = kubeconfig.clusters.first_mut().and_then(|named| named.cluster.as_mut());
    let cluster = cluster.ok_or_else(|| unreadable(&format!("context `{context}` names no cluster")))?;
    inline(&mut cluster.certificate_authority, &mut cluster.certificate_authority_data)?;
    let endpoint = cluster.server.clone().unwrap_or_default();
    let ca_certificate_base64 = cluster.certificate_authority_data.clone();

    let mut holds_credentials = false;
    let mut document = json!({});
    if let Some(user) = kubeconfig.auth_infos.first_mut().and_then(|named| named.auth_info.as_mut()) {
        inline(&mut user.client_certificate, &mut user.client_certificate_data)?;
        holds_credentials = user.password.is_some()
            || user.token.is_some()
            || user.client_key.is_some()
            || user.client_key_data.is_some()
            || user.auth_provider.is_some();
        // The key's type keeps it from being set here; it is put into the document below.
        if let Some(path) = user.client_key.take().filter(|_| user.client_key_data.is_none()) {
            document["client-key-data"] = encode_file(&path)?.into();
        }
    }
    let mut whole = serde_json::to_value(&kubeconfig).map_err(|error| unreadable(&error))?;
    if let (Some(key), Some(user)) = (document.get("client-key-data"), whole.pointer_mut("/users/0/user")) {
        user["client-key-data"] = key.clone();
    }
    whole["apiVersion"] = "v1".into();
    whole["kind"] = "Config".into();
    let kubeconfig = text(&whole, holds_credentials)?;
    Ok(ClusterAccess { name: chosen.cluster, endpoint, ca_certificate_base64, kubeconfig })
}

/// Puts a file's content in place of its path.
fn inline(path: &mut Option<String>, data: &mut Option<String>) -> Result<(), ProviderError> {
    if let Some(path) = path.take().filter(|_| data.is_none()) {
        *data = Some(encode_file(&path)?);
    }
    Ok(())
}

fn encode_file(path: &str) -> Result<String, ProviderError> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(&format!("`{path}`: {error}")))?;
    Ok(STANDARD.encode(bytes))
}

/// A kubeconfig that asks this program for a token whenever one is needed, and so holds none.
pub(super) fn eks_access(cluster: &EksCluster, exec: &ExecCommand) -> Result<ClusterAccess, ProviderError> {
    let EksCluster { region, name, endpoint, ca_certificate_base64, .. } = cluster;
    let mut call = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": exec.command,
        "args": ["kubeconfig", "--token", "--region", region, "--cluster", name],
        "interactiveMode": "Never",
    });
    if !exec.variables.is_empty() {
        let variables = exec.variables.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        call["env"] = variables.collect::<Vec<_>>().into();
    }
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": { "server": endpoint, "certificate-authority-data": ca_certificate_base64 },
        }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
        "users": [{ "name": name, "user": { "exec": call } }],
    });
    Ok(ClusterAccess {
        name: name.clone(),
        endpoint: endpoint.clone(),
        ca_certificate_base64: Some(ca_certificate_base64.clone()),
        kubeconfig: text(&document, false)?,
    })
}

fn text(document: &Value, holds_credentials: bool) -> Result<KubeconfigText, ProviderError> {
    let mut yaml = String::new();
    write_yaml(document, 0, &mut yaml).map_err(|error| unreadable(&error))?;
    Ok(KubeconfigText { yaml: SecretString::new(yaml), holds_credentials })
}

/// Block style with JSON scalars, which YAML takes as they are.
fn write_yaml(value: &Value, depth: usize, out: &mut String) -> std::fmt::Result {
    let indent = "  ".repeat(depth);
    let nests = |value: &Value| {
        value.as_object().is_some_and(|o| !o.is_empty()) || value.as_array().is_some_and(|a| !a.is_empty())
    };
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                // Words of letters and dashes, as nearly all are; a short one could be YAML's idea of a truth value.
                let plain = key.len() > 3 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                let key = if plain { key.clone() } else { Value::from(key.as_str()).to_string() };
                if nests(member) {
                    writeln!(out, "{indent}{key}:")?;
                    write_yaml(member, depth + 1, out)?;
                } else {
                    writeln!(out, "{indent}{key}: {member}")?;
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                if nests(element) {
                    // The first line of the element follows the dash.
                    let mut block = String::new();
                    write_yaml(element, depth + 1, &mut block)?;
                    write!(out, "{indent}- {}", block.trim_start())?;
                } else {
                    writeln!(out, "{indent}- {element}")?;
                }
            }
        }
        leaf => writeln!(out, "{indent}{leaf}")?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_becomes_a_file_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            std::fs::write(directory.path().join(name), content).unwrap();
        };
        file("ca.crt", "authority");
        file("key", "hunter2");
        file(
            "config",
            r"
apiVersion: v1
kind: Config
current-context: other
clusters:
- {name: one, cluster: {server: 'https://127.0.0.1:6443', certificate-authority: ca.crt}}
- {name: two, cluster: {server: 'https://10.0.0.2:6443'}}
contexts:
- {name: mine, context: {cluster: one, user: me}}
- {name: other, context: {cluster: two, user: them}}
users:
- {name: me, user: {client-certificate-data: Y2VydA==, client-key: key}}
- {name: them, user: {token: s3cr3t}}
",
        );
        let kubeconfig = Kubeconfig::read_from(directory.path().join("config")).unwrap();
        let error = chosen(&kubeconfig, Some("nope")).unwrap_err().to_string();
        assert!(error.contains("only mine, other"), "{error}");
        assert_eq!(chosen(&kubeconfig, None).unwrap(), "other");
        let access = minify(kubeconfig, "mine").unwrap();
        assert_eq!((access.name.as_str(), access.endpoint.as_str()), ("one", "https://127.0.0.1:6443"));
        assert_eq!(access.ca_certificate_base64.as_deref(), Some("YXV0aG9yaXR5"));
        assert!(access.kubeconfig.holds_credentials());
        let text = access.kubeconfig.expose();
        assert!(text.contains("aHVudGVyMg==") && text.contains("current-context: \"mine\""), "{text}");
        assert!(!text.contains("10.0.0.2") && !text.contains("s3cr3t"), "{text}");
        let printed = format!("{access:?}");
        assert!(!printed.contains("aHVudGVyMg"), "{printed}");
        let again: Kubeconfig = Kubeconfig::from_yaml(text).unwrap();
        assert_eq!(again.auth_infos.len(), 1);
    }
}
