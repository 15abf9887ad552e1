//! The smallest NIC provider. Copy this folder to begin your own.
//!
//! It owns one section of `nebari-config.yaml`,
//!
//! ```yaml
//! hello:
//!   name: Ada
//! ```
//!
//! and turns it into one Kubernetes `ConfigMap` and one output. It has no kind of its own: `kubernetes.object` belongs to the
//! host, which plans, applies, watches for drift and deletes such objects by itself. A provider that manages a cloud adds
//! kinds to `describe`, and `read`, `create`, `update` and `delete` for them, with what `nic_sdk::kit` has: see `providers/aws`.
//!
//! docs/provider-guide.md says how a copy outside of this workspace is built, added and used.

use nic_sdk::description::Description;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::types::{Answer, Context, Locator, Observation, Recorded, Resource, Target};
use nic_sdk::{Error, register_provider};
use serde::Deserialize;
use serde_json::{Value, json};

/// The section as the user writes it. Its JSON Schema in `describe` is checked by the host before this is parsed.
#[derive(Debug, Deserialize)]
struct Section {
    name: String,
}

/// The provider. There is nothing to keep between calls: each runs on a fresh instance.
pub struct Hello;

// Exports the provider and stamps the manifest (what it wants to be granted: its section, and the greeting) into the component.
register_provider!(Hello, manifest = include_str!("../manifest.json"));

impl Provider for Hello {
    /// Who this is. Constant, and asked without a context.
    fn describe() -> Description {
        let section = json!({
            "type": "object",
            "properties": { "name": { "type": "string", "minLength": 1, "description": "Whom to greet" } },
            "required": ["name"],
            "additionalProperties": false,
        });
        // Only the sections that stand here ever reach this component.
        Description::new("hello", env!("CARGO_PKG_VERSION")).section("hello", section)
    }

    /// The resources the config asks for. A pure function: no network, no clock, no chance; asked again, it answers the same.
    fn desired(_context: &Context, config: &Value, _facts: &Facts) -> Result<Answer, Error> {
        let Some(section) = section(config)? else {
            // The section may be absent: then nothing is desired, and what was made before is planned for deletion.
            return Ok(Answer::Ready(Vec::new()));
        };
        let config_map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "hello", "namespace": "default" },
            "data": { "greeting": greeting(&section) },
        });
        // An address is `<provider>.<kind>.<name>` and is how plan, state and error messages name the resource.
        Ok(Answer::Ready(vec![Resource::new("hello.config-map.hello", "kubernetes.object", config_map)]))
    }

    /// What later stages read, merged into outputs.json.
    fn outputs(_context: &Context, config: &Value, _records: &[Recorded]) -> Result<Value, Error> {
        Ok(match section(config)? {
            Some(section) => json!({ "hello": { "greeting": greeting(&section) } }),
            None => json!({}),
        })
    }

    /// Where the cluster is: in the current context of the user's kubeconfig.
    fn cluster(_context: &Context, _config: &Value, _records: &[Recorded]) -> Result<Option<Locator>, Error> {
        Ok(Some(Locator::new("kubeconfig", json!({}))))
    }

    /// What is there now, for the kinds in `describe`. There are none, so nothing is ever asked.
    async fn read(_context: &Context, _targets: Vec<Target>) -> Result<Vec<Observation>, Error> {
        Ok(Vec::new())
    }
}

/// This provider's section, if the user wrote one.
fn section(config: &Value) -> Result<Option<Section>, Error> {
    match config.get("hello") {
        None | Some(Value::Null) => Ok(None),
        Some(section) => Section::deserialize(section)
            .map(Some)
            .map_err(|error| Error::other("CONFIG_INVALID", format!("section `hello`: {error}"))),
    }
}

fn greeting(section: &Section) -> String {
    format!("Hello, {}!", section.name)
}

// Natively, with `cargo test`: a provider is plain functions.
#[cfg(test)]
mod tests {
    use super::*;

    fn desired(config: &Value) -> Vec<Resource> {
        match Hello::desired(&Context::default(), config, &Facts::default()).unwrap() {
            Answer::Ready(resources) => resources,
            Answer::Need(queries) => panic!("asked for {queries:?}"),
        }
    }

    #[test]
    fn the_section_becomes_a_config_map_and_an_output() {
        let config = json!({ "hello": { "name": "Ada" } });
        let resources = desired(&config);
        assert_eq!(resources.len(), 1);
        assert_eq!(resources[0].document["data"]["greeting"], "Hello, Ada!");
        assert_eq!(
            Hello::outputs(&Context::default(), &config, &[]).unwrap(),
            json!({ "hello": { "greeting": "Hello, Ada!" } })
        );
    }

    #[test]
    fn no_section_means_nothing_is_desired() {
        assert_eq!(desired(&json!({})), []);
    }
}
