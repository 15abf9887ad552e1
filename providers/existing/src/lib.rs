//! NIC provider for a cluster that already exists: `provider: existing`, and `provider: local` with a cluster made by hand.
//!
//! It creates what Nebari initializes every cluster with, tells the host which kubeconfig context is meant, and publishes the node
//! selectors that the stages after NIC read. It needs no grant: the host itself speaks to the cluster.

mod config;
mod diagnostics;
mod selectors;

use nic_kubernetes_initialize::classic::{self, Site};
use nic_kubernetes_initialize::design::{self, DesignInput, Namespace};
use nic_kubernetes_initialize::{kubernetes, registry};
use nic_sdk::description::Description;
use nic_sdk::kit::Topology;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::types::{Answer, Context, Diagnostic, Locator, Observation, Recorded, Target};
use nic_sdk::{Error, register_provider};
use serde_json::{Value, json};

use crate::config::Config;

/// Where AWS's hosts are in its standard partition; of which a registry is beside somebody's own cluster, nothing tells.
const REGISTRY_DOMAIN: &str = "amazonaws.com";

/// The provider. It keeps nothing.
#[derive(Debug)]
pub struct Existing;

register_provider!(Existing, manifest = include_str!("../manifest.json"));

impl Provider for Existing {
    fn describe() -> Description {
        let description = Description::new("existing", env!("CARGO_PKG_VERSION"))
            .section(registry::SECTION, registry::schema())
            .section(kubernetes::SECTION, kubernetes::schema());
        config::SECTIONS.iter().fold(description, |whole, section| whole.section(*section, config::schema()))
    }

    fn validate(context: &Context, config: &Value) -> Result<Vec<Diagnostic>, Error> {
        Ok(Config::read(context, config).1)
    }

    fn desired(context: &Context, config: &Value, _facts: &Facts) -> Result<Answer, Error> {
        let config = Config::accepted(context, config)?;
        let site = Site { provider: "existing", namespace: &context.namespace, cluster: &[], nodes: &[] };
        // Nebari Classic labels nothing; the design topology says who made it.
        let mut resources = if Topology::of(context) == Topology::Design {
            let platform = Namespace { name: context.namespace.clone(), ..Namespace::default() };
            let mut input = DesignInput {
                provider: site.provider.to_owned(),
                project: context.project.clone(),
                namespaces: vec![platform],
                ..DesignInput::default()
            };
            config.kubernetes.add_to(&mut input);
            design::objects(&input)
        } else {
            vec![classic::namespace(&site)]
        };
        // The stages after NIC make objects of these kinds, whatever the topology.
        resources.extend(classic::traefik_definitions(&site));
        let registry = config.external_registry.iter();
        resources.extend(registry.flat_map(|found| classic::external_registry(&site, found, REGISTRY_DOMAIN)));
        Ok(Answer::Ready(resources))
    }

    fn outputs(context: &Context, config: &Value, _records: &[Recorded]) -> Result<Value, Error> {
        let config = Config::accepted(context, config)?;
        // Later stages take the first one for the platform's own.
        let own = context.namespace.as_str();
        let further = config.kubernetes.namespaces().filter(|namespace| *namespace != own);
        let namespaces: Vec<&str> = std::iter::once(own).chain(further).collect();
        Ok(json!({
            "cluster": { "name": config.kube_context.as_deref().unwrap_or("existing") },
            "kubernetes": { "namespaces": namespaces },
            "node_selectors": config.node_selectors,
        }))
    }

    async fn read(_context: &Context, _targets: Vec<Target>) -> Result<Vec<Observation>, Error> {
        // Without a kind of its own there is nothing that only this provider could read.
        Ok(Vec::new())
    }

    fn cluster(context: &Context, config: &Value, _records: &[Recorded]) -> Result<Option<Locator>, Error> {
        let config = Config::accepted(context, config)?;
        // No context named means the current one, as kubectl does.
        Ok(Some(Locator::new("kubeconfig", json!({ "context": config.kube_context }))))
    }
}

#[cfg(test)]
mod tests {
    use nic_sdk::types::{Resource, Severity};

    use super::*;

    fn context() -> Context {
        Context::new("demo", "dev").topology("classic")
    }

    fn resources(context: &Context, config: &Value) -> Vec<Resource> {
        let Ok(Answer::Ready(resources)) = Existing::desired(context, config, &Facts::default()) else {
            panic!("not ready")
        };
        resources
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
    fn the_namespace_and_traefiks_definitions_are_made_and_classic_labels_nothing() {
        let classic = resources(&context(), &json!({ "existing": {} }));
        assert_eq!(classic[0].address, "existing.namespace.dev");
        assert_eq!(
            classic[0].document,
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "dev" } })
        );
        assert_eq!(classic.len(), 10);
        assert!(classic[1..].iter().all(|one| one.document["kind"] == "CustomResourceDefinition"));
        let design = resources(&context().topology("design"), &json!({}));
        assert_eq!(design[0].document["metadata"]["labels"]["project"], "demo");
        assert_eq!(design.len(), 10);
    }

    #[test]
    fn the_section_kubernetes_is_the_design_topologys() {
        let config = json!({ "kubernetes": {
            "priority_classes": { "batch": { "value": 1000 } },
            "namespaces": { "dev": { "quota": { "pods": 100 } }, "alpha": { "limits": { "max": { "cpu": 4 } } } },
        }});
        let design = context().topology("design");
        let made: Vec<String> = resources(&design, &config).into_iter().map(|one| one.address).collect();
        assert_eq!(
            made[..5],
            [
                "existing.namespace.dev",
                "existing.resource-quota.dev.quota",
                "existing.namespace.alpha",
                "existing.limit-range.alpha.limits",
                "existing.priority-class.batch",
            ]
        );
        assert_eq!(made.len(), 5 + 9);
        let outputs = Existing::outputs(&design, &config, &[]).unwrap();
        assert_eq!(outputs["kubernetes"]["namespaces"], json!(["dev", "alpha"]));

        // Classic says so, and makes what it always makes.
        let told = Existing::validate(&context(), &config).unwrap();
        assert_eq!(
            (told.len(), told[0].severity, told[0].code.as_str()),
            (1, Severity::Warning, "KEY_NOT_IN_TOPOLOGY")
        );
        assert_eq!(resources(&context(), &config).len(), 10);
        assert_eq!(Existing::outputs(&context(), &config, &[]).unwrap()["kubernetes"]["namespaces"], json!(["dev"]));

        let wrong = json!({ "kubernetes": { "namespaces": { "dev": { "quota": { "pods": "many" } } } } });
        assert!(matches!(Existing::desired(&design, &wrong, &Facts::default()), Err(Error::Invalid(_))));
    }

    #[test]
    fn the_shared_sections_are_described() {
        let sections = Existing::describe().config_sections;
        assert_eq!(sections.keys().collect::<Vec<_>>(), ["existing", "external_container_reg", "kubernetes", "local"]);
    }

    #[test]
    fn an_external_registry_is_made_when_it_is_enabled() {
        let value = |key: &str| json!({ "$secret": format!("external_container_reg/{key}") });
        let mut config = json!({ "external_container_reg": { "enabled": true, "access_key_id": value("access_key_id"),
            "secret_access_key": value("secret_access_key"), "extcr_account": value("extcr_account"), "extcr_region": value("extcr_region") } });
        let made = resources(&context(), &config);
        assert_eq!(made.len(), 16);
        assert!(made.iter().any(|one| one.address == "existing.secret.customer-extcr-key"));
        config["external_container_reg"]["extcr_region"] = json!("");
        assert_eq!(errors(&config), ["REGISTRY_INCOMPLETE"]);
        assert!(matches!(Existing::desired(&context(), &config, &Facts::default()), Err(Error::Invalid(_))));
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
