//! One run put together: config, component, state under its lock, cluster, and the engine over them.

mod cluster;
mod owner;
mod recorded;
mod settings;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;

use nic_cluster::kubernetes::KubernetesProvider;
use nic_cluster::{
    ClusterAccess, ClusterSource, Connected, ExecCommand, FoundClusterReader, Generation, ObjectName, Reach,
};
use nic_core::engine::{self, Journal, Participant, Run, Settings};
use nic_core::error::ProviderError;
use nic_core::ports::{Backend, BackendError, Clock, Context, Interrupt, Locator, Provider};
use nic_core::secret::Fingerprints;
use nic_core::state::State;
use nic_gate::HostGate;
use nic_sandbox::ComponentProvider;
use nic_sandbox::limits::DEFAULT_PARALLELISM;
use nic_system::SystemClock;
use serde_json::{Map, Value, json};

use self::cluster::{ClusterOf, OwnCluster};
use self::owner::PlatformOwner;
use self::recorded::{edited, fresh_state, no_state, read_state, same_platform, taking_over};
use crate::backend::{self, Access, Migrated, Nothing, ReadOnly, StateLocation};
use crate::cli::{ConfigPath, RunFlags, StateOf, StatePath};
use crate::components;
use crate::config::{self, Config};
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::handover::{Handover, PlatformRef};
use crate::host_gate;
use crate::interrupt::Signals;
use crate::loading;
use crate::output::{Durations, Printer};
use crate::secrets::Secrets;

/// A run that is ready to walk.
pub struct Session {
    /// The engine and everything it needs.
    pub run: Run,
    /// Where the state is.
    pub location: StateLocation,
    component: Arc<ComponentProvider>,
    clusters: ClusterSource,
    /// What the config's immutable keys say.
    immutable: BTreeMap<String, Value>,
}

/// How a run behaves when no flags say so.
pub(crate) const DEFAULT_FLAGS: RunFlags = RunFlags {
    parallelism: DEFAULT_PARALLELISM as u16,
    confirm: Vec::new(),
    target: Vec::new(),
    accept_loss: false,
    retain: Vec::new(),
};

impl Session {
    /// For commands with a config and a state. With a lineage it goes on as the state of that one, which is lost.
    ///
    /// # Errors
    /// What the backend, the state, the component or the sandbox say, by code.
    pub async fn open(
        config: &Config,
        state: &StatePath,
        flags: &RunFlags,
        (access, operation): (Access, &str),
        lineage: Option<&str>,
        printer: Printer,
    ) -> Result<Self, CommandError> {
        let gate = host_gate::open()?;
        gate.for_guests().get_ready();
        let location = state.resolve(&config.path);
        let backend = backend::lock(&location, operation, state.lock_timeout).await?;
        let recorded = read_state(&backend, &location).await?;
        if let Some(recorded) = &recorded {
            same_platform(config, recorded, &location)?;
        }
        let recorded = match lineage {
            Some(lineage) => Some(taking_over(recorded, config, lineage, &location)?),
            None => recorded,
        };
        let backend: Arc<dyn Backend> = match access {
            Access::Write => Arc::new(backend),
            Access::Read => Arc::new(ReadOnly(backend)),
        };
        let session =
            Self::assemble(Some(config), recorded, (backend, location, access), flags, (gate, printer)).await?;
        let state = session.run.journal.state().await;
        match edited(config, &session.immutable, &state) {
            Some(error) => Err(error),
            None => Ok(session),
        }
    }

    /// For `validate`: no state, no credentials.
    ///
    /// # Errors
    /// What the component or the sandbox say, by code.
    pub async fn for_validation(config: &Config, printer: Printer) -> Result<Self, CommandError> {
        let nowhere: (Arc<dyn Backend>, _, _) = (Arc::new(Nothing), StateLocation::from(""), Access::Read);
        Self::assemble(Some(config), None, nowhere, &DEFAULT_FLAGS, (host_gate::open()?, printer)).await
    }

    /// For commands that work from the state alone; the config adds to it when it is there.
    ///
    /// # Errors
    /// `STATE_NOT_FOUND`, and what the backend, the state, the component or the sandbox say.
    pub async fn of_state(of: &StateOf, printer: Printer) -> Result<Self, CommandError> {
        let location = of.state.resolve(&of.config.file);
        let backend = backend::open(&location)?;
        Self::from_state(&of.config, (Arc::new(ReadOnly(backend)), location, Access::Read), &DEFAULT_FLAGS, printer)
            .await
    }

    /// The same for commands that change what the state records; holds the lock.
    ///
    /// # Errors
    /// As [`Session::of_state`], and `STATE_LOCKED`.
    pub async fn of_locked_state(
        of: &StateOf,
        flags: &RunFlags,
        operation: &str,
        printer: Printer,
    ) -> Result<Self, CommandError> {
        let location = of.state.resolve(&of.config.file);
        // A lock makes a file, and the directories around it, which nobody wants where nothing is.
        backend::open(&location)?.read().await?.ok_or_else(|| no_state(&location))?;
        let backend = backend::lock(&location, operation, of.state.lock_timeout).await?;
        Self::from_state(&of.config, (Arc::new(backend), location, Access::Write), flags, printer).await
    }

    async fn from_state(
        config: &ConfigPath,
        (backend, location, access): (Arc<dyn Backend>, StateLocation, Access),
        flags: &RunFlags,
        printer: Printer,
    ) -> Result<Self, CommandError> {
        let recorded = read_state(&*backend, &location).await?.ok_or_else(|| no_state(&location))?;
        // With `--state` alone the config may be anywhere, or of something else.
        let config = match Config::load(&config.file) {
            Ok(config) if same_platform(&config, &recorded, &location).is_ok() => Some(config),
            _ => None,
        };
        Self::assemble(
            config.as_ref(),
            Some(recorded),
            (backend, location.clone(), access),
            flags,
            (host_gate::open()?, printer),
        )
        .await
    }

    async fn assemble(
        config: Option<&Config>,
        recorded: Option<State>,
        (backend, location, access): (Arc<dyn Backend>, StateLocation, Access),
        flags: &RunFlags,
        (gate, printer): (HostGate, Printer),
    ) -> Result<Self, CommandError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let provider_name = match (config, &recorded) {
            (Some(config), _) => config.provider.clone(),
            (None, Some(state)) => state.provider.clone(),
            (None, None) => String::new(),
        };
        let component = loading::load(&provider_name, gate.for_guests(), usize::from(flags.parallelism), printer)
            .await
            .map_err(|error| {
                // Which provider is meant stands in the config; what is wrong with a component's file does not.
                let unknown = error.diagnostics[0].code == "PROVIDER_NOT_AVAILABLE";
                let mut error = error.at_pointer(config.filter(|_| unknown).map(Config::provider_pointer));
                // Where it served before, the config is right and the component is missing.
                if unknown && recorded.is_some() {
                    error.status = ExitStatus::Broke;
                }
                error
            })?;
        // What a variable sets is kept from a component of somebody else's, whatever its schema says.
        let trusted = components::comes_with_nic(component.digest());
        if trusted {
            component.allow_identities();
        }
        let (sections, secrets) = match config {
            Some(config) => config.sections(&component.description().config_sections, trusted),
            None => (json!({}), Vec::new()),
        };
        let mut immutable = config::immutable(&component.description().config_sections, &sections);
        let mut state = match recorded {
            Some(state) => state,
            None => fresh_state(config, &provider_name, &*clock),
        };
        // Where nothing is recorded there is no platform whose topology has to stay.
        if let Some(config) = config.filter(|_| state.records.is_empty()) {
            config.spelling.clone_into(&mut state.topology);
        }

        let description = component.description();
        for (pointer, says) in settings::immutable(description, &sections) {
            immutable.entry(pointer).or_insert(says);
        }
        let picked = match config {
            Some(_) => settings::held(&mut state, description, &sections),
            None => state.settings.get(&description.name).cloned().unwrap_or_default(),
        };
        let settings = BTreeMap::from([(description.name.clone(), picked)]);

        let clusters = ClusterSource::new(gate.clone());
        let provider: Arc<dyn Provider> = component.clone();
        let cluster = ClusterOf::new(clusters.clone(), provider, sections.clone());
        let secrets = Secrets::new(secrets);
        let beside = location.stage();
        let fingerprints = secrets.kept_fingerprints(&beside, access).unwrap_or_else(|error| {
            printer.talk("warn", format!("Edits of secrets will not be seen: their key cannot be kept: {error}"));
            Fingerprints::new()
        });
        let grants = component.grants().clone();
        let owner_name = component.description().name.clone();
        let allowed = move |provider: &str, object: &ObjectName| {
            provider == owner_name
                && grants.allows_object(&object.api_version, &object.kind, object.namespace.as_deref())
        };
        let kubernetes = KubernetesProvider::new(Arc::new(cluster.clone()), secrets.resolver(), Arc::new(allowed));

        let region = config.and_then(Config::region).or_else(|| state.region.clone());
        let context = Context {
            project: state.project_name.clone(),
            namespace: state.namespace.clone(),
            region,
            topology: state.topology.clone(),
            lineage: state.lineage.clone(),
            now: clock.now(),
            seed: nic_system::random() >> 11,
            facts_digest: String::new(),
            settings,
        };
        let configuration_hash = nic_core::document::digest(&json!({
            "project_name": context.project,
            "namespace": context.namespace,
            "provider": provider_name,
            "sections": sections,
        }));
        let version = env!("CARGO_PKG_VERSION");
        let interrupted = move || {
            printer.talk("warn", "Stopping: what runs is finished or recorded as pending. Again to end at once.");
        };
        let interrupt: Arc<dyn Interrupt> = Arc::new(Signals::listen(interrupted));
        let served_by = component.clone();
        let participants = vec![
            Participant { provider: component.clone(), config: sections, declares: true },
            Participant { provider: Arc::new(kubernetes), config: json!({}), declares: false },
        ];
        let serial = state.serial;
        let backend: Arc<dyn Backend> =
            if Box::pin(engine::upgrade(&mut state, &participants, &context, (&*clock, &*interrupt))).await? {
                Arc::new(Migrated::new(backend, serial))
            } else {
                backend
            };
        let (journal, writer) = Journal::open(state, backend, clock.clone(), version);
        let journal = writers::run(journal, writer);
        let schemes = component.grants().schemes().map(str::to_owned).collect();
        let owner = PlatformOwner::new(gate, cluster.clone(), schemes, context.region.clone());
        let own = OwnCluster::new(cluster, context.clone(), journal.clone());
        let history = beside.durations().map(|path| Durations::read(&path)).unwrap_or_default();
        let run = Run {
            participants,
            context,
            identity: Arc::new(owner),
            clock,
            cluster: Some(Arc::new(FoundClusterReader::new(own))),
            reporter: printer.reporter(beside.durations(), history.clone()),
            history: Arc::new(history),
            interrupt,
            settings: Settings {
                confirmed: flags.confirm.iter().cloned().collect(),
                targets: flags.target.iter().cloned().collect(),
                accept_loss: flags.accept_loss,
                retain: config
                    .map(Config::retain)
                    .unwrap_or_default()
                    .into_iter()
                    .chain(flags.retain.clone())
                    .collect(),
                pace: pace(),
                version: version.to_owned(),
            },
            journal,
            fingerprints,
            configuration_hash,
            facts: futures::lock::Mutex::default(),
        };
        Ok(Self { run, location, component: served_by, clusters, immutable })
    }

    /// Waits until everything is written, and lets others work on the state.
    ///
    /// # Errors
    /// What keeps the state from being let go of.
    pub async fn close(self) -> Result<(), CommandError> {
        Ok(writers::end(&self.run.journal).await?)
    }

    /// The component that serves the platform.
    pub fn component(&self) -> &ComponentProvider {
        &self.component
    }

    /// Whether that component came with NIC, and is as trusted.
    pub fn came_with_nic(&self) -> bool {
        components::comes_with_nic(self.component.digest())
    }

    /// Writes down that the user agreed to what a component of somebody else's does.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn record_component(&self) -> Result<(), CommandError> {
        let (name, digest) = (self.component.manifest().name.clone(), self.component.digest().to_owned());
        let agreed = move |state: &mut State| drop(state.metadata.components.insert(name, digest));
        Ok(self.run.journal.change(agreed).await?)
    }

    /// Writes down that a deploy finished without error.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn record_success(&self) -> Result<(), CommandError> {
        let (now, hash) = (self.run.clock.now(), self.run.configuration_hash.clone());
        let (region, settings) = (self.run.context.region.clone(), self.run.context.settings.clone());
        let immutable = self.immutable.clone();
        let (name, came_with_nic) = (self.component.manifest().name.clone(), self.came_with_nic());
        self.run
            .journal
            .change(move |state| {
                state.region = region;
                state.settings = settings;
                state.metadata.last_successful_deploy = Some(now);
                state.metadata.deploy_count += 1;
                state.metadata.configuration_hash = hash;
                state.metadata.immutable_configuration = immutable;
                // A component of somebody else's that takes its place is asked about.
                if came_with_nic {
                    state.metadata.components.remove(&name);
                }
            })
            .await?;
        Ok(())
    }

    /// The document later stages read, without the kubeconfig.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn outputs(&self) -> Result<Map<String, Value>, CommandError> {
        let mut outputs = self.run.outputs().await?;
        let state = self.run.journal.state().await;
        // By these the file is known again, whatever a provider calls its own.
        outputs.extend([
            ("format_version".to_owned(), json!("1.0")),
            ("provider".to_owned(), json!(state.provider)),
            ("platform".to_owned(), json!(PlatformRef::of(&state))),
        ]);
        Ok(outputs)
    }

    /// Whose platform this is.
    pub async fn platform(&self) -> PlatformRef {
        let state = self.run.journal.state().await;
        PlatformRef::of(&state)
    }

    /// How the cluster is reached, or none while there is none.
    ///
    /// # Errors
    /// What the provider or the cluster's cloud says.
    pub async fn cluster_access(&self) -> Result<Option<ClusterAccess>, CommandError> {
        let Some((locator, generation)) = self.locate().await? else { return Ok(None) };
        let access = self.clusters.access(&locator, generation, &ExecCommand::from_environment()).await?;
        let platform = self.platform().await;
        Ok(access.map(|access| ClusterAccess { kubeconfig: platform.signed(&access.kubeconfig), ..access }))
    }

    /// From where the cluster is reached, where its cloud does not let in everybody.
    ///
    /// # Errors
    /// What the provider or the cluster's cloud says.
    pub async fn cluster_reach(&self) -> Result<Option<Reach>, CommandError> {
        let Some((locator, generation)) = self.locate().await? else { return Ok(None) };
        Ok(self.clusters.reach(&locator, generation).await?)
    }

    /// A login to the cluster as Nebari's later stages want it, or none while there is no cluster.
    ///
    /// # Errors
    /// What the provider or the cluster's cloud says.
    pub async fn cluster_credentials(&self) -> Result<Option<Value>, CommandError> {
        let Some((locator, generation)) = self.locate().await? else { return Ok(None) };
        let written = Handover::at(&self.location.stage()).kubeconfig;
        let written = std::path::absolute(&written).unwrap_or(written);
        Ok(self.clusters.credentials(&locator, generation, &written).await?)
    }

    /// The first cluster that a provider names.
    async fn locate(&self) -> Result<Option<(Locator, Generation)>, CommandError> {
        let call = self.run.call().await;
        for participant in self.run.participants.iter().filter(|p| p.declares) {
            if let Some(locator) = participant.provider.cluster(&call, &participant.config).await? {
                let generation =
                    Generation::of(&participant.provider.description().name, &locator, call.records.iter());
                return Ok(Some((locator, generation)));
            }
        }
        Ok(None)
    }

    /// The cluster's name, once it has answered a request; none while there is no cluster.
    ///
    /// # Errors
    /// What the provider, the cluster's cloud or the cluster says.
    pub async fn cluster_answers(&self) -> Result<Option<String>, CommandError> {
        let Some(cluster) = self.connect_cluster().await? else { return Ok(None) };
        cluster.some("v1", "Namespace", None, &[], 1).await?;
        Ok(Some(cluster.name().to_owned()))
    }

    /// The cluster, as soon as its cloud says where it is; none while there is none.
    ///
    /// # Errors
    /// What the provider or the cluster's cloud says.
    pub async fn connect_cluster(&self) -> Result<Option<Connected>, ProviderError> {
        let call = self.run.call().await;
        for participant in self.run.participants.iter().filter(|p| p.declares) {
            let Some(locator) = participant.provider.cluster(&call, &participant.config).await? else { continue };
            let generation = Generation::of(&participant.provider.description().name, &locator, call.records.iter());
            if let Some(cluster) = self.clusters.connect(&locator, generation).await? {
                return Ok(Some(cluster));
            }
        }
        Ok(None)
    }
}

/// Waits, at the end of a command, until every state is written. Tells of states that others have to wait for all the same.
pub async fn unfinished() -> Vec<BackendError> {
    writers::wait().await
}

/// Waits are scaled by `NIC_PACE`, for tests on emulators.
fn pace() -> f64 {
    let set = std::env::var("NIC_PACE").ok().and_then(|text| text.parse::<f64>().ok());
    set.filter(|pace| pace.is_finite() && (0.0..=10.0).contains(pace)).unwrap_or(1.0)
}
