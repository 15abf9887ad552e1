//! Stage 03 on a cluster that exists: a real control plane is initialized, changed by others, mended and left as it was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::Role;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use nic_kubernetes_initialize::classic::{self, Autoscaler, GpuGroup, Site};
use nic_kubernetes_initialize::design::{
    self, DesignInput, Limits, NetworkPolicy, Peer, PriorityClass, Quota, StorageClass,
};
use nic_sdk::types::Resource;
use nic_tests::configs::EXISTING;
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions, NodeOptions};
use nic_tests::nic::{Ran, Workspace};
use serde_json::{Value, json};

const REGISTRY: &str = "\
external_container_reg:
  enabled: true
  access_key_id: PLANTED-key-id
  extcr_account: PLANTED-account
  extcr_region: PLANTED-region
";

/// The fourth value comes from the environment.
const OVERRIDE: &str = "NEBARI_SECRET__external_container_reg__secret_access_key";

/// Every sort of object that the section asks for, in the topology that has them.
const KUBERNETES: &str = "\
kubernetes:
  priority_classes:
    batch: {value: 1000, description: Batch work}
  namespaces:
    dev:
      quota: {requests.cpu: 20000m, requests.memory: 64Gi, pods: 100}
      limits: {default: {cpu: 1}, default_request: {cpu: 100m}, max: {cpu: \"4\"}}
      network_policies:
        inside: {from: [same_namespace, {namespace: monitoring}, {cidr: 10.0.0.0/16}]}
    team-a: {labels: {team: data}}
";

async fn start() -> Result<(ControlPlane, Workspace)> {
    let node = NodeOptions { name: "general-1".to_owned(), ..NodeOptions::default() };
    let cluster =
        ControlPlane::start(ControlPlaneOptions { nodes: vec![node], ..ControlPlaneOptions::default() }).await?;
    let mut workspace = Workspace::new()?;
    workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    Ok((cluster, workspace))
}

fn kind(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn dynamic(cluster: &ControlPlane, api_version: &str, name: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = kind(api_version, name);
    match namespace {
        Some(namespace) => Api::namespaced_with(cluster.client(), namespace, &resource),
        None => Api::all_with(cluster.client(), &resource),
    }
}

fn summary(ran: &Ran) -> Result<Value> {
    Ok(ran.json()?["summary"].clone())
}

/// No planted value is in what was said or left on disk.
fn keeps_secrets(ran: &Ran, workspace: &Workspace) -> Result<()> {
    let state = workspace.read(".nebari/stages/02-infrastructure/nic-state.json")?;
    for (place, text) in [("what it said", ran.said()), ("the state", state)] {
        ensure!(!text.contains("PLANTED"), "a secret is in {place}: {text}");
        ensure!(!text.contains("UExBTlRFRC"), "a secret in base64 is in {place}: {text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_initialized_mended_and_left_as_it_was() -> Result<()> {
    let (cluster, mut workspace) = start().await?;
    workspace.config(&format!("{EXISTING}{REGISTRY}"))?;

    // Half a registry is refused before anything happens.
    let refused = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(refused.code == 1 && refused.said().contains("REGISTRY_INCOMPLETE"), "{}", refused.said());
    ensure!(!refused.said().contains("PLANTED"), "{}", refused.said());
    workspace.env(OVERRIDE, "PLANTED-secret");

    let plan = workspace.ok(&["plan", "--format", "json"]).await?;
    ensure!(summary(&plan)?["create"] == 16, "{}", plan.said());
    let deployed = workspace.ok(&["deploy", "-v"]).await?;
    ensure!(deployed.stdout.contains("Done. (16 changes)"), "{}", deployed.said());
    keeps_secrets(&deployed, &workspace)?;
    traefik_takes_real_objects(&cluster).await?;
    registry_is_there(&cluster).await?;

    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());

    others_change_what_is_theirs_and_ours(&cluster, &workspace).await?;
    a_job_that_others_made_anew_is_theirs(&cluster, &workspace).await?;

    // Switched off, the registry goes, and nothing else.
    workspace.config(&format!("{EXISTING}{REGISTRY}").replace("enabled: true", "enabled: false"))?;
    let off = workspace.ok(&["deploy"]).await?;
    ensure!(off.stdout.contains("Done. (6 changes)"), "{}", off.said());
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), "dev");
    ensure!(secrets.get_opt("customer-extcr-key").await?.is_none(), "the key is still there");

    let started = Instant::now();
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(started.elapsed() < Duration::from_secs(90), "destroy took {:?}", started.elapsed());
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    ensure!(namespaces.get_opt("dev").await?.is_none(), "the namespace is still there");
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    let left = definitions.list(&ListParams::default()).await?;
    ensure!(left.items.is_empty(), "{:?}", left.items);
    let state = workspace.state()?;
    ensure!(!state.to_string().contains("\"_nic\""), "still recorded: {state:#}");
    Ok(())
}

/// Definitions are established, objects keep every field, and what is none is refused.
async fn traefik_takes_real_objects(cluster: &ControlPlane) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    let found = definitions.list(&ListParams::default()).await?;
    ensure!(found.items.len() == 9, "{} definitions", found.items.len());
    for definition in found {
        let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
        for wanted in ["Established", "NamesAccepted"] {
            ensure!(
                conditions.iter().any(|one| one.type_ == wanted && one.status == "True"),
                "{:?} is not {wanted}: {conditions:?}",
                definition.metadata.name
            );
        }
        // A schema that is not structural is told here.
        ensure!(!conditions.iter().any(|one| one.type_ == "NonStructuralSchema"), "{conditions:?}");
    }
    let version = "traefik.containo.us/v1alpha1";
    let objects = [
        (
            "IngressRoute",
            json!({
                "entryPoints": ["websecure"],
                "routes": [{
                    "kind": "Rule",
                    "match": "Host(`nebari.example.com`) && PathPrefix(`/hub`)",
                    "priority": 10,
                    "middlewares": [{ "name": "strip", "namespace": "dev" }],
                    "services": [{ "name": "hub", "port": 80, "passHostHeader": true,
                        "sticky": { "cookie": { "name": "s", "httpOnly": true, "sameSite": "lax" } } }],
                }],
                "tls": { "certResolver": "letsencrypt", "domains": [{ "main": "example.com", "sans": ["*.example.com"] }],
                    "options": { "name": "modern" } },
            }),
        ),
        (
            "IngressRouteTCP",
            json!({ "entryPoints": ["ssh"], "routes": [{ "match": "HostSNI(`*`)",
                "services": [{ "name": "ssh", "port": "ssh", "terminationDelay": 400, "proxyProtocol": { "version": 1 } }] }],
                "tls": { "passthrough": true } }),
        ),
        ("IngressRouteUDP", json!({ "routes": [{ "services": [{ "name": "dns", "port": 53, "weight": 1 }] }] })),
        (
            "Middleware",
            json!({
                "headers": { "customResponseHeaders": { "X-A": "b" }, "stsSeconds": 3600, "frameDeny": true },
                "forwardAuth": { "address": "http://forwardauth-service:4181", "authResponseHeaders": ["X-Forwarded-User"] },
                "rateLimit": { "average": 10, "period": "1m", "sourceCriterion": { "ipStrategy": { "depth": 1 } } },
                "plugin": { "demo": { "any": [{ "thing": 1 }] } },
            }),
        ),
        ("MiddlewareTCP", json!({ "ipWhiteList": { "sourceRange": ["10.0.0.0/8"] } })),
        ("ServersTransport", json!({ "serverName": "a", "forwardingTimeouts": { "dialTimeout": "30s" } })),
        (
            "TLSOption",
            json!({ "minVersion": "VersionTLS12", "clientAuth": { "secretNames": ["ca"], "clientAuthType": "RequireAnyClientCert" } }),
        ),
        ("TLSStore", json!({ "defaultCertificate": { "secretName": "tls" } })),
        (
            "TraefikService",
            json!({ "weighted": { "services": [{ "name": "a", "port": 80, "weight": 3 }], "sticky": { "cookie": { "name": "c" } } } }),
        ),
    ];
    for (name, spec) in objects {
        let api = dynamic(cluster, version, name, Some("dev"));
        let object: DynamicObject = serde_json::from_value(
            json!({ "apiVersion": version, "kind": name, "metadata": { "name": "real" }, "spec": spec }),
        )?;
        let made = api.create(&PostParams::default(), &object).await.with_context(|| format!("create the {name}"))?;
        ensure!(made.data["spec"] == spec, "{name} lost fields: {:#}", made.data["spec"]);
        api.delete("real", &DeleteParams::default()).await?;
    }
    let wrong: DynamicObject = serde_json::from_value(json!({ "apiVersion": version, "kind": "IngressRoute",
        "metadata": { "name": "wrong" }, "spec": { "routes": [{ "kind": "Rule" }] } }))?;
    let api = dynamic(cluster, version, "IngressRoute", Some("dev"));
    let refused = api.create(&PostParams::default(), &wrong).await;
    ensure!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 422), "{refused:?}");
    Ok(())
}

async fn registry_is_there(cluster: &ControlPlane) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), "dev");
    let data = secrets.get("customer-extcr-key").await?.data.unwrap_or_default();
    for (key, value) in [
        ("access-key-id", "PLANTED-key-id"),
        ("secret-access-key", "PLANTED-secret"),
        ("extcr-account", "PLANTED-account"),
        ("extcr-region", "PLANTED-region"),
    ] {
        ensure!(data.get(key).is_some_and(|bytes| bytes.0 == value.as_bytes()), "`{key}` is not as configured");
    }
    let jobs: Api<Job> = Api::namespaced(cluster.client(), "dev");
    jobs.get("extcr-cred-updater").await?;
    Ok(())
}

/// A field of ours that was changed is set back; what others add is left alone.
async fn others_change_what_is_theirs_and_ours(cluster: &ControlPlane, workspace: &Workspace) -> Result<()> {
    let how = PatchParams::apply("kubectl-edit");
    let jobs: Api<CronJob> = Api::namespaced(cluster.client(), "dev");
    let edit = json!({ "spec": { "schedule": "0 0 * * *", "startingDeadlineSeconds": 60 } });
    jobs.patch("extcr-cred-updater", &how, &Patch::Merge(&edit)).await?;
    let roles: Api<Role> = Api::namespaced(cluster.client(), "dev");
    let label = json!({ "metadata": { "labels": { "team": "x" } } });
    roles.patch("extcr-cred-updater", &how, &Patch::Merge(&label)).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    let annotation = json!({ "metadata": { "annotations": { "team": "x" } } });
    definitions.patch("middlewares.traefik.containo.us", &how, &Patch::Merge(&annotation)).await?;

    let plan = workspace.ok(&["plan", "--format", "json"]).await?;
    ensure!(summary(&plan)?["update"] == 1 && plan.stdout.contains("/spec/schedule"), "{}", plan.said());
    let mended = workspace.ok(&["deploy"]).await?;
    ensure!(mended.stdout.contains("Done. (1 change)"), "{}", mended.said());
    let spec = jobs.get("extcr-cred-updater").await?.spec;
    ensure!(spec.schedule == "* */8 * * *", "{}", spec.schedule);
    ensure!(spec.starting_deadline_seconds == Some(60), "what others set was taken away");
    let labels = roles.get("extcr-cred-updater").await?.metadata.labels.unwrap_or_default();
    ensure!(labels.get("team").is_some_and(|team| team == "x"), "{labels:?}");
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    Ok(())
}

/// One of the same name has another uid: it is not deleted to make room, and ours comes when it is gone.
async fn a_job_that_others_made_anew_is_theirs(cluster: &ControlPlane, workspace: &Workspace) -> Result<()> {
    let jobs: Api<Job> = Api::namespaced(cluster.client(), "dev");
    let gone = async || -> Result<()> {
        jobs.delete("extcr-cred-updater", &DeleteParams::background()).await?;
        while jobs.get_opt("extcr-cred-updater").await?.is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    gone().await?;
    let other: Job = serde_json::from_value(json!({
        "metadata": { "name": "extcr-cred-updater" },
        "spec": { "backoffLimit": 4, "template": { "spec": {
            "containers": [{ "name": "kubectl", "image": "somebody/else" }],
            "restartPolicy": "Never", "serviceAccountName": "extcr-cred-updater", "terminationGracePeriodSeconds": 0,
        } } },
    }))?;
    jobs.create(&PostParams::default(), &other).await?;

    let refused = workspace.run(&["deploy"]).await?;
    ensure!(refused.code == 1 && refused.said().contains("RESOURCE_FOREIGN"), "{}", refused.said());
    gone().await?;
    let made = workspace.ok(&["deploy"]).await?;
    ensure!(made.stdout.contains("Done. (1 change)"), "{}", made.said());
    let spec = jobs.get("extcr-cred-updater").await?.spec.context("a spec")?;
    let container = &spec.template.spec.context("a pod")?.containers[0];
    ensure!(container.image.as_deref() == Some("xynova/aws-kubectl"), "{:?}", container.image);
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_section_kubernetes_is_made_changed_and_taken_back() -> Result<()> {
    let (cluster, workspace) = start().await?;
    let config = format!("{EXISTING}{KUBERNETES}");
    workspace.config(&config)?;
    let deployed = workspace.ok(&["deploy"]).await?;
    // Two namespaces, the four objects, and Traefik's nine definitions.
    ensure!(deployed.stdout.contains("Done. (15 changes)"), "{}", deployed.said());
    ensure!(workspace.state()?["topology"] == "design");
    let live = |version: &'static str, sort: &'static str, name: &'static str| {
        let namespace = (sort != "PriorityClass").then_some("dev");
        let api = dynamic(&cluster, version, sort, namespace);
        async move { Ok::<_, kube::Error>(api.get_opt(name).await?.map(|object| object.data)) }
    };
    for (version, sort, name, pointer, wanted) in [
        ("v1", "ResourceQuota", "quota", "/spec/hard/requests.memory", json!("64Gi")),
        ("v1", "ResourceQuota", "quota", "/spec/hard/pods", json!("100")),
        ("v1", "LimitRange", "limits", "/spec/limits/0/defaultRequest/cpu", json!("100m")),
        ("v1", "LimitRange", "limits", "/spec/limits/0/max/cpu", json!("4")),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "inside",
            "/spec/ingress/0/from/2/ipBlock/cidr",
            json!("10.0.0.0/16"),
        ),
        ("scheduling.k8s.io/v1", "PriorityClass", "batch", "/value", json!(1000)),
    ] {
        let data = live(version, sort, name).await?.with_context(|| format!("there is no {sort} `{name}`"))?;
        ensure!(data.pointer(pointer) == Some(&wanted), "{sort} {pointer}: {data:#}");
    }
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let labels = namespaces.get("team-a").await?.metadata.labels.unwrap_or_default();
    ensure!(labels.get("team").is_some_and(|team| team == "data"), "{labels:?}");
    ensure!(labels.get("project").is_some_and(|project| project == "my-nebari"), "{labels:?}");
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());

    // A priority cannot be changed, so its class is made anew.
    workspace.config(&config.replace("value: 1000", "value: 2000").replace("pods: 100", "pods: 50"))?;
    let plan = workspace.ok(&["plan", "--format", "json"]).await?;
    let counts = summary(&plan)?;
    ensure!(counts["replace"] == 1 && counts["update"] == 1, "{}", plan.said());
    workspace.ok(&["deploy"]).await?;
    let class = live("scheduling.k8s.io/v1", "PriorityClass", "batch").await?.context("the class")?;
    ensure!(class["value"] == 2000, "{class:#}");

    // Without the section its objects go, and the platform keeps its topology.
    workspace.config(EXISTING)?;
    let off = workspace.ok(&["deploy"]).await?;
    ensure!(off.stdout.contains("Done. (5 changes)"), "{}", off.said());
    ensure!(namespaces.get_opt("team-a").await?.is_none(), "the namespace is still there");
    ensure!(live("v1", "ResourceQuota", "quota").await?.is_none(), "the quota is still there");
    ensure!(workspace.state()?["topology"] == "design");

    // What the API server would refuse is told before anything happens.
    workspace.config(&config.replace("max: {cpu: \"4\"}", "max: {cpu: 500m}"))?;
    let refused = workspace.run(&["deploy"]).await?;
    ensure!(refused.code == 1 && refused.said().contains("LIMITS_CONTRADICT"), "{}", refused.said());
    workspace.config(EXISTING)?;
    workspace.ok(&["destroy", "--yes"]).await?;
    Ok(())
}

/// Whatever a provider may declare, the API server takes, by its dry run.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_every_object() -> Result<()> {
    let (cluster, _workspace) = start().await?;
    let site = Site { provider: "aws", namespace: "default", cluster: &[], nodes: &[] };
    let role_arn = json!("arn:aws:iam::123456789012:role/my-nebari-dev-cluster-autoscaler");
    let autoscaler = Autoscaler { cluster_name: "my-nebari-dev", region: "us-west-2", role_arn, nodes: None };
    let gpu = GpuGroup { name: "gpu", address: "aws.node-group.gpu".to_owned() };
    let mut resources = classic::cluster_autoscaler(&site, &autoscaler);
    resources.extend(classic::aws_device_plugin(&site, "eks.amazonaws.com/nodegroup", &[gpu]));
    resources.push(classic::gcp_driver_installer(&site, &[]));
    resources.extend(design::objects(&everything()));
    for resource in &resources {
        dry_run(&cluster, resource).await.with_context(|| format!("{}: {:#}", resource.address, resource.document))?;
    }
    ensure!(resources.len() > 30, "only {} objects", resources.len());
    Ok(())
}

/// The documented platform, in namespaces that every cluster has, and everything that the document leaves open.
fn everything() -> DesignInput {
    let mut input = DesignInput::documented("aws", "my-nebari", "default");
    for (namespace, there) in input.namespaces.iter_mut().zip(["default", "kube-public", "kube-system"]) {
        there.clone_into(&mut namespace.name);
    }
    input.storage_classes = vec![StorageClass::gp3()];
    input.priority_classes = vec![PriorityClass {
        name: "nebari".into(),
        value: 1000,
        description: "Nebari".into(),
        ..PriorityClass::default()
    }];
    let quantity = |text: &str| BTreeMap::from([("cpu".to_owned(), text.to_owned())]);
    let namespace = &mut input.namespaces[0];
    namespace.quota = Some(Quota { hard: quantity("20000m") });
    namespace.limits = Some(Limits { default_request: quantity("100m"), default: quantity("1"), max: quantity("8") });
    namespace.network_policies = vec![
        NetworkPolicy { name: "closed".into(), from: Vec::new() },
        NetworkPolicy { name: "open".into(), from: vec![Peer::SameNamespace, Peer::Cidr("10.0.0.0/8".into())] },
    ];
    input
}

async fn dry_run(cluster: &ControlPlane, resource: &Resource) -> Result<()> {
    let text = |pointer: &str| resource.document.pointer(pointer).and_then(Value::as_str);
    let (version, name) = (text("/apiVersion").context("apiVersion")?, text("/kind").context("kind")?);
    let api = dynamic(cluster, version, name, text("/metadata/namespace"));
    let how = PatchParams { dry_run: true, ..PatchParams::apply("nic") };
    api.patch(text("/metadata/name").context("name")?, &how, &Patch::Apply(&resource.document)).await?;
    Ok(())
}
