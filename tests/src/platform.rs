//! A whole AWS for one platform: an emulated account whose EKS cluster is a real control plane that checks real tokens.

use anyhow::{Context, Result};

use crate::aws::{ACCESS_KEY, AwsCloud, Emulator, SECRET_KEY};
use crate::control_plane::eks_login::{EksLogin, EksLoginOptions};
use crate::control_plane::{ControlPlane, ControlPlaneOptions, WebhookOptions};
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

    /// A working directory whose `nic` uses this account, with waits shortened to fit an emulator.
    pub fn workspace(&self) -> Result<Workspace> {
        let mut workspace = Workspace::new()?;
        workspace.envs(self.aws.env()).env("NIC_PACE", PACE.to_string());
        Ok(workspace)
    }
}

/// Waits of the host are scaled by this: the emulator's clusters take a moment, not ten minutes.
pub const PACE: f64 = 0.02;
