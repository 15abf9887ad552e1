//! AWS for tests: an emulator, and a layer in front of it that behaves as AWS does.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use nic_tests::aws::{AwsCloud, Emulator};
//!
//! let aws = AwsCloud::start(Emulator::Ministack).await?;
//! // Give `aws.env()` to the process under test, then look for yourself:
//! let vpcs = aws.inventory().await?["vpcs"].clone();
//! aws.assert_empty().await?;
//! # Ok(())
//! # }
//! ```
//!
//! moto and ministack let pass much that AWS refuses; a test that stands on them alone proves little. The front
//! verifies signatures, holds every request against botocore's model of its service, refuses what AWS refuses, lets clusters take their time, and lets a test throttle, lose, reset
//! or kill at any call.

mod boto;
mod emulator;
mod front;
mod shape;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use time::OffsetDateTime;

pub use crate::front::{Effect, Faults, Logged, Matching, Server, Wait, When, depth, together};
pub use crate::python::ensure_venv;
pub use emulator::{ACCOUNT, Emulator};
pub use front::{Hide, Machine, Machines, Pace};
pub use shape::shape;
pub(crate) use shape::{LINEAGE, names, passes, settled};

pub(crate) use crate::front::locked;
use front::{Front, Shared};

/// The access key that the front knows; not one that AWS has ever given out.
pub const ACCESS_KEY: &str = "AKIANICTEST0EXAMPLE0";

/// The secret that goes with it.
pub const SECRET_KEY: &str = "nic/test/only/0000000000000000000EXAMPLE";

/// A key, its secret and, for temporary credentials, a session token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: String,
    /// Demanded of every request when set.
    pub session_token: Option<String>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned(), session_token: None }
    }
}

/// One emulated AWS account in one region.
#[derive(Debug)]
pub struct AwsCloud {
    // Dropped first: requests on their way must not meet a dead emulator.
    front: Front,
    server: Server,
    emulator: Emulator,
    region: String,
    venv: PathBuf,
    inspector: tokio::sync::Mutex<Option<boto::Inspector>>,
}

impl AwsCloud {
    /// Starts the emulator and the front, in `us-east-1` with the default credentials.
    pub async fn start(emulator: Emulator) -> Result<Self> {
        Self::start_in(emulator, "us-east-1", Credentials::default()).await
    }

    /// Starts the emulator and the front in this region, for these credentials.
    pub async fn start_in(emulator: Emulator, region: &str, credentials: Credentials) -> Result<Self> {
        // The test runner shows a failing test's output: installing can take a minute.
        let venv =
            tokio::task::spawn_blocking(|| ensure_venv(&|_| ())).await.context("wait for the Python environment")??;
        let server = emulator.start(&venv).await?;
        let front = Front::start(Shared::new(server.endpoint(), region, credentials, &venv)?).await?;
        Ok(Self { front, server, emulator, region: region.to_owned(), venv, inspector: tokio::sync::Mutex::default() })
    }

    /// The front, as `http://127.0.0.1:<port>`: what `AWS_ENDPOINT_URL` is set to.
    pub fn endpoint(&self) -> String {
        self.front.endpoint()
    }

    /// The emulator behind the front. It checks no signature and knows no cluster's real state.
    pub fn emulator_endpoint(&self) -> String {
        self.server.endpoint().to_owned()
    }

    /// Which emulator it is.
    pub fn emulator(&self) -> Emulator {
        self.emulator
    }

    /// The region everything is in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The credentials the front accepts now.
    pub fn credentials(&self) -> Credentials {
        locked(&self.front.double.credentials).clone()
    }

    /// Accepts these credentials from now on and no others: a rotation.
    pub fn set_credentials(&self, credentials: Credentials) {
        *locked(&self.front.double.credentials) = credentials;
    }

    /// The environment of a process that is to use this account, and no other by accident.
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_for(&self.credentials())
    }

    fn env_for(&self, credentials: &Credentials) -> Vec<(String, String)> {
        let endpoint = self.endpoint();
        let mut env = vec![
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", &credentials.access_key),
            ("AWS_SECRET_ACCESS_KEY", &credentials.secret_key),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ];
        if let Some(token) = &credentials.session_token {
            env.push(("AWS_SESSION_TOKEN", token));
        }
        env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Forgets everything that was created, the log, the faults and the tokens; pace, endpoint and credentials stay.
    pub async fn reset(&self) -> Result<()> {
        let shared = &self.front.double;
        let _turn = shared.gate.lock().await;
        let answer = shared
            .upstream
            .post(self.emulator.reset_path())
            .await
            .map_err(|fault| anyhow::anyhow!("reset the emulator: {}", fault.message))?;
        if !answer.succeeded() {
            bail!("the emulator refused its reset with {}: {}", answer.status, self.server.log_tail());
        }
        shared.eks.lock().await.reset();
        shared.efs.lock().await.reset();
        shared.faults.clear();
        locked(&shared.tokens).clear();
        *locked(&shared.identities) = front::Identities::default();
        locked(&shared.nats).clear();
        locked(&shared.hidden).set(None);
        shared.log.clear();
        Ok(())
    }

    /// Every request since the start or the last `clear_log`, in the order they came.
    pub fn log(&self) -> Vec<Logged> {
        self.front.double.log.entries()
    }

    /// The instant from which the log counts.
    pub fn log_began(&self) -> OffsetDateTime {
        self.front.double.log.began_at
    }

    /// Empties the log.
    pub fn clear_log(&self) {
        self.front.double.log.clear();
    }

    /// Requests in the log that change something.
    pub fn mutating_count(&self) -> usize {
        self.log().iter().filter(|entry| entry.mutating).count()
    }

    /// What did not fit botocore's models, of all requests so far except boto3's own. Dropping the account panics if there is
    /// anything, so that no test has to ask.
    pub fn misfits(&self) -> Vec<String> {
        self.front.double.models.misfits()
    }

    /// Whether the log keeps request bodies from now on.
    pub fn keep_bodies(&self, keep: bool) {
        self.front.double.log.keep_bodies(keep);
    }

    /// Arms and disarms faults.
    pub fn faults(&self) -> Faults {
        self.front.double.faults.clone()
    }

    /// Lets things created from now on stay out of sight for a while; `None` ends it.
    pub fn hide_created(&self, hide: Option<Hide>) {
        locked(&self.front.double.hidden).set(hide);
    }

    /// Which sorts of things somebody has missed since they are hidden, as their ids begin: `vpc`, `role`, `nodegroup`.
    pub fn missed(&self) -> BTreeSet<String> {
        locked(&self.front.double.hidden).sorts()
    }

    /// Lets everyone whose credentials are accepted be of this account: what the emulator holds stands in another from now on.
    pub fn be_account(&self, account: &str) {
        account.clone_into(&mut locked(&self.front.double.account));
    }

    /// Sets how long EKS and EFS take.
    pub async fn pace(&self, pace: Pace) {
        self.front.double.efs.lock().await.pace = pace.storage;
        self.front.double.eks.lock().await.pace = pace;
    }

    /// Sets how long a NAT gateway takes to come and to go.
    pub fn nat_pace(&self, wait: Wait) {
        locked(&self.front.double.nats).wait = wait;
    }

    /// The control plane that clusters created from now on lead to.
    pub async fn set_cluster_endpoint(&self, url: &str, ca_pem: &str) {
        self.front.double.eks.lock().await.set_endpoint(url, ca_pem);
    }

    /// Has these versions of an add-on for a minor version of Kubernetes from now on, the default first.
    pub async fn offer_addon(&self, name: &str, minor: u32, versions: &[&str]) {
        let versions = versions.iter().map(|version| (*version).to_owned()).collect();
        self.front.double.eks.lock().await.addon_offers.insert((name.to_owned(), minor), versions);
    }

    /// Lets the next EKS update end as `Failed` with this error code and message.
    pub async fn fail_next_update(&self, code: &str, message: &str) {
        self.front.double.eks.lock().await.fail_update = Some((code.to_owned(), message.to_owned()));
    }

    /// Lets the next update of this node group end as `Failed`, because pods do not leave these nodes.
    pub async fn hold_pods_of(&self, group: &str, nodes: &[&str]) {
        let message = format!("Reached max retries while trying to evict pods from nodes in node group {group}");
        let failure = ("PodEvictionFailure".to_owned(), message);
        let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        self.front.double.eks.lock().await.stuck.insert(group.to_owned(), (failure, nodes));
    }

    /// Lets the next cluster end as `FAILED` with this issue.
    pub async fn fail_next_cluster(&self, code: &str, message: &str) {
        self.front.double.eks.lock().await.fail_cluster = Some((code.to_owned(), message.to_owned()));
    }

    /// Lets the next node group end as `CREATE_FAILED` with this issue.
    pub async fn fail_next_nodegroup(&self, code: &str, message: &str) {
        self.front.double.eks.lock().await.fail_nodegroup = Some((code.to_owned(), message.to_owned()));
    }

    /// The machines of its node groups, for the cluster behind them.
    pub fn machines(&self) -> Machines {
        Machines(self.front.double.clone())
    }

    /// Has only so many machines for this node group from now on, or as many as are wanted.
    pub async fn has_machines_for(&self, group: &str, most: Option<u64>) {
        let mut eks = self.front.double.eks.lock().await;
        match most {
            Some(most) => eks.scarce.insert(group.to_owned(), most),
            None => eks.scarce.remove(group),
        };
    }

    /// Waits until this many requests that change something have come, or fails after the limit.
    pub async fn wait_for_mutations(&self, count: usize, limit: Duration) -> Result<()> {
        let reached = async {
            while self.mutating_count() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(limit, reached)
            .await
            .with_context(|| format!("{} of {count} mutations came within {limit:?}", self.mutating_count()))
    }
}

impl Drop for AwsCloud {
    fn drop(&mut self) {
        let misfits = self.misfits();
        assert!(
            misfits.is_empty() || std::thread::panicking(),
            "requests were sent that do not fit botocore's models: {misfits:#?}"
        );
    }
}

/// The one element of a list, by a member's value.
pub fn only<'a>(list: &'a Value, member: &str, value: impl Into<Value>) -> Result<&'a Value> {
    let value = value.into();
    let found: Vec<&Value> = list.as_array().into_iter().flatten().filter(|e| e[member] == value).collect();
    ensure!(found.len() == 1, "{} with {member} = {value} in {list:#}", found.len());
    Ok(found[0])
}
