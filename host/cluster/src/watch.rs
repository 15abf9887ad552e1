//! Waiting for one object: the API server tells what becomes of it, which is sooner known and asks for less than looking again.

use std::time::Duration;

use futures::TryStreamExt as _;
use http::Method;
use kube::core::WatchEvent;
use serde_json::Value;

use super::connection::{Connected, ObjectName, segment};

/// How long it is watched at a time: who waits wants to hear in between, and may want to stop.
const WATCH_FOR: Duration = Duration::from_secs(1);

impl Connected {
    /// Follows an object from how it was shown last, for a second at most, until `found` finds what it looks for in an event. None
    /// when that does not come, or the cluster tells of nothing: then there is nothing but to look.
    pub async fn watch<T>(
        &self,
        object: &ObjectName,
        shown: &Value,
        found: impl Fn(WatchEvent<Value>) -> Option<T>,
    ) -> Option<T> {
        let seen = async {
            let beside = self.beside(object).await.ok()??;
            let version = shown["metadata"]["resourceVersion"].as_str()?;
            let name = segment(&object.name).ok()?;
            let only = format!("fieldSelector=metadata.name%3D{name}&resourceVersion={version}&timeoutSeconds=5");
            let token = self.token(None).await.ok()?;
            let request =
                self.request(&Method::GET, &format!("{beside}?watch=true&{only}"), token.as_ref(), None).ok()?;
            let mut events = std::pin::pin!(self.client.request_events::<Value>(request).await.ok()?);
            while let Ok(Some(event)) = events.try_next().await {
                if let Some(found) = found(event) {
                    return Some(found);
                }
            }
            None
        };
        tokio::time::timeout(WATCH_FOR, seen).await.ok().flatten()
    }
}
