//! How a kubeconfig of ours calls this program, and what that answers.

use serde_json::{Value, json};

/// The version of the protocol of exec plugins.
pub(crate) const API_VERSION: &str = "client.authentication.k8s.io/v1";

/// What an exec plugin prints: a login, as `status` has it.
pub(crate) fn credential(status: &Value) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "ExecCredential",
        "spec": { "interactive": false },
        "status": status,
    })
}

/// How a kubeconfig calls this program for a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCommand {
    /// The program, `nic` or its path.
    pub command: String,
    /// Variables that choose the user's login, such as a profile. Never a key.
    pub variables: Vec<(String, String)>,
}

impl ExecCommand {
    /// The `exec` of a user.
    pub(super) fn call(&self, arguments: &[&str], variables: &[(String, String)], interactive: bool) -> Value {
        let mut call = json!({
            "apiVersion": API_VERSION,
            "command": self.command,
            "args": arguments,
            "interactiveMode": if interactive { "IfAvailable" } else { "Never" },
        });
        if !variables.is_empty() {
            let variables = variables.iter().map(|(name, value)| json!({ "name": name, "value": value }));
            call["env"] = variables.collect::<Vec<_>>().into();
        }
        call
    }
}
