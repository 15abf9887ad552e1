//! Flags and arguments: clap types only.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use nic_system::input;

use crate::backend::StateLocation;
use crate::clouds::{self, Examples};
use crate::output::{Format, Printer, Verbosity};

const EXAMPLES: Examples = clouds::EXAMPLE.examples;

/// Where state, outputs and kubeconfig stand unless flags say otherwise, beside the config.
pub const DEFAULT_DIRECTORY: &str = ".nebari/stages/02-infrastructure";

/// Make a ready Kubernetes platform from one nebari-config.yaml, and keep it that way.
#[derive(Debug, Parser)]
#[command(
    name = "nic",
    version,
    about,
    propagate_version = true,
    max_term_width = 80,
    after_help = "\
Examples:
  nic validate -f nebari-config.yaml
  nic plan -f nebari-config.yaml
  nic deploy -f nebari-config.yaml
  nic destroy -f nebari-config.yaml"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// How results are written
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub format: Format,
    /// Write what happens to stdout as JSON lines, the result last
    #[arg(long, global = true)]
    pub events: bool,
    /// How everything that is said on stderr is written [default: as --format]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<Format>,
    /// Say only results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: every wait and every retry
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

impl Global {
    /// How everything that is said beside the data is written.
    pub fn log_format(&self) -> Format {
        self.log_format.unwrap_or(if self.events { Format::Json } else { self.format })
    }

    /// Where words go.
    pub fn printer(&self) -> Printer {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        let format = if self.events { Format::Json } else { self.format };
        Printer { format, log: self.log_format(), verbosity, events: self.events }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the platform as the config asks
    #[command(
        after_help = "Examples:\n  nic deploy -f nebari-config.yaml\n  nic deploy -f nebari-config.yaml --format json > result.json\n  nic deploy --ready-timeout 20m"
    )]
    Deploy(DeployArgs),
    /// Show what deploy would change, and change nothing
    #[command(
        after_help = "Examples:\n  nic plan -f nebari-config.yaml\n  nic plan -f nebari-config.yaml --detailed-exitcode\n  nic plan --out plan.json && nic deploy --plan plan.json"
    )]
    Plan(PlanArgs),
    /// Show the graph of resources, as DOT or Mermaid
    #[command(after_help = "Examples:\n  nic graph | dot -Tsvg > platform.svg\n  nic graph --as mermaid --recorded")]
    Graph(GraphArgs),
    /// Delete everything that is recorded, and what the cluster left
    #[command(
        long_about = format!("Delete everything that is recorded, and what the cluster left\n\nLeft in the account by a cluster are load balancers, and the volumes of claims with what is on them: `--retain {}` leaves those.", EXAMPLES.leftovers),
        after_help = format!("Examples:\n  nic destroy -f nebari-config.yaml\n  nic destroy -f nebari-config.yaml --yes\n  nic destroy --retain {} --retain {}", EXAMPLES.protected[0], EXAMPLES.protected[1])
    )]
    Destroy(DestroyArgs),
    /// Check the config; needs no credentials and no network
    #[command(after_help = "Examples:\n  nic validate -f nebari-config.yaml\n  nic validate --format json")]
    Validate(ValidateArgs),
    /// Tell whether the platform is there and healthy
    #[command(
        after_help = "Examples:\n  nic status -f nebari-config.yaml\n  nic status --state nic-state.json --drift --format json\n  nic status --detailed-exitcode --quiet || echo look at it"
    )]
    Status(StatusArgs),
    /// Show the document that later stages read
    #[command(
        after_help = "Examples:\n  nic outputs -f nebari-config.yaml\n  nic outputs --format json | jq -r .cluster.endpoint\n  nic outputs --with-credentials | jq -r .kubernetes_credentials.host"
    )]
    Outputs(OutputsArgs),
    /// Drift: what was changed in the cloud behind NIC's back
    #[command(
        subcommand,
        after_help = "Examples:\n  nic drift detect -f nebari-config.yaml\n  nic drift diff --state nic-state.json\n  nic drift fix -f nebari-config.yaml"
    )]
    Drift(DriftCommand),
    /// The config: its schema, for editors
    #[command(subcommand, after_help = "Example:\n  nic config schema > nebari-config.schema.json")]
    Config(ConfigCommand),
    /// Check everything that a deploy stands on, and say what to mend
    #[command(after_help = "Example:\n  nic doctor -f nebari-config.yaml")]
    Doctor(DoctorArgs),
    /// Providers: the components NIC works with
    #[command(subcommand, after_help = "Examples:\n  nic provider list\n  nic provider list -v")]
    Provider(ProviderCommand),
    /// The state: what NIC made
    #[command(subcommand, after_help = format!("Examples:\n  nic state list\n  nic state show {}", EXAMPLES.address))]
    State(StateCommand),
    /// Show the kubeconfig, which holds no login, or print a login for it
    #[command(
        after_help = "Examples:\n  nic kubeconfig > kubeconfig && kubectl --kubeconfig kubeconfig get nodes\n  nic kubeconfig --token --cluster my-nebari-dev --region us-west-2\n  nic kubeconfig --token --context my-cluster\n  nic kubeconfig --token --context my-cluster --server https://10.0.0.1:6443"
    )]
    Kubeconfig(KubeconfigArgs),
    /// Write completions for a shell to stdout
    #[command(
        after_help = "Examples:\n  nic completions bash > ~/.local/share/bash-completion/completions/nic\n  nic completions zsh > ~/.zfunc/_nic"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write man pages, one for each command, into a directory
    #[command(after_help = "Example:\n  nic man ~/.local/share/man/man1")]
    Man {
        /// The directory
        directory: PathBuf,
    },
    /// Show the version
    Version,
}

impl Command {
    /// What it is called, without its arguments.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deploy(_) => "deploy",
            Self::Plan(_) => "plan",
            Self::Graph(_) => "graph",
            Self::Destroy(_) => "destroy",
            Self::Validate(_) => "validate",
            Self::Status(_) => "status",
            Self::Outputs(_) => "outputs",
            Self::Drift(DriftCommand::Detect(_)) => "drift detect",
            Self::Drift(DriftCommand::Diff(_)) => "drift diff",
            Self::Drift(DriftCommand::Accept(_)) => "drift accept",
            Self::Drift(DriftCommand::Fix(_)) => "drift fix",
            Self::Config(_) => "config",
            Self::Doctor(_) => "doctor",
            Self::Provider(_) => "provider",
            Self::State(_) => "state",
            Self::Kubeconfig(_) => "kubeconfig",
            Self::Completions { .. } => "completions",
            Self::Man { .. } => "man",
            Self::Version => "version",
        }
    }
}

/// Which config.
#[derive(Debug, Clone, Args)]
pub struct ConfigPath {
    /// The config
    #[arg(short = 'f', long = "file", alias = "config", value_name = "FILE", default_value = "nebari-config.yaml")]
    pub file: PathBuf,
}

/// Which state.
#[derive(Debug, Clone, Args)]
pub struct StatePath {
    /// The state [default: .nebari/stages/02-infrastructure/nic-state.json beside the config]
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// How long to wait for a lock that someone holds, such as 30s or 10m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub lock_timeout: Duration,
}

/// How a run behaves.
#[derive(Debug, Clone, Args)]
pub struct RunFlags {
    /// How many provider calls run at once
    #[arg(long, value_name = "N", default_value_t = nic_sandbox::limits::DEFAULT_PARALLELISM as u16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallelism: u16,
    /// Allow this protected resource to be replaced or deleted; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub confirm: Vec<nic_core::address::Address>,
    /// Only this resource, what it needs, and at first what marks the platform as yours; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<nic_core::address::Address>,
    /// Go on although nothing of the platform is found: make it again, or forget what is recorded of it
    #[arg(long)]
    pub accept_loss: bool,
    /// What `destroy` leaves.
    #[arg(skip)]
    pub retain: Vec<String>,
}

/// `nic deploy`
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// Which config.
    #[command(flatten)]
    pub config: ConfigPath,
    /// Which state.
    #[command(flatten)]
    pub state: StatePath,
    /// How it behaves.
    #[command(flatten)]
    pub run: RunFlags,
    /// Where to write outputs.json [default: outputs.json beside the state]
    #[arg(long, value_name = "FILE")]
    pub outputs: Option<PathBuf>,
    /// Where to write the kubeconfig [default: kubeconfig beside the state]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Go on with the platform that another state of this project made, as when that state is lost for good; names its lineage where
    /// there are several
    #[arg(long, value_name = "LINEAGE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub take_over: Option<String>,
    /// Carry out this plan, which `nic plan --out` wrote, or nothing
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Do not ask before a provider that did not come with NIC does what nobody agreed to yet. Needed where there is no terminal to ask at,
    /// unless `NIC_YES=1` is set
    #[arg(long, short)]
    pub yes: bool,
    /// How long to wait until nodes, add-ons and workloads are ready
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub ready_timeout: Duration,
    /// Do not wait for that: tell what is not ready, and exit with 0
    #[arg(long, conflicts_with = "ready_timeout")]
    pub no_wait: bool,
}

/// `nic plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which config.
    #[command(flatten)]
    pub config: ConfigPath,
    /// Which state.
    #[command(flatten)]
    pub state: StatePath,
    /// How it behaves.
    #[command(flatten)]
    pub run: RunFlags,
    /// Exit with 3 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Plan as if the platform that another state of this project made were this state's
    #[arg(long, value_name = "LINEAGE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub take_over: Option<String>,
    /// Write the plan to a file for `nic deploy --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `nic graph`
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Which config, and which state.
    #[command(flatten)]
    pub of: StateOf,
    /// How the graph is written
    #[arg(long = "as", value_name = "LANGUAGE", value_enum, default_value = "dot")]
    pub language: crate::output::graph::Language,
    /// What is recorded, instead of what the config asks for: needs no cloud
    #[arg(long)]
    pub recorded: bool,
}

/// `nic destroy`
#[derive(Debug, Args)]
#[command(mut_arg("target", |target| target.help("Only this resource, and what stands on it; may be given several times")))]
pub struct DestroyArgs {
    /// Which config.
    #[command(flatten)]
    pub config: ConfigPath,
    /// Which state.
    #[command(flatten)]
    pub state: StatePath,
    /// How it behaves.
    #[command(flatten)]
    pub run: RunFlags,
    /// What to leave, beside what `retain` in the config lists.
    #[arg(
        long,
        value_name = "NAME",
        help = format!("Leave this, beside what `retain` in the config lists: an address, a kind, or the first word of a protected kind, such as {} or {}; may be given several times", EXAMPLES.protected[0], EXAMPLES.protected[1])
    )]
    pub retain: Vec<String>,
    /// Do not ask. Needed where there is no terminal to ask at, unless `NIC_YES=1` is set
    #[arg(long, short)]
    pub yes: bool,
}

/// `nic validate`
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Which config.
    #[command(flatten)]
    pub config: ConfigPath,
}

/// `nic status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which state.
    #[command(flatten)]
    pub of: StateOf,
    /// Also look for what is marked as ours and not recorded
    #[arg(long)]
    pub drift: bool,
    /// Exit with 0 when it is healthy, 3 when it is not, 2 when nobody can say
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `nic outputs`
#[derive(Debug, Args)]
pub struct OutputsArgs {
    /// Which state.
    #[command(flatten)]
    pub of: StateOf,
    /// Whether `kubernetes_credentials` are added.
    #[arg(
        long,
        help = format!("Add `kubernetes_credentials`, which Nebari's later stages log in with: on {} a token that ends after 15 minutes. Goes to stdout and into no file", EXAMPLES.kubernetes)
    )]
    pub with_credentials: bool,
}

/// `nic config ...`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write the JSON Schema of nebari-config.yaml to stdout
    #[command(after_help = "Example:\n  nic config schema > nebari-config.schema.json")]
    Schema,
}

/// `nic doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Which config, and which state.
    #[command(flatten)]
    pub of: StateOf,
}

/// `nic drift ...`
#[derive(Debug, Subcommand)]
pub enum DriftCommand {
    /// Say what differs from what was last accepted
    #[command(
        after_help = "Examples:\n  nic drift detect -f nebari-config.yaml\n  nic drift detect --state nic-state.json --detailed-exitcode"
    )]
    Detect(DriftDetectArgs),
    /// Say what differs, with every value
    #[command(after_help = "Example:\n  nic drift diff -f nebari-config.yaml")]
    Diff(DriftDetectArgs),
    /// Take what the cloud shows for what is right: changes the state, not the cloud
    #[command(after_help = "Example:\n  nic drift accept -f nebari-config.yaml")]
    Accept(DriftActArgs),
    /// Bring the cloud back to what was last accepted: changes the cloud
    #[command(after_help = "Example:\n  nic drift fix -f nebari-config.yaml")]
    Fix(DriftActArgs),
}

/// `nic drift detect`, `nic drift diff`
#[derive(Debug, Args)]
pub struct DriftDetectArgs {
    /// Which state.
    #[command(flatten)]
    pub of: StateOf,
    /// Exit with 3 when there is drift
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `nic drift accept`, `nic drift fix`
#[derive(Debug, Args)]
pub struct DriftActArgs {
    /// Which state.
    #[command(flatten)]
    pub of: StateOf,
    /// How it behaves.
    #[command(flatten)]
    pub run: RunFlags,
    /// Do not ask. Needed where there is no terminal to ask at, unless `NIC_YES=1` is set
    #[arg(long, short)]
    pub yes: bool,
}

/// `nic provider ...`
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// List the providers that are there, with what they may do
    #[command(after_help = "Examples:\n  nic provider list\n  nic provider list -v")]
    List,
    /// Look at what a component from a file wants, and grant it
    #[command(
        after_help = "Examples:\n  nic provider add ./custom.wasm\n  nic provider add ./custom.wasm --private https://vault.internal:8200"
    )]
    Add(ProviderAddArgs),
}

/// `nic provider add`
#[derive(Debug, Args)]
pub struct ProviderAddArgs {
    /// The component
    #[arg(value_name = "FILE")]
    pub component: PathBuf,
    /// Where a credential is that it asks for: `vault=env:VAULT_TOKEN`, `vault=file:token`; may be given several times
    #[arg(long, value_name = "NAME=PLACE")]
    pub credential: Vec<String>,
    /// A host that it asks for and that may be at a private address; may be given several times
    #[arg(long, value_name = "HOST")]
    pub private: Vec<String>,
    /// Do not ask. Needed where there is no terminal to ask at, unless `NIC_YES=1` is set
    #[arg(long, short)]
    pub yes: bool,
}

/// `nic state ...`
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List what is recorded
    #[command(
        after_help = "Examples:\n  nic state list -f nebari-config.yaml\n  nic state list --state nic-state.json"
    )]
    List(StateOf),
    /// Show one record, or the whole state
    #[command(
        after_help = format!("Examples:\n  nic state show {}\n  nic state show --format json | jq .cloud.cluster.endpoint", EXAMPLES.address)
    )]
    Show {
        /// The address of a record
        address: Option<nic_core::address::Address>,
        /// Which state.
        #[command(flatten)]
        of: StateOf,
    },
    /// Put the state of a platform that is gone for good aside
    ///
    /// Nothing is asked of any cloud, and nothing is deleted in one: the state is renamed, outputs.json and kubeconfig beside it go,
    /// and the next deploy begins anew.
    #[command(
        after_help = "Examples:\n  nic state retire -f nebari-config.yaml\n  nic state retire --state nic-state.json --yes"
    )]
    Retire(RetireArgs),
}

/// `nic state retire`
#[derive(Debug, Args)]
pub struct RetireArgs {
    /// Which state.
    #[command(flatten)]
    pub of: StateOf,
    /// Do not ask. Needed where there is no terminal to ask at, unless `NIC_YES=1` is set
    #[arg(long, short)]
    pub yes: bool,
}

/// Which state to look at.
#[derive(Debug, Clone, Args)]
pub struct StateOf {
    /// Which config.
    #[command(flatten)]
    pub config: ConfigPath,
    /// Which state.
    #[command(flatten)]
    pub state: StatePath,
}

/// `nic kubeconfig`
#[derive(Debug, Args)]
pub struct KubeconfigArgs {
    /// Whether a login is printed.
    #[arg(
        long,
        requires = "whose",
        help = format!("Print a login as an ExecCredential, as kubectl's exec plugins do: a token of an {} cluster, or what a context of your own kubeconfig logs in with", EXAMPLES.kubernetes)
    )]
    pub token: bool,
    /// Whose token.
    #[arg(
        long,
        requires = "region",
        group = "whose",
        help = format!("Name of the {} cluster to mint a token for", EXAMPLES.kubernetes)
    )]
    pub cluster: Option<String>,
    /// Region of that cluster
    #[arg(long, requires = "cluster")]
    pub region: Option<String>,
    /// The context, of the kubeconfig that KUBECONFIG or ~/.kube/config is, whose login to print
    #[arg(long, value_name = "NAME", requires = "token", group = "whose")]
    pub context: Option<String>,
    /// Print it only while that context leads to the server of this URL: a token of one cluster is not for another
    #[arg(long, value_name = "URL", requires = "context")]
    pub server: Option<String>,
    /// Which state.
    #[command(flatten)]
    pub of: StateOf,
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a time such as 30s, 10m or 1h"))?;
    match unit {
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err(format!("`{unit}` is not s, m or h")),
    }
}

impl StatePath {
    /// Where the state is: as given, or beside the config. A config that comes through a pipe, `<(...)`, is where the shell is.
    pub fn resolve(&self, config: &std::path::Path) -> StateLocation {
        let beside = config.parent().filter(|_| !input::is_pipe(config));
        let stage = beside.unwrap_or(std::path::Path::new("")).join(DEFAULT_DIRECTORY);
        StateLocation::of(self.state.as_deref(), stage)
    }
}
