//! One world: a cloud, a disk and a clock that outlive the runs of NIC in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join;
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::engine::{ApplyReport, Journal, Participant, Run, RunError, Settings, StepOutcome, Writer};
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use nic_core::plan::{Action, Plan, Purpose};
use nic_core::ports::{Backend, BackendError, Call, Context, Event, IdentitySource, Lease, Reporter};
use nic_core::resource::Desired;
use nic_core::state::{State, format_v1};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::faults::{Crash, Faults, Side};
use crate::provider::SimProvider;
use crate::secrets::Vault;
use crate::shared::Others;
use crate::time::Time;

/// Where the state lies.
#[derive(Default)]
pub struct Disk {
    pub bytes: Mutex<Option<Vec<u8>>>,
    faults: Arc<Faults>,
    /// The writes of these numbers fail.
    pub full: Mutex<Range<usize>>,
    /// Of the last write.
    serials: Mutex<Option<u64>>,
    /// How many were tried.
    pub writes: AtomicUsize,
}

impl Disk {
    /// Loses the state.
    pub fn lose(&self) {
        *self.bytes.lock().unwrap() = None;
        *self.serials.lock().unwrap() = None;
    }

    /// The state; it must be readable at every moment.
    pub fn state(&self) -> Option<State> {
        self.bytes.lock().unwrap().as_deref().map(|bytes| format_v1::decode(bytes).expect("a readable state"))
    }
}

#[async_trait]
impl Backend for Disk {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.bytes.lock().unwrap().clone())
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), BackendError> {
        let side = self.faults.write().await;
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        if self.full.lock().unwrap().contains(&number) {
            return Err(BackendError {
                code: "DISK_FULL",
                message: "no space".to_owned(),
                hints: Vec::new(),
                details: serde_json::json!({}),
            });
        }
        *self.bytes.lock().unwrap() = Some(bytes.to_vec());
        let serial = self.state().unwrap().serial;
        assert!(self.serials.lock().unwrap().replace(serial) < Some(serial), "the serial goes up with every write");
        if side == Some(Side::After) {
            self.faults.kill().await;
        }
        Ok(())
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
        unreachable!("the engine keeps no copies")
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        None
    }
}

/// What was told.
#[derive(Default)]
pub struct Events(Mutex<Vec<Event>>);

impl Reporter for Events {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// What one run of NIC came to.
#[derive(Default)]
pub struct Ran {
    pub crashed: bool,
    pub plan: Plan,
    pub report: ApplyReport,
    pub refused: Vec<Diagnostic>,
    pub backend: Option<BackendError>,
    pub events: Vec<Event>,
    pub took: Duration,
    /// For how long any provider call was in progress.
    pub busy: Duration,
}

impl Ran {
    /// Everything was done.
    pub fn complete(&self) -> bool {
        !self.crashed && self.refused.is_empty() && self.backend.is_none() && self.report.is_complete()
    }

    /// What was planned for an address.
    pub fn action(&self, address: &str) -> Action {
        self.plan.changes.iter().find(|c| c.address.as_str() == address).expect("no such change").action
    }

    /// How an address came out.
    pub fn outcome(&self, address: &str) -> Option<&StepOutcome> {
        self.report.outcomes.get(&address.parse::<Address>().unwrap()).map(|(_, outcome)| outcome)
    }

    /// The codes of what was refused.
    pub fn codes(&self) -> BTreeSet<&str> {
        self.refused.iter().map(|d| d.code.as_str()).collect()
    }
}

/// How a run is made.
#[derive(Clone, Default)]
pub struct How {
    pub destroy: bool,
    /// Only looked at.
    pub plan: bool,
    pub crash: Option<Crash>,
    pub confirmed: Vec<&'static str>,
    pub targets: Vec<&'static str>,
    pub retain: Vec<&'static str>,
    pub accept_loss: bool,
    /// Of a state that is begun; `lineage-1` when empty.
    pub lineage: &'static str,
}

/// Works while the state is written, and ends when all of it is.
async fn written<T>(journal: &Journal, writer: Writer, work: impl Future<Output = T>) -> T {
    let work = async {
        let done = work.await;
        journal.close().await.expect("the lease is let go of");
        done
    };
    join(work, writer.run()).await.0
}

/// A cloud, a disk and a clock.
pub struct World {
    pub time: Arc<Time>,
    pub cloud: Arc<Mutex<Cloud>>,
    pub disk: Arc<Disk>,
    pub faults: Arc<Faults>,
    /// What the config's secrets are, and the key of their fingerprints.
    pub vault: Vault,
    /// Whose the login is that NIC finds.
    pub login: Arc<Login>,
    /// What others made.
    pub others: Others,
}

/// Who answers when it is asked whose platform it is.
pub struct Login(pub Mutex<Result<Option<Identity>, ProviderError>>);

impl Login {
    pub fn is(&self, told: Result<Option<Identity>, ProviderError>) {
        *self.0.lock().unwrap() = told;
    }
}

#[async_trait]
impl IdentitySource for Login {
    async fn identity(&self, _: &Call) -> Result<Option<Identity>, ProviderError> {
        self.0.lock().unwrap().clone()
    }
}

impl World {
    pub fn new() -> Self {
        let faults = Arc::new(Faults::default());
        let disk = Arc::new(Disk { faults: faults.clone(), ..Disk::default() });
        Self {
            time: Arc::new(Time::default()),
            cloud: Arc::default(),
            disk,
            faults,
            vault: Vault::default(),
            others: Others::default(),
            login: Arc::new(Login(Mutex::new(Ok(None)))),
        }
    }

    /// A world in which that was deployed.
    pub fn with(wanted: Vec<Desired>) -> Self {
        let world = Self::new();
        let ran = world.deploy(wanted);
        assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        world
    }

    pub fn deploy(&self, wanted: Vec<Desired>) -> Ran {
        self.go(self.provider(wanted), &How::default())
    }

    pub fn destroy(&self) -> Ran {
        self.go(self.provider(Vec::new()), &How { destroy: true, ..How::default() })
    }

    /// A provider in this world.
    pub fn provider(&self, wanted: Vec<Desired>) -> SimProvider {
        let mut provider = SimProvider::new(self.cloud.clone(), self.time.clone(), self.faults.clone(), wanted);
        provider.vault = self.vault.clone();
        provider.others = self.others.clone();
        provider
    }

    /// One process, from the reading of the state to its end.
    pub fn go(&self, provider: SimProvider, how: &How) -> Ran {
        self.faults.start(how.crash);
        let provider = Arc::new(provider);
        let events = Arc::new(Events::default());
        let started = self.time.now();
        let process = self.process(&provider, &events, how);
        let result = self.time.run(process, || self.faults.crashed());
        let mut ran = Ran { took: self.time.now().saturating_sub(started), ..Ran::default() };
        match result {
            None => ran.crashed = true,
            Some(Ok((plan, report))) => (ran.plan, ran.report) = (plan, report),
            Some(Err(RunError::Refused(refused) | RunError::Broke(refused))) => ran.refused = refused,
            Some(Err(RunError::Interrupted)) => unreachable!("nothing is brought up in this world"),
            Some(Err(RunError::Backend(error))) => ran.backend = Some(error),
        }
        self.faults.start(None);
        ran.busy = provider.busy();
        ran.events = std::mem::take(&mut events.0.lock().unwrap());
        self.disk.state();
        ran
    }

    async fn process(
        &self,
        provider: &Arc<SimProvider>,
        events: &Arc<Events>,
        how: &How,
    ) -> Result<(Plan, ApplyReport), RunError> {
        self.process_on(self.disk.clone(), provider, events, how).await
    }

    /// The same with the state elsewhere.
    pub async fn process_on(
        &self,
        backend: Arc<dyn Backend>,
        provider: &Arc<SimProvider>,
        events: &Arc<Events>,
        how: &How,
    ) -> Result<(Plan, ApplyReport), RunError> {
        let state = if let Some(bytes) = backend.read().await.unwrap() {
            format_v1::decode(&bytes).unwrap()
        } else {
            let lineage = if how.lineage.is_empty() { "lineage-1" } else { how.lineage };
            State::empty("sim", "test", "dev", "design", lineage, "2026-01-01T00:00:00Z")
        };
        let (run, writer) = self.run(state, backend, provider, events, how);
        let work = async {
            let purpose = if how.destroy { Purpose::Destroy } else { Purpose::Deploy };
            let planned = run.plan(purpose).await?;
            if how.plan {
                run.preflight_of_plan(&planned).await?;
                return Ok((planned.plan, ApplyReport::default()));
            }
            run.preflight(&planned).await?;
            let report = run.apply(&planned).await?;
            run.outputs().await?;
            Ok((planned.plan, report))
        };
        written(&run.journal, writer, work).await
    }

    /// Another directory in the same world: it has no state, and finds the same cloud.
    pub fn beside(&self) -> Self {
        Self { time: self.time.clone(), cloud: self.cloud.clone(), ..Self::new() }
    }

    async fn first_deploy(&self, lineage: &'static str, wanted: Vec<Desired>) -> Result<ApplyReport, RunError> {
        let provider = Arc::new(self.provider(wanted));
        let how = How { lineage, ..How::default() };
        self.process(&provider, &Arc::default(), &how).await.map(|(_, report)| report)
    }

    /// Two first deploys that begin at the same moment, each with a lineage of its own.
    pub fn race(&self, other: &Self, wanted: &[Desired]) -> [Result<ApplyReport, RunError>; 2] {
        let both = futures::future::join(
            self.first_deploy("lineage-1", wanted.to_vec()),
            other.first_deploy("lineage-2", wanted.to_vec()),
        );
        let (one, other) = self.time.run(both, || false).expect("no crash");
        [one, other]
    }

    /// One process that does something else than deploy or destroy.
    pub fn session<T>(&self, wanted: Vec<Desired>, act: impl AsyncFnOnce(Run) -> T) -> T {
        self.session_told(wanted, &How::default(), act)
    }

    /// The same, told how.
    pub fn session_told<T>(&self, wanted: Vec<Desired>, how: &How, act: impl AsyncFnOnce(Run) -> T) -> T {
        self.faults.start(None);
        let process = async {
            let bytes = self.disk.read().await.unwrap().expect("a state");
            let state = format_v1::decode(&bytes).unwrap();
            let provider = Arc::new(self.provider(wanted));
            let (run, writer) = self.run(state, self.disk.clone(), &provider, &Arc::default(), how);
            let journal = run.journal.clone();
            written(&journal, writer, act(run)).await
        };
        self.time.run(process, || self.faults.crashed()).expect("no crash")
    }

    fn run(
        &self,
        state: State,
        backend: Arc<dyn Backend>,
        provider: &Arc<SimProvider>,
        events: &Arc<Events>,
        how: &How,
    ) -> (Run, Writer) {
        let context = Context { project: "test".to_owned(), lineage: state.lineage.clone(), ..Context::default() };
        let (journal, writer) = Journal::open(state, backend, self.time.clone(), "0.0.0");
        let run = Run {
            participants: vec![Participant { provider: provider.clone(), config: Value::Null, declares: true }],
            context,
            identity: self.login.clone(),
            clock: self.time.clone(),
            cluster: None,
            history: Arc::new(()),
            reporter: events.clone(),
            interrupt: self.time.clone(),
            settings: Settings {
                targets: how.targets.iter().map(|address| address.parse().unwrap()).collect(),
                confirmed: how.confirmed.iter().map(|address| address.parse().unwrap()).collect(),
                retain: how.retain.iter().map(|&name| name.to_owned()).collect(),
                accept_loss: how.accept_loss,
                pace: 1.0,
                version: "0.0.0".to_owned(),
            },
            journal: Arc::new(journal),
            fingerprints: self.vault.fingerprints(),
            configuration_hash: String::new(),
            facts: futures::lock::Mutex::default(),
        };
        (run, writer)
    }

    /// Accepted mutations so far, of one verb.
    pub fn count(&self, verb: &str) -> usize {
        self.cloud.lock().unwrap().log.iter().filter(|(v, _)| *v == verb).count()
    }

    /// All accepted mutations so far.
    pub fn mutations(&self) -> usize {
        self.cloud.lock().unwrap().log.len()
    }

    /// What exists and what is recorded, with addresses for the cloud's names: the same whatever happened on the way.
    pub fn picture(&self) -> BTreeMap<String, Value> {
        let cloud = self.cloud.lock().unwrap();
        let named = |value: &Value| {
            let mut text = value.to_string();
            for (id, thing) in &cloud.things {
                text = text.replace(id, thing.owner.as_deref().unwrap_or("somebody"));
            }
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let mut picture = BTreeMap::new();
        for (id, thing) in &cloud.things {
            let phase = format!("{:?}", thing.phase);
            let owner = thing.owner.clone().unwrap_or_else(|| id.clone());
            let before = picture.insert(format!("cloud {owner}"), named(&serde_json::json!([thing.document, phase])));
            assert_eq!(before, None, "two of {owner}");
        }
        for record in self.disk.state().iter().flat_map(|s| s.records.values()) {
            let shown = serde_json::json!({
                "remote_id": record.remote_id, "attributes": record.attributes, "baseline": record.baseline,
                "dependencies": record.dependencies, "pending": record.pending.is_some(), "secrets": record.secrets,
            });
            picture.insert(format!("record {}", record.address), named(&shown));
        }
        picture
    }

    /// Nothing was made twice, ever.
    pub fn assert_nothing_doubled(&self) {
        assert_eq!(self.cloud.lock().unwrap().doubled, Vec::<String>::new());
    }

    /// One more run has nothing to do.
    pub fn assert_settled(&self, wanted: Vec<Desired>) {
        let (before, bytes) = (self.mutations(), self.disk.bytes.lock().unwrap().clone());
        let ran = self.deploy(wanted);
        assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        assert_eq!(ran.plan.change_count(), 0, "{:#?}", ran.plan.changes);
        assert_eq!(self.mutations(), before);
        assert_eq!(*self.disk.bytes.lock().unwrap(), bytes, "a run without changes writes nothing");
    }
}
