//! The fake cluster: objects that are there.

use std::cell::RefCell;

use serde_json::Value;

use crate::error::Error;

/// A cluster that holds these objects and no others. Label selectors are understood as `key=value`, joined by commas.
#[derive(Debug, Clone, Default)]
pub struct FakeCluster {
    objects: Vec<Value>,
}

impl FakeCluster {
    /// An empty cluster.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object, a whole one with `apiVersion`, `kind` and `metadata`.
    #[must_use]
    pub fn holding(mut self, object: Value) -> Self {
        self.objects.push(object);
        self
    }

    fn select(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| {
            object["apiVersion"] == api_version
                && object["kind"] == kind
                && namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
        })
    }
}

thread_local! {
    static INSTALLED: RefCell<Vec<FakeCluster>> = const { RefCell::new(Vec::new()) };
}

/// Runs `test` with this cluster behind [`kubernetes`](crate::kubernetes), on this thread.
pub fn with_cluster<T>(cluster: FakeCluster, test: impl FnOnce() -> T) -> T {
    struct Uninstall;
    impl Drop for Uninstall {
        fn drop(&mut self) {
            INSTALLED.with_borrow_mut(Vec::pop);
        }
    }
    INSTALLED.with_borrow_mut(|installed| installed.push(cluster));
    let _uninstall = Uninstall;
    test()
}

fn with_installed<T>(kind: &str, answer: impl FnOnce(&FakeCluster) -> T) -> Result<T, Error> {
    if kind == "Secret" {
        return Err(Error::denied("SECRETS_NEVER", "Secrets are never given to a component"));
    }
    INSTALLED.with_borrow(|installed| match installed.last() {
        Some(cluster) => Ok(answer(cluster)),
        None => Err(Error::denied("CLUSTER_NOT_READY", "no cluster is known")),
    })
}

pub(crate) fn get(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Error> {
    with_installed(kind, |cluster| {
        let mut objects = cluster.select(api_version, kind, namespace);
        objects.find(|object| object["metadata"]["name"] == name).cloned()
    })
}

pub(crate) fn list(
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
    label_selector: &str,
) -> Result<Vec<Value>, Error> {
    with_installed(kind, |cluster| {
        let wanted: Vec<_> = label_selector.split(',').filter_map(|label| label.split_once('=')).collect();
        let bears = |object: &&Value| wanted.iter().all(|(key, value)| object["metadata"]["labels"][*key] == *value);
        cluster.select(api_version, kind, namespace).filter(bears).cloned().collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{kubernetes, runtime::block_on};

    #[test]
    fn objects_are_found_by_kind_name_and_label() {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"pool": "user"}}});
        with_cluster(FakeCluster::new().holding(node.clone()), || {
            assert_eq!(block_on(kubernetes::get("v1", "Node", None, "n1")), Ok(Some(node.clone())));
            assert_eq!(block_on(kubernetes::get("v1", "Node", None, "n2")), Ok(None));
            assert_eq!(block_on(kubernetes::list("v1", "Node", None, "pool=user")), Ok(vec![node]));
            assert_eq!(block_on(kubernetes::list("v1", "Node", None, "pool=other")), Ok(vec![]));
        });
    }

    #[test]
    fn secrets_and_unknown_clusters_are_denied() {
        let secret = || block_on(kubernetes::get("v1", "Secret", Some("dev"), "s"));
        assert!(matches!(with_cluster(FakeCluster::new(), secret), Err(Error::Denied { .. })));
        assert!(matches!(block_on(kubernetes::list("v1", "Node", None, "")), Err(Error::Denied { .. })));
    }
}
