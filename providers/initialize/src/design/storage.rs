//! Storage classes.

use std::collections::BTreeMap;

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::DesignInput;
use crate::object::{object, texts};

/// Claims that name no class get the one that bears this.
const DEFAULT_ANNOTATION: &str = "storageclass.kubernetes.io/is-default-class";

/// When a volume is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BindingMode {
    /// When a pod that uses the claim has its node, so that the volume is in the node's zone.
    #[default]
    WaitForFirstConsumer,
    /// With the claim.
    Immediate,
}

/// A storage class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StorageClass {
    pub name: String,
    /// Who makes the volumes: `ebs.csi.aws.com`.
    pub provisioner: String,
    /// What the provisioner is told; a value may be a reference to another resource.
    pub parameters: BTreeMap<String, Value>,
    /// When a volume is made.
    pub binding_mode: BindingMode,
    /// Whether claims that name no class get this one.
    pub is_default: bool,
    /// Whether volumes may grow.
    pub allow_expansion: bool,
}

impl StorageClass {
    /// `gp3` as the document draws it: encrypted EBS volumes, the default class.
    pub fn gp3() -> Self {
        let parameters = [("type", "gp3"), ("encrypted", "true"), ("iops", "3000"), ("throughput", "125")];
        Self {
            name: "gp3".to_owned(),
            provisioner: "ebs.csi.aws.com".to_owned(),
            parameters: parameters.map(|(key, value)| (key.to_owned(), Value::from(value))).into(),
            binding_mode: BindingMode::WaitForFirstConsumer,
            is_default: true,
            allow_expansion: true,
        }
    }
}

/// The storage classes.
pub(super) fn classes(input: &DesignInput) -> Vec<Resource> {
    let classes = input.storage_classes.iter().map(|class| {
        let mode = match class.binding_mode {
            BindingMode::WaitForFirstConsumer => "WaitForFirstConsumer",
            BindingMode::Immediate => "Immediate",
        };
        let mut rest = json!({
            "metadata": { "annotations": { DEFAULT_ANNOTATION: class.is_default.to_string() } },
            "provisioner": class.provisioner,
            "volumeBindingMode": mode,
            "allowVolumeExpansion": class.allow_expansion,
        });
        if !class.parameters.is_empty() {
            rest["parameters"] = texts(&class.parameters);
        }
        let address = input.address("storage-class", &class.name);
        object(address, "storage.k8s.io/v1", "StorageClass", (None, &class.name), rest)
    });
    classes.collect()
}
