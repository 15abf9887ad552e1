//! GPUs: what makes them known to Kubernetes.

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::Site;
use crate::object::{after, object};

/// Where the daemon sets stand.
const NAMESPACE: &str = "kube-system";

/// A node group with GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuGroup<'a> {
    pub name: &'a str,
    pub address: String,
}

/// Pods only on nodes whose label `key` is one of `values`.
pub(super) fn on_groups(key: &str, values: &[&str]) -> Value {
    on_nodes(&json!({ "key": key, "operator": "In", "values": values }))
}

fn on_nodes(expression: &Value) -> Value {
    json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{ "matchExpressions": [expression] }],
    } } })
}

/// AWS: NVIDIA's device plugin on the nodes of `groups`, which bear the name of their group as the label `label`; nothing when there
/// are none.
pub fn aws_device_plugin(site: &Site<'_>, label: &str, groups: &[GpuGroup<'_>]) -> Option<Resource> {
    if groups.is_empty() {
        return None;
    }
    let names: Vec<&str> = groups.iter().map(|group| group.name).collect();
    let plugins = "/var/lib/kubelet/device-plugins";
    let pod = json!({
        "affinity": on_groups(label, &names),
        "containers": [{
            "name": "nvidia-device-plugin-ctr",
            "image": "nvidia/k8s-device-plugin:1.11",
            "securityContext": { "capabilities": { "drop": ["ALL"] } },
            "volumeMounts": [{ "name": "device-plugin", "mountPath": plugins }],
        }],
        "tolerations": [
            { "key": "CriticalAddonsOnly", "operator": "Exists" },
            { "key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule" },
            { "key": "dedicated", "operator": "Equal", "value": "nebari", "effect": "NoSchedule" },
        ],
        "volumes": [{ "name": "device-plugin", "hostPath": { "path": plugins } }],
    });
    let labels = json!({ "name": "nvidia-device-plugin-ds" });
    let resource = daemon_set(
        site.address("daemon-set", "nvidia-device-plugin"),
        "nvidia-device-plugin-daemonset-1.12",
        json!({}),
        json!({
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod },
            "updateStrategy": { "type": "RollingUpdate" },
        }),
    );
    Some(after(after(resource, site.cluster), groups.iter().map(|group| &group.address)))
}

/// Google: the driver installer of Container-Optimized OS, on every node with an accelerator. `groups` are the addresses of those
/// node groups.
pub fn gcp_driver_installer(site: &Site<'_>, groups: &[String]) -> Resource {
    let name = "nvidia-driver-installer";
    let nvidia = "/home/kubernetes/bin/nvidia";
    let vulkan = "/home/kubernetes/bin/nvidia/vulkan/icd.d";
    // Volume, where it is on the host, where the installer sees it.
    let volumes = [
        ("dev", "/dev", "/dev"),
        ("vulkan-icd-mount", vulkan, "/etc/vulkan/icd.d"),
        ("nvidia-install-dir-host", nvidia, "/usr/local/nvidia"),
        ("root-mount", "/", "/root"),
        ("cos-tools", "/var/lib/cos-tools", "/build/cos-tools"),
    ];
    let environment = [
        ("NVIDIA_INSTALL_DIR_HOST", nvidia),
        ("NVIDIA_INSTALL_DIR_CONTAINER", "/usr/local/nvidia"),
        ("VULKAN_ICD_DIR_HOST", vulkan),
        ("VULKAN_ICD_DIR_CONTAINER", "/etc/vulkan/icd.d"),
        ("ROOT_MOUNT_DIR", "/root"),
        ("COS_TOOLS_DIR_HOST", "/var/lib/cos-tools"),
        ("COS_TOOLS_DIR_CONTAINER", "/build/cos-tools"),
    ];
    let pod = json!({
        "affinity": on_nodes(&json!({ "key": "cloud.google.com/gke-accelerator", "operator": "Exists" })),
        "hostNetwork": true,
        "hostPID": true,
        "tolerations": [{ "operator": "Exists" }],
        "volumes": volumes.map(|(name, host, _)| json!({ "name": name, "hostPath": { "path": host } })),
        "initContainers": [{
            "name": name,
            "image": "cos-nvidia-installer:fixed",
            // The image is on the node; there is no registry that has it.
            "imagePullPolicy": "Never",
            "resources": { "requests": { "cpu": "150m" } },
            "securityContext": { "privileged": true },
            "env": environment.map(|(name, value)| json!({ "name": name, "value": value })),
            "volumeMounts": volumes.map(|(name, _, mount)| json!({ "name": name, "mountPath": mount })),
        }],
        "containers": [{ "name": "pause", "image": "gcr.io/google-containers/pause:2.0" }],
    });
    let resource = daemon_set(
        site.address("daemon-set", name),
        name,
        json!({ "k8s-app": name }),
        json!({
            "selector": { "matchLabels": { "k8s-app": name } },
            "template": { "metadata": { "labels": { "name": name, "k8s-app": name } }, "spec": pod },
            "updateStrategy": { "type": "RollingUpdate" },
        }),
    );
    after(after(resource, site.cluster), groups)
}

fn daemon_set(address: String, name: &str, labels: Value, spec: Value) -> Resource {
    let mut rest = json!({});
    rest["spec"] = spec;
    if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        rest["metadata"]["labels"] = labels;
    }
    object(address, "apps/v1", "DaemonSet", (Some(NAMESPACE), name), rest)
}
