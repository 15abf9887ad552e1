//! A provider of the simulated cloud.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::error::{ChangeFailure, ProviderError};
use nic_core::kind::{CreateSafety, Description};
use nic_core::ports::{
    Answer, Call, Change, Clock, Context, CreatedSink, Facts, Locator, Outdated, Progress, Provider, Query, Target,
    Waiting,
};
use nic_core::resource::{Desired, Observed, OtherLineage, Status};
use serde_json::{Value, json};

use crate::cloud::{Cloud, Phase, Thing};
use crate::faults::{Fault, Faults, LATENCY, Side};
use crate::platform::description;
use crate::secrets::Vault;
use crate::shared::Others;
use crate::time::Time;

/// How the provider breaks its contract for one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// `read` leaves it out.
    OmitsObservation,
    /// `update` is done, and nothing was changed.
    UpdateDoesNothing,
    /// `create` makes another cidr than asked for.
    OtherCidr,
    /// `create` is done, and shows nothing.
    ShowsNothing,
    /// `create` is done for another address.
    OtherAddress,
    /// `create` shows what would be a record in the state.
    ForgesRecord,
    /// `delete` is done, and it is still there.
    DeletesNothing,
    /// `poll` never ends and asks to be called again at once.
    PollsForever,
    /// `create` is refused.
    Denied,
    /// `create` has its effect and ends without an answer.
    Traps,
    /// `create` has its effect, and the host withholds the answer.
    Withheld,
}

#[derive(Default)]
struct Calls {
    running: usize,
    since: Duration,
    busy: Duration,
}

/// The provider, and what it is told to do wrong.
pub struct SimProvider {
    pub cloud: Arc<Mutex<Cloud>>,
    pub time: Arc<Time>,
    pub faults: Arc<Faults>,
    pub wanted: Vec<Desired>,
    pub lie: Option<(Address, Lie)>,
    /// Reads of these fail with `Denied`.
    pub unreadable: BTreeSet<Address>,
    /// What `preflight` finds, one look after the other; nothing once they are used up.
    pub checks: Arc<Mutex<VecDeque<Vec<Diagnostic>>>>,
    /// What `preflight` fails with.
    pub unchecked: Option<ProviderError>,
    pub description: Description,
    /// What secrets are, at the edge.
    pub vault: Vault,
    /// How it deals with what others made.
    pub others: Others,
    calls: Mutex<Calls>,
}

impl SimProvider {
    pub fn new(cloud: Arc<Mutex<Cloud>>, time: Arc<Time>, faults: Arc<Faults>, wanted: Vec<Desired>) -> Self {
        Self {
            cloud,
            time,
            faults,
            wanted,
            lie: None,
            unreadable: BTreeSet::new(),
            checks: Arc::default(),
            unchecked: None,
            description: description(),
            vault: Vault::default(),
            others: Others::default(),
            calls: Mutex::default(),
        }
    }

    fn lies(&self, address: &Address, lie: Lie) -> bool {
        self.lie.as_ref().is_some_and(|(about, told)| about == address && *told == lie)
    }

    fn safety(&self, kind: &str) -> CreateSafety {
        self.description.kinds.iter().find(|k| k.kind == kind).unwrap().create
    }

    /// The way of a call to the cloud and back, with what happens to it there.
    async fn call<T>(
        &self,
        mutates: bool,
        act: impl FnOnce(&mut Cloud, Duration) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let side = self.faults.call().await;
        self.enter();
        let fault = if mutates { self.faults.next() } else { self.faults.next_read() };
        self.time.sleep(LATENCY / 2).await;
        self.faults.alive().await;
        let unavailable =
            || ProviderError::Remote { status: 503, code: "Unavailable".to_owned(), message: "later".to_owned() };
        let timed_out = || ProviderError::TimedOut("the cloud".to_owned());
        let invisible =
            if let Fault::Invisible(seconds) = fault { Duration::from_secs(seconds) } else { Duration::ZERO };
        let act = || act(&mut self.cloud.lock().unwrap(), invisible);
        let result = match fault {
            Fault::Throttled => Err(ProviderError::Throttled(None)),
            Fault::Unavailable => Err(unavailable()),
            Fault::NeverArrived => Err(timed_out()),
            Fault::ActedUnavailable => act().and(Err(unavailable())),
            Fault::LostAnswer => act().and(Err(timed_out())),
            Fault::Fine | Fault::Invisible(_) => act(),
        };
        if side == Some(Side::After) {
            self.faults.kill().await;
        }
        self.time.sleep(LATENCY / 2).await;
        self.faults.alive().await;
        self.leave();
        result
    }

    fn enter(&self) {
        let mut calls = self.calls.lock().unwrap();
        if calls.running == 0 {
            calls.since = self.time.now();
        }
        calls.running += 1;
    }

    fn leave(&self) {
        let mut calls = self.calls.lock().unwrap();
        calls.running -= 1;
        if calls.running == 0 {
            let busy = self.time.now().saturating_sub(calls.since);
            calls.busy += busy;
        }
    }

    /// For how long any call was in progress.
    pub fn busy(&self) -> Duration {
        self.calls.lock().unwrap().busy
    }

    fn observe(&self, cloud: &mut Cloud, target: &Target, owner: &str) -> Observed {
        let now = self.time.now();
        let named = self.safety(&target.kind) == CreateSafety::Named;
        let ids = match &target.remote_id {
            Some(id) => vec![id.clone()],
            None if named => {
                let name = target.document.get("name").and_then(Value::as_str).unwrap_or_default();
                let text = |t: &Thing| t.document.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                let called = cloud.find(now, |t| t.kind == target.kind && text(t) == name);
                if called.is_empty() {
                    // A replacement has a longer name, and the mark of the same address.
                    let longer = format!("{name}-");
                    let ours = |t: &Thing| t.owner.as_deref() == Some(owner) && text(t).starts_with(&longer);
                    cloud.find(now, |t| t.kind == target.kind && ours(t))
                } else {
                    called
                }
            }
            None => {
                let mut found = |ours: &dyn Fn(&str) -> bool| {
                    cloud.find(now, |t| {
                        t.kind == target.kind && t.owner.as_deref().is_some_and(ours) && t.phase != Phase::Deleting
                    })
                };
                match found(&|marked| marked == owner) {
                    none if none.is_empty() => found(&|marked| another_state(marked, owner).is_some()),
                    ours => ours,
                }
            }
        };
        let absent = Observed::absent(&target.address);
        if ids.len() > 1 {
            return Observed { status: Status::Ambiguous(ids), ..absent };
        }
        let Some(id) = ids.into_iter().next() else { return absent };
        let Some((status, document)) = cloud.show(&id, now) else { return absent };
        let marked = cloud.things[&id].owner.clone();
        let (theirs, ours) = (marked.is_none(), marked.as_deref() == Some(owner));
        if target.remote_id.is_none() && !ours && !(theirs && self.others.are_shared()) {
            let other_lineage = marked.as_deref().and_then(|marked| another_state(marked, owner));
            return Observed { status: Status::Foreign(id), other_lineage, ..absent };
        }
        let document = self.vault.shown(document, &target.document);
        self.others.tell(theirs, Observed { remote_id: Some(id), status, document, ..absent })
    }

    fn owner(call: &Call, address: &Address) -> String {
        format!("{}/{address}", call.context.lineage)
    }

    /// What a mutation that was accepted answers.
    fn progress(&self, call: &Call, change: &Change, id: &str, verb: &str) -> Progress {
        let mut cloud = self.cloud.lock().unwrap();
        let now = self.time.now();
        if let Some(left) = cloud.busy(id, now) {
            return Progress::Pending(Waiting {
                remote_id: Some(id.to_owned()),
                operation: json!({ "id": id, "verb": verb }),
                poll_after: left.min(Duration::from_secs(15)),
                message: format!("{verb} {id}"),
            });
        }
        drop(cloud);
        Progress::Done(self.seen(call, change, id))
    }

    /// What exists, though reads may not show it yet: the answer of the mutation itself holds it.
    fn seen(&self, call: &Call, change: &Change, id: &str) -> Observed {
        let cloud = self.cloud.lock().unwrap();
        let absent = Observed::absent(&change.address);
        let Some(thing) = cloud.things.get(id) else { return absent };
        let status =
            if thing.phase == Phase::Broken { Status::Failed("CREATE_FAILED".to_owned()) } else { Status::Present };
        // What was deposed is recorded below the address it bears the mark of.
        debug_assert!(thing.owner.as_ref().is_none_or(|owner| Self::owner(call, &change.address).starts_with(owner)));
        let theirs = thing.owner.is_none();
        let document = self.vault.shown(thing.document.clone(), &change.document);
        self.others.tell(theirs, Observed { remote_id: Some(id.to_owned()), status, document, ..absent })
    }
}

#[async_trait]
impl Provider for SimProvider {
    fn description(&self) -> &Description {
        &self.description
    }

    fn digest(&self) -> &'static str {
        "00"
    }

    async fn validate(&self, _: &Call, _: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        Ok(Vec::new())
    }

    async fn desired(&self, _: &Call, _: &Value, facts: &Facts) -> Result<Answer, ProviderError> {
        if !facts.contains_key("zones") {
            return Ok(Answer::Need(vec![Query {
                key: "zones".to_owned(),
                name: "zones".to_owned(),
                arguments: json!({}),
            }]));
        }
        Ok(Answer::Ready(self.wanted.clone()))
    }

    async fn lookup(&self, _: &Call, queries: Vec<Query>) -> Result<Facts, ProviderError> {
        Ok(queries.into_iter().map(|query| (query.key, json!(["a", "b"]))).collect())
    }

    async fn read(&self, call: &Call, targets: Vec<Target>) -> Result<Vec<Observed>, ProviderError> {
        let shown = targets.iter().filter(|target| !self.lies(&target.address, Lie::OmitsObservation));
        self.call(false, |cloud, _| {
            Ok(shown
                .map(|target| {
                    if self.unreadable.contains(&target.address) {
                        return Observed::unreadable(&target.address, ProviderError::denied("AccessDenied", "no"));
                    }
                    self.observe(cloud, target, &Self::owner(call, &target.address))
                })
                .collect())
        })
        .await
    }

    async fn discover(&self, _: &Call) -> Result<Vec<Observed>, ProviderError> {
        Ok(Vec::new())
    }

    async fn preflight(&self, _: &Call, _: &Value, _: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        if let Some(error) = &self.unchecked {
            return Err(error.clone());
        }
        Ok(self.checks.lock().unwrap().pop_front().unwrap_or_default())
    }

    async fn create(
        &self,
        call: &Call,
        change: &Change,
        sink: Arc<dyn CreatedSink>,
    ) -> Result<Progress, ChangeFailure> {
        if self.lies(&change.address, Lie::Denied) {
            return Err(ProviderError::denied("AccessDenied", "no").into());
        }
        let owner = Self::owner(call, &change.address);
        let mut sent = self.vault.put_in(change);
        if self.lies(&change.address, Lie::OtherCidr) {
            sent.document["cidr"] = json!("192.168.0.0/16");
        }
        let id = self
            .call(true, |cloud, invisible| {
                cloud.create(&sent, self.safety(&change.kind), &owner, (self.time.now(), invisible))
            })
            .await?;
        if self.lies(&change.address, Lie::Traps) {
            return Err(ProviderError::other("PROVIDER_TRAPPED", "trapped in `create`").into());
        }
        if self.lies(&change.address, Lie::Withheld) {
            return Err(ProviderError::other("RESPONSE_HOLDS_SECRET", "the answer is withheld").into());
        }
        // Some providers tell the name at once, others only in their answer.
        if ["sim.subnet", "sim.cluster", "sim.queue"].contains(&change.kind.as_str()) {
            let told = sink.created(&id).await;
            told.map_err(|error| ProviderError::other("STATE_NOT_WRITTEN", error.to_string()))?;
        }
        let mut progress = self.progress(call, change, &id, "create");
        if let Progress::Done(observed) = &mut progress {
            if self.lies(&change.address, Lie::ShowsNothing) {
                observed.document = Value::Null;
            }
            if self.lies(&change.address, Lie::ForgesRecord) {
                observed.document["tags"] = json!({"_nic": {"address": "sim.vpc.main"}});
            }
            if self.lies(&change.address, Lie::OtherAddress) {
                observed.address = "sim.vpc.other".parse().unwrap();
            }
        }
        Ok(progress)
    }

    async fn update(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        if self.lies(&change.address, Lie::UpdateDoesNothing) {
            return Ok(Progress::Done(self.seen(call, change, change.remote_id.as_ref().unwrap())));
        }
        let id = self.call(true, |cloud, _| cloud.update(&self.vault.put_in(change), self.time.now())).await?;
        Ok(self.progress(call, change, &id, "update"))
    }

    async fn delete(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        if self.lies(&change.address, Lie::DeletesNothing) {
            return Ok(Progress::Done(self.seen(call, change, change.remote_id.as_ref().unwrap())));
        }
        let id = match self.call(true, |cloud, _| cloud.delete(change, self.time.now())).await {
            // Half of the providers leave that to the host.
            Err(ProviderError::NotFound(_)) if change.kind == "sim.vpc" => {
                return Ok(Progress::Done(Observed::absent(&change.address)));
            }
            other => other?,
        };
        Ok(self.progress(call, change, &id, "delete"))
    }

    async fn release(&self, _: &Call, change: &Change) -> Result<(), ProviderError> {
        self.call(true, |_, _| Ok(())).await?;
        self.others.release(&change.address);
        Ok(())
    }

    async fn poll(&self, call: &Call, change: &Change, operation: &Value) -> Result<Progress, ChangeFailure> {
        let (id, verb) = (operation["id"].as_str().unwrap(), operation["verb"].as_str().unwrap());
        self.call(true, |_, _| Ok(())).await?;
        let mut progress = self.progress(call, change, id, verb);
        if self.lies(&change.address, Lie::PollsForever) {
            progress = Progress::Pending(Waiting {
                remote_id: None,
                operation: operation.clone(),
                poll_after: Duration::ZERO,
                message: "soon".to_owned(),
            });
        }
        Ok(progress)
    }

    async fn cluster(&self, _: &Call, _: &Value) -> Result<Option<Locator>, ProviderError> {
        Ok(None)
    }

    async fn outputs(&self, call: &Call, _: &Value) -> Result<Value, ProviderError> {
        Ok(json!({ "resources": call.records.len() }))
    }

    async fn upgrade_document(&self, _: &Context, outdated: &Outdated<'_>) -> Result<Value, ProviderError> {
        Ok(outdated.document.clone())
    }

    fn check_document(&self, _: &str, _: &Value, _: bool) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// The state that made what bears the one mark, when the other is for the same address.
fn another_state(marked: &str, owner: &str) -> Option<OtherLineage> {
    let ((lineage, address), (ours, sought)) = (marked.split_once('/')?, owner.split_once('/')?);
    let other = OtherLineage { lineage: lineage.to_owned(), since: Some("2026-01-01T00:00:00Z".to_owned()) };
    (address == sought && lineage != ours).then_some(other)
}
