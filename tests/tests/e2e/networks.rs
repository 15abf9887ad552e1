//! Networks as they are: proxies on the way, and certificates that only a company knows.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::config::Kubeconfig;
use nic_tests::aws::{Emulator, ensure_venv};
use nic_tests::configs::{CLASSIC, EXISTING};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::nic::{Workspace, unwrapped};
use nic_tests::passage::{ConnectProxy, Door, TlsFront};
use nic_tests::platform::Site;

/// `user@corp` and `p:ss`, as a proxy is told them.
const LOGIN: &str = "Basic dXNlckBjb3JwOnA6c3M=";

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_reached_through_the_proxy_that_is_named() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let proxy = ConnectProxy::start().await?;
    let address = proxy.address();
    let connect = format!("CONNECT {} HTTP/1.1", cluster.server().trim_start_matches("https://"));
    let dead = "http://127.0.0.1:1";
    let in_kubeconfig = {
        let mut kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
        for named in &mut kubeconfig.clusters {
            named.cluster.iter_mut().for_each(|cluster| cluster.proxy_url = Some(format!("http://{address}")));
        }
        serde_json::to_string(&kubeconfig)?
    };
    let login = format!("http://user%40corp:p%3Ass@{address}");
    for (variables, through) in [
        (vec![("HTTPS_PROXY", login.as_str())], true),
        (vec![("HTTPS_PROXY", ""), ("https_proxy", address)], true),
        (vec![("ALL_PROXY", login.as_str()), ("NO_PROXY", "10.0.0.0/8,.internal")], true),
        (vec![("HTTPS_PROXY", dead), ("no_proxy", "127.0.0.0/8")], false),
        (vec![("HTTPS_PROXY", dead), ("NO_PROXY", "*")], false),
        // What the kubeconfig names goes before the environment, as with kubectl.
        (vec![("HTTPS_PROXY", dead), ("NO_PROXY", "*"), ("KUBECONFIG", "proxied")], true),
    ] {
        let mut workspace = Workspace::new()?;
        workspace.config(EXISTING)?;
        workspace.write("proxied", &in_kubeconfig)?;
        workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string());
        for (name, value) in &variables {
            workspace.env(name, *value);
        }
        let ran = workspace.ok(&["plan", "-v"]).await?;
        ensure!(!ran.said().contains("p%3Ass") && !ran.said().contains("p:ss"), "{}", ran.said());
        let seen = proxy.take();
        ensure!(seen.is_empty() != through, "{variables:?}: {seen:?}");
        ensure!(seen.iter().all(|head| head.starts_with(&connect)), "{variables:?}: {seen:?}");
        if variables.iter().any(|(_, value)| *value == login) {
            ensure!(seen.iter().all(|head| head.contains(LOGIN)), "{variables:?}: {seen:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_companys_certificate_is_trusted_where_it_is_named() -> Result<()> {
    let site = Site::start(Emulator::Moto, 1).await?;
    let front = TlsFront::before(&site.aws.endpoint()).await?;
    let proxy = ConnectProxy::start().await?;
    let mut workspace = site.workspace(CLASSIC)?;
    workspace.env("AWS_ENDPOINT_URL", front.endpoint()).env("HTTPS_PROXY", format!("http://{}", proxy.address()));
    workspace.write("ca.pem", front.authority())?;
    workspace.write("aws-config", "[profile corp]\nregion = us-west-2\nca_bundle = ca.pem\n")?;
    workspace.write("missing", "[profile corp]\nregion = us-west-2\nca_bundle = nowhere.pem\n")?;

    let ran = workspace.run(&["plan"]).await?;
    let said = ran.said();
    ensure!(
        said.contains("CLOUD_TLS_FAILED") && said.contains("AWS_CA_BUNDLE") && said.contains("SSL_CERT_FILE"),
        "{said}"
    );
    for variables in [
        vec![("AWS_CA_BUNDLE", "ca.pem")],
        vec![("SSL_CERT_FILE", "ca.pem")],
        vec![("AWS_CONFIG_FILE", "aws-config"), ("AWS_PROFILE", "corp")],
    ] {
        proxy.take();
        with(&workspace, &site, &variables, &front, &proxy)?.ok(&["plan"]).await?;
        ensure!(proxy.take().iter().any(|head| head.starts_with("CONNECT localhost:")), "{variables:?}");
    }
    for (variables, named) in [
        (vec![("AWS_CA_BUNDLE", "/nowhere.pem")], "/nowhere.pem"),
        (vec![("SSL_CERT_FILE", "/nowhere.pem")], "/nowhere.pem"),
        (vec![("AWS_CA_BUNDLE", "aws-config")], "aws-config"),
        (vec![("AWS_CONFIG_FILE", "missing"), ("AWS_PROFILE", "corp")], "nowhere.pem"),
    ] {
        let said = with(&workspace, &site, &variables, &front, &proxy)?.run(&["plan"]).await?.said();
        ensure!(said.contains("CA_BUNDLE_INVALID") && said.contains(named), "{variables:?}: {said}");
    }
    Ok(())
}

/// The same directory's files in one of its own, with these variables.
fn with(
    of: &Workspace,
    site: &Site,
    variables: &[(&str, &str)],
    front: &TlsFront,
    proxy: &ConnectProxy,
) -> Result<Workspace> {
    let mut workspace = site.workspace(CLASSIC)?;
    for file in ["ca.pem", "aws-config", "missing"] {
        workspace.write(file, &of.read(file)?)?;
    }
    workspace.env("AWS_ENDPOINT_URL", front.endpoint()).env("HTTPS_PROXY", format!("http://{}", proxy.address()));
    for (name, value) in variables {
        workspace.env(name, *value);
    }
    Ok(workspace)
}

/// What is asked for in words is done or refused in words.
#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_of_aws_are_those_that_are_asked_for() -> Result<()> {
    let proxy = ConnectProxy::refusing().await?;
    let profile = "[default]\nregion = us-gov-west-1\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n";
    let services = "[default]\nservices = corp\n[services corp]\neks =\n  endpoint_url = https://eks.invalid\n";
    for (region, profiles, variables, host) in [
        ("us-west-2", "", vec![("AWS_USE_FIPS_ENDPOINT", "true")], "fips.eks.us-west-2.amazonaws.com"),
        ("us-gov-west-1", "", vec![("AWS_USE_FIPS_ENDPOINT", "TRUE")], "eks.us-gov-west-1.amazonaws.com"),
        ("us-west-2", "", vec![("AWS_USE_DUALSTACK_ENDPOINT", "true")], "eks.us-west-2.api.aws"),
        ("us-gov-west-1", profile, vec![], "eks-fips.us-gov-west-1.api.aws"),
        ("us-west-2", services, vec![], "eks.invalid"),
        ("us-west-2", services, vec![("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], "eks.us-west-2.amazonaws.com"),
    ] {
        let said = hosts_of(&proxy, region, profiles, &variables).await?.1;
        ensure!(said.iter().any(|seen| seen == host), "{variables:?}: {said:?}");
        let other = said.iter().find(|seen| seen.contains("eks") && *seen != host);
        ensure!(other.is_none(), "{variables:?}: {other:?}");
    }
    for (region, profiles, variables, why) in [
        ("us-west-2", services, vec![("AWS_USE_FIPS_ENDPOINT", "true")], "cannot both hold"),
        ("cn-north-1", "", vec![("AWS_USE_FIPS_ENDPOINT", "true")], "AWS has none there"),
        ("us-west-2", "", vec![("AWS_USE_FIPS_ENDPOINT", "yes")], "neither `true` nor `false`"),
    ] {
        let (said, seen) = hosts_of(&proxy, region, profiles, &variables).await?;
        ensure!(said.contains("ENDPOINT_INVALID") && said.contains(why), "{variables:?}: {said}");
        ensure!(!seen.iter().any(|host| host.starts_with("eks")), "{variables:?}: {seen:?}");
    }
    Ok(())
}

/// What a plan says, and which hosts it asks the proxy for.
async fn hosts_of(
    proxy: &ConnectProxy,
    region: &str,
    profiles: &str,
    variables: &[(&str, &str)],
) -> Result<(String, Vec<String>)> {
    let mut workspace = Workspace::new()?;
    workspace.config(&CLASSIC.replace("us-west-2", region))?;
    workspace.write("aws-config", profiles)?;
    workspace
        .env("NIC_PACE", "0.02")
        .env("AWS_CONFIG_FILE", "aws-config")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_ACCESS_KEY_ID", "AKIANICTEST0EXAMPLE0")
        .env("AWS_SECRET_ACCESS_KEY", "nic/test/only/0000000000000000000EXAMPLE")
        .env("HTTPS_PROXY", format!("http://{}", proxy.address()));
    for (name, value) in variables {
        workspace.env(name, *value);
    }
    proxy.take();
    // Lines are broken where the terminal ends.
    let said = unwrapped(&workspace.run(&["plan"]).await?.said());
    let host = |head: String| Some(head.strip_prefix("CONNECT ")?.split(':').next()?.to_owned());
    Ok((said, proxy.take().into_iter().filter_map(host).collect()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_hosts_are_those_of_botocores_rules() -> Result<()> {
    let venv = tokio::task::spawn_blocking(|| ensure_venv(&|_| ())).await??;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = tests.join("fixtures/variants.py");
    let output = tokio::process::Command::new(venv.join("bin/python")).arg(script).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = std::fs::read_to_string(tests.join("../host/gate/src/aws/variants.tsv"))?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), kept);
    Ok(())
}

/// Sets the door as soon as AWS is asked to change who reaches the cluster.
async fn with_the_change<T>(
    site: &Site,
    door: &Door,
    open: bool,
    deploy: impl Future<Output = Result<T>>,
) -> Result<T> {
    site.aws.clear_log();
    let follow = async {
        while !site.aws.log().iter().any(|entry| entry.action == "UpdateClusterConfig") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        door.set_open(open);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ran = deploy => ran,
        () = follow => unreachable!("it waits for ever"),
    }
}

/// Who shuts himself out is told by what, at once, and gets in again without asking the cluster.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_told_to_let_nobody_else_in_is_asked_once() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let door = Door::before(site.cluster.endpoint()).await?;
    site.aws.set_cluster_endpoint(door.endpoint(), site.cluster.ca_pem()).await;
    let workspace = site.workspace(CLASSIC)?;
    workspace.ok(&["deploy"]).await?;
    let only = |networks: &str| {
        let region = "  region: us-west-2\n";
        CLASSIC.replace(region, &format!("{region}  eks_public_access_cidrs: [{networks}]\n"))
    };

    // As long as it answers, nothing is said.
    workspace.config(&only("8.8.8.8/32"))?;
    workspace.ok(&["deploy"]).await?;
    workspace.config(&only("8.8.4.4/32, 9.9.9.0/24"))?;
    let began = Instant::now();
    let arguments = ["deploy", "--format", "json"];
    let ran = with_the_change(&site, &door, false, workspace.run(&arguments)).await?;
    let document = ran.json()?;
    let error = &document["error"];
    ensure!(ran.code == 2 && error["code"] == "CLUSTER_UNREACHABLE", "{}", ran.said());
    ensure!(began.elapsed() < Duration::from_mins(1), "it waited {:?}", began.elapsed());
    let message = error["message"].as_str().unwrap_or_default();
    let words = [
        "1 change is done and recorded",
        "cannot connect to cluster",
        "8.8.4.4/32, 9.9.9.0/24",
        "`eks_public_access_cidrs`",
    ];
    ensure!(words.iter().all(|words| message.contains(words)), "{message}");
    ensure!(error["details"]["config_key"] == "/amazon_web_services/eks_public_access_cidrs", "{error:#}");
    let recorded = workspace.records()?["aws.cluster.main"]["public_access_cidrs"].clone();
    ensure!(recorded == serde_json::json!(["8.8.4.4/32", "9.9.9.0/24"]), "{recorded}");

    // From then on a plan says so, too.
    workspace.config(CLASSIC)?;
    let ran = workspace.run(&["plan", "--format", "json"]).await?;
    let document = ran.json()?;
    ensure!(ran.code != 0 && document["error"]["code"] == "RESOURCE_UNREADABLE", "{}", ran.said());
    ensure!(document["error"]["message"].as_str().is_some_and(|told| told.contains("9.9.9.0/24")), "{document:#}");
    let around = "nic deploy --target aws.cluster.main";
    ensure!(ran.said().contains(around), "{}", ran.said());
    let ran = with_the_change(&site, &door, true, workspace.run(&["deploy", "--target", "aws.cluster.main"])).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    site.assert_settled(&workspace).await?;
    site.destroy(&workspace).await
}
