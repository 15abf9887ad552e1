//! `nic:plugin/kubernetes`: reads on the cluster, within the grant.

use std::time::Duration;

use nic_core::document::canonical;
use nic_core::error::ProviderError;
use nic_gate::Phase;
use nic_gate::grant::Grants;
use serde_json::Value;

use crate::bindings::kubernetes::Host;
use crate::bindings::types::Error;
use crate::limits::MAX_RESPONSE_BYTES;
use crate::store::{GuestState, Service};

/// What is read.
struct Read<'a> {
    verb: &'static str,
    api_version: &'a str,
    kind: &'a str,
    namespace: Option<&'a str>,
    /// The name of a `get`, the label selector of a `list`.
    rest: &'a str,
}

/// Names go into URLs of the API server: what could leave its path segment is not a name.
fn is_segment(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    !text.is_empty() && text.len() <= 253 && text != "." && text != ".." && text.bytes().all(legal)
}

fn is_api_version(text: &str) -> bool {
    text.split('/').count() <= 2 && text.split('/').all(is_segment)
}

fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.len() <= 63 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether a grant covers it. This is the one place that decides it. Secrets are nobody's, whatever a grant says.
fn check(grants: &Grants, phase: Phase, read: &Read<'_>) -> Result<(), ProviderError> {
    let denied = |code: &str, why: &str| Err(ProviderError::denied(code, why));
    if phase == Phase::Pure {
        return denied("NO_REQUEST_IN_THIS_PHASE", "the cluster cannot be read during a pure call");
    }
    let well_formed = is_api_version(read.api_version)
        && is_kind(read.kind)
        && read.namespace.is_none_or(is_segment)
        && (read.verb == "list" || is_segment(read.rest))
        && (read.verb == "get" || (read.rest.len() <= 1024 && !read.rest.chars().any(char::is_control)));
    if !well_formed {
        let what = "the API version, kind, namespace, name or selector is not well-formed";
        return denied("REQUEST_MALFORMED", what);
    }
    let kind = read.kind.to_ascii_lowercase();
    if matches!(kind.as_str(), "secret" | "secrets" | "secretlist") {
        return denied("SECRETS_NEVER", "no component may read Secrets");
    }
    if grants.allows_cluster_read(read.verb, read.api_version, read.kind) {
        return Ok(());
    }
    denied("KIND_NOT_GRANTED", &format!("`{} {}/{}` is not granted", read.verb, read.api_version, read.kind))
}

async fn in_time<T>(limit: Duration, read: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
    tokio::time::timeout(limit, read).await.unwrap_or_else(|_| {
        Err(ProviderError::TimedOut(format!("the cluster did not answer within {} s", limit.as_secs())))
    })
}

fn text(value: &Value) -> Result<String, ProviderError> {
    let text = canonical(value);
    if text.len() > MAX_RESPONSE_BYTES {
        let message = format!("the answer has {} bytes; at most {MAX_RESPONSE_BYTES} are handed on", text.len());
        return Err(ProviderError::other("RESPONSE_TOO_LARGE", message));
    }
    Ok(text)
}

impl Service {
    async fn read_cluster(&self, read: Read<'_>) -> Result<Option<String>, ProviderError> {
        check(&self.bounds.grants, self.bounds.phase, &read)?;
        let Some(cluster) = &self.cluster else {
            return Err(ProviderError::denied("CLUSTER_NOT_READY", "no cluster is known yet"));
        };
        let limit = self.times.cluster_request;
        if read.verb == "get" {
            let found = in_time(limit, cluster.get(read.api_version, read.kind, read.namespace, read.rest)).await?;
            found.as_ref().map(text).transpose()
        } else {
            let found = in_time(limit, cluster.list(read.api_version, read.kind, read.namespace, read.rest)).await?;
            text(&found).map(Some)
        }
    }
}

impl Host for GuestState {
    async fn get(
        &mut self,
        api_version: String,
        kind: String,
        namespace: Option<String>,
        name: String,
    ) -> wasmtime::Result<Result<Option<String>, Error>> {
        let read =
            Read { verb: "get", api_version: &api_version, kind: &kind, namespace: namespace.as_deref(), rest: &name };
        let found = self.service.read_cluster(read).await;
        Ok(self.answer(found))
    }

    async fn list(
        &mut self,
        api_version: String,
        kind: String,
        namespace: Option<String>,
        label_selector: String,
    ) -> wasmtime::Result<Result<String, Error>> {
        let read = Read {
            verb: "list",
            api_version: &api_version,
            kind: &kind,
            namespace: namespace.as_deref(),
            rest: &label_selector,
        };
        let found = self.service.read_cluster(read).await.map(Option::unwrap_or_default);
        Ok(self.answer(found))
    }
}

#[cfg(test)]
mod tests {
    use nic_gate::grant::{Grant, KubernetesGrant};

    use super::*;

    fn granted(kinds: &[&str]) -> Grants {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        Grants(vec![Grant::Kubernetes(KubernetesGrant {
            verbs: vec!["get".to_owned()],
            kinds,
            reason: "test".to_owned(),
        })])
    }

    fn some() -> Grants {
        granted(&["Node", "apps/v1/Deployment", "v1/Secret"])
    }

    fn get<'a>(api_version: &'a str, kind: &'a str, name: &'a str) -> Read<'a> {
        Read { verb: "get", api_version, kind, namespace: None, rest: name }
    }

    #[test]
    fn only_what_is_granted_is_read() {
        let check = |read: &Read<'_>| check(&some(), Phase::Read, read);
        assert!(check(&get("v1", "Node", "a")).is_ok());
        assert!(check(&get("apps/v1", "Deployment", "a")).is_ok());
        assert!(check(&get("extensions/v1", "Deployment", "a")).is_err());
        assert!(check(&get("v1", "Pod", "a")).is_err());
        assert!(check(&Read { verb: "list", api_version: "v1", kind: "Node", namespace: None, rest: "" }).is_err());
        assert!(super::check(&Grants::default(), Phase::Read, &get("v1", "Node", "a")).is_err());
        assert!(super::check(&some(), Phase::Pure, &get("v1", "Node", "a")).is_err());
    }

    #[test]
    fn secrets_are_refused_even_when_granted() {
        let everything = granted(&["*"]);
        assert!(check(&everything, Phase::Change, &get("v1", "Pod", "a")).is_ok());
        for kind in ["Secret", "secret", "SECRETS", "SecretList"] {
            assert!(check(&everything, Phase::Change, &get("v1", kind, "a")).is_err(), "{kind}");
            assert!(check(&some(), Phase::Change, &get("v1", kind, "a")).is_err(), "{kind}");
        }
    }

    #[test]
    fn names_that_leave_their_place_are_refused() {
        for name in ["", ".", "..", "../secrets/x", "a/b", "a?b", "a%2fb", "a\nb"] {
            assert!(check(&some(), Phase::Read, &get("v1", "Node", name)).is_err(), "{name}");
        }
        assert!(check(&some(), Phase::Read, &get("v1/../v1", "Node", "a")).is_err());
        let elsewhere = Read { namespace: Some("../x"), ..get("v1", "Node", "a") };
        assert!(check(&some(), Phase::Read, &elsewhere).is_err());
    }
}
