//! Reads on the cluster of the context, within the grant. Secrets are never given.
//!
//! Objects are not created here: a provider declares resources of the host's own kind `kubernetes.object`.

use serde_json::Value;

use crate::error::Error;

/// One object, or none when it does not exist. `Denied` for Secrets, beyond the grant, and while no cluster is known.
#[expect(clippy::unused_async, reason = "so that a later host can overlap reads without a change in providers")]
pub async fn get(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Error> {
    cluster::get(api_version, kind, namespace, name)
}

/// The objects of one kind; `label_selector` as kubectl writes it, empty for all.
#[expect(clippy::unused_async, reason = "so that a later host can overlap reads without a change in providers")]
pub async fn list(
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
    label_selector: &str,
) -> Result<Vec<Value>, Error> {
    cluster::list(api_version, kind, namespace, label_selector)
}

#[cfg(target_arch = "wasm32")]
mod cluster {
    use serde_json::Value;

    use crate::bindings::nic::plugin::kubernetes as wit;
    use crate::convert::{error_from_wit, json};
    use crate::error::Error;

    pub fn get(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Error> {
        let object = wit::get(api_version, kind, namespace, name).map_err(error_from_wit)?;
        object.map(|text| json(&text, "an object")).transpose()
    }

    pub fn list(
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        label_selector: &str,
    ) -> Result<Vec<Value>, Error> {
        let text = wit::list(api_version, kind, namespace, label_selector).map_err(error_from_wit)?;
        match json(&text, "a list of objects")? {
            Value::Array(objects) => Ok(objects),
            other => Err(Error::other("JSON_INVALID", format!("a list of objects is not an array: {other}"))),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod cluster {
    pub(super) use crate::testing::kubernetes::{get, list};
}
