//! One run put together: config, component, state under its lock, cluster, and the engine over them.

mod cluster;
mod owner;
mod settings;
mod writers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use nic_authority::HostAuthority;
use nic_cluster::kubernetes::KubernetesProvider;
use nic_cluster::{ClusterAccess, ClusterSource, Connected, ExecCommand, FoundClusterReader, Generation, ObjectName};
use nic_core::diagnostic::Diagnostic;
use nic_core::engine::{self, Journal, Participant, Run, Settings};
use nic_core::error::ProviderError;
use nic_core::ports::{Backend, BackendError, Clock, Context, Interrupt, Lease, Locator, Provider};
use nic_core::resource::Record;
use nic_core::secret::Fingerprints;
use nic_core::state::{State, format_v1};
use nic_gate::grant::Grants;
use nic_gate::{Gate, GateOptions, HostGate};
use nic_sandbox::compile::Program;
use nic_sandbox::limits::DEFAULT_PARALLELISM;
use nic_sandbox::{
    Code, Compiler, ComponentProvider, GuestLog, Host, HostOptions, Level, Manifest, PluginError, Speaker,
};
use nic_system::{SystemClock, files};
use serde_json::{Map, Value, json};

use self::cluster::{ClusterOf, OwnCluster};
use self::owner::PlatformOwner;
use crate::backend::{self, Access, Migrated, StateLocation};
use crate::cli::{ConfigPath, RunFlags, StateOf, StatePath};
use crate::components;
use crate::config::{self, Config};
use crate::error::CommandError;
use crate::handover::{Handover, PlatformRef};
use crate::interrupt::Signals;
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
        let gate = gate()?;
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
        Self::assemble(Some(config), None, nowhere, &DEFAULT_FLAGS, (gate()?, printer)).await
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
        Self::assemble(config.as_ref(), Some(recorded), (backend, location.clone(), access), flags, (gate()?, printer))
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
        let component = load(&provider_name, gate.for_guests(), usize::from(flags.parallelism), printer)
            .await
            .map_err(|error| {
                // Which provider is meant stands in the config; what is wrong with a component's file does not.
                let unknown = error.diagnostics[0].code == "PROVIDER_NOT_AVAILABLE";
                error.at_pointer(config.filter(|_| unknown).map(Config::provider_pointer))
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
}

impl Session {
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

/// The `ExecCredential` for a cluster of a region, as text.
///
/// # Errors
/// What the credential chain says.
pub async fn exec_credential(cluster: &str, region: &str) -> Result<String, CommandError> {
    let credential = nic_cluster::exec_credential(&gate()?, region, cluster).await?;
    Ok(credential.to_string())
}

fn no_state(location: &StateLocation) -> CommandError {
    CommandError::broke("STATE_NOT_FOUND", "There is no state", format!("`{location}`"))
        .hint("run `nic deploy` first, or give the state's path with `--state`")
}

async fn read_state(backend: &dyn Backend, location: &StateLocation) -> Result<Option<State>, CommandError> {
    let Some(bytes) = backend.read().await? else { return Ok(None) };
    format_v1::decode(&bytes).map(Some).map_err(|error| backend::damaged(location, &error))
}

fn fresh_state(config: Option<&Config>, provider: &str, clock: &dyn Clock) -> State {
    let (project, namespace, topology) =
        config.map_or(("", "", "classic"), |c| (c.project_name.as_str(), c.namespace.as_str(), c.spelling));
    let mut state = State::empty(provider, project, namespace, topology, &clock.token(), &clock.now());
    state.region = config.and_then(Config::region);
    state
}

/// The state that goes on with what another one made.
fn taking_over(
    recorded: Option<State>,
    config: &Config,
    lineage: &str,
    location: &StateLocation,
) -> Result<State, CommandError> {
    let mut state = recorded.unwrap_or_else(|| fresh_state(Some(config), &config.provider, &SystemClock::default()));
    let made = |record: &&Record| record.remote_id.is_some() || !record.baseline.is_null();
    if let Some(own) = state.records.values().find(made) {
        let detail = format!("`{location}` records things of its own, such as `{}`", own.address);
        let refused = Diagnostic::error("TAKE_OVER_REFUSED", "One state cannot go on as two", detail)
            .hint("give another path with `--state`, or put this state aside with `nic state retire`");
        return Err(CommandError::refused(vec![refused]));
    }
    // What was begun in vain stands in the way of what is there.
    state.records.clear();
    lineage.clone_into(&mut state.lineage);
    Ok(state)
}

/// A state belongs to one platform: acting on another one's would destroy it.
fn same_platform(config: &Config, state: &State, location: &StateLocation) -> Result<(), CommandError> {
    let region = config.region();
    let pairs = [
        ("project_name", config.project_name.as_str(), state.project_name.as_str()),
        ("namespace", &config.namespace, &state.namespace),
        ("provider", &config.provider, &state.provider),
    ];
    let differing = pairs
        .into_iter()
        .chain(region.as_deref().zip(state.region.as_deref()).map(|(a, b)| ("region", a, b)))
        .find(|(_, wanted, recorded)| wanted != recorded);
    let Some((key, wanted, recorded)) = differing else { return Ok(()) };
    let detail = format!("`{location}` is of a platform whose `{key}` is `{recorded}`; the config says `{wanted}`");
    let mut error = CommandError::broke("STATE_OF_ANOTHER_PLATFORM", "The state is of another platform", detail)
        .hint("give the right state with `--state`")
        .hint(format!(
            "`{key}` cannot be changed after the first deploy: destroy the platform first if it should move"
        ));
    error.status = crate::exit::ExitStatus::Refused;
    let pointer = match key {
        "provider" => config.provider_pointer(),
        "region" => config.region_pointer(),
        key => format!("/{key}"),
    };
    Err(error.at_pointer(Some(pointer)))
}

/// The first key that was edited although it must not be while anything of the platform stands.
fn edited(config: &Config, immutable: &BTreeMap<String, Value>, state: &State) -> Option<CommandError> {
    if state.records.is_empty() {
        return None;
    }
    let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    state.metadata.immutable_configuration.iter().find_map(|(pointer, before)| {
        let now = immutable.get(pointer).filter(|now| *now != before)?;
        let (key, before) = (pointer.trim_start_matches('/').replace('/', "."), said(before));
        let says = if config.says(pointer) { "says" } else { "leaves it out, which means" };
        let detail = format!("`{key}` was `{before}` at the last deploy; the config {says} `{}`", said(now));
        let error = Diagnostic::error("CONFIG_KEY_IMMUTABLE", "A key cannot be changed after the first deploy", detail)
            .hint(format!("set `{key}` back to `{before}`, or destroy the platform first if it should change"));
        // What is left out stands nowhere.
        Some(CommandError::refused(vec![error]).at_pointer(config.says(pointer).then(|| pointer.clone())))
    })
}

/// The way out to the clouds for the host itself, with what the environment says.
///
/// # Errors
/// `ENDPOINT_INVALID`.
pub fn gate() -> Result<HostGate, CommandError> {
    let options = GateOptions::from_environment().map_err(|error| {
        CommandError::broke("ENDPOINT_INVALID", "An endpoint override cannot be used", error.to_string())
            .hint(error.hint)
    })?;
    Ok(HostGate::new(Gate::new(options), &HostAuthority::claim()))
}

/// Waits are scaled by `NIC_PACE`, for tests on emulators.
fn pace() -> f64 {
    let set = std::env::var("NIC_PACE").ok().and_then(|text| text.parse::<f64>().ok());
    set.filter(|pace| pace.is_finite() && (0.0..=10.0).contains(pace)).unwrap_or(1.0)
}

/// Where compiled components are kept.
fn cache_dir() -> Option<PathBuf> {
    // A relative one would be in whatever directory NIC is called in, and what somebody put there would be run.
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    from("NIC_CACHE_DIR")
        .or_else(|| from("XDG_CACHE_HOME").map(|cache| cache.join("nic")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/nic")))
        .map(|directory| directory.join("compiled"))
}

/// A digest that people can tell from another one.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// A component by itself, for commands that ask only what it is.
///
/// # Errors
/// What the component or the sandbox say, by code.
pub async fn component(provider: &str, printer: Printer) -> Result<Arc<ComponentProvider>, CommandError> {
    load(provider, gate()?.for_guests(), 1, printer).await
}

/// Whether compiled components can be kept.
///
/// # Errors
/// `FILE_NOT_WRITABLE`: everything works, and every start unpacks or compiles anew.
pub fn check_cache() -> Result<String, CommandError> {
    let relative = std::env::var_os("NIC_CACHE_DIR").filter(|set| !set.is_empty() && Path::new(set).is_relative());
    let (directory, written) = match (relative, cache_dir()) {
        (Some(set), _) => (PathBuf::from(set), Err(std::io::Error::other("only an absolute path is used"))),
        (None, Some(directory)) => {
            let written = probed(&directory);
            (directory, written)
        }
        (None, None) => return Ok("none: every start unpacks or compiles the components anew".to_owned()),
    };
    written.map(|()| directory.display().to_string()).map_err(|error| {
        let detail = format!("`{}`: {error}", directory.display());
        CommandError::broke("FILE_NOT_WRITABLE", "A file cannot be written", detail).hint(
            "every start unpacks or compiles the components anew until it can; set NIC_CACHE_DIR to another directory",
        )
    })
}

/// Whether this user, and nobody else, can write to it.
fn probed(directory: &Path) -> std::io::Result<()> {
    files::make_own_directory(directory)?;
    if !files::only_owner_writes(&std::fs::metadata(directory)?) {
        return Err(std::io::Error::other("others than you can write to it, so nothing in it is used"));
    }
    let probe = directory.join(format!(".probe-{:016x}", nic_system::random()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(&probe)
}

async fn load(
    provider: &str,
    gate: &Gate,
    parallelism: usize,
    printer: Printer,
) -> Result<Arc<ComponentProvider>, CommandError> {
    let found = components::find(provider)?;
    let code = found.code()?;
    // A file that was damaged, or put there, is told as that.
    let broken = |error| found.changed(code.digest()).unwrap_or_else(|| unloadable(&error));
    let manifest = Manifest::of(&found.file(), &code).map_err(broken)?;
    let grants = found.grants(&manifest, code.digest())?;
    load_granted(manifest, code, grants, gate, parallelism, printer).await
}

fn unloadable(error: &PluginError) -> CommandError {
    let mut ended = CommandError::broke(error.code(), "A provider cannot be loaded", error.to_string());
    ended.diagnostics[0].hints = error.hints();
    ended
}

/// Whether a component can be loaded with these grants, and says of itself what its manifest says.
///
/// # Errors
/// What is wrong with it, by code.
pub async fn try_out(manifest: Manifest, code: Code, grants: Grants, printer: Printer) -> Result<(), CommandError> {
    load_granted(manifest, code, grants, gate()?.for_guests(), 1, printer).await.map(drop)
}

async fn load_granted(
    manifest: Manifest,
    code: Code,
    grants: Grants,
    gate: &Gate,
    parallelism: usize,
    printer: Printer,
) -> Result<Arc<ComponentProvider>, CommandError> {
    let options = HostOptions {
        cache_dir: cache_dir(),
        parallelism,
        guest_log: Arc::new(Told(printer)),
        tap: tap()?,
        ..HostOptions::new(gate.clone(), Compiler::Program(Program::own()))
    };
    let host = Host::new(options).map_err(|error| unloadable(&error))?;
    host.load(manifest, code, grants).await.map_err(|error| unloadable(&error))
}

/// For tests of secrecy: everything that is lowered into guests is appended to the file that `NIC_TAP` names.
fn tap() -> Result<Option<nic_sandbox::tap::Tap>, CommandError> {
    let Some(path) = std::env::var_os("NIC_TAP").map(PathBuf::from) else { return Ok(None) };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(|error| {
        CommandError::broke("FILE_NOT_WRITABLE", "A file cannot be written", format!("`{}`: {error}", path.display()))
    })?;
    let file = std::sync::Mutex::new(file);
    Ok(Some(Arc::new(move |call, bytes| {
        use std::io::Write;
        if let Ok(mut file) = file.lock() {
            let _ = file.write_all(&[call.as_bytes(), b" ", bytes, b"\n"].concat());
        }
    })))
}

/// What components say goes to the log.
struct Told(Printer);

impl GuestLog for Told {
    fn line(&self, origin: &Speaker, level: Level, text: &str) {
        let provider = &origin.provider;
        match level {
            Level::Error | Level::Warn => self.0.talk("warn", format!("{provider}: {text}")),
            Level::Info | Level::Debug | Level::Trace => tracing::debug!(%provider, call = origin.call, "{text}"),
        }
    }

    fn progress(&self, origin: &Speaker, text: &str) {
        tracing::debug!(provider = %origin.provider, call = origin.call, "{text}");
    }
}

/// Reads, and refuses to write.
struct ReadOnly<B>(B);

#[async_trait]
impl<B: Backend> Backend for ReadOnly<B> {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        self.0.read().await
    }

    async fn write(&self, _: &[u8]) -> Result<(), BackendError> {
        Err(BackendError {
            code: "STATE_NOT_LOCKED",
            message: "this command writes no state".to_owned(),
            hints: Vec::new(),
            details: serde_json::json!({}),
        })
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
        self.write(&[]).await
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        self.0.lease()
    }
}

/// No state at all.
struct Nothing;

#[async_trait]
impl Backend for Nothing {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(None)
    }

    async fn write(&self, _: &[u8]) -> Result<(), BackendError> {
        Err(BackendError {
            code: "STATE_NOT_LOCKED",
            message: "this command has no state".to_owned(),
            hints: Vec::new(),
            details: serde_json::json!({}),
        })
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
        self.write(&[]).await
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        None
    }
}
