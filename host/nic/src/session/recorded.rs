//! The state that a run begins with, and whether it is the one that is meant.

use std::collections::BTreeMap;

use nic_core::diagnostic::Diagnostic;
use nic_core::ports::{Backend, Clock};
use nic_core::resource::Record;
use nic_core::state::{State, format_v1};
use nic_system::SystemClock;
use serde_json::Value;

use crate::backend::{self, StateLocation};
use crate::config::Config;
use crate::error::CommandError;

pub(super) fn no_state(location: &StateLocation) -> CommandError {
    CommandError::broke("STATE_NOT_FOUND", "There is no state", format!("`{location}`"))
        .hint("run `nic deploy` first, or give the state's path with `--state`")
}

pub(super) async fn read_state(backend: &dyn Backend, location: &StateLocation) -> Result<Option<State>, CommandError> {
    let Some(bytes) = backend.read().await? else { return Ok(None) };
    format_v1::decode(&bytes).map(Some).map_err(|error| backend::damaged(location, &error))
}

pub(super) fn fresh_state(config: Option<&Config>, provider: &str, clock: &dyn Clock) -> State {
    let (project, namespace, topology) =
        config.map_or(("", "", "classic"), |c| (c.project_name.as_str(), c.namespace.as_str(), c.spelling));
    let mut state = State::empty(provider, project, namespace, topology, &clock.token(), &clock.now());
    state.region = config.and_then(Config::region);
    state
}

/// The state that goes on with what another one made.
pub(super) fn taking_over(
    recorded: Option<State>,
    config: &Config,
    lineage: &str,
    location: &StateLocation,
) -> Result<State, CommandError> {
    let mut state = recorded.unwrap_or_else(|| fresh_state(Some(config), &config.provider, &SystemClock::default()));
    let made = |record: &&Record| record.remote_id.is_some() || !record.baseline.is_null();
    if let Some(own) = state.records.values().find(made) {
        let detail = format!("`{location}` records things of its own, such as `{}`", own.address);
        let refused = Diagnostic::error("TAKE_OVER_REFUSED", "One state cannot go on as two", detail)
            .hint("give another path with `--state`, or put this state aside with `nic state retire`");
        return Err(CommandError::refused(vec![refused]));
    }
    // What was begun in vain stands in the way of what is there.
    state.records.clear();
    lineage.clone_into(&mut state.lineage);
    Ok(state)
}

/// A state belongs to one platform: acting on another one's would destroy it.
pub(super) fn same_platform(config: &Config, state: &State, location: &StateLocation) -> Result<(), CommandError> {
    let region = config.region();
    let pairs = [
        ("project_name", config.project_name.as_str(), state.project_name.as_str()),
        ("namespace", &config.namespace, &state.namespace),
        ("provider", &config.provider, &state.provider),
    ];
    let differing = pairs
        .into_iter()
        .chain(region.as_deref().zip(state.region.as_deref()).map(|(a, b)| ("region", a, b)))
        .find(|(_, wanted, recorded)| wanted != recorded);
    let Some((key, wanted, recorded)) = differing else { return Ok(()) };
    let detail = format!("`{location}` is of a platform whose `{key}` is `{recorded}`; the config says `{wanted}`");
    let mut error = CommandError::broke("STATE_OF_ANOTHER_PLATFORM", "The state is of another platform", detail)
        .hint("give the right state with `--state`")
        .hint(format!(
            "`{key}` cannot be changed after the first deploy: destroy the platform first if it should move"
        ));
    error.status = crate::exit::ExitStatus::Refused;
    let pointer = match key {
        "provider" => config.provider_pointer(),
        "region" => config.region_pointer(),
        key => format!("/{key}"),
    };
    Err(error.at_pointer(Some(pointer)))
}

/// The first key that was edited although it must not be while anything of the platform stands.
pub(super) fn edited(config: &Config, immutable: &BTreeMap<String, Value>, state: &State) -> Option<CommandError> {
    if state.records.is_empty() {
        return None;
    }
    let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    state.metadata.immutable_configuration.iter().find_map(|(pointer, before)| {
        let now = immutable.get(pointer).filter(|now| *now != before)?;
        let (key, before) = (pointer.trim_start_matches('/').replace('/', "."), said(before));
        let says = if config.says(pointer) { "says" } else { "leaves it out, which means" };
        let detail = format!("`{key}` was `{before}` at the last deploy; the config {says} `{}`", said(now));
        let error = Diagnostic::error("CONFIG_KEY_IMMUTABLE", "A key cannot be changed after the first deploy", detail)
            .hint(format!("set `{key}` back to `{before}`, or destroy the platform first if it should change"));
        // What is left out stands nowhere.
        Some(CommandError::refused(vec![error]).at_pointer(config.says(pointer).then(|| pointer.clone())))
    })
}
