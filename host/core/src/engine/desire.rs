//! Config and facts to the desired graph.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Participant, Run, RunError, provider_failed};
use crate::diagnostic::Diagnostic;
use crate::document::{child_pointer, digest};
use crate::error::ProviderError;
use crate::graph::DesiredGraph;
use crate::kind::{KUBERNETES_OBJECT, SchemaNode};
use crate::ports::{Answer, Facts};
use crate::resource::Desired;

/// How often a provider may ask for more facts. Each round must ask something new, so honest ones need two or three.
const MAX_ROUNDS: usize = 8;

impl Run {
    /// Asks every provider what the config wants, looking up the facts it needs on the way. Facts are kept with the run; they are
    /// recorded when something is applied, because a plan writes nothing.
    ///
    /// # Errors
    /// [`RunError::Broke`] when a provider fails, lies, or its graph does not hold together; [`RunError::Refused`] when it says that
    /// the config is wrong.
    pub async fn desire(&self) -> Result<DesiredGraph, RunError> {
        let mut desired = Vec::new();
        for participant in self.participants.iter().filter(|p| p.declares) {
            desired.extend(self.desire_one(participant).await?);
        }
        let graph = DesiredGraph::build(desired).map_err(RunError::Broke)?;
        self.check_documents(&graph)?;
        Ok(graph)
    }

    async fn desire_one(&self, participant: &Participant) -> Result<Vec<Desired>, RunError> {
        let provider = &participant.provider;
        let name = provider.description().name.clone();
        let refused = |error: &ProviderError, phase: &str| match error {
            ProviderError::Invalid(diagnostics) if !diagnostics.is_empty() => RunError::Refused(diagnostics.clone()),
            error => RunError::Broke(vec![provider_failed(participant, phase, error)]),
        };
        let state = self.journal.state().await;
        // They are of a platform: when it is gone, the next one asks anew.
        let recorded = state.facts.get(&name).filter(|_| !state.records.is_empty());
        let mut facts: Facts = recorded.cloned().unwrap_or_default();
        drop(state);
        for _ in 0..MAX_ROUNDS {
            let mut call = self.call().await;
            call.context.facts_digest = digest(&serde_json::json!(facts));
            let answer = provider
                .desired(&call, &participant.config, &facts)
                .await
                .map_err(|error| refused(&error, "desired"))?;
            let queries = match answer {
                Answer::Ready(resources) => {
                    self.facts.lock().await.insert(name, facts);
                    return self.audit(participant, resources);
                }
                Answer::Need(queries) => queries,
            };
            if queries.is_empty() || queries.iter().any(|query| facts.contains_key(&query.key)) {
                let lie = ProviderError::other("PROVIDER_LIED", "it asked for facts that it was given, or for none");
                return Err(refused(&lie, "desired"));
            }
            let asked: Vec<String> = queries.iter().map(|query| query.key.clone()).collect();
            let answers = self.until_answered(|| provider.lookup(&call, queries.clone())).await;
            let answers = answers.map_err(|error| match refused(&error, "lookup") {
                RunError::Broke(failed) => RunError::Broke(unanswered(participant, &asked, &error, failed)),
                other => other,
            })?;
            if let Some(missing) = asked.iter().find(|key| !answers.contains_key(*key)) {
                let lie = ProviderError::other("PROVIDER_LIED", format!("it did not answer its own query `{missing}`"));
                return Err(refused(&lie, "lookup"));
            }
            facts.extend(answers);
        }
        let error = ProviderError::other("PROVIDER_LIED", format!("it still needs facts after {MAX_ROUNDS} rounds"));
        Err(refused(&error, "desired"))
    }

    fn audit(&self, participant: &Participant, resources: Vec<Desired>) -> Result<Vec<Desired>, RunError> {
        let description = participant.provider.description();
        let mut problems = Vec::new();
        for resource in &resources {
            let lie = |detail: String| {
                Diagnostic::error("PROVIDER_LIED", "A provider broke its contract", detail).at(&resource.address)
            };
            if resource.address.provider() != description.name {
                problems
                    .push(lie(format!("`{}` declared `{}`, which is not its own", description.name, resource.address)));
            }
            let own = description.kinds.iter().any(|kind| kind.kind == resource.kind);
            if !(own || resource.kind == KUBERNETES_OBJECT && self.kind(KUBERNETES_OBJECT).is_some()) {
                problems.push(lie(format!(
                    "`{}` declared `{}` of the kind `{}`, which it does not describe",
                    description.name, resource.address, resource.kind
                )));
            }
        }
        if problems.is_empty() { Ok(resources) } else { Err(RunError::Broke(problems)) }
    }

    /// Schemas are checked here with references as wildcards, and once more, whole, before each change.
    fn check_documents(&self, graph: &DesiredGraph) -> Result<(), RunError> {
        let mut problems = Vec::new();
        for resource in graph.resources() {
            let Some((_, provider)) = self.served(&resource.kind) else { continue };
            for (pointer, sentence) in provider.check_document(&resource.kind, &resource.document, true) {
                let mut problem = Diagnostic::error(
                    "PROVIDER_LIED",
                    "A provider broke its contract",
                    format!(
                        "the document of `{}` does not fit its own schema at `{pointer}`: {sentence}",
                        resource.address
                    ),
                )
                .at(&resource.address);
                problem.pointer = Some(pointer);
                problems.push(problem);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(RunError::Broke(problems)) }
    }
}

/// The failure of a look-up, with the keys of the config that make it needless: a fact is called as the key that says it is.
fn unanswered(
    participant: &Participant,
    asked: &[String],
    error: &ProviderError,
    mut failed: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let sections = &participant.provider.description().config_sections;
    let in_section = |key: &String| {
        let has = |schema: &Value| SchemaNode::root(schema).members().any(|(member, _)| member == key.as_str());
        sections.iter().find(|(_, schema)| has(schema)).map(|(section, _)| (section.clone(), key.clone()))
    };
    let keys: Vec<(String, String)> = asked.iter().filter_map(in_section).collect();
    let Some(diagnostic) = failed.first_mut().filter(|_| !keys.is_empty()) else { return failed };
    let named: Vec<String> = keys.iter().map(|(section, key)| format!("`{section}.{key}`")).collect();
    let named = named.join(" and ");
    let _ = write!(diagnostic.detail, "; it was asked because the config does not say {named}");
    if error.is_of_one_question() {
        diagnostic.hints.push(format!("write {named} in the config: what it says is not asked"));
        if let [(section, key)] = keys.as_slice() {
            diagnostic.pointer = Some(child_pointer(&child_pointer("", section), key));
        }
    }
    failed
}
