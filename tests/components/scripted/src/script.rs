//! Steps, and the script that travels in a document.

use nic_sdk::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::behaviour::{Behaviour, Place};
use crate::server::Server;

/// When a step acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Before the operation has its effect.
    #[default]
    Before,
    /// After it.
    After,
}

#[derive(Debug)]
struct Step {
    when: When,
    behaviour: Behaviour,
}

/// What to do in one operation.
#[derive(Debug, Default)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// A list of steps, one step, or the name of one.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let steps = match value {
            Value::Array(steps) => steps.iter().map(Step::parse).collect(),
            one => Step::parse(one).map(|step| vec![step]),
        };
        steps.map(Self)
    }

    /// Every behaviour, for those that change an answer.
    pub fn behaviours(&self) -> impl Iterator<Item = &Behaviour> {
        self.0.iter().map(|step| &step.behaviour)
    }

    /// Acts, and gives what was found out.
    pub async fn act(&self, when: When, place: &Place<'_>) -> Result<Vec<String>, Error> {
        let mut findings = Vec::new();
        for step in self.0.iter().filter(|step| step.when == when) {
            findings.extend(step.behaviour.act(place).await?);
        }
        Ok(findings)
    }
}

impl Step {
    fn parse(value: &Value) -> Result<Self, Error> {
        let mut step = match value {
            Value::String(name) => json!({ "do": name }),
            other => other.clone(),
        };
        let when = step.as_object_mut().and_then(|members| members.remove("when")).unwrap_or_else(|| json!("before"));
        let invalid = |error: serde_json::Error| Error::other("SCRIPT_INVALID", format!("step {value}: {error}"));
        Ok(Self {
            when: When::deserialize(when).map_err(invalid)?,
            behaviour: Behaviour::deserialize(step).map_err(invalid)?,
        })
    }
}

/// The attribute `script` of a document.
#[derive(Debug, Deserialize)]
pub struct Script {
    /// Where the cloud is.
    #[serde(flatten)]
    pub server: Server,
    #[serde(default)]
    on: Value,
    #[serde(default, rename = "in")]
    within: Value,
    /// The config, taken along to be stolen.
    #[serde(default)]
    pub loot: Value,
}

impl Script {
    /// The script in a document.
    pub fn of(document: &Value) -> Result<Self, Error> {
        Self::parse(&document["script"])
    }

    /// A script by itself.
    pub fn parse(script: &Value) -> Result<Self, Error> {
        Self::deserialize(script).map_err(|error| Error::other("SCRIPT_INVALID", format!("script {script}: {error}")))
    }

    /// What to do in an operation on the resource.
    pub fn on(&self, operation: &str) -> Result<Steps, Error> {
        self.on.get(operation).map_or_else(|| Ok(Steps::default()), Steps::parse)
    }

    /// What to do in a call that is not about one resource.
    pub fn within(&self, call: &str) -> Result<Steps, Error> {
        self.within.get(call).map_or_else(|| Ok(Steps::default()), Steps::parse)
    }
}
