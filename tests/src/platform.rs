//! A whole AWS for one platform: an emulated account whose EKS cluster is a real control plane that checks real tokens.

use anyhow::{Context, Result};

use crate::aws::{ACCESS_KEY, AwsCloud, Emulator, Pace, SECRET_KEY, Wait};
use crate::control_plane::eks_login::{EksLogin, EksLoginOptions};
use crate::control_plane::{ControlPlane, ControlPlaneOptions, WebhookOptions};
use crate::namespaces::NamespaceServer;
use crate::nic::Workspace;

/// The region that examples and tests use.
pub const REGION: &str = "us-west-2";

/// An emulated account, the login of its cluster, and the cluster.
pub struct Platform {
    /// The account.
    pub aws: AwsCloud,
    /// What checks the tokens.
    pub login: EksLogin,
    /// The cluster.
    pub cluster: ControlPlane,
}

impl Platform {
    /// Starts everything for the cluster of this name.
    pub async fn start(emulator: Emulator, cluster_name: &str, progress: fn(&str)) -> Result<Self> {
        let aws = AwsCloud::start_in(emulator, REGION, crate::aws::Credentials::default()).await?;
        let mut options = EksLoginOptions::new(cluster_name, &aws.emulator_endpoint(), ACCESS_KEY, SECRET_KEY);
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
        Ok(Self { aws, login, cluster })
    }

    /// See [`workspace`].
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

/// A working directory whose `nic` uses this account, with waits shortened to fit an emulator.
pub fn workspace(aws: &AwsCloud) -> Result<Workspace> {
    let mut workspace = Workspace::new()?;
    workspace.envs(aws.env()).env("NIC_PACE", PACE.to_string());
    Ok(workspace)
}

/// An emulated account whose clusters take so many looks, and whose EKS cluster is a small server: for tests that make many platforms.
pub async fn many(emulator: Emulator, looks: u32) -> Result<(AwsCloud, NamespaceServer)> {
    let aws = AwsCloud::start_in(emulator, REGION, crate::aws::Credentials::default()).await?;
    let cluster = NamespaceServer::start().await?;
    aws.set_cluster_endpoint(cluster.endpoint(), cluster.ca_pem()).await;
    aws.pace(Pace::all(Wait::Reads(looks))).await;
    aws.nat_pace(Wait::Reads(looks));
    Ok((aws, cluster))
}

/// Waits of the host are scaled by this: the emulator's clusters take a moment, not ten minutes.
pub const PACE: f64 = 0.02;
