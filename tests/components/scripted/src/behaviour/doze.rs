//! `doze`: sleeps on the WASI clock, `{do: doze, ms: 60000}`; it costs no computing time, and is to be ended by the clock.

use std::time::Duration;

use nic_sdk::Error;
use serde::Deserialize;

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doze {
    #[serde(default = "an_hour")]
    ms: u64,
}

fn an_hour() -> u64 {
    3_600_000
}

impl Doze {
    #[expect(clippy::unnecessary_wraps, reason = "all behaviours that act have one shape")]
    pub(super) fn act(&self) -> Result<Option<String>, Error> {
        std::thread::sleep(Duration::from_millis(self.ms));
        Ok(None)
    }
}
