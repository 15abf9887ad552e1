//! How much: quotas, defaults of containers, priorities.

use std::collections::BTreeMap;

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::{DesignInput, Namespace};
use crate::object::{object, texts};

/// What all pods of a namespace together may use: the object `quota`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// Quantities by resource, such as `requests.cpu: "20"`.
    pub hard: BTreeMap<String, String>,
}

/// What one container gets when it does not say, and may have at most: the object `limits`. Quantities by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requested where nothing is requested.
    pub default_request: BTreeMap<String, String>,
    /// The limit where there is none.
    pub default: BTreeMap<String, String>,
    /// The highest limit.
    pub max: BTreeMap<String, String>,
}

/// A priority class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriorityClass {
    pub name: String,
    /// Higher goes first; more than a billion is the system's.
    pub value: i32,
    /// Whether pods that name no class have it.
    pub is_default: bool,
    /// For people.
    pub description: String,
}

/// The quota and the limits of a namespace.
pub(super) fn within(input: &DesignInput, namespace: &Namespace) -> Vec<Resource> {
    let name = namespace.name.as_str();
    let quota = namespace.quota.iter().map(|quota| {
        let address = input.address_in(name, "resource-quota", "quota");
        let rest = json!({ "spec": { "hard": texts(&quota.hard) } });
        object(address, "v1", "ResourceQuota", (Some(name), "quota"), rest)
    });
    let limits = namespace.limits.iter().map(|limits| {
        let address = input.address_in(name, "limit-range", "limits");
        let mut item = json!({ "type": "Container" });
        for (key, quantities) in
            [("defaultRequest", &limits.default_request), ("default", &limits.default), ("max", &limits.max)]
        {
            if !quantities.is_empty() {
                item[key] = texts(quantities);
            }
        }
        object(address, "v1", "LimitRange", (Some(name), "limits"), json!({ "spec": { "limits": [item] } }))
    });
    quota.chain(limits).collect()
}

/// Priority classes.
pub(super) fn classes(input: &DesignInput) -> Vec<Resource> {
    let classes = input.priority_classes.iter().map(|class| {
        let mut rest = json!({ "value": class.value });
        if class.is_default {
            // The server keeps no `false`, and what it does not keep is nobody's to agree with.
            rest["globalDefault"] = true.into();
        }
        if !class.description.is_empty() {
            rest["description"] = Value::from(class.description.as_str());
        }
        let address = input.address("priority-class", &class.name);
        object(address, "scheduling.k8s.io/v1", "PriorityClass", (None, &class.name), rest)
    });
    classes.collect()
}
