//! What is there: every desired and recorded resource is read, in as few rounds as references allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::{Run, RunError, lie_in};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::document::{Resolution, has_unknown, references, resolve, without_unknown};
use crate::error::{ProviderError, Retry};
use crate::graph::DesiredGraph;
use crate::kind::Kind;
use crate::plan::{Outcome, look_up};
use crate::ports::{Event, Target};
use crate::resource::{Desired, Observed, Record, Status};

/// What is recorded at an address is never taken for something of another kind: each kind has a meaning of its own for ids and documents, and
/// another component may have written them.
fn of_another_kind(desired: &Desired, records: &BTreeMap<Address, Record>) -> Option<Diagnostic> {
    let record = records.get(&desired.address).filter(|record| record.kind != desired.kind)?;
    let detail =
        format!("`{}` is recorded as a `{}`, and declared as a `{}`", desired.address, record.kind, desired.kind);
    let changed = Diagnostic::error("ADDRESS_KIND_CHANGED", "Something has become another kind of thing", detail);
    Some(changed.at(&desired.address).hint("use the version of the provider that made it, or ask its author"))
}

/// How often a read is tried before its error is told.
const READ_ATTEMPTS: u32 = 5;

/// About how many targets one call carries. Each call has an instance of its own, and its requests go out together: more calls cost
/// memory, fewer leave processors idle.
const TARGETS_OF_A_CALL: usize = 16;

impl Run {
    /// Reads everything desired or recorded.
    ///
    /// A resource with a remote id is read at once. One without is looked up by its natural name: it is read as soon as that is known,
    /// from the config or from what it references. Targets that are ready together go out in batches, batches at the same time.
    ///
    /// # Errors
    /// `ADDRESS_KIND_CHANGED`; what cannot be read is in the result as unreadable.
    pub async fn refresh(&self, graph: &DesiredGraph) -> Result<BTreeMap<Address, Observed>, RunError> {
        let state = self.journal.state().await;
        let records = &state.records;
        let changed: Vec<Diagnostic> =
            graph.resources().filter_map(|desired| of_another_kind(desired, records)).collect();
        if !changed.is_empty() {
            return Err(RunError::Refused(changed));
        }
        let all: BTreeSet<&Address> = records.keys().chain(graph.resources().map(|d| &d.address)).collect();
        self.reporter.report(Event::Refreshing { resources: all.len() });
        let mut seen = Seen { wished: wished(graph), outcomes: BTreeMap::new() };
        let mut unread: BTreeMap<&Address, usize> = BTreeMap::new();
        let mut needed_by: BTreeMap<Address, Vec<&Address>> = BTreeMap::new();
        for address in all {
            let known = records.get(address).is_some_and(|r| r.remote_id.is_some() || has_lookup_document(r));
            let needs = if known { BTreeSet::new() } else { self.needed_to_find(graph, address, &seen) };
            unread.insert(address, needs.len());
            for need in needs {
                needed_by.entry(need).or_default().push(address);
            }
        }
        let mut observed: BTreeMap<Address, Observed> = BTreeMap::new();
        let mut ready: Vec<&Address> =
            unread.iter().filter(|(_, needs)| **needs == 0).map(|(address, _)| *address).collect();
        let mut running = FuturesUnordered::new();
        let mut found = Arc::new(Vec::new());
        // The graph has no circle, so everything gets ready.
        loop {
            let targets = ready.drain(..).map(|address| target(address, graph, records.get(address), &seen)).collect();
            running.extend(self.batches(targets).into_iter().map(|batch| self.read_batch(batch, Arc::clone(&found))));
            let Some(answers) = running.next().await else { break };
            for answer in answers {
                if let Some(record) = found_record(&answer, graph).filter(|found| !records.contains_key(&found.address))
                {
                    Arc::make_mut(&mut found).push(record);
                }
                for dependent in needed_by.get(&answer.address).into_iter().flatten() {
                    if let Some(needs) = unread.get_mut(*dependent) {
                        *needs -= 1;
                        if *needs == 0 {
                            ready.push(dependent);
                        }
                    }
                }
                let settled = answer.is_present();
                seen.outcomes.insert(answer.address.clone(), Outcome { document: answer.document.clone(), settled });
                observed.insert(answer.address.clone(), answer);
            }
        }
        Ok(observed)
    }

    /// What must be read before a resource can be looked up: all that it needs, unless its kind says which members it is found by.
    fn needed_to_find(&self, graph: &DesiredGraph, address: &Address, seen: &Seen) -> BTreeSet<Address> {
        let Some(desired) = graph.get(address) else { return BTreeSet::new() };
        let natural_name = self.kind(&desired.kind).map(Kind::natural_name).unwrap_or_default();
        if natural_name.is_empty() {
            return graph.needs(address).cloned().collect();
        }
        let wished = seen.wished.get(address).map(|outcome| &outcome.document);
        let unknown =
            natural_name.into_iter().filter(|member| wished.and_then(|d| d.get(member)).is_some_and(has_unknown));
        unknown
            .filter_map(|member| desired.document.get(member))
            .flat_map(|m| references(m).unwrap_or_default())
            .collect()
    }

    /// Reads targets in batches, all at the same time. Every target has exactly one answer.
    pub(super) async fn read_all(&self, targets: Vec<Target>) -> Vec<Observed> {
        let nothing = Arc::default();
        let reads = self.batches(targets).into_iter().map(|batch| self.read_batch(batch, Arc::clone(&nothing)));
        join_all(reads).await.concat()
    }

    /// Targets by provider, each kind's together up to the number that it takes in one call.
    fn batches(&self, targets: Vec<Target>) -> Vec<Vec<Target>> {
        let mut batches = Vec::new();
        // By provider: the batch that has room, and its kinds.
        let mut open: BTreeMap<String, (Vec<Target>, BTreeSet<String>)> = BTreeMap::new();
        for (kind, mut targets) in by_kind(targets) {
            let most = self.kind(&kind).map_or(1, |k| k.read_batch.max(1) as usize);
            let provider = self.served(&kind).map_or_else(|| kind.clone(), |(_, p)| p.description().name.clone());
            while !targets.is_empty() {
                let rest = targets.split_off(most.min(targets.len()));
                let chunk = std::mem::replace(&mut targets, rest);
                let (batch, kinds) = open.entry(provider.clone()).or_default();
                if kinds.contains(&kind) || !batch.is_empty() && batch.len() + chunk.len() > TARGETS_OF_A_CALL {
                    batches.push(std::mem::take(batch));
                    kinds.clear();
                }
                batch.extend(chunk);
                kinds.insert(kind.clone());
            }
        }
        batches.extend(open.into_values().map(|(batch, _)| batch));
        batches
    }

    /// Reads the targets of one provider in one call. When the call fails as a whole, each kind is read by itself: what one of them
    /// does wrong is not the others' fault. `found` is what is there and not recorded, as far as it was read before.
    async fn read_batch(&self, targets: Vec<Target>, found: Arc<Vec<Record>>) -> Vec<Observed> {
        let unreadable = |targets: &[Target], error: &ProviderError| -> Vec<Observed> {
            targets.iter().map(|target| Observed::unreadable(&target.address, error.clone())).collect()
        };
        let found = &found;
        let error = match self.try_read_batch(&targets, found).await {
            Ok(observed) => return observed,
            Err(error) => error,
        };
        if targets.iter().all(|target| target.kind == targets[0].kind) {
            return unreadable(&targets, &error);
        }
        let reads = by_kind(targets).into_values().map(|targets| async move {
            let read = self.try_read_batch(&targets, found).await;
            read.unwrap_or_else(|error| unreadable(&targets, &error))
        });
        join_all(reads).await.concat()
    }

    /// The same, or the error of the whole call.
    async fn try_read_batch(&self, targets: &[Target], found: &[Record]) -> Result<Vec<Observed>, ProviderError> {
        let kind = targets.first().map(|target| target.kind.as_str()).unwrap_or_default();
        let Some((_, provider)) = self.served(kind) else {
            return Err(ProviderError::other("KIND_UNKNOWN", format!("no loaded provider knows the kind `{kind}`")));
        };
        let mut answers: BTreeMap<Address, Observed> = BTreeMap::new();
        let mut left: Vec<&Target> = targets.iter().collect();
        for attempt in 1..=READ_ATTEMPTS {
            let mut call = self.call().await;
            if !found.is_empty() {
                Arc::make_mut(&mut call.records).extend(found.iter().cloned());
            }
            match provider.read(&call, left.iter().copied().cloned().collect()).await {
                Ok(batch) => answers.extend(batch.into_iter().map(|o| (o.address.clone(), o))),
                Err(error) if error.retry() == Retry::No => return Err(error),
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
        let observed = targets
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
            .collect();
        Ok(observed)
    }

    /// Asks for something that has no effect: what may pass by itself is asked again.
    pub(super) async fn until_answered<T, F: Future<Output = Result<T, ProviderError>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, ProviderError> {
        self.until(ask, |answer| answer.as_ref().err().is_none_or(|error| error.retry() == Retry::No)).await
    }

    /// Asks for something that has no effect until the answer will do, or a longer wait makes no sense.
    pub(super) async fn until<F: Future>(
        &self,
        ask: impl Fn() -> F,
        will_do: impl Fn(&F::Output) -> bool,
    ) -> F::Output {
        let mut attempt = 1;
        loop {
            let answer = ask().await;
            if will_do(&answer) || attempt == READ_ATTEMPTS || self.wait(self.back_off(attempt)).await {
                return answer;
            }
            attempt += 1;
        }
    }

    /// Jittered exponential back-off: 0.5 s, 1 s, 2 s, ... up to 20 s, each between half and whole.
    pub fn back_off(&self, attempt: u32) -> std::time::Duration {
        let whole = 0.5 * f64::from(1_u32 << attempt.saturating_sub(1).min(6));
        std::time::Duration::from_secs_f64(whole.min(20.0) * (0.5 + self.clock.jitter() / 2.0))
    }
}

/// What is there and not recorded, as its record is going to be: what is read after it may be looked for in it, as objects are in a
/// cluster.
fn found_record(answer: &Observed, graph: &DesiredGraph) -> Option<Record> {
    let desired = graph.get(&answer.address).filter(|_| answer.is_present())?;
    Some(Record {
        remote_id: answer.remote_id.clone(),
        attributes: answer.document.clone(),
        ..Record::unmade(answer.address.clone(), desired.kind.clone())
    })
}

fn by_kind(targets: Vec<Target>) -> BTreeMap<String, Vec<Target>> {
    let mut by_kind: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    for target in targets {
        by_kind.entry(target.kind.clone()).or_default().push(target);
    }
    by_kind
}

/// A begun create of unknown outcome is looked for by the document that was sent.
fn has_lookup_document(record: &Record) -> bool {
    record.pending.as_ref().is_some_and(|pending| !pending.document.is_null())
}

/// What references lead to while things are being read.
struct Seen {
    /// What the config alone says.
    wished: BTreeMap<Address, Outcome>,
    /// What was read.
    outcomes: BTreeMap<Address, Outcome>,
}

impl Seen {
    /// What is there, else what is wished: the name of what is to be made is known before it is made.
    fn look_up(&self, address: &Address, pointer: &str) -> Resolution {
        match look_up(&self.outcomes, address, pointer) {
            Resolution::Unknown => look_up(&self.wished, address, pointer),
            found => found,
        }
    }
}

/// Every desired document as far as the config alone makes it known.
fn wished(graph: &DesiredGraph) -> BTreeMap<Address, Outcome> {
    let mut wished = BTreeMap::new();
    for desired in graph.ordered() {
        let resolved = resolve(&desired.document, &|to, pointer| look_up(&wished, to, pointer));
        // A malformed reference is told by the plan.
        if let Ok(document) = resolved {
            wished.insert(desired.address.clone(), Outcome { document, settled: false });
        }
    }
    wished
}

fn target(address: &Address, graph: &DesiredGraph, record: Option<&Record>, seen: &Seen) -> Target {
    let desired = graph.get(address);
    let from_config = desired.and_then(|d| {
        let document = resolve(&d.document, &|to, pointer| seen.look_up(to, pointer)).ok()?;
        Some(d.named(document, record, None))
    });
    let pending = record.and_then(|r| r.pending.as_ref()).map(|p| &p.document).filter(|d| !d.is_null());
    let remote_id = record.and_then(|r| r.remote_id.clone());
    let document = match (pending, from_config, record) {
        (Some(sent), _, _) if remote_id.is_none() => sent.clone(),
        (_, Some(document), Some(record)) if has_unknown(&document) => {
            // Read beside what it references: the baseline fills what is not known yet.
            fill(&document, &record.baseline)
        }
        (_, Some(document), _) if !has_unknown(&document) => document,
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
