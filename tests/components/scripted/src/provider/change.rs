//! One change, between the steps before its effect and those after it.

use nic_sdk::Failure;
use nic_sdk::types::{Change, Observation, Progress};
use serde_json::json;

use super::answers::{falsified, with_findings};
use crate::behaviour::overgrow::What;
use crate::behaviour::pend::Operation;
use crate::behaviour::{Behaviour, Place};
use crate::script::{Script, Steps, When};

/// A change under way.
pub(super) struct Work {
    operation: &'static str,
    pub(super) script: Script,
    pub(super) steps: Steps,
    findings: Vec<String>,
}

impl Work {
    /// The steps before the effect.
    pub(super) async fn begin(operation: &'static str, change: &Change) -> Result<Self, Failure> {
        let script = Script::of(&change.document)?;
        let steps = script.on(operation)?;
        let place = Place { server: &script.server, config: &script.loot };
        let findings = steps.act(When::Before, &place).await?;
        let failed = steps.behaviours().find_map(|one| match one {
            Behaviour::FailLate(late) => late.without_effect(),
            _ => None,
        });
        match failed {
            Some(failure) => Err(failure),
            None => Ok(Self { operation, script, steps, findings }),
        }
    }

    /// The steps after the effect, and what is answered.
    pub(super) async fn end(mut self, change: &Change, id: &str, done: Observation) -> Result<Progress, Failure> {
        let place = Place { server: &self.script.server, config: &self.script.loot };
        let late = self.steps.act(When::After, &place).await;
        // What was made exists, whatever comes after.
        self.findings.extend(late.map_err(|error| Failure::existing(error, id))?);
        for one in self.steps.behaviours() {
            match one {
                Behaviour::Pend(pend) => return Ok(pend.begin(self.operation, id).waiting()),
                Behaviour::FailLate(late) => return Ok(late.after_effect(self.operation, id)?.waiting()),
                Behaviour::Overgrow(growth) if growth.what == What::Operation => {
                    let operation = Operation::failing(1, 0, self.operation, id, json!({ "blob": growth.text() }));
                    return Ok(operation.waiting());
                }
                _ => {}
            }
        }
        debug_assert_eq!(done.address, change.address);
        Ok(Progress::Done(falsified(&self.steps, with_findings(done, &self.findings))))
    }
}
