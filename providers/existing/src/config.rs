//! The sections `existing` and `local`, which look alike, `kubernetes`, and the external registry's.

use nic_kubernetes_initialize::kubernetes::{self, Kubernetes};
use nic_kubernetes_initialize::registry::{self, ExternalRegistry};
use nic_sdk::Error;
use nic_sdk::findings::Findings;
use nic_sdk::kit::{Topology, child, unread_keys, wrong_type};
use nic_sdk::schema::{map, object, string};
use nic_sdk::types::{Context, Diagnostic, Severity};
use serde_json::{Map, Value, json};

use crate::diagnostics;
use crate::selectors::{self, NodeSelectors};

/// The sections that name the cluster.
pub const SECTIONS: [&str; 2] = ["existing", "local"];

const KEYS: [&str; 2] = ["kube_context", "node_selectors"];

/// Ways to have a local cluster made that other tools' configs know, and NIC does not.
const CLUSTER_MAKERS: [&str; 4] = ["kind", "k3s", "k3d", "minikube"];

/// What the section says.
#[derive(Debug, Default)]
pub struct Config {
    /// The kubeconfig context; none for the current one.
    pub kube_context: Option<String>,
    /// Where each kind of pod runs.
    pub node_selectors: NodeSelectors,
    /// A private registry to pull from, if it is enabled.
    pub external_registry: Option<ExternalRegistry>,
    /// What is set on the cluster besides; only the design topology has it.
    pub kubernetes: Kubernetes,
}

/// The JSON Schema of a section. Open, because an unknown key is worth a warning and no more.
pub fn schema() -> Value {
    let selectors = selectors::NAMES.iter().fold(object(), |schema, name| schema.optional(name, map(string())));
    object()
        .optional(
            "kube_context",
            string().nullable().description("The kubeconfig context; the current one when absent"),
        )
        .optional("node_selectors", selectors.with("additionalProperties", json!(true)).nullable())
        .with("additionalProperties", json!(true))
        .nullable()
        .build()
}

impl Config {
    /// What the config says, and everything that is wrong with it. What is wrong has its default.
    pub fn read(context: &Context, config: &Value) -> (Self, Vec<Diagnostic>) {
        let mut found = Findings::default();
        let (external_registry, told) = registry::read(config);
        found.extend(told);
        let (kubernetes, told) = match Topology::of(context) {
            Topology::Design => kubernetes::read(config),
            Topology::Classic => (Kubernetes::default(), kubernetes::not_in_classic(config)),
        };
        found.extend(told);
        let config = Self { external_registry, kubernetes, ..Self::read_sections(config, &mut found) };
        (config, found.into_inner())
    }

    /// What the config says, if nothing in it is wrong.
    pub fn accepted(context: &Context, config: &Value) -> Result<Self, Error> {
        let (config, found) = Self::read(context, config);
        let errors: Vec<_> = found.into_iter().filter(|one| one.severity == Severity::Error).collect();
        if errors.is_empty() { Ok(config) } else { Err(Error::Invalid(errors)) }
    }

    fn read_sections(config: &Value, found: &mut Findings) -> Self {
        let given = || SECTIONS.iter().filter(|section| config.get(**section).is_some_and(|value| !value.is_null()));
        if given().count() > 1 {
            found.extend(vec![diagnostics::ambiguous()]);
        }
        let Some(&name) = given().next() else { return Self::default() };
        let Some(section) = config[name].as_object() else {
            wrong_type(&format!("/{name}"), "a map", found);
            return Self::default();
        };
        Self::read_section(name, section, found)
    }

    fn read_section(name: &str, section: &Map<String, Value>, found: &mut Findings) -> Self {
        let root = format!("/{name}");
        for key in section.keys() {
            if CLUSTER_MAKERS.contains(&key.as_str()) {
                found.extend(vec![diagnostics::makes_no_cluster(&child(&root, key), key)]);
            } else {
                unread_keys([key], &root, &KEYS, found);
            }
        }
        let kube_context = match section.get("kube_context") {
            None | Some(Value::Null) => None,
            Some(Value::String(context)) if !context.is_empty() => Some(context.clone()),
            Some(_) => {
                wrong_type(&child(&root, "kube_context"), "the name of a context, or null", found);
                None
            }
        };
        let node_selectors = NodeSelectors::read(&child(&root, "node_selectors"), section.get("node_selectors"), found);
        Self { kube_context, node_selectors, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(config: &Value) -> Vec<(String, Option<String>)> {
        Config::read(&Context::default(), config).1.into_iter().map(|one| (one.code, one.pointer)).collect()
    }

    #[test]
    fn an_unknown_key_is_a_warning_at_its_place() {
        let config = json!({ "local": { "kube_contxt": "a", "x/y": 1 } });
        let place = |pointer: &str| ("UNKNOWN_KEY".to_owned(), Some(pointer.to_owned()));
        assert_eq!(codes(&config), [place("/local/kube_contxt"), place("/local/x~1y")]);
        assert!(Config::accepted(&Context::default(), &config).is_ok());
    }

    #[test]
    fn a_cluster_to_be_made_is_refused() {
        let config = json!({ "local": { "kind": { "workers": 3 } } });
        assert_eq!(codes(&config), [("CLUSTER_NOT_MADE".to_owned(), Some("/local/kind".to_owned()))]);
        assert!(Config::accepted(&Context::default(), &config).is_err());
    }

    #[test]
    fn a_section_that_is_no_map_is_refused() {
        assert_eq!(codes(&json!({ "existing": [] })), [("VALUE_TYPE".to_owned(), Some("/existing".to_owned()))]);
        assert_eq!(codes(&json!({ "existing": null })), []);
    }

    #[test]
    fn the_schema_takes_both_spellings_of_a_selector() {
        let selector = &schema()["properties"]["node_selectors"]["properties"]["general"];
        assert_eq!(selector["additionalProperties"], json!({ "type": "string" }));
    }
}
