//! The control plane of the harness, started for real.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use nic_tests::control_plane::eks_login::{EksLogin, EksLoginOptions, Presign};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions, NodeOptions, WebhookOptions};
use serde_json::json;
use time::OffsetDateTime;
use tokio::net::TcpListener;

const CLUSTER: &str = "nebari-test";
const ARN: &str = "arn:aws:iam::123456789012:user/ann";
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Set for the process that is started to be killed.
const VICTIM: &str = "NIC_TEST_CONTROL_PLANE_VICTIM";

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_rolls_out_and_its_namespace_is_finalized() -> Result<()> {
    let node = NodeOptions { name: "node-1".to_owned(), ..NodeOptions::default() };
    let options = ControlPlaneOptions {
        context: "rollout: \"quoted\"".to_owned(),
        nodes: vec![node],
        ..ControlPlaneOptions::default()
    };
    let cluster = ControlPlane::start(options).await?;
    let client = cluster.client();
    let version = client.apiserver_version().await?;
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "36"));
    assert!(std::fs::read_to_string(cluster.kubeconfig())?.contains(cluster.server()));

    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"name": "demo"}}))?;
    namespaces.create(&PostParams::default(), &namespace).await?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "demo");
    let labels = json!({"app": "web"});
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "initContainers": [{"name": "init", "image": "example.com/init:1"}],
                    "containers": [{"name": "web", "image": "example.com/web:1"}],
                },
            },
        },
    }))?;
    deployments.create(&PostParams::default(), &deployment).await?;
    until("both replicas to be available", async || {
        let status = deployments.get("web").await.ok()?.status?;
        (status.available_replicas == Some(2)).then_some(())
    })
    .await?;

    // The pods follow the nodes there are.
    let labels = BTreeMap::from([("pool".to_owned(), "general".to_owned())]);
    cluster.add_node("node-2", &labels, &[]).await?;
    cluster.remove_node("node-1").await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "demo");
    until("both replicas to run on the other node", async || {
        let pods = pods.list(&ListParams::default()).await.ok()?.items;
        let on_node_2 = |pod: &Pod| {
            pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref() == Some("node-2"))
                && pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"))
        };
        (pods.len() == 2 && pods.iter().all(on_node_2)).then_some(())
    })
    .await?;

    namespaces.delete("demo", &DeleteParams::default()).await?;
    until("the namespace to be finalized", async || namespaces.get_opt("demo").await.ok()?.is_none().then_some(()))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tokens_for_this_cluster_log_in() -> Result<()> {
    let sts = sts().await?;
    let login = EksLogin::start(EksLoginOptions::new(CLUSTER, &sts, ACCESS_KEY, SECRET)).await?;
    let cluster = ControlPlane::start(ControlPlaneOptions {
        token_webhook: Some(WebhookOptions::new(login.webhook_url())),
        ..ControlPlaneOptions::default()
    })
    .await?;
    let good = Presign {
        sts_endpoint: &sts,
        region: "eu-west-1",
        cluster_name: CLUSTER,
        access_key_id: ACCESS_KEY,
        secret_access_key: SECRET,
        time: OffsetDateTime::now_utc(),
    };

    let client = with_token(&cluster, &good.token()?)?;
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    let user = review.status.and_then(|status| status.user_info).context("the review names nobody")?;
    assert_eq!(user.username.as_deref(), Some(ARN));
    assert!(user.groups.is_some_and(|groups| groups.contains(&"system:masters".to_owned())));
    Api::<Node>::all(client).list(&ListParams::default()).await.context("an administrator may list nodes")?;
    assert_eq!((login.logins(), login.tokens_seen()), (1, 1));

    let bad = [
        Presign { cluster_name: "another", ..good.clone() },
        Presign { time: good.time - time::Duration::minutes(16), ..good.clone() },
        Presign { secret_access_key: "guessed", ..good.clone() },
    ];
    for presign in &bad {
        let client = with_token(&cluster, &presign.token()?)?;
        match Api::<Node>::all(client).list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 401 => {}
            answer => anyhow::bail!("{presign:?} was answered {answer:?}"),
        }
    }
    assert_eq!((login.logins(), login.tokens_seen()), (1, 4));
    let rejections = login.rejections();
    ensure!(rejections.len() == 3, "three refusals, not {rejections:?}");
    assert!(rejections[0].contains("does not match"), "{rejections:?}");
    assert!(rejections[1].contains("has expired"), "{rejections:?}");
    assert!(rejections[2].contains("does not match"), "{rejections:?}");
    Ok(())
}

/// Kills the process that runs [`victim`], and looks for what it has left.
#[test]
fn nothing_outlives_a_killed_process() -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--exact", "control_plane::victim", "--ignored", "--nocapture", "--quiet"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(child.stdout.take().context("no output")?);
    let left = output
        .lines()
        .find_map(|line| line.ok()?.strip_prefix("victim: ").map(str::to_owned))
        .context("the process to be killed did not start a control plane")?;
    child.kill()?;
    child.wait()?;

    let left: Vec<&str> = left.split_whitespace().collect();
    let [folder, processes @ ..] = &left[..] else { anyhow::bail!("the process to be killed says nothing") };
    ensure!(processes.len() == 5, "five programs, not {processes:?}");
    let deadline = Instant::now() + Duration::from_secs(10);
    let gone = |what: &str, is_there: &dyn Fn() -> bool| {
        while is_there() {
            ensure!(Instant::now() < deadline, "{what} is still there");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    };
    for id in processes {
        gone(&format!("process {id}"), &|| {
            Command::new("kill").args(["-0", id]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        })?;
    }
    gone(folder, &|| Path::new(folder).exists())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started and killed by nothing_outlives_a_killed_process"]
async fn victim() -> Result<()> {
    if std::env::var_os(VICTIM).is_none() {
        return Ok(());
    }
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let ids: Vec<String> = cluster.processes().into_iter().map(|(_, id)| id.to_string()).collect();
    let folder = cluster.kubeconfig().parent().context("no folder")?;
    let mut output = std::io::stdout();
    writeln!(output, "\nvictim: {} {}", folder.display(), ids.join(" "))?;
    output.flush()?;
    std::future::pending().await
}

fn with_token(cluster: &ControlPlane, token: &str) -> Result<kube::Client> {
    let mut config = kube::Config::new(cluster.server().parse()?);
    let root = rustls::pki_types::pem::PemObject::from_pem_slice(cluster.ca_pem().as_bytes());
    let root: rustls::pki_types::CertificateDer<'_> = root.context("the CA certificate is not PEM")?;
    config.root_cert = Some(vec![root.to_vec()]);
    config.auth_info.token = Some(token.to_owned().into());
    Ok(kube::Client::try_from(config)?)
}

/// STS, as an emulator would play it: whoever asks is Ann.
async fn sts() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address: SocketAddr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(caller_identity)),
            );
        }
    });
    Ok(format!("http://{address}"))
}

async fn caller_identity(request: http::Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = request.uri().query().is_some_and(|query| query.contains("Action=GetCallerIdentity"))
        && request.headers().get("x-k8s-aws-id").is_some_and(|name| name == CLUSTER);
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>{ARN}</Arn><UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    let mut response = Response::new(Full::from(body));
    if !asked {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

async fn until(what: &str, reached: impl AsyncFn() -> Option<()>) -> Result<()> {
    let waiting = async {
        while reached().await.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), waiting).await.with_context(|| format!("waited in vain for {what}"))
}
