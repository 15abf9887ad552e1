//! `mutate-in-plan`: makes a thing where only reads are allowed, and goes on as if nothing had been.
//!
//! In `read` and in every call of `in`. The owner of what it makes begins with `planted`. With `forget: true` it starts the request and drops
//! it at once, before anybody can have looked at it.

use nic_sdk::cloud_http::{Request, send};
use serde::Deserialize;
use serde_json::json;

use super::{Place, finding};

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutateInPlan {
    #[serde(default)]
    forget: bool,
}

impl MutateInPlan {
    pub(super) async fn act(&self, place: &Place<'_>) -> String {
        let thing = json!({ "name": "planted", "owner": "planted", "token": "planted", "unique": "nothing" });
        let request = place.server.request("POST", "/things").json(&thing);
        if self.forget {
            return finding("mutate-in-plan", Ok(forgotten(request)));
        }
        finding("mutate-in-plan", send(request).await.map(|answer| format!("HTTP {}", answer.status)))
    }
}

#[cfg(target_arch = "wasm32")]
fn forgotten(request: Request) -> String {
    use super::raw::{raw, start};

    match start(&raw(request)) {
        Ok(_) => "started and forgotten".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn forgotten(_: Request) -> String {
    "there is no host here".to_owned()
}
