//! What is there: every desired and recorded resource is read, in as few rounds as references allow.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::{Run, RunError, lie_in};
use crate::address::Address;
use crate::document::{has_unknown, resolve, without_unknown};
use crate::error::{ProviderError, Retry};
use crate::graph::DesiredGraph;
use crate::plan::{Outcome, look_up};
use crate::ports::{Event, Target};
use crate::resource::{Observed, Record, Status};

/// How often a read is tried before its error is told.
const READ_ATTEMPTS: u32 = 5;

impl Run {
    /// Reads everything desired or recorded.
    ///
    /// A resource with a remote id is read at once. One without is looked up by its natural name, which may hold references:
    /// it waits until what it references has been read. Targets of one kind go out in batches, batches at the same time.
    ///
    /// # Errors
    /// None of its own: what cannot be read is in the result as unreadable.
    pub async fn refresh(&self, graph: &DesiredGraph) -> Result<BTreeMap<Address, Observed>, RunError> {
        let state = self.journal.state().await;
        let records = &state.records;
        let all: BTreeSet<&Address> = records.keys().chain(graph.resources().map(|d| &d.address)).collect();
        self.reporter.report(Event::Refreshing { resources: all.len() });
        let mut unread: BTreeMap<&Address, usize> = BTreeMap::new();
        let mut needed_by: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
        for address in all {
            let known = records.get(address).is_some_and(|r| r.remote_id.is_some() || has_lookup_document(r));
            let needs = graph.needs(address).filter(|_| !known);
            unread.insert(address, needs.inspect(|need| needed_by.entry(need).or_default().push(address)).count());
        }
        let mut observed: BTreeMap<Address, Observed> = BTreeMap::new();
        let mut outcomes: BTreeMap<Address, Outcome> = BTreeMap::new();
        let mut wave: Vec<&Address> =
            unread.iter().filter(|(_, needs)| **needs == 0).map(|(address, _)| *address).collect();
        // The graph has no circle, so the waves reach everything.
        while !wave.is_empty() {
            let targets = wave.iter().map(|address| target(address, graph, records.get(*address), &outcomes)).collect();
            for answer in self.read_all(targets).await {
                let settled = answer.is_present();
                outcomes.insert(answer.address.clone(), Outcome { document: answer.document.clone(), settled });
                observed.insert(answer.address.clone(), answer);
            }
            let read = std::mem::take(&mut wave);
            for dependent in read.iter().filter_map(|address| needed_by.get(*address)).flatten() {
                if let Some(needs) = unread.get_mut(*dependent) {
                    *needs -= 1;
                    if *needs == 0 {
                        wave.push(dependent);
                    }
                }
            }
        }
        Ok(observed)
    }

    /// Reads targets in batches, all at the same time. Every target has exactly one answer.
    pub(super) async fn read_all(&self, targets: Vec<Target>) -> Vec<Observed> {
        let mut by_kind: BTreeMap<String, Vec<Target>> = BTreeMap::new();
        for target in targets {
            by_kind.entry(target.kind.clone()).or_default().push(target);
        }
        let mut calls = FuturesUnordered::new();
        for (kind, targets) in by_kind {
            let batch = self.kind(&kind).map_or(1, |k| k.read_batch.max(1) as usize);
            for chunk in targets.chunks(batch) {
                calls.push(self.read_batch(kind.clone(), chunk.to_vec()));
            }
        }
        let mut answers = Vec::new();
        while let Some(batch) = calls.next().await {
            answers.extend(batch);
        }
        answers
    }

    async fn read_batch(&self, kind: String, targets: Vec<Target>) -> Vec<Observed> {
        let Some((_, provider)) = self.served(&kind) else {
            let error = ProviderError::other("KIND_UNKNOWN", format!("no loaded provider knows the kind `{kind}`"));
            return targets.iter().map(|t| Observed::unreadable(&t.address, error.clone())).collect();
        };
        let mut answers: BTreeMap<Address, Observed> = BTreeMap::new();
        let mut left = targets.clone();
        for attempt in 1..=READ_ATTEMPTS {
            let call = self.call().await;
            match provider.read(&call, left.clone()).await {
                Ok(batch) => answers.extend(batch.into_iter().map(|o| (o.address.clone(), o))),
                Err(error) => {
                    let unread =
                        left.iter().map(|t| (t.address.clone(), Observed::unreadable(&t.address, error.clone())));
                    answers.extend(unread);
                }
            }
            // A read has no effect: whatever may pass by itself is asked again.
            left.retain(|target| match answers.get(&target.address).map(|o| &o.status) {
                Some(Status::Unreadable(error)) => error.retry() != Retry::No,
                _ => false,
            });
            if left.is_empty() || attempt == READ_ATTEMPTS || self.wait(self.back_off(attempt)).await {
                break;
            }
        }
        targets
            .iter()
            .map(|target| {
                let lie = |what| Observed::unreadable(&target.address, ProviderError::other("PROVIDER_LIED", what));
                match answers.remove(&target.address) {
                    None => lie("the provider did not answer for it"),
                    Some(answer) => {
                        if let Some(what) = lie_in(&answer).filter(|_| answer.is_present()) {
                            return lie(what);
                        }
                        let there = !matches!(answer.status, Status::Absent);
                        Observed {
                            remote_id: answer.remote_id.or_else(|| target.remote_id.clone().filter(|_| there)),
                            ..answer
                        }
                    }
                }
            })
            .collect()
    }

    /// Jittered exponential back-off: 0.5 s, 1 s, 2 s, ... up to 20 s, each between half and whole.
    pub(super) fn back_off(&self, attempt: u32) -> std::time::Duration {
        let whole = 0.5 * f64::from(1_u32 << attempt.saturating_sub(1).min(6));
        std::time::Duration::from_secs_f64(whole.min(20.0) * (0.5 + self.clock.jitter() / 2.0))
    }
}

/// A begun create of unknown outcome is looked for by the document that was sent.
fn has_lookup_document(record: &Record) -> bool {
    record.pending.as_ref().is_some_and(|pending| !pending.document.is_null())
}

fn target(
    address: &Address,
    graph: &DesiredGraph,
    record: Option<&Record>,
    outcomes: &BTreeMap<Address, Outcome>,
) -> Target {
    let desired = graph.get(address);
    let from_config = desired.and_then(|d| {
        let document = resolve(&d.document, &|to, pointer| look_up(outcomes, to, pointer)).ok()?;
        Some(d.named(document, record))
    });
    let pending = record.and_then(|r| r.pending.as_ref()).map(|p| &p.document).filter(|d| !d.is_null());
    let remote_id = record.and_then(|r| r.remote_id.clone());
    let document = match (pending, from_config, record) {
        (Some(sent), _, _) if remote_id.is_none() => sent.clone(),
        (_, Some(document), Some(record)) if has_unknown(&document) => {
            // Read beside what it references: the baseline fills what is not known yet.
            fill(&document, &record.baseline)
        }
        (_, Some(document), _) => without_unknown(&document),
        (_, None, Some(record)) if !record.baseline.is_null() => record.baseline.clone(),
        (Some(sent), None, _) => sent.clone(),
        (_, None, Some(record)) => record.attributes.clone(),
        (_, None, None) => Value::Null,
    };
    let kind = desired.map(|d| d.kind.clone()).or_else(|| record.map(|r| r.kind.clone())).unwrap_or_default();
    Target {
        address: address.clone(),
        kind,
        remote_id,
        document,
        baseline: record.map_or(Value::Null, |r| r.baseline.clone()),
    }
}

fn fill(document: &Value, baseline: &Value) -> Value {
    match (document, baseline) {
        (Value::Object(members), Value::Object(before)) => Value::Object(
            members
                .iter()
                .filter_map(|(key, member)| match before.get(key) {
                    Some(old) if has_unknown(member) => Some((key.clone(), fill(member, old))),
                    None if has_unknown(member) => None,
                    _ => Some((key.clone(), member.clone())),
                })
                .collect(),
        ),
        (unknown, before) if has_unknown(unknown) => before.clone(),
        (known, _) => known.clone(),
    }
}
