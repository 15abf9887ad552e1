//! The cluster autoscaler on AWS: the objects of Helm release `cluster-autoscaler`, chart 9.52.1, with the values Nebari gives.
//!
//! Names and labels are the chart's, so that what Helm made can be taken over as it stands.

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::Site;
use super::gpu::on_groups;
use crate::object::{RBAC, object};

/// The Helm release, which is also the service account's name.
const RELEASE: &str = "cluster-autoscaler";
/// What the chart makes of its name and the cloud.
const NAME: &str = "aws-cluster-autoscaler";
/// What the chart makes of both.
const FULL_NAME: &str = "cluster-autoscaler-aws-cluster-autoscaler";
/// The chart.
const CHART: &str = "cluster-autoscaler-9.52.1";
/// The image of that chart.
const IMAGE: &str = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.1";
/// Health and metrics.
const PORT: u16 = 8085;

/// The nodes of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodesOf<'a> {
    /// The label that says which group a node is of.
    pub label: &'a str,
    /// What it says.
    pub group: &'a str,
}

/// What the autoscaler must know.
#[derive(Debug, Clone, PartialEq)]
pub struct Autoscaler<'a> {
    /// The cluster, as the tags of its Auto Scaling groups say it.
    pub cluster_name: &'a str,
    /// The region of those groups.
    pub region: &'a str,
    /// The IAM role of its service account: an ARN, or a reference to one.
    pub role_arn: Value,
    /// The nodes it runs on; any that take it when none are named.
    pub nodes: Option<NodesOf<'a>>,
}

/// Service account, roles and bindings, deployment, disruption budget and service.
pub fn cluster_autoscaler(site: &Site<'_>, autoscaler: &Autoscaler<'_>) -> Vec<Resource> {
    let make = |kind: &str, api_version: &str, name: Option<&str>, rest: Value| {
        // Cluster roles and their bindings stand in no namespace.
        let namespace = (!kind.starts_with("Cluster")).then_some(site.namespace);
        let mut rest = rest;
        rest["metadata"]["labels"] = labels();
        let address = site.address(address_kind(kind), RELEASE);
        let named = (namespace, name.unwrap_or(FULL_NAME));
        site.within(object(address, api_version, kind, named, rest))
    };
    let rbac = &format!("{RBAC}/v1");
    let subjects = json!([{ "kind": "ServiceAccount", "name": RELEASE, "namespace": site.namespace }]);
    let bound =
        |kind: &str| json!({ "roleRef": { "apiGroup": RBAC, "kind": kind, "name": FULL_NAME }, "subjects": subjects });
    let account = json!({
        "metadata": { "annotations": { "eks.amazonaws.com/role-arn": autoscaler.role_arn } },
        "automountServiceAccountToken": true,
    });
    let budget = json!({ "spec": { "selector": { "matchLabels": selector() }, "maxUnavailable": 1 } });
    let service = json!({ "spec": {
        "ports": [{ "name": "http", "port": PORT, "protocol": "TCP", "targetPort": PORT }],
        "selector": selector(),
        "type": "ClusterIP",
    } });
    let address = |kind: &str| site.address(kind, RELEASE);
    vec![
        make("ServiceAccount", "v1", Some(RELEASE), account),
        make("ClusterRole", rbac, None, json!({ "rules": cluster_rules() })),
        make("ClusterRoleBinding", rbac, None, bound("ClusterRole")).after(address("cluster-role")),
        make("Role", rbac, None, json!({ "rules": rules() })),
        make("RoleBinding", rbac, None, bound("Role")).after(address("role")),
        make("PodDisruptionBudget", "policy/v1", None, budget),
        make("Service", "v1", None, service),
        // It starts when it may do what it must, and ends before that is taken from it.
        make("Deployment", "apps/v1", None, json!({ "spec": deployment(site, autoscaler) }))
            .after(address("service-account"))
            .after(address("cluster-role-binding"))
            .after(address("role-binding")),
    ]
}

fn address_kind(kind: &str) -> &'static str {
    match kind {
        "ServiceAccount" => "service-account",
        "ClusterRole" => "cluster-role",
        "ClusterRoleBinding" => "cluster-role-binding",
        "Role" => "role",
        "RoleBinding" => "role-binding",
        "PodDisruptionBudget" => "pod-disruption-budget",
        "Service" => "service",
        _ => "deployment",
    }
}

fn selector() -> Value {
    json!({ "app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/name": NAME })
}

fn labels() -> Value {
    let mut labels = selector();
    labels["app.kubernetes.io/managed-by"] = "Helm".into();
    labels["helm.sh/chart"] = CHART.into();
    labels
}

fn deployment(site: &Site<'_>, autoscaler: &Autoscaler<'_>) -> Value {
    let cluster = autoscaler.cluster_name;
    let tags = format!("k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/{cluster}");
    let of_pod = |field: &str| json!({ "fieldRef": { "fieldPath": field } });
    let container = json!({
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "./cluster-autoscaler",
            "--cloud-provider=aws",
            format!("--namespace={}", site.namespace),
            format!("--node-group-auto-discovery=asg:tag={tags}"),
            "--logtostderr=true",
            "--stderrthreshold=info",
            "--v=4",
        ],
        "env": [
            { "name": "POD_NAMESPACE", "valueFrom": of_pod("metadata.namespace") },
            { "name": "SERVICE_ACCOUNT", "valueFrom": of_pod("spec.serviceAccountName") },
            { "name": "AWS_REGION", "value": autoscaler.region },
        ],
        "livenessProbe": { "httpGet": { "path": "/health-check", "port": PORT } },
        "ports": [{ "containerPort": PORT }],
    });
    let mut pod = json!({
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "ClusterFirst",
        "containers": [container],
        "serviceAccountName": RELEASE,
    });
    if let Some(NodesOf { label, group }) = autoscaler.nodes {
        pod["affinity"] = on_groups(label, &[group]);
    }
    json!({
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "selector": { "matchLabels": selector() },
        "template": { "metadata": { "labels": selector() }, "spec": pod },
    })
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": groups, "resources": resources, "verbs": verbs })
}

fn named_rule(group: &str, resource: &str, name: &str, verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": verbs })
}

fn cluster_rules() -> Vec<Value> {
    let look: &[&str] = &["watch", "list", "get"];
    vec![
        rule(&[""], &["events", "endpoints"], &["create", "patch"]),
        rule(&[""], &["pods/eviction"], &["create"]),
        rule(&[""], &["pods/status"], &["update"]),
        named_rule("", "endpoints", "cluster-autoscaler", &["get", "update"]),
        rule(&[""], &["nodes"], &["watch", "list", "get", "update"]),
        rule(
            &[""],
            &[
                "namespaces",
                "pods",
                "services",
                "replicationcontrollers",
                "persistentvolumeclaims",
                "persistentvolumes",
            ],
            look,
        ),
        rule(&["batch"], &["jobs", "cronjobs"], look),
        rule(&["batch", "extensions"], &["jobs"], &["get", "list", "patch", "watch"]),
        rule(&["extensions"], &["replicasets", "daemonsets"], look),
        rule(&["policy"], &["poddisruptionbudgets"], &["watch", "list"]),
        rule(&["apps"], &["daemonsets", "replicasets", "statefulsets"], look),
        rule(
            &["storage.k8s.io"],
            &["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
            look,
        ),
        rule(&[""], &["configmaps"], &["list", "watch", "get"]),
        rule(&["coordination.k8s.io"], &["leases"], &["create"]),
        named_rule("coordination.k8s.io", "leases", "cluster-autoscaler", &["get", "update"]),
    ]
}

fn rules() -> Vec<Value> {
    vec![
        rule(&[""], &["configmaps"], &["create"]),
        named_rule("", "configmaps", "cluster-autoscaler-status", &["delete", "get", "update"]),
    ]
}
