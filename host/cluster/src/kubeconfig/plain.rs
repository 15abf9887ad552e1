//! Which plugins may stand in a file for others as they are: those that are told nothing which nobody else should read. In doubt one is
//! called by nic, which reads the user's own file.

use serde_json::Value;

use crate::clouds::{PLAIN_OPTIONS, PLAIN_VARIABLES};

/// Words in the names of options, variables and headers whose value may be a secret.
const TELLING: [&str; 9] = ["auth", "cookie", "credential", "header", "key", "pass", "pwd", "secret", "token"];

/// How a header begins that logs in.
const SCHEMES: [&str; 2] = ["basic ", "bearer "];

/// The options of this very program when it is called for a login.
const OWN_OPTIONS: [&str; 4] = ["--cluster", "--context", "--region", "--server"];

/// Whether a plugin may be told something that is a secret.
pub(super) fn may_hold_a_secret(exec: &Value) -> bool {
    let texts = |member: &str| exec[member].as_array().into_iter().flatten();
    let plain = |variable: &Value| variable["name"].as_str().is_some_and(is_plain_variable);
    let arguments: Vec<&str> = texts("args").filter_map(Value::as_str).collect();
    let program = exec["command"].as_str().unwrap_or_default();
    !texts("env").all(plain)
        || !is_a_call_of_ours(&arguments) && arguments.into_iter().any(|argument| is_telling(program, argument))
}

/// A kubeconfig of ours, read to make another.
fn is_a_call_of_ours(arguments: &[&str]) -> bool {
    let options = arguments.strip_prefix(&["kubeconfig", "--token"]).unwrap_or_default();
    !options.is_empty() && options.chunks(2).all(|option| option.len() == 2 && OWN_OPTIONS.contains(&option[0]))
}

fn is_telling(program: &str, argument: &str) -> bool {
    if let Some(option) = argument.strip_prefix("--") {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        return tells(name) || value_tells(value);
    }
    if argument.starts_with('-') {
        return !is_plain_short(program, argument);
    }
    value_tells(argument)
}

/// A short option says nothing of what its value is, unless the plugin is known.
fn is_plain_short(program: &str, option: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or_default();
    PLAIN_OPTIONS.iter().any(|(plugin, options)| *plugin == name && options.contains(&option))
}

/// `NAME=value` for `env`, `Name: value` for a header, `user:password@host`.
fn value_tells(value: &str) -> bool {
    let begins = |scheme: &&str| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let is_assigned =
        |(name, _): (&str, &str)| (is_a_name(name) && !is_plain_variable(name)) || (!is_a_name(name) && tells(name));
    // A host before its port is no header.
    let is_header = |(name, _): (&str, &str)| !name.contains('.') && tells(name);
    value.contains('@')
        || SCHEMES.iter().any(begins)
        || value.split_once('=').is_some_and(is_assigned)
        || value.split_once(':').is_some_and(is_header)
}

/// Whether it could be a variable: what those hold nobody knows.
fn is_a_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_plain_variable(name: &str) -> bool {
    PLAIN_VARIABLES.iter().any(|variables| variables.contains(&name))
}

fn tells(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asks(command: &[&str]) -> bool {
        let (program, arguments) = command.split_first().unwrap();
        may_hold_a_secret(&json!({ "command": program, "args": arguments }))
    }

    #[test]
    fn what_is_told_by_an_argument_is_a_secret_in_doubt() {
        for command in [
            &["env", "TOKEN=x", "plugin"][..],
            &["env", "AWS_SECRET_ACCESS_KEY=x", "plugin"],
            // Nobody knows what it holds.
            &["env", "MY_PAT=x", "plugin"],
            &["plugin", "client.secret=x"],
            &["plugin", "--set=token=x"],
            &["plugin", "--header=Authorization: Bearer x"],
            &["plugin", "--header", "X-Anything: x"],
            &["plugin", "-H", "Authorization: Bearer x"],
            &["plugin", "Authorization: Basic x"],
            &["plugin", "--with=X-Api-Key: x"],
            &["plugin", "X-Auth-Token:x"],
            &["plugin", "Bearer x"],
            &["plugin", "--as=bearer x"],
            &["plugin", "basic YW5uOng="],
            &["plugin", "{\"token\": \"x\"}"],
            &["plugin", "--cookie", "x"],
            &["plugin", "https://ann:x@example.com"],
            &["plugin", "-p", "x"],
            &["plugin", "-i", "x"],
            &["sh", "-c", "plugin"],
            // What looks like a call of ours and is none.
            &["plugin", "kubeconfig", "--token", "x"],
            &["plugin", "kubeconfig", "--token"],
            &["plugin", "kubeconfig", "--token", "--context", "x", "--password", "x"],
        ] {
            assert!(asks(command), "{command:?}");
        }
        let ours = json!({ "command": "nic", "args": ["kubeconfig", "--token", "--context", "x"], "env": [{"name": "SECRET", "value": "x"}] });
        assert!(may_hold_a_secret(&ours));
    }

    #[test]
    fn plugins_that_everybody_uses_stand_as_they_are() {
        for command in [
            "aws --region us-west-2 eks get-token --cluster-name c --output json",
            "aws eks get-token --cluster-name=c --role-arn arn:aws:iam::123456789012:role/auth/key-admin",
            "aws eks get-token --role-arn=arn:aws:iam::123456789012:role/a --profile work",
            "env AWS_PROFILE=work aws eks get-token --cluster-name c",
            "aws-iam-authenticator token -i c",
            "/usr/bin/aws-iam-authenticator token -i c -r arn:aws:iam::123456789012:role/a",
            "gke-gcloud-auth-plugin",
            "/opt/google/gke-gcloud-auth-plugin --use_edge_cloud",
            "kubelogin get-token --login azurecli --server-id 6dae42f8 --client-id 80faf920 --tenant-id x",
            "kubectl oidc-login get-token --oidc-issuer-url=https://auth.example.com:8443/x --oidc-client-id=c",
            "doctl kubernetes cluster kubeconfig exec-credential --version=v1beta1 --context=default 6dae42f8",
            "tsh kube credentials --kube-cluster=c --teleport-cluster=t --proxy=auth.example.com:443",
            "oci ce cluster generate-token --cluster-id ocid1.cluster.oc1.phx.a --region us-phoenix-1",
            "nic kubeconfig --token --context my=token --server https://10.0.0.1",
            "nic kubeconfig --token --region us-west-2 --cluster c",
        ] {
            assert!(!asks(&command.split(' ').collect::<Vec<_>>()), "{command}");
        }
    }
}
