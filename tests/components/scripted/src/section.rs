//! The config section.

use std::collections::BTreeMap;

use nic_sdk::Error;
use nic_sdk::types::{Locator, Resource, reference};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::behaviour::Behaviour;
use crate::script::Steps;
use crate::server::{Server, unsigned};
use crate::thing::Kind;

/// The sections that are read. Their schemas say of logins, and of what may be one, that they are no secrets.
pub fn schemas() -> BTreeMap<String, Value> {
    let open = || json!({ "type": "string", "x-nic": { "sensitive": false } });
    let keycloak = json!({ "type": "object", "properties": { "initial_root_password": open() } });
    BTreeMap::from([
        ("scripted".into(), json!({ "type": "object", "properties": { "note": open() } })),
        ("security".into(), json!({ "type": "object", "properties": { "keycloak": keycloak } })),
        ("certificate".into(), json!({ "type": "object", "properties": { "acme_email": open() } })),
    ])
}

/// The section `scripted`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    endpoint: String,
    /// The host reads it.
    #[serde(default, rename = "region")]
    _region: Option<String>,
    #[serde(default = "unsigned")]
    scheme: String,
    /// The host picks it out of the section for every call.
    #[serde(default, rename = "place")]
    _place: Option<String>,
    #[serde(default)]
    pub facts: Vec<String>,
    #[serde(default)]
    resources: Vec<Wanted>,
    #[serde(default)]
    objects: BTreeMap<String, Value>,
    pub cluster: Option<Cluster>,
    #[serde(default, rename = "in")]
    within: Map<String, Value>,
    /// Nothing is done with it: the host shows it, or does not.
    #[serde(default, rename = "note")]
    _note: Value,
}

/// How the cluster is found.
#[derive(Debug, Deserialize)]
pub struct Cluster {
    pub kind: String,
    pub parameters: Value,
}

impl Cluster {
    /// The locator. A context that is written in pieces is put together: so its name stands nowhere in the config.
    pub fn locator(self) -> Locator {
        let Self { kind, mut parameters } = self;
        if let Some(pieces) = parameters["context"].as_array() {
            let context: String = pieces.iter().filter_map(Value::as_str).collect();
            parameters["context"] = context.into();
        }
        Locator::new(kind, parameters)
    }
}

/// One resource.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    kind: Kind,
    value: Option<Value>,
    value_from: Option<From>,
    value_from_fact: Option<String>,
    list: Option<Value>,
    tags: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
    #[serde(default)]
    external: bool,
    #[serde(default)]
    on: Map<String, Value>,
}

/// An attribute of another resource of the section.
#[derive(Debug, Deserialize)]
struct From {
    resource: String,
    path: String,
}

impl Section {
    /// The section, if there is one. A script with a mistake in it is an error here, not a test that passes by accident.
    pub fn of(config: &Value) -> Result<Option<Self>, Error> {
        let Some(section) = config.get("scripted").filter(|section| !section.is_null()) else { return Ok(None) };
        let section = Self::deserialize(section)
            .map_err(|error| Error::other("SCRIPT_INVALID", format!("section `scripted`: {error}")))?;
        let scripts = section.resources.iter().map(|wanted| &wanted.on).chain([&section.within]);
        for steps in scripts.flat_map(Map::values) {
            Steps::parse(steps)?;
        }
        Ok(Some(section))
    }

    /// Where the cloud is.
    pub fn server(&self) -> Server {
        Server { endpoint: self.endpoint.clone(), scheme: self.scheme.clone() }
    }

    /// What to do in a call that is not about one resource.
    pub fn within(&self, call: &str) -> Result<Steps, Error> {
        self.within.get(call).map_or_else(|| Ok(Steps::default()), Steps::parse)
    }

    /// What `lookup`, `preflight` and `discover` need to know, which are not given the config.
    pub fn script(&self) -> Value {
        json!({ "endpoint": self.endpoint, "scheme": self.scheme, "in": self.within })
    }

    /// The desired graph.
    pub fn resources(&self, config: &Value, fact: impl Fn(&str) -> Option<Value>) -> Result<Vec<Resource>, Error> {
        let things = self.resources.iter().map(|wanted| self.thing(wanted, config, &fact));
        let objects = self.objects.iter().map(|(name, object)| {
            Ok(Resource::new(format!("scripted.object.{name}"), "kubernetes.object", object.clone()))
        });
        things.chain(objects).collect()
    }

    fn thing(&self, wanted: &Wanted, config: &Value, fact: &impl Fn(&str) -> Option<Value>) -> Result<Resource, Error> {
        let mut document = json!({ "name": wanted.name, "script": self.script() });
        document["script"]["on"] = Value::Object(wanted.on.clone());
        if Self::takes_config_along(wanted)? {
            document["script"]["loot"] = json!(config.to_string());
        }
        let from = wanted.value_from.as_ref().map(|from| Ok(reference(&self.address_of(&from.resource)?, &from.path)));
        let from_fact = wanted.value_from_fact.as_ref().map(|name| fact(name).unwrap_or(Value::Null));
        if let Some(value) = wanted.value.clone().or(from.transpose()?).or(from_fact) {
            document["value"] = value;
        }
        for (attribute, value) in [("list", &wanted.list), ("tags", &wanted.tags)] {
            if let Some(value) = value {
                document[attribute] = value.clone();
            }
        }
        let mut resource = Resource::new(wanted.kind.address(&wanted.name), wanted.kind.name(), document);
        for name in &wanted.depends_on {
            resource = resource.after(self.address_of(name)?);
        }
        resource.external = wanted.external;
        Ok(resource)
    }

    /// An address is passed on as it is, so that references across providers can be tried.
    fn address_of(&self, name: &str) -> Result<String, Error> {
        if name.contains('.') {
            return Ok(name.to_owned());
        }
        let found = self.resources.iter().find(|wanted| wanted.name == name);
        found
            .map(|wanted| wanted.kind.address(name))
            .ok_or_else(|| Error::other("SCRIPT_INVALID", format!("there is no resource `{name}`")))
    }

    fn takes_config_along(wanted: &Wanted) -> Result<bool, Error> {
        let mut steals = false;
        for steps in wanted.on.values() {
            let steps = Steps::parse(steps)?;
            steals |= steps.behaviours().any(|one| matches!(one, Behaviour::Exfiltrate(theft) if theft.needs_config()));
        }
        Ok(steals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(section: &Value) -> Result<Option<Section>, Error> {
        Section::of(&json!({ "scripted": section }))
    }

    #[test]
    fn names_become_addresses_and_references() {
        let config = json!({
            "endpoint": "http://127.0.0.1:1",
            "resources": [
                { "name": "a", "value_from": { "resource": "b", "path": "/id" }, "depends_on": ["b", "aws.vpc.main"] },
                { "name": "b", "kind": "named", "value": 1 },
            ],
        });
        let resources = section(&config).unwrap().unwrap().resources(&config, |_| None).unwrap();
        assert_eq!(resources[0].address, "scripted.thing.a");
        assert_eq!(resources[0].document["value"], reference("scripted.named.b", "/id"));
        assert_eq!(resources[0].depends_on, ["scripted.named.b", "aws.vpc.main"]);
        assert_eq!(resources[1].kind, "scripted.named");
    }

    #[test]
    fn a_mistake_in_a_script_is_told() {
        for steps in [json!("lop"), json!([{ "do": "pend", "pols": 3 }]), json!([{ "polls": 3 }]), json!(7)] {
            let config = json!({ "endpoint": "http://x", "resources": [{ "name": "a", "on": { "create": steps } }] });
            let Err(Error::Other { code, .. }) = section(&config) else { panic!("accepted: {config}") };
            assert_eq!(code, "SCRIPT_INVALID");
        }
    }

    #[test]
    fn the_config_is_taken_along_only_to_be_stolen() {
        let with = |what: &str| {
            let on = json!({ "create": [{ "do": "exfiltrate", "what": what }] });
            let config = json!({ "endpoint": "http://x", "resources": [{ "name": "a", "on": on }] });
            section(&config).unwrap().unwrap().resources(&config, |_| None).unwrap().remove(0).document
        };
        assert!(with("config")["script"]["loot"].as_str().unwrap().contains("exfiltrate"));
        assert_eq!(with("environment")["script"].get("loot"), None);
    }
}
