//! Who may come to the cluster, and by what: kubeconfigs in several files, logins that are lent and stand nowhere, somebody whom the cluster
//! does not know. On the real control plane, with its own tokens and with those of EKS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use nic_tests::aws::{Credentials, Effect, Emulator, Matching, When, ensure_venv};
use nic_tests::configs::{EXAMPLE, EXISTING};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::golden::fits_a_terminal;
use nic_tests::nic::{Ran, Workspace, unwrapped};
use nic_tests::platform::{Platform, Site};
use nic_tests::schemas::conforms;
use serde_json::{Value, json};

const OUTPUTS: &str = ".nebari/stages/02-infrastructure/outputs.json";
const KUBECONFIG: &str = ".nebari/stages/02-infrastructure/kubeconfig";

/// As whom a kubeconfig logs in.
async fn caller(kubeconfig: Kubeconfig) -> Result<String> {
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let reviews: Api<SelfSubjectReview> = Api::all(kube::Client::try_from(config)?);
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    review.status.and_then(|status| status.user_info?.username).context("the review names nobody")
}

/// Two files as in case A25: the context stands in the second and its user in the first, beside others.
fn two_files(workspace: &Workspace, cluster: &ControlPlane, user: &Value) -> Result<()> {
    std::fs::create_dir_all(workspace.path().join("kube"))?;
    let first = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "first",
        "clusters": [{ "name": "c1", "cluster": { "server": "https://127.0.0.1:1" } }],
        "users": [{ "name": "u1", "user": user }],
        "contexts": [{ "name": "first", "context": { "cluster": "c1", "user": "u1" } }],
    });
    let second = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "",
        "clusters": [{ "name": "c2", "cluster": { "server": cluster.server(), "certificate-authority": "ca.crt" } }],
        "contexts": [{ "name": "second", "context": { "cluster": "c2", "user": "u1", "namespace": "elsewhere" } }],
    });
    workspace.write("kube/ca.crt", cluster.ca_pem())?;
    workspace.write("kube/a.yaml", &first.to_string())?;
    workspace.write("kube/b.yaml", &second.to_string())
}

/// Everything that is left on disk besides the user's own kubeconfigs.
fn left(directory: &Path, found: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("kube") {
            left(&path, found)?;
        } else if path.is_file() {
            found.insert(path.display().to_string(), std::fs::read(&path)?);
        }
    }
    Ok(())
}

fn holds_nothing_of(secret: &str, ran: &Ran, workspace: &Workspace) -> Result<()> {
    let mut found = BTreeMap::from([("what it said".to_owned(), ran.said().into_bytes())]);
    left(workspace.path(), &mut found)?;
    ensure!(found.len() > 3, "{:?}", found.keys());
    for (place, bytes) in found {
        ensure!(!String::from_utf8_lossy(&bytes).contains(secret), "the login is in {place}");
    }
    Ok(())
}

fn credentials(ran: &Ran) -> Result<Value> {
    let document = ran.json()?;
    conforms(&document, "outputs.json")?;
    Ok(document["kubernetes_credentials"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_from_several_files_is_lent_and_stands_in_none_of_ours() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let everything = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let secret = cluster.token("deployer", &everything).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(&EXISTING.replace("nic-test", "second"))?;
    two_files(&workspace, &cluster, &json!({ "token": secret }))?;
    workspace.env("NIC_LOG", "trace");

    // One file alone has no user, or not the context.
    workspace.env("KUBECONFIG", "kube/b.yaml");
    let ran = workspace.run(&["plan"]).await?;
    ensure!(
        ran.code == 2 && ran.stderr.contains("KUBECONFIG_UNREADABLE") && ran.stderr.contains("`u1`"),
        "{}",
        ran.said()
    );
    workspace.env("KUBECONFIG", "kube/a.yaml:/nowhere:kube/b.yaml:");
    let made = workspace.ok(&["deploy", "-v", "--format", "json"]).await?;
    let document = made.json()?;
    conforms(&document, "deploy.json")?;
    holds_nothing_of(&secret, &made, &workspace)?;

    // Outputs name a file and a context that are there; what stands in it logs in, wherever it is used from.
    let path = document["kubeconfig"]["path"].as_str().context("a path")?;
    ensure!(document["kubeconfig"]["context"] == "second", "{document:#}");
    let written = std::fs::read_to_string(path)?;
    ensure!(document["kubeconfig"]["content"] == written.as_str(), "{document:#}");
    ensure!(written.contains("elsewhere") && written.contains("certificate-authority-data"), "{written}");
    let shown = workspace.ok(&["kubeconfig"]).await?;
    ensure!(shown.stdout == written, "{}", shown.stdout);
    let login = "system:serviceaccount:kube-system:deployer";
    ensure!(caller(Kubeconfig::read_from(path)?).await? == login);

    // It lends what the user's file says at that moment.
    let next = cluster.token("successor", &everything).await?;
    workspace.write("kube/token", &format!("{next}\n"))?;
    two_files(&workspace, &cluster, &json!({ "tokenFile": "token" }))?;
    ensure!(caller(Kubeconfig::read_from(path)?).await? == "system:serviceaccount:kube-system:successor");
    holds_nothing_of(&next, &workspace.ok(&["deploy", "-v"]).await?, &workspace)?;

    // Later stages open one file: what deploy wrote, else the one that has everything, else none.
    let ran = workspace.ok(&["outputs", "--with-credentials", "--format", "json"]).await?;
    ensure!(credentials(&ran)? == json!({ "config_path": path, "config_context": "second" }), "{}", ran.said());
    std::fs::rename(path, workspace.path().join("aside"))?;
    let ran = workspace.run(&["outputs", "--with-credentials", "--format", "json"]).await?;
    ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "KUBECONFIG_IN_PIECES", "{}", ran.said());
    ensure!(ran.json()?["error"]["recovery_suggestions"][0].as_str().is_some_and(|hint| hint.contains("nic deploy")));
    let whole = workspace.path().join("kube/whole.yaml").display().to_string();
    let text = std::fs::read_to_string(cluster.kubeconfig())?.replace("nic-test", "second");
    workspace.write("kube/whole.yaml", &text)?;
    workspace.env("KUBECONFIG", format!("/nowhere:{whole}:kube/a.yaml"));
    let ran = workspace.ok(&["outputs", "--with-credentials", "--format", "json"]).await?;
    ensure!(credentials(&ran)? == json!({ "config_path": whole, "config_context": "second" }), "{}", ran.said());
    std::fs::rename(workspace.path().join("aside"), path)?;

    // A deploy takes no kubeconfig of the user's for its own.
    let before = workspace.read("kube/a.yaml")?;
    let ran = workspace.run(&["deploy", "--kubeconfig", "kube/a.yaml"]).await?;
    ensure!(ran.code == 1 && ran.stderr.contains("KUBECONFIG_IN_USE"), "{}", ran.said());
    ensure!(workspace.read("kube/a.yaml")? == before);
    // Nor one that no KUBECONFIG lists.
    workspace.write("kube/aside.yaml", &text)?;
    let ran = workspace.run(&["deploy", "--kubeconfig", "kube/aside.yaml"]).await?;
    ensure!(ran.code == 1 && ran.stderr.contains("KUBECONFIG_IN_USE"), "{}", ran.said());
    ensure!(workspace.read("kube/aside.yaml")? == text);

    // A client certificate is lent as well.
    let key = text.lines().find_map(|line| line.trim().strip_prefix("client-key-data: ")).context("a key")?;
    let deployed = workspace.ok(&["deploy", "-v", "--format", "json"]).await?;
    holds_nothing_of(key, &deployed, &workspace)?;
    let content = deployed.json()?["kubeconfig"]["content"].as_str().context("the content")?.to_owned();
    ensure!(!content.contains("client-key"), "{content}");
    let admin = caller(Kubeconfig::from_yaml(&content)?).await?;
    ensure!(!admin.starts_with("system:"), "{admin}");

    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(
        workspace.read(OUTPUTS).is_err() && workspace.read(KUBECONFIG).is_err(),
        "files of a platform that is gone"
    );
    ensure!(workspace.read("kube/a.yaml")? == before, "the user's own file was touched");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_the_users_cluster_refuses_is_told_by_its_name() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let namespaces = json!([{ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"] }]);
    let limited = cluster.token("limited", &namespaces).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(&EXISTING.replace("nic-test", "second"))?;
    workspace.env("KUBECONFIG", "kube/a.yaml:kube/b.yaml");

    // May not read one kind: that is told once, with the verb, the kind and who it is. Nothing is planned in its place.
    two_files(&workspace, &cluster, &json!({ "token": limited }))?;
    for command in ["plan", "deploy"] {
        let ran = workspace.run(&[command, "--format", "json"]).await?;
        let error = &ran.json()?["error"];
        ensure!(
            ran.code == 2 && error["code"] == "RESOURCE_UNREADABLE" && error["details"]["cause"] == "CLUSTER_FORBIDS",
            "{}",
            ran.said()
        );
        let message = error["message"].as_str().unwrap_or_default();
        for word in ["and 8 more", "cannot get resource", "customresourcedefinitions", "kube-system:limited"] {
            ensure!(message.contains(word), "{message}");
        }
        ensure!(error["details"].get("diagnostics").is_none(), "{error:#}");
    }
    ensure!(Api::<Namespace>::all(cluster.client()).get_opt("dev").await?.is_none(), "something was made");

    // Not known at all: so is who that is, and a destroy does not take what it cannot read for gone.
    let everything = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let full = cluster.token("full", &everything).await?;
    two_files(&workspace, &cluster, &json!({ "token": full }))?;
    workspace.ok(&["deploy"]).await?;
    two_files(&workspace, &cluster, &json!({ "token": "PLANTED-wrong" }))?;
    let state = workspace.state()?;
    for arguments in [&["plan"][..], &["destroy", "--yes"]] {
        let ran = workspace.run(arguments).await?;
        ensure!(ran.code == 2 && ran.stderr.matches("error[").count() == 1, "{}", ran.said());
        let said = unwrapped(&ran.stderr);
        for words in ["CLUSTER_LOGIN_FAILED", "and 9 more", "the context `second`", "the user `u1`"] {
            ensure!(said.contains(words), "{}", ran.said());
        }
        fits_a_terminal(&ran.stderr)?;
        ensure!(!ran.said().contains("PLANTED"), "{}", ran.said());
    }
    ensure!(workspace.state()? == state, "the state was changed");
    ensure!(
        workspace.read(OUTPUTS).is_ok() && workspace.read(KUBECONFIG).is_ok(),
        "the platform is there, its files are not"
    );
    Api::<Namespace>::all(cluster.client()).get("dev").await.context("the namespace is gone")?;
    Ok(())
}

/// The official client for Python, which Nebari itself uses, shares no code with ours.
const LIST: &str = "
import json, sys
from kubernetes import client, config
config.load_kube_config(config_file=sys.argv[1])
print(json.dumps([namespace.metadata.name for namespace in client.CoreV1Api().list_namespace().items]))
";

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_logs_in_by_what_deploy_wrote() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let everything = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let secret = cluster.token("deployer", &everything).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(&EXISTING.replace("nic-test", "second"))?;
    two_files(&workspace, &cluster, &json!({ "token": secret }))?;
    let admin = std::fs::read_to_string(cluster.kubeconfig())?.replace("nic-test", "second");
    workspace.write("kube/admin.yaml", &admin)?;
    let venv = tokio::task::spawn_blocking(|| ensure_venv(&|_| ())).await??;

    // By a token, and by a client certificate.
    for kubeconfig in ["kube/a.yaml:kube/b.yaml", "kube/admin.yaml"] {
        workspace.env("KUBECONFIG", kubeconfig);
        workspace.ok(&["deploy"]).await?;
        // Of the user's environment it needs nothing: what it needs stands in the file.
        let mut python = tokio::process::Command::new(venv.join("bin/python"));
        python.args(["-c", LIST, KUBECONFIG]).current_dir(workspace.path()).env_remove("KUBECONFIG").kill_on_drop(true);
        let output = python.output().await.context("start Python")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let names: Vec<String> = serde_json::from_slice(&output.stdout).with_context(|| said)?;
        ensure!(["kube-system", "dev"].iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
    }
    Ok(())
}

/// Their files have the same names in the same place.
#[tokio::test(flavor = "multi_thread")]
async fn two_states_in_one_directory_leave_each_others_files() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let mut workspace = Workspace::new()?;
    workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    let config = |project: &str, namespace: &str| {
        format!(
            "project_name: {project}\nnamespace: {namespace}\nprovider: existing\nexisting: {{kube_context: nic-test}}\n"
        )
    };
    workspace.config(&config("first", "dev"))?;
    workspace.write("other.yaml", &config("second", "prod"))?;
    workspace.ok(&["deploy"]).await?;
    let files = || Ok::<_, anyhow::Error>((workspace.read(OUTPUTS)?, workspace.read(KUBECONFIG)?));
    let before = files()?;

    // Refused before anything is made, with both files, whose they are, and what to do.
    let state = workspace.stage().join("other-state.json").display().to_string();
    let second = ["-f", "other.yaml", "--state", &state];
    let ran = workspace.run(&[&["deploy"][..], &second].concat()).await?;
    let said = unwrapped(&ran.stderr);
    let lineage = workspace.state()?["lineage"].as_str().context("a lineage")?.to_owned();
    for word in ["OUTPUTS_IN_USE", "KUBECONFIG_IN_USE", "`first/dev`", &lineage, "`--outputs`", "`--kubeconfig`"] {
        ensure!(ran.code == 1 && said.contains(word), "{word}: {}", ran.said());
    }
    fits_a_terminal(&ran.stderr)?;
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    ensure!(namespaces.get_opt("prod").await?.is_none() && files()? == before, "something was changed");

    let elsewhere = ["--outputs", "other/outputs.json", "--kubeconfig", "other/kubeconfig"];
    for _ in 0..2 {
        workspace.ok(&[&["deploy"][..], &second, &elsewhere].concat()).await?;
    }
    ensure!(files()? == before, "the files of the first were written");
    // Neither is named in the place of the other.
    let ran = workspace.run(&["deploy", "--outputs", "other/outputs.json"]).await?;
    ensure!(
        ran.code == 1 && ran.stderr.contains("OUTPUTS_IN_USE") && ran.stderr.contains("second/prod"),
        "{}",
        ran.said()
    );

    workspace.ok(&[&["destroy", "--yes"][..], &second].concat()).await?;
    ensure!(files()? == before, "the files of the first are gone");
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(workspace.read(OUTPUTS).is_err() && workspace.read(KUBECONFIG).is_err());
    Ok(())
}

/// Ten objects are read at once, and each of them would wait for the plugin's answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_gives_no_login_is_asked_once_for_all() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.config(&EXISTING.replace("nic-test", "second"))?;
    workspace.env("KUBECONFIG", "kubeconfig");
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "sh", "args": ["-c", "echo asked >> asked; sleep 1; echo the session has ended >&2; exit 3"],
    });
    let kubeconfig = json!({
        "clusters": [{ "name": "c", "cluster": { "server": "https://127.0.0.1:1" } }],
        "contexts": [{ "name": "second", "context": { "cluster": "c", "user": "u" } }],
        "users": [{ "name": "u", "user": { "exec": exec } }],
    });
    workspace.write("kubeconfig", &kubeconfig.to_string())?;
    let ran = workspace.run(&["plan"]).await?;
    let said = unwrapped(&ran.stderr);
    ensure!(ran.code == 2 && said.contains("CLUSTER_LOGIN_FAILED"), "{}", ran.said());
    ensure!(
        said.contains("the plugin `sh` of the user `u` ended with exit status: 3: the session has ended"),
        "{}",
        ran.said()
    );
    let asked = workspace.read("asked")?.lines().count();
    ensure!(asked <= 2, "asked {asked} times");
    Ok(())
}

/// A role that AWS knows, and a session of it.
const ASSUME: &str = r#"
iam, sts = client("iam"), client("sts")
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
role = iam.create_role(RoleName="second-person", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="ann")["Credentials"]
iam.delete_role(RoleName="second-person")
show([session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]])
"#;

/// What a controller of the cluster has made.
const VOLUME: &str = r#"
zone = client("ec2").describe_subnets()["Subnets"][0]["AvailabilityZone"]
tags = [{"Key": "kubernetes.io/cluster/my-nebari-dev", "Value": "owned"}]
show(client("ec2").create_volume(AvailabilityZone=zone, Size=8, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}])["VolumeId"])
"#;

const VOLUMES: &str = r#"show([v["VolumeId"] for v in client("ec2").describe_volumes()["Volumes"]])"#;

/// Case A24: a second person, whom AWS knows and the cluster does not.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_the_cluster_does_not_know_is_told_how_to_get_in_and_can_destroy() -> Result<()> {
    let (platform, mut workspace) = Platform::of(Emulator::Moto, EXAMPLE).await?;
    workspace.ok(&["deploy"]).await?;
    ensure!(workspace.read(OUTPUTS).is_ok() && workspace.read(KUBECONFIG).is_ok());
    platform.aws.inspect(VOLUME).await?;
    let [access_key, secret_key, session]: [String; 3] = serde_json::from_value(platform.aws.inspect(ASSUME).await?)?;
    platform.aws.set_credentials(Credentials { access_key, secret_key, session_token: Some(session) });
    workspace.envs(platform.aws.env());
    let arn = "arn:aws:sts::123456789012:assumed-role/second-person/ann";
    let of =
        "--region us-west-2 --cluster-name my-nebari-dev --principal-arn arn:aws:iam::123456789012:role/second-person";
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
    let ways = [
        format!("aws eks create-access-entry {of}"),
        format!("aws eks associate-access-policy {of} --policy-arn {policy} --access-scope type=cluster"),
    ];
    let tells_all = |text: &str| {
        let text = unwrapped(text);
        ["CLUSTER_LOGIN_FAILED", arn].iter().all(|word| text.contains(word))
            && ways.iter().all(|way| text.contains(way))
    };

    // Status: what AWS says is told, and of the cluster who asks and how he gets in.
    let ran = workspace.ok(&["status", "--format", "json"]).await?;
    let status = ran.json()?;
    conforms(&status, "status.json")?;
    ensure!(status["health"] == "unknown" && status["cluster"]["code"] == "CLUSTER_LOGIN_FAILED", "{status:#}");
    ensure!(tells_all(&status["cluster"].to_string()) && status["resources"]["missing"] == 0, "{status:#}");
    ensure!(workspace.ok(&["status"]).await?.stdout.contains("my-nebari-dev does not know who asks"));

    // Plan and deploy: nothing is made in place of what cannot be read, and one cause is told once.
    platform.aws.clear_log();
    for command in ["plan", "deploy"] {
        let ran = workspace.run(&[command]).await?;
        ensure!(ran.code == 2 && ran.stderr.matches("error[").count() == 1 && tells_all(&ran.stderr), "{}", ran.said());
        fits_a_terminal(&ran.stderr)?;
    }
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    let doctor = workspace.run(&["doctor"]).await?;
    ensure!(doctor.code == 1 && tells_all(&doctor.stdout), "{}", doctor.said());

    // While the cluster stays, so does what is in it.
    let ran = workspace.run(&["destroy", "--yes", "--retain", "aws.cluster.main"]).await?;
    ensure!(ran.code == 2 && ran.stderr.contains("RESOURCE_UNREADABLE") && tells_all(&ran.stderr), "{}", ran.said());
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());

    // When the cluster goes, what is in it goes along, and what it made in the account is found by its tags.
    let ran = workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(ran.stderr.contains("GOES_UNREAD") && tells_all(&ran.stderr), "{}", ran.said());
    ensure!(ran.stdout.contains("Namespace dev (cannot be read: goes with aws.cluster.main)"), "{}", ran.stdout);
    platform.aws.assert_empty().await?;
    ensure!(platform.aws.inspect(VOLUMES).await? == json!([]), "the volume of a claim is left");
    ensure!(!workspace.state()?.to_string().contains("\"_nic\""), "still recorded: {:#}", workspace.state()?);
    ensure!(workspace.read(OUTPUTS).is_err() && workspace.read(KUBECONFIG).is_err(), "files of a cluster that is gone");
    // The control plane behind the emulator goes on: nobody has asked it to delete anything.
    Api::<Namespace>::all(platform.cluster.client()).get("dev").await.context("deleted one by one")?;
    Ok(())
}

/// The files tell of the cluster for as long as it is there, and not a moment longer.
#[tokio::test(flavor = "multi_thread")]
async fn outputs_and_kubeconfig_go_before_the_cluster_does() -> Result<()> {
    let site = Site::start(Emulator::Moto, 1).await?;
    let workspace = site.workspace(EXAMPLE)?;
    workspace.ok(&["deploy", "--outputs", "elsewhere.json"]).await?;
    workspace.ok(&["deploy"]).await?;
    let there = || (workspace.read(OUTPUTS).is_ok(), workspace.read(KUBECONFIG).is_ok());

    // A destroy that does not get as far as the cluster leaves them.
    let nodes = || Matching::action("eks", "DeleteNodegroup");
    site.aws.faults().at(nodes(), 1, When::BeforeServer, Effect::AccessDenied);
    let ran = workspace.run(&["destroy", "--yes"]).await?;
    ensure!(ran.code == 2 && there() == (true, true), "{:?} {}", there(), ran.said());

    // One that is killed as it asks for the deletion has taken them away by then.
    let mut command = workspace.command(&["destroy", "--yes"])?;
    let child = command.spawn()?;
    let id = child.id().context("a process")?.to_string();
    let kill = move || drop(std::process::Command::new("kill").args(["-9", &id]).status());
    let cluster = Matching::action("eks", "DeleteCluster");
    site.aws.faults().at(cluster, 1, When::AfterServer, Effect::Kill(Arc::new(kill)));
    let ran = Ran::from(child.wait_with_output().await?);
    ensure!(ran.code == 137 && there() == (false, false), "{:?} {}", there(), ran.said());
    site.destroy(&workspace).await?;
    ensure!(there() == (false, false));
    // What was put elsewhere is the user's.
    ensure!(workspace.read("elsewhere.json").is_ok());
    Ok(())
}
