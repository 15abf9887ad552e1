//! The real Nebari, asked what it makes of a config. A list answers what it would ask of a cloud.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::python::{Python, ensure_nebari};

const SCRIPT: &str = include_str!("../fixtures/nebari_says.py");

/// Nebari in a Python that stays.
#[derive(Debug)]
pub struct Nebari {
    python: Python,
}

/// What Nebari makes of a config.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It takes it, and understands this.
    Takes(Understood),
    /// It refuses it.
    Refuses(Vec<Refusal>),
}

/// What Nebari reads in a config.
#[derive(Debug, Clone, Deserialize)]
pub struct Understood {
    /// `project_name`.
    pub project_name: String,
    /// `namespace`.
    pub namespace: String,
    /// `provider`.
    pub provider: String,
    /// `prevent_deploy`.
    pub prevent_deploy: bool,
    /// The sections of providers that are there, with every key.
    pub sections: Map<String, Value>,
}

/// Something that Nebari refuses.
#[derive(Debug, Clone, Deserialize)]
pub struct Refusal {
    /// Its schema's word for it; of what ends in a traceback the exception's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// The keys that lead to it.
    pub at: Vec<String>,
    /// What it says.
    pub said: String,
    /// What its reader made of the value, as Python calls it.
    #[serde(default)]
    pub of: String,
}

/// The text of one of the files that Nebari's package has beside its code, by its path there. The package is installed first where it is
/// missing.
pub async fn packaged(path: &str) -> Result<String> {
    let venv = tokio::task::spawn_blocking(|| ensure_nebari(&|_| ())).await.context("wait for Nebari")??;
    let mut pythons = std::fs::read_dir(venv.join("lib")).context("look for Nebari's packages")?;
    let python = pythons.next().context("the environment has no Python")??;
    let path = python.path().join("site-packages/_nebari").join(path);
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

impl Nebari {
    /// Starts it, and installs it first where it is missing.
    pub async fn start() -> Result<Self> {
        let venv = tokio::task::spawn_blocking(|| ensure_nebari(&|_| ())).await.context("wait for Nebari")??;
        let python = Python::start(&venv, SCRIPT, Vec::new()).context("start Nebari")?;
        Ok(Self { python })
    }

    /// Asks about a config in an environment with these variables.
    pub async fn ask(&mut self, text: &str, variables: &BTreeMap<String, String>) -> Result<Answer> {
        let mut answer = self.python.ask(&json!({ "text": text, "env": variables })).await?;
        let answer = if answer["takes"] == true {
            serde_json::from_value(answer).map(Answer::Takes)
        } else {
            serde_json::from_value(answer["errors"].take()).map(Answer::Refuses)
        };
        answer.context("understand Nebari's answer")
    }
}
