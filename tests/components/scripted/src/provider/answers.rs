//! What a script makes of an honest answer.

use nic_sdk::types::Observation;
use serde_json::json;

use crate::behaviour::Behaviour;
use crate::behaviour::lie::Lie;
use crate::behaviour::overgrow::{Overgrow, What};
use crate::script::Steps;

pub(super) fn lies(steps: &Steps) -> impl Iterator<Item = &Lie> {
    steps.behaviours().filter_map(|one| match one {
        Behaviour::Lie(lie) => Some(lie),
        _ => None,
    })
}

pub(super) fn grown(steps: &Steps, what: What) -> Option<&Overgrow> {
    steps.behaviours().find_map(|one| match one {
        Behaviour::Overgrow(growth) if growth.what == what => Some(growth),
        _ => None,
    })
}

pub(super) fn grow(steps: &Steps, mut seen: Observation) -> Observation {
    if let Some(growth) = grown(steps, What::Document) {
        seen.document["findings"] = json!([growth.text()]);
    }
    if let Some(growth) = grown(steps, What::RemoteId) {
        seen.remote_id = Some(growth.text());
    }
    seen
}

pub(super) fn falsified(steps: &Steps, done: Observation) -> Observation {
    lies(steps).fold(grow(steps, done), |done, lie| lie.falsify_done(done))
}

pub(super) fn with_findings(mut seen: Observation, findings: &[String]) -> Observation {
    if seen.document.is_object() && !findings.is_empty() {
        seen.document["findings"] = json!(findings);
    }
    seen
}
