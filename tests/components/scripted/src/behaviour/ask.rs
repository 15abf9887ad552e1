//! `ask`: sends what the test says, and goes on: `{do: ask, url: "https://api.example.com/", scheme: bearer, credential: x, at_once: 32}`.
//!
//! The finding counts what came of it: `ask https://api.example.com/: 2 times HTTP 200 with 10 bytes, once denied: ...`.

use std::collections::BTreeMap;

use futures::future::join_all;
use nic_sdk::cloud_http::{Request, Scheme, send};
use serde::Deserialize;
use serde_json::json;

use super::{Place, finding};
use crate::server::unsigned;

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default = "unsigned")]
    scheme: String,
    #[serde(default = "default_credential")]
    credential: String,
    #[serde(default = "once")]
    at_once: usize,
    /// MiB of body.
    #[serde(default)]
    body: usize,
}

fn get() -> String {
    "GET".to_owned()
}

fn default_credential() -> String {
    "default".to_owned()
}

fn once() -> usize {
    1
}

impl Ask {
    pub(super) async fn act(&self, _place: &Place<'_>) -> String {
        let mut outcomes = BTreeMap::<String, usize>::new();
        for outcome in join_all((0..self.at_once).map(|_| self.outcome())).await {
            *outcomes.entry(outcome).or_default() += 1;
        }
        let count = |(outcome, times): (&String, &usize)| match times {
            1 => format!("once {outcome}"),
            times => format!("{times} times {outcome}"),
        };
        let words: Vec<String> = outcomes.iter().map(count).collect();
        finding(&format!("ask {}", self.url), Ok(words.join(", ")))
    }

    async fn outcome(&self) -> String {
        let scheme = Scheme::other(self.scheme.as_str(), json!({}));
        let mut request =
            Request::new(self.method.as_str(), self.url.as_str()).scheme(scheme).credential(self.credential.as_str());
        request.body = vec![b' '; self.body * 1024 * 1024];
        // The body of the answer goes at once: what is looked at is what the host holds.
        match send(request).await {
            Ok(answer) => format!("HTTP {} with {} bytes", answer.status, answer.body.len()),
            Err(error) => error.to_string(),
        }
    }
}
