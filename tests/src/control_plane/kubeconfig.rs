//! The kubeconfig files a control plane needs.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::certificates::Pair;

/// The kubeconfig of an administrator with a client certificate, with everything inside it.
pub(super) fn admin(context: &str, server: &str, ca_pem: &str, client: &Pair) -> String {
    // JSON strings are YAML strings, so any name will do.
    let context = serde_json::Value::from(context);
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    format!(
        "apiVersion: v1
kind: Config
current-context: {context}
clusters:
- name: {context}
  cluster:
    server: {server}
    certificate-authority-data: {}
contexts:
- name: {context}
  context:
    cluster: {context}
    user: admin
users:
- name: admin
  user:
    client-certificate-data: {}
    client-key-data: {}
",
        encode(ca_pem),
        encode(&client.certificate),
        encode(&client.key),
    )
}

/// The kubeconfig of whoever has this token, with the context that tests name.
pub fn by_token(server: &str, ca_pem: &str, token: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nic-test",
        "clusters": [{ "name": "c", "cluster": {
            "server": server, "certificate-authority-data": BASE64_STANDARD.encode(ca_pem),
        } }],
        "contexts": [{ "name": "nic-test", "context": { "cluster": "c", "user": "u" } }],
        "users": [{ "name": "u", "user": { "token": token } }],
    })
    .to_string()
}

/// What tells the API server where to have tokens reviewed; a kubeconfig in form only.
pub(super) fn webhook(url: &str) -> String {
    let url = serde_json::Value::from(url);
    format!(
        "apiVersion: v1
kind: Config
current-context: webhook
clusters:
- name: webhook
  cluster:
    server: {url}
contexts:
- name: webhook
  context:
    cluster: webhook
    user: kube-apiserver
users:
- name: kube-apiserver
  user: {{}}
"
    )
}

/// Writes a file that only its owner can read: keys are in these.
pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
