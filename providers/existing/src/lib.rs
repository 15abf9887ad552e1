//! NIC provider for a cluster that already exists: `provider: existing`, and `provider: local` with a cluster made by hand.
//!
//! It creates nothing but the Nebari namespace, tells the host which kubeconfig context is meant, and publishes the node
//! selectors that the stages after NIC read. It needs no grant: the host itself speaks to the cluster.

mod config;
mod diagnostics;
mod selectors;

use std::collections::BTreeMap;

use nic_sdk::description::Description;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::types::{Answer, Context, Diagnostic, Locator, Observation, Recorded, Resource, Target};
use nic_sdk::{Error, register_provider};
use serde_json::{Value, json};

use crate::config::Config;

/// The provider. It keeps nothing.
#[derive(Debug)]
pub struct Existing;

register_provider!(Existing, manifest = include_str!("../manifest.json"));

impl Provider for Existing {
    fn describe() -> Description {
        let sections = config::SECTIONS.map(|section| (section.to_owned(), config::schema()));
        Description {
            name: "existing".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            config_sections: BTreeMap::from(sections),
            kinds: Vec::new(),
            actions: Vec::new(),
        }
    }

    fn validate(_context: &Context, config: &Value) -> Result<Vec<Diagnostic>, Error> {
        let (_, mut found) = Config::read(config);
        found.push(diagnostics::incomplete());
        Ok(found)
    }

    fn desired(context: &Context, config: &Value, _facts: &Facts) -> Result<Answer, Error> {
        Config::accepted(config)?;
        let name = context.namespace.as_str();
        Ok(Answer::Ready(vec![Resource::new(
            format!("existing.namespace.{name}"),
            "kubernetes.object",
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata(context) }),
        )]))
    }

    fn outputs(context: &Context, config: &Value, _records: &[Recorded]) -> Result<Value, Error> {
        let config = Config::accepted(config)?;
        Ok(json!({
            "cluster": { "name": config.kube_context.as_deref().unwrap_or("existing") },
            "kubernetes": { "namespaces": [context.namespace] },
            "node_selectors": config.node_selectors,
        }))
    }

    async fn read(_context: &Context, _targets: Vec<Target>) -> Result<Vec<Observation>, Error> {
        // Without a kind of its own there is nothing that only this provider could read.
        Ok(Vec::new())
    }

    fn cluster(_context: &Context, config: &Value, _records: &[Recorded]) -> Result<Option<Locator>, Error> {
        let config = Config::accepted(config)?;
        // No context named means the current one, as kubectl does.
        Ok(Some(Locator { kind: "kubeconfig".into(), parameters: json!({ "context": config.kube_context }) }))
    }
}

/// Nebari Classic labels nothing; the design topology says who made it.
fn metadata(context: &Context) -> Value {
    let mut metadata = json!({ "name": context.namespace });
    if context.topology == "design" {
        metadata["labels"] = json!({ "managed-by": "nebari-infrastructure-core", "project": context.project });
    }
    metadata
}

#[cfg(test)]
mod tests {
    use nic_sdk::types::Severity;

    use super::*;

    fn context() -> Context {
        Context { project: "demo".into(), namespace: "dev".into(), topology: "classic".into(), ..Context::default() }
    }

    fn namespace(context: &Context, config: &Value) -> Resource {
        let Ok(Answer::Ready(mut resources)) = Existing::desired(context, config, &Facts::default()) else {
            panic!("not ready")
        };
        assert_eq!(resources.len(), 1);
        resources.remove(0)
    }

    fn errors(config: &Value) -> Vec<String> {
        let found = Existing::validate(&context(), config).unwrap();
        found.into_iter().filter(|one| one.severity == Severity::Error).map(|one| one.code).collect()
    }

    #[test]
    fn without_a_section_the_current_context_is_meant() {
        let config = json!({});
        assert_eq!(errors(&config), Vec::<String>::new());
        let locator = Existing::cluster(&context(), &config, &[]).unwrap().unwrap();
        assert_eq!((locator.kind.as_str(), locator.parameters), ("kubeconfig", json!({ "context": null })));
        let outputs = Existing::outputs(&context(), &config, &[]).unwrap();
        assert_eq!(outputs["cluster"]["name"], "existing");
        assert_eq!(outputs["node_selectors"]["worker"], json!({ "key": "kubernetes.io/os", "value": "linux" }));
    }

    #[test]
    fn the_section_names_the_context_and_the_selectors() {
        let config = json!({ "local": {
            "kube_context": "kind-nebari",
            "node_selectors": { "general": { "pool": "a" }, "user": { "key": "pool", "value": "b" } },
        }});
        assert_eq!(errors(&config), Vec::<String>::new());
        let locator = Existing::cluster(&context(), &config, &[]).unwrap().unwrap();
        assert_eq!(locator.parameters, json!({ "context": "kind-nebari" }));
        assert_eq!(
            Existing::outputs(&context(), &config, &[]).unwrap(),
            json!({
                "cluster": { "name": "kind-nebari" },
                "kubernetes": { "namespaces": ["dev"] },
                "node_selectors": {
                    "general": { "key": "pool", "value": "a" },
                    "user": { "key": "pool", "value": "b" },
                    "worker": { "key": "kubernetes.io/os", "value": "linux" },
                },
            })
        );
    }

    #[test]
    fn the_namespace_is_the_only_resource_and_classic_does_not_label_it() {
        let classic = namespace(&context(), &json!({ "existing": {} }));
        assert_eq!(classic.address, "existing.namespace.dev");
        assert_eq!(classic.document, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "dev" } }));
        let design = namespace(&Context { topology: "design".into(), ..context() }, &json!({}));
        assert_eq!(design.document["metadata"]["labels"]["project"], "demo");
    }

    #[test]
    fn what_is_wrong_is_told_and_stops_the_rest() {
        let config = json!({ "existing": { "kube_context": 7 } });
        assert_eq!(errors(&config), ["VALUE_TYPE"]);
        assert!(matches!(Existing::desired(&context(), &config, &Facts::default()), Err(Error::Invalid(_))));
        assert!(matches!(Existing::cluster(&context(), &config, &[]), Err(Error::Invalid(_))));
    }

    #[test]
    fn two_sections_are_one_too_many() {
        // Each may name another cluster, and a deploy must not guess into which one it goes.
        assert_eq!(errors(&json!({ "local": {}, "existing": {} })), ["SECTION_AMBIGUOUS"]);
        assert_eq!(errors(&json!({ "local": null, "existing": {} })), Vec::<String>::new());
    }
}
