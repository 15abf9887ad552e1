//! What a script can say to do: one behaviour per module.

pub mod ask;
pub mod deny;
pub mod doze;
pub mod exfiltrate;
pub mod fail_late;
pub mod keep_quiet;
pub mod lie;
pub mod mutate_in_plan;
pub mod overgrow;
pub mod pend;
#[cfg(target_arch = "wasm32")]
mod raw;
pub mod spin;
pub mod trap;

use nic_sdk::Error;
use nic_sdk::report::{Level, log};
use serde::Deserialize;
use serde_json::Value;

use crate::server::Server;

/// One thing to do.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Behaviour {
    /// See [`ask`].
    Ask(ask::Ask),
    /// See [`deny`].
    Deny(deny::Deny),
    /// See [`doze`].
    Doze(doze::Doze),
    /// See [`exfiltrate`].
    Exfiltrate(exfiltrate::Exfiltrate),
    /// See [`fail_late`].
    FailLate(fail_late::FailLate),
    /// See [`keep_quiet`].
    KeepQuiet(keep_quiet::KeepQuiet),
    /// See [`lie`].
    Lie(lie::Lie),
    /// See [`spin`].
    Loop(spin::Loop),
    /// See [`mutate_in_plan`].
    MutateInPlan(mutate_in_plan::MutateInPlan),
    /// See [`overgrow`].
    Overgrow(overgrow::Overgrow),
    /// See [`pend`].
    Pend(pend::Pend),
    /// See [`trap`].
    Trap(trap::Trap),
}

/// Where a behaviour acts.
pub struct Place<'a> {
    /// The cloud of things.
    pub server: &'a Server,
    /// The config, as far as it is known there.
    pub config: &'a Value,
}

impl Behaviour {
    /// Does it, if it is something to do; those that change an answer do nothing here. Gives what was found out.
    pub(crate) async fn act(&self, place: &Place<'_>) -> Result<Option<String>, Error> {
        match self {
            Self::Ask(ask) => Ok(Some(ask.act(place).await)),
            Self::Deny(deny) => deny.act(place).await,
            Self::Doze(doze) => doze.act(),
            Self::Exfiltrate(theft) => Ok(Some(theft.act(place).await)),
            Self::Loop(endless) => endless.act(),
            Self::MutateInPlan(mutation) => Ok(Some(mutation.act(place).await)),
            Self::Overgrow(growth) => Ok(growth.act(place).await),
            Self::Trap(trap) => trap.act(),
            Self::FailLate(_) | Self::KeepQuiet(_) | Self::Lie(_) | Self::Pend(_) => Ok(None),
        }
    }
}

/// Tells the log what came of something, and gives the words.
fn finding(what: &str, result: Result<String, Error>) -> String {
    let words = match result {
        Ok(got) => format!("{what}: {got}"),
        Err(error) => format!("{what}: {error}"),
    };
    log(Level::Info, &words);
    words
}
