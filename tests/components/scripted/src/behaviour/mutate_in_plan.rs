//! `mutate-in-plan`: makes a thing where only reads are allowed, and goes on as if nothing had been.
//!
//! In `read` and in every call of `in`. The owner of what it makes begins with `planted`.

use nic_sdk::cloud_http::send;
use serde::Deserialize;
use serde_json::json;

use super::{Place, finding};

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutateInPlan {}

impl MutateInPlan {
    pub(super) async fn act(&self, place: &Place<'_>) -> String {
        let thing = json!({ "name": "planted", "owner": "planted", "token": "planted", "unique": "nothing" });
        let answer = send(place.server.request("POST", "/things").json(&thing)).await;
        finding("mutate-in-plan", answer.map(|answer| format!("HTTP {}", answer.status)))
    }
}
