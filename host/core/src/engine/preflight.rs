//! Provider checks between the plan and the first mutation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Participant, Planned, Run, RunError, answered, provider_failed};
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{ProviderError, Retry};
use crate::plan::{Action, Plan};
use crate::ports::Call;

/// The code of a check that could not be made, as providers have it.
const INCOMPLETE: &str = "PREFLIGHT_INCOMPLETE";

/// The code of a check that got no answer and may get one a little later, as `nic:plugin/discovery.preflight` has it.
const UNANSWERED: &str = "PREFLIGHT_UNANSWERED";

impl Run {
    /// Provider checks before the first mutation. Checks that got no answer are made again.
    ///
    /// # Errors
    /// [`RunError::Refused`] when any check fails; [`RunError::Broke`] when one could not be made.
    pub async fn preflight(&self, planned: &Planned) -> Result<Vec<Diagnostic>, RunError> {
        self.checked(planned, |_| false).await
    }

    /// The same for who only looks at the plan. Such a login may lack what a check needs, which is told and is no failure: the deploy checks
    /// again.
    ///
    /// # Errors
    /// As [`Run::preflight`].
    pub async fn preflight_of_plan(&self, planned: &Planned) -> Result<Vec<Diagnostic>, RunError> {
        self.checked(planned, ProviderError::lacks_permission).await
    }

    async fn checked(
        &self,
        planned: &Planned,
        is_left_out: fn(&ProviderError) -> bool,
    ) -> Result<Vec<Diagnostic>, RunError> {
        if planned.plan.change_count() == 0 {
            return Ok(Vec::new());
        }
        let summary = summary(&planned.plan);
        let call = self.call().await;
        let (mut found, mut broke) = (Vec::new(), false);
        for participant in self.participants.iter().filter(|p| p.declares) {
            match self.checks(participant, &call, &summary).await {
                Ok(diagnostics) | Err(ProviderError::Invalid(diagnostics)) => found.extend(diagnostics),
                Err(error) if is_left_out(&error) => {
                    let told = Diagnostic::warning(INCOMPLETE, "A check could not be made", "");
                    let failed = provider_failed(participant, "preflight", &error);
                    found.push(Diagnostic {
                        severity: told.severity,
                        code: told.code,
                        summary: told.summary,
                        ..failed
                    });
                }
                Err(error) => {
                    broke = true;
                    found.push(provider_failed(participant, "preflight", &error));
                }
            }
        }
        answered(found, broke)
    }

    /// What the last look says: once something stops the deploy, what else there is does not matter.
    async fn checks(
        &self,
        participant: &Participant,
        call: &Call,
        summary: &Value,
    ) -> Result<Vec<Diagnostic>, ProviderError> {
        self.until(
            || participant.provider.preflight(call, &participant.config, summary),
            |answer| match answer {
                Ok(found) => {
                    let stops = found.iter().any(|one| one.severity == Severity::Error);
                    stops || found.iter().all(|one| one.code != UNANSWERED)
                }
                Err(error) => error.retry() == Retry::No,
            },
        )
        .await
    }
}

/// What the plan is going to do: addresses by verb, and which attributes are about to change; what a check is about may be none of them.
fn summary(plan: &Plan) -> Value {
    let mut addresses: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| change.action.is_change()) {
        let verb = match change.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            _ => "delete",
        };
        addresses.entry(verb).or_default().push(&change.address);
    }
    let changes = plan.changes.iter().filter(|change| !change.differences.is_empty());
    let differences: BTreeMap<&Address, Vec<&str>> = changes
        .map(|change| (&change.address, change.differences.iter().map(|d| d.pointer.as_str()).collect()))
        .collect();
    let mut summary = serde_json::to_value(addresses).unwrap_or(Value::Null);
    summary["differences"] = serde_json::to_value(differences).unwrap_or(Value::Null);
    summary
}
