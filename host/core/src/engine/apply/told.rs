//! What is said of a run in which something failed: one cause is told once, whatever it kept from being done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{ApplyReport, StepOutcome};
use crate::address::Address;
use crate::diagnostic::Diagnostic;

impl ApplyReport {
    /// What failed: one diagnostic for each cause. Everything that failed for it stands in `details.resources`, what was not begun
    /// after that in `details.not_begun`.
    pub fn told(&self) -> Vec<Diagnostic> {
        let mut causes: BTreeMap<&str, Vec<(&Address, &Diagnostic)>> = BTreeMap::new();
        for (address, (_, outcome)) in &self.outcomes {
            if let StepOutcome::Failed(diagnostic) = outcome {
                // Without a cause it has none in common.
                let cause = self.causes.get(address).map_or(address.as_str(), String::as_str);
                causes.entry(cause).or_default().push((address, diagnostic));
            }
        }
        let mut told: Vec<Diagnostic> = causes.into_values().filter_map(|failed| self.one(&failed)).collect();
        told.sort_by(|a, b| a.details["resource"].as_str().cmp(&b.details["resource"].as_str()));
        told
    }

    /// What was not begun, and what failed before it.
    pub fn not_begun(&self) -> (Vec<Address>, Vec<Address>) {
        let skipped = || {
            self.outcomes.iter().filter_map(|(address, (_, outcome))| match outcome {
                StepOutcome::Skipped(because) => Some((address, because)),
                _ => None,
            })
        };
        let because: BTreeSet<&Address> = skipped().map(|(_, because)| because).collect();
        (skipped().map(|(address, _)| address.clone()).collect(), because.into_iter().cloned().collect())
    }

    fn one(&self, failed: &[(&Address, &Diagnostic)]) -> Option<Diagnostic> {
        let ((first, diagnostic), others) = failed.split_first()?;
        let mut one = (*diagnostic).clone();
        let addresses: Vec<&Address> = failed.iter().map(|(address, _)| *address).collect();
        if !others.is_empty() {
            let words = one.detail.strip_prefix(&format!("`{first}`: ")).unwrap_or(&one.detail);
            one.detail = format!("`{first}` and {} more: {words}", others.len());
            if others.iter().any(|(_, other)| other.code != one.code) {
                "CHANGES_FAILED".clone_into(&mut one.code);
            }
            "Several changes failed, for one cause".clone_into(&mut one.summary);
            one.details["resources"] = json!(addresses);
        }
        let not_begun: Vec<&Address> = self
            .outcomes
            .iter()
            .filter(
                |(_, (_, outcome))| matches!(outcome, StepOutcome::Skipped(because) if addresses.contains(&because)),
            )
            .map(|(address, _)| address)
            .collect();
        if !not_begun.is_empty() {
            one.details["not_begun"] = json!(not_begun);
        }
        Some(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    fn at(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn report(failed: &[(&str, &str, &str)], skipped: &[(&str, &str)]) -> ApplyReport {
        let mut report = ApplyReport::default();
        for (address, code, cause) in failed {
            let diagnostic =
                Diagnostic::error(code, "A resource could not be created", format!("`{address}`: {cause}"))
                    .at(&at(address))
                    .details(json!({ "resource": address }));
            report.outcomes.insert(at(address), (Action::Create, StepOutcome::Failed(diagnostic)));
            report.causes.insert(at(address), (*cause).to_owned());
        }
        for (address, because) in skipped {
            report.outcomes.insert(at(address), (Action::Create, StepOutcome::Skipped(at(because))));
        }
        report
    }

    #[test]
    fn one_cause_is_one_diagnostic_and_another_is_another() {
        let report = report(
            &[
                ("t.role.a", "ROLE_CREATE_FAILED", "the login has ended"),
                ("t.subnet.a", "SUBNET_CREATE_FAILED", "no room"),
                ("t.subnet.b", "SUBNET_CREATE_FAILED", "no room"),
                ("t.vpc.main", "VPC_CREATE_FAILED", "the login has ended"),
            ],
            &[("t.cluster.main", "t.subnet.b"), ("t.group.a", "t.vpc.main")],
        );
        let told = report.told();
        let said: Vec<_> = told.iter().map(|one| (one.code.as_str(), one.detail.as_str())).collect();
        assert_eq!(
            said,
            [
                ("CHANGES_FAILED", "`t.role.a` and 1 more: the login has ended"),
                ("SUBNET_CREATE_FAILED", "`t.subnet.a` and 1 more: no room"),
            ]
        );
        assert_eq!(told[0].details["resources"], json!(["t.role.a", "t.vpc.main"]));
        assert_eq!(told[0].details["not_begun"], json!(["t.group.a"]));
        assert_eq!(told[1].details["not_begun"], json!(["t.cluster.main"]));
        let (left, because) = report.not_begun();
        assert_eq!((left.len(), because), (2, vec![at("t.subnet.b"), at("t.vpc.main")]));
    }

    #[test]
    fn what_fails_alone_is_told_as_it_is() {
        let told = report(&[("t.vpc.main", "VPC_CREATE_FAILED", "no")], &[]).told();
        assert_eq!(
            (told.len(), told[0].code.as_str(), told[0].detail.as_str()),
            (1, "VPC_CREATE_FAILED", "`t.vpc.main`: no")
        );
        assert!(told[0].details.get("resources").is_none() && told[0].details.get("not_begun").is_none());
    }
}
