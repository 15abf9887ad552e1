//! A whole AWS for one platform: an emulated account whose EKS cluster is a real control plane that checks real tokens.
//! And a small one for many platforms, whose cluster only keeps what it is given.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::aws::{ACCESS_KEY, AwsCloud, Emulator, Pace, SECRET_KEY, Wait, shape};
use crate::configs::CLUSTER;
use crate::control_plane::eks_login::{EksLogin, EksLoginOptions};
use crate::control_plane::{ControlPlane, ControlPlaneOptions, WebhookOptions};
use crate::namespaces::NamespaceServer;
use crate::nic::Workspace;
use crate::wiring::Found;

/// The region that examples and tests use.
pub const REGION: &str = "us-west-2";

/// An emulated account, the login of its cluster, and the cluster.
pub struct Platform {
    /// The account.
    pub aws: AwsCloud,
    /// What checks the tokens.
    pub login: EksLogin,
    pub cluster: ControlPlane,
    /// Lets the account's machines join it, until it is dropped.
    _joining: JoinSet<()>,
}

impl Platform {
    /// Starts everything for the cluster of the harness's configs; `progress` is told what takes long.
    pub async fn start(emulator: Emulator, progress: fn(&str)) -> Result<Self> {
        let aws = AwsCloud::start_in(emulator, REGION, crate::aws::Credentials::default()).await?;
        let mut options = EksLoginOptions::new(CLUSTER, &aws.emulator_endpoint(), ACCESS_KEY, SECRET_KEY);
        let front = aws.endpoint();
        options.allowed_hosts.push(front.trim_start_matches("http://").to_owned());
        let login = EksLogin::start(options).await.context("start the token webhook")?;
        let options = ControlPlaneOptions {
            token_webhook: Some(WebhookOptions::new(login.webhook_url())),
            progress,
            ..ControlPlaneOptions::default()
        };
        let cluster = ControlPlane::start(options).await?;
        aws.set_cluster_endpoint(cluster.server(), cluster.ca_pem()).await;
        let mut joining = JoinSet::new();
        joining.spawn(cluster.join(aws.machines()));
        Ok(Self { aws, login, cluster, _joining: joining })
    }

    /// The same, and a working directory with this config.
    pub async fn of(emulator: Emulator, config: &str) -> Result<(Self, Workspace)> {
        let platform = Self::start(emulator, |_| ()).await?;
        let workspace = platform.workspace()?;
        workspace.config(config)?;
        Ok((platform, workspace))
    }

    /// Waits until so many nodes of this group are ready.
    pub async fn nodes_are_ready(&self, group: &str, count: usize) -> Result<()> {
        let nodes: Api<Node> = Api::all(self.cluster.client());
        let of_group = ListParams::default().labels(&format!("eks.amazonaws.com/nodegroup={group}"));
        let is_ready = |node: &Node| {
            let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        for _ in 0..300 {
            let ready = nodes.list(&of_group).await?.iter().filter(|node| is_ready(node)).count();
            if ready == count {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the nodes of {group} are not {count}")
    }

    /// A working directory whose `nic` uses this account, with waits shortened to fit an emulator.
    pub fn workspace(&self) -> Result<Workspace> {
        workspace(&self.aws)
    }

    /// Somebody sets the largest size of the example's node group `user` by hand.
    pub async fn most_users(&self, most: u32) -> Result<()> {
        let script = format!(
            r#"
eks = client("eks")
group = dict(clusterName="my-nebari-dev", nodegroupName="user")
eks.update_nodegroup_config(**group, scalingConfig={{"minSize": 0, "maxSize": {most}, "desiredSize": 0}})
while eks.describe_nodegroup(**group)["nodegroup"]["status"] != "ACTIVE":
    pass
show(None)
"#
        );
        self.aws.inspect(&script).await?;
        Ok(())
    }
}

/// An emulated account whose EKS cluster is a small server: for tests that make many platforms.
pub struct Site {
    /// The account.
    pub aws: AwsCloud,
    pub cluster: NamespaceServer,
}

impl Site {
    /// Starts both. What AWS takes its time for takes so many looks.
    pub async fn start(emulator: Emulator, looks: u32) -> Result<Self> {
        Self::start_in(emulator, REGION, looks).await
    }

    /// The same in this region. ministack knows one partition alone.
    pub async fn start_in(emulator: Emulator, region: &str, looks: u32) -> Result<Self> {
        let aws = AwsCloud::start_in(emulator, region, crate::aws::Credentials::default()).await?;
        let cluster = NamespaceServer::start(Some(aws.machines())).await?;
        aws.set_cluster_endpoint(cluster.endpoint(), cluster.ca_pem()).await;
        aws.pace(Pace::all(Wait::Reads(looks))).await;
        aws.nat_pace(Wait::Reads(looks));
        Ok(Self { aws, cluster })
    }

    /// As [`Platform::workspace`], with this config in it.
    pub fn workspace(&self, config: &str) -> Result<Workspace> {
        let workspace = workspace(&self.aws)?;
        workspace.config(config)?;
        Ok(workspace)
    }

    /// What is in the account, as [`shape`] has it.
    pub async fn shape(&self) -> Result<Value> {
        shape(&self.aws.inventory().await?)
    }

    /// The platform, as it is found in every place.
    pub async fn found(&self, workspace: &Workspace) -> Result<Found> {
        let outputs = workspace.read(".nebari/stages/02-infrastructure/outputs.json")?;
        Ok(Found {
            inventory: self.aws.inventory().await?,
            objects: self.cluster.shown(),
            state: workspace.state()?,
            outputs: serde_json::from_str(&outputs).context("outputs.json")?,
            directory: workspace.path().display().to_string(),
        })
    }

    /// Forgets everything that was made.
    pub async fn reset(&self) -> Result<()> {
        self.cluster.reset();
        self.aws.reset().await
    }

    /// The actions in the log that change something, in order.
    pub fn changes(&self) -> Vec<String> {
        self.aws.log().into_iter().filter(|call| call.mutating).map(|call| call.action).collect()
    }

    /// A deploy finds nothing to do, neither in the account nor on the cluster.
    pub async fn assert_settled(&self, workspace: &Workspace) -> Result<()> {
        self.aws.clear_log();
        self.cluster.clear_writes();
        let ran = workspace.ok(&["deploy"]).await?;
        ensure!(ran.stdout.contains("Done. (0 changes)"), "a further deploy found something: {}", ran.said());
        let (changes, writes) = (self.changes(), self.cluster.writes());
        ensure!(changes.is_empty() && writes.is_empty(), "a further deploy did {changes:?} and {writes:?}");
        let unmarked = self.cluster.unmarked();
        ensure!(unmarked.is_empty(), "objects do not say whose they are: {unmarked:?}");
        Ok(())
    }

    /// Nothing is left in the account or on the cluster.
    pub async fn assert_empty(&self) -> Result<()> {
        self.aws.assert_empty().await?;
        let left = self.cluster.paths();
        ensure!(left.is_empty(), "objects are left: {left:?}");
        Ok(())
    }

    /// Destroys the platform, which was all there was.
    pub async fn destroy(&self, workspace: &Workspace) -> Result<()> {
        workspace.ok(&["destroy", "--yes"]).await?;
        self.assert_empty().await
    }

    /// Makes a policy that may bound roles; gives its ARN.
    pub async fn make_boundary(&self) -> Result<String> {
        let script = r#"
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
show(client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(policy))["Policy"]["Arn"])
"#;
        Ok(serde_json::from_value(self.aws.inspect(script).await?)?)
    }

    /// Takes that policy away.
    pub async fn delete_boundary(&self, arn: &str) -> Result<()> {
        self.aws.inspect(&format!("client('iam').delete_policy(PolicyArn='{arn}'); show(None)")).await?;
        Ok(())
    }
}

fn workspace(aws: &AwsCloud) -> Result<Workspace> {
    let mut workspace = Workspace::new()?;
    workspace.envs(aws.env()).env("NIC_PACE", PACE.to_string());
    Ok(workspace)
}

/// Waits of the host are scaled by this: the emulator's clusters take a moment, not ten minutes.
pub const PACE: f64 = 0.02;
