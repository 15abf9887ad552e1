//! A real Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager and
//! kube-scheduler, with kwok in the place of the kubelets.
//!
//! What the control plane does is real: authentication, RBAC, admission, rollouts, garbage
//! collection, finalization of namespaces. What would run in containers is not: a pod is said to
//! run, and no image is ever pulled.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
//!
//! let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
//! cluster.add_node("node-1", &Default::default(), &[]).await?;
//! println!("KUBECONFIG={}", cluster.kubeconfig().display());
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Taint;
use kube::Client;
use nic_provisions::Priority;
use nic_provisions::process::Process;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::aws::Machines;

mod account;
mod audit;
mod certificates;
pub mod eks_login;
pub mod kubeconfig;
mod launch;
mod nodes;
mod ports;

pub use audit::Work;
pub use nodes::NodeOptions;

/// How often a start is tried anew because another process took a port.
const ATTEMPTS: usize = 3;

/// How a control plane is to be.
#[derive(Clone, Debug)]
pub struct ControlPlaneOptions {
    /// The context's name in the kubeconfig; `nic-test` by default.
    pub context: String,
    /// Who reviews bearer tokens other than service accounts'; nobody by default.
    pub token_webhook: Option<WebhookOptions>,
    /// Nodes to begin with; none by default.
    pub nodes: Vec<NodeOptions>,
    /// Told what takes long, a line at a time; [`to_stderr`] by default.
    pub progress: fn(&str),
}

impl Default for ControlPlaneOptions {
    fn default() -> Self {
        Self { context: "nic-test".to_owned(), token_webhook: None, nodes: Vec::new(), progress: to_stderr }
    }
}

/// A server of `TokenReview` (`authentication.k8s.io/v1`).
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// Where it answers.
    pub url: String,
    /// How long the API server's webhook client keeps an answer. Besides, the API server itself
    /// keeps successes, not failures, for 10 s, and that has no flag.
    pub cache_ttl: Duration,
}

impl WebhookOptions {
    /// The server at `url`, whose answers are hardly kept.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), cache_ttl: Duration::from_millis(1) }
    }
}

/// Writes a line of progress to standard error.
pub fn to_stderr(line: &str) {
    // Progress is not worth failing for.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A running control plane. Dropping it kills every program; so does the end of this process,
/// whatever ends it.
#[must_use = "the control plane ends when it is dropped"]
pub struct ControlPlane {
    server: String,
    ca_pem: String,
    kubeconfig: PathBuf,
    client: Client,
    processes: Vec<Process>,
    /// After the processes, as they write to it.
    folder: TempDir,
}

impl ControlPlane {
    /// Starts a control plane, building its programs first if need be, and returns when namespaces
    /// and pods can be made in it and its nodes are ready.
    pub async fn start(options: ControlPlaneOptions) -> Result<Self> {
        let progress = options.progress;
        let binaries =
            tokio::task::spawn_blocking(move || nic_provisions::control_plane::ensure(Priority::Normal, &progress))
                .await
                .context("the build of the control plane did not end well")?
                .context("cannot provide the programs of the control plane")?;
        let mut attempt = 1;
        let control_plane = loop {
            match launch::launch(&binaries, &options).await {
                Err(error) if attempt < ATTEMPTS && format!("{error:#}").contains("address already in use") => {
                    attempt += 1;
                }
                result => break result.context("cannot start the control plane")?,
            }
        };
        for node in &options.nodes {
            control_plane.add_node(&node.name, &node.labels, &node.taints).await?;
        }
        Ok(control_plane)
    }

    /// The API server's address, `https://127.0.0.1:<port>`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The certificate of the authority that signed the API server's.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The kubeconfig of an administrator, complete in itself.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client of the same administrator.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Registers a node with room for 110 pods, and waits until it is ready.
    pub async fn add_node(&self, name: &str, labels: &BTreeMap<String, String>, taints: &[Taint]) -> Result<()> {
        nodes::add(&self.client, name, labels, taints).await
    }

    /// Takes a node away with the pods on it, as when its machine is terminated.
    pub async fn remove_node(&self, name: &str) -> Result<()> {
        nodes::remove(&self.client, name).await
    }

    /// Lets machines join as nodes as they come, and leave as they go, for as long as it is polled.
    pub fn join(&self, machines: Machines) -> impl Future<Output = ()> + Send + use<> {
        nodes::follow(self.client(), machines)
    }

    /// What the API server was asked since the start by whoever logged in with a token, and how long it took.
    pub fn work(&self) -> Result<Vec<Work>> {
        let log = std::fs::read_to_string(self.folder.path().join(audit::FILE)).context("read the audit log")?;
        audit::work(&log)
    }

    /// The programs' names and process ids.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        self.processes.iter().filter_map(|process| Some((process.name(), process.id()?))).collect()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // All at once; each is then waited for as it is dropped.
        for process in &mut self.processes {
            process.kill();
        }
    }
}

/// Asks `probe` until it has an answer.
async fn poll<T>(patience: Duration, what: &str, probe: impl AsyncFn() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = probe().await {
            return Ok(answer);
        }
        if started.elapsed() > patience {
            bail!("waited {} s in vain for {what}", patience.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
