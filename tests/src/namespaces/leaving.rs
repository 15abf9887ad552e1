//! A namespace goes when what is in it is gone: it is shown as one that goes for a while.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// For how many looks it is still there.
const LOOKS: u64 = 2;

/// How many of them are left, where Kubernetes says how many seconds.
const LEFT: &str = "deletionGracePeriodSeconds";

/// Deletes what is at this path; gives what is answered, none where nothing is.
pub(super) fn delete(known: &mut BTreeMap<String, Value>, path: &str) -> Option<Value> {
    if path.strip_prefix("/api/v1/namespaces/").is_none_or(|name| name.contains('/')) {
        return known.remove(path);
    }
    // What is in a namespace goes with it.
    let within = format!("{}/", path.trim_start_matches("/api/v1"));
    known.retain(|path, _| !path.contains(&within));
    let namespace = known.get_mut(path)?;
    if namespace["metadata"]["deletionTimestamp"].is_null() {
        namespace["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        namespace["metadata"][LEFT] = json!(LOOKS);
        namespace["status"] = json!({ "phase": "Terminating" });
    }
    Some(namespace.clone())
}

/// What is at this path, for one look.
pub(super) fn look(known: &mut BTreeMap<String, Value>, path: &str) -> Option<Value> {
    let object = known.get_mut(path)?;
    match object["metadata"][LEFT].as_u64() {
        None => {}
        Some(0) => drop(known.remove(path)),
        Some(left) => object["metadata"][LEFT] = json!(left - 1),
    }
    known.get(path).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_takes_what_is_in_it_along_and_goes_after_some_looks() {
        let paths = [
            "/api/v1/namespaces/dev",
            "/api/v1/namespaces/dev/secrets/key",
            "/api/v1/namespaces/dev-2",
            "/apis/apps/v1/namespaces/dev/deployments/web",
        ];
        let mut known: BTreeMap<String, Value> =
            paths.map(|path| (path.to_owned(), json!({ "metadata": { "name": path } }))).into();
        assert_eq!(delete(&mut known, "/api/v1/namespaces/none"), None);
        let told = delete(&mut known, paths[0]).unwrap();
        assert_eq!(told["status"]["phase"], "Terminating");
        assert_eq!(known.keys().collect::<Vec<_>>(), [paths[0], paths[2]]);
        for _ in 0..LOOKS {
            assert!(look(&mut known, paths[0]).unwrap()["metadata"]["deletionTimestamp"].is_string());
            // Who deletes it once more does not keep it.
            assert!(delete(&mut known, paths[0]).is_some());
        }
        assert_eq!(look(&mut known, paths[0]), None);
        assert!(delete(&mut known, paths[2]).is_some() && look(&mut known, paths[2]).is_some());
    }
}
