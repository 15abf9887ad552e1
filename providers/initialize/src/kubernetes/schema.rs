//! The JSON Schema of the section: what type each key has. What a value must look like is said by [`super::read`].

use nic_sdk::schema::{Schema, any, boolean, integer, list, map, object, string};
use serde_json::{Value, json};

use super::network::SAME_NAMESPACE;
use super::priority::HIGHEST;

/// The JSON Schema of the section.
pub fn schema() -> Value {
    let section = object()
        .optional(
            "namespaces",
            map(namespace()).nullable().description("Namespaces by name: the platform's, and further ones."),
        )
        .optional("priority_classes", map(priority_class()).nullable().description("Priority classes by name."));
    open(section).nullable().description("What is set on the cluster; only in the design topology.").build()
}

fn namespace() -> Schema {
    let namespace = object()
        .optional("labels", map(string()).nullable().description("Labels of the namespace."))
        .optional("quota", quantities("What all its pods together may use, such as requests.cpu or pods."))
        .optional("limits", limits())
        .optional("network_policies", map(network_policy()).nullable().description("Network policies by name."));
    open(namespace).nullable()
}

fn limits() -> Schema {
    let limits = object()
        .optional("default_request", quantities("Requested for a container that requests nothing."))
        .optional("default", quantities("The limit of a container that has none."))
        .optional("max", quantities("The highest limit."));
    open(limits).nullable().description("What one container gets when it does not say, and may have at most.")
}

fn network_policy() -> Schema {
    let from =
        format!("Who may reach the pods of the namespace: {SAME_NAMESPACE}, {{namespace: name}} or {{cidr: network}}.");
    // One schema for the word and for both maps: the types of their members are then known.
    let peer = open(object().optional("namespace", string()).optional("cidr", string()));
    let peer = peer.with("type", json!(["string", "object"]));
    open(object().required("from", list(peer).description(&from))).nullable()
}

fn priority_class() -> Schema {
    let value = integer().minimum(i32::MIN.into()).maximum(HIGHEST.into());
    let class = object()
        .required("value", value.description("Higher goes first."))
        .optional("description", string().nullable().description("For people."))
        .optional("default", boolean().nullable().default(json!(false)).description("Of pods that name no class."));
    open(class).nullable()
}

fn quantities(description: &str) -> Schema {
    map(any().with("type", json!(["string", "number"]))).nullable().description(description)
}

/// Unknown keys are let through: they are worth a warning and no more.
fn open(schema: Schema) -> Schema {
    schema.with("additionalProperties", json!(true))
}
