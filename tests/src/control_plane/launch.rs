//! The programs of one control plane, with their flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Client;
use kube::api::Api;
use kube::config::{KubeConfigOptions, Kubeconfig};
use nic_provisions::control_plane::program;
use nic_provisions::process::{Process, Supervised};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::certificates::Certificates;
use super::{ControlPlane, ControlPlaneOptions, WebhookOptions, audit, kubeconfig, ports};

/// How long each step may take; generous, for machines that are busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long one question may take before it is asked anew.
const ANSWER: Duration = Duration::from_secs(10);

/// Everything a program is started from.
struct Launch<'a> {
    binaries: &'a Path,
    folder: &'a Path,
}

/// Starts the programs, and returns when the cluster can be used.
pub(super) async fn launch(binaries: &Path, options: &ControlPlaneOptions) -> Result<ControlPlane> {
    let folder = TempDir::with_prefix("nic-control-plane-").context("cannot create a temporary folder")?;
    let certificates = Certificates::new()?;
    let [etcd_port, server_port] = ports::free()?;
    let server = format!("https://127.0.0.1:{server_port}");
    let launch = Launch { binaries, folder: folder.path() };
    launch.write("ca.pem", &certificates.authority.certificate)?;
    launch.write("ca.key", &certificates.authority.key)?;
    launch.write("server.pem", &certificates.server.certificate)?;
    launch.write("server.key", &certificates.server.key)?;
    launch.write("service-account.pub", &certificates.service_account_public_key)?;
    launch.write("service-account.key", &certificates.service_account_key)?;
    launch.write("kwok.yaml", include_str!("stages.yaml"))?;
    let ca_pem = certificates.authority.certificate;
    let text = kubeconfig::admin(&options.context, &server, &ca_pem, &certificates.admin);
    let kubeconfig = launch.write("kubeconfig", &text)?;
    let client = client(&text).await?;

    // Those started first are the last to be dropped: see the fields of `ControlPlane`.
    let mut processes =
        vec![launch.etcd(etcd_port)?, launch.kube_apiserver(etcd_port, server_port, options.token_webhook.as_ref())?];
    alive(&mut processes, "the API server to be ready", async || {
        let request = http::Request::get("/readyz").body(Vec::new()).ok()?;
        client.request_text(request).await.ok().map(drop)
    })
    .await?;
    processes.push(launch.kube_controller_manager()?);
    processes.push(launch.kube_scheduler()?);
    processes.push(launch.kwok()?);
    // Pods are refused before their namespace has its service account, which is also the sign that
    // the controllers run.
    alive(&mut processes, "the first namespaces and service accounts", async || {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        for name in ["default", "kube-system"] {
            namespaces.get(name).await.ok()?;
            let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
            accounts.get("default").await.ok()?;
        }
        Some(())
    })
    .await?;
    Ok(ControlPlane { server, ca_pem, kubeconfig, client, processes, folder })
}

async fn client(kubeconfig: &str) -> Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).context("cannot read the kubeconfig just made")?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Client::try_from(config).context("cannot make a client for the API server")
}

/// Asks `ready` until it has an answer, or one of the programs has ended.
async fn alive(processes: &mut [Process], what: &str, ready: impl AsyncFn() -> Option<()>) -> Result<()> {
    let started = Instant::now();
    loop {
        if let Ok(Some(())) = timeout(ANSWER, ready()).await {
            return Ok(());
        }
        for process in &mut *processes {
            if let Some(status) = process.exited() {
                bail!("{} has ended ({status}) while waiting for {what}\n{}", process.name(), tail(process));
            }
        }
        if started.elapsed() > PATIENCE {
            let tails: Vec<String> = processes.iter().map(tail).collect();
            bail!("waited {} s in vain for {what}\n{}", PATIENCE.as_secs(), tails.join("\n"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn tail(process: &Process) -> String {
    format!("last lines of {}'s log:\n{}", process.name(), process.log_tail())
}

impl Launch<'_> {
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        kubeconfig::write_private(&path, text)?;
        Ok(path)
    }

    fn start(&self, name: &'static str, arguments: &[String]) -> Result<Process> {
        Supervised::new(name, program(self.binaries, name)).arguments(arguments).start(self.folder)
    }

    /// `--name=<path of the file in the folder>`.
    fn file(&self, name: &str, file: &str) -> String {
        format!("--{name}={}", self.folder.join(file).display())
    }

    fn etcd(&self, port: u16) -> Result<Process> {
        let url = format!("http://127.0.0.1:{port}");
        Supervised::new("etcd", program(self.binaries, "etcd"))
            .arguments([
                self.file("data-dir", "etcd"),
                format!("--listen-client-urls={url}"),
                format!("--advertise-client-urls={url}"),
                // The only member talks to no other, but insists on a peer address.
                "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
                // What a crash of the machine would lose is of no use after it.
                "--unsafe-no-fsync".to_owned(),
            ])
            // If this process is killed, nobody else does it.
            .scratch(self.folder)
            .start(self.folder)
    }

    fn kube_apiserver(&self, etcd: u16, port: u16, webhook: Option<&WebhookOptions>) -> Result<Process> {
        self.write("audit.yaml", audit::POLICY)?;
        let mut arguments = vec![
            self.file("audit-policy-file", "audit.yaml"),
            self.file("audit-log-path", audit::FILE),
            format!("--etcd-servers=http://127.0.0.1:{etcd}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--external-hostname=127.0.0.1".to_owned(),
            self.file("tls-cert-file", "server.pem"),
            self.file("tls-private-key-file", "server.key"),
            self.file("client-ca-file", "ca.pem"),
            self.file("service-account-key-file", "service-account.pub"),
            self.file("service-account-signing-key-file", "service-account.key"),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--allow-privileged=true".to_owned(),
            // An endpoint must not be a loopback address, and there is no other.
            "--endpoint-reconciler-type=none".to_owned(),
            "--profiling=false".to_owned(),
        ];
        if let Some(webhook) = webhook {
            self.write("token-webhook.yaml", &kubeconfig::webhook(&webhook.url))?;
            arguments.extend([
                self.file("authentication-token-webhook-config-file", "token-webhook.yaml"),
                "--authentication-token-webhook-version=v1".to_owned(),
                format!("--authentication-token-webhook-cache-ttl={}ms", webhook.cache_ttl.as_millis()),
            ]);
        }
        self.start("kube-apiserver", &arguments)
    }

    fn kube_controller_manager(&self) -> Result<Process> {
        self.start(
            "kube-controller-manager",
            &[
                self.file("kubeconfig", "kubeconfig"),
                self.file("root-ca-file", "ca.pem"),
                self.file("cluster-signing-cert-file", "ca.pem"),
                self.file("cluster-signing-key-file", "ca.key"),
                self.file("service-account-private-key-file", "service-account.key"),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
                "--profiling=false".to_owned(),
            ],
        )
    }

    fn kube_scheduler(&self) -> Result<Process> {
        self.start(
            "kube-scheduler",
            &[
                self.file("kubeconfig", "kubeconfig"),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
                "--profiling=false".to_owned(),
            ],
        )
    }

    fn kwok(&self) -> Result<Process> {
        self.start(
            "kwok",
            &[
                self.file("kubeconfig", "kubeconfig"),
                self.file("config", "kwok.yaml"),
                "--manage-all-nodes=true".to_owned(),
                "--node-lease-duration-seconds=40".to_owned(),
                "--node-ip=10.0.0.10".to_owned(),
                "--cidr=10.244.0.0/16".to_owned(),
            ],
        )
    }
}
