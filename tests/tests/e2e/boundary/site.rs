//! A platform of things, and the looks at it that all tests share.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::PACE;
use nic_tests::schemas::conforms;
use nic_tests::things::{Things, granting, granting_published, place};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A working directory, a cloud, and a `nic` whose one provider is the scripted one.
pub struct Site {
    pub things: Things,
    pub workspace: Workspace,
    components: TempDir,
}

/// Why a change failed: its code, its cause, and the words.
#[derive(Debug, Clone)]
pub struct Failure {
    pub code: String,
    pub cause: String,
    pub detail: String,
}

impl Site {
    /// Its name must be this test's own.
    pub fn new(name: &'static str) -> Result<Self> {
        Self::granted(name, |_| ())
    }

    /// The same, with a changed manifest.
    pub fn granted(name: &'static str, edit: impl FnOnce(&mut Value)) -> Result<Self> {
        let things = Things::new(name)?;
        let components = granting(&things, edit)?;
        Self::with(things, components)
    }

    /// With the component of then, as it was published.
    pub fn published(name: &'static str) -> Result<Self> {
        let things = Things::new(name)?;
        let components = granting_published(&things)?;
        Self::with(things, components)
    }

    fn with(things: Things, components: TempDir) -> Result<Self> {
        let mut workspace = Workspace::new()?;
        workspace.env("NIC_COMPONENTS_DIR", components.path().display().to_string()).env("NIC_PACE", PACE.to_string());
        Ok(Self { things, workspace, components })
    }

    /// Puts other bytes in the component's place, granted what it was granted.
    pub fn replace_component(&self, component: &[u8]) -> Result<()> {
        let lock = self.components.path().join("nic.lock");
        let locked: Value = serde_json::from_slice(&std::fs::read(&lock).context("read the lock file")?)?;
        place(self.components.path(), component, &locked["providers"][0])
    }

    /// Writes the config; the section gets its endpoint. JSON is YAML.
    pub fn config(&self, section: Value) -> Result<()> {
        self.config_beside(json!({}), section)
    }

    /// The same beside other sections.
    pub fn config_beside(&self, mut config: Value, mut section: Value) -> Result<()> {
        section["endpoint"] = json!(self.things.endpoint());
        config["project_name"] = json!("hostile");
        config["provider"] = json!("scripted");
        config["scripted"] = section;
        self.workspace.config(&format!("{config:#}\n"))
    }

    /// `nic <arguments> --format json`.
    pub async fn nic(&self, arguments: &[&str]) -> Result<Ran> {
        self.workspace.run(&[arguments, &["--format", "json"]].concat()).await
    }

    /// Runs it, and wants this exit code and this error code.
    pub async fn refused(&self, arguments: &[&str], exit: i32, code: &str) -> Result<Ran> {
        let ran = self.nic(arguments).await?;
        ensure!(ran.code == exit, "`nic {arguments:?}` ended with {}, not {exit}: {}", ran.code, ran.said());
        let error = &ran.json()?["error"];
        ensure!(error["code"] == code, "the code is not {code}: {error:#}");
        Ok(ran)
    }

    /// The state's bytes, none while there is no file.
    pub fn state_bytes(&self) -> Option<Vec<u8>> {
        std::fs::read(self.workspace.stage().join("nic-state.json")).ok()
    }

    /// The records by address, from a state that fits its schema.
    pub fn records(&self) -> Result<BTreeMap<String, Value>> {
        conforms(&self.workspace.state()?, "state-v1.json")?;
        self.workspace.records()
    }

    /// The record of an address.
    pub fn record(&self, address: &str) -> Result<Value> {
        self.records()?.remove(address).with_context(|| format!("`{address}` is not recorded"))
    }

    /// What is there is recorded, under its own id, and what is recorded as done is there.
    pub fn agrees(&self, not_recorded: &[&str]) -> Result<()> {
        let records = self.records()?;
        for thing in self.things.all()? {
            let owner = thing["owner"].as_str().unwrap_or_default();
            let address = owner.split_once('/').map_or(owner, |(_, address)| address);
            if not_recorded.contains(&address) {
                continue;
            }
            let record =
                records.get(address).with_context(|| format!("{address} is there and not recorded: {records:#?}"))?;
            ensure!(record["_nic"]["remote_id"] == thing["id"], "{address} is {thing:#}, recorded as {record:#}");
        }
        let there: BTreeSet<String> = self.things.all()?.iter().map(|thing| thing["id"].to_string()).collect();
        for (address, record) in records.iter().filter(|(_, record)| record["_nic"].get("pending").is_none()) {
            ensure!(
                there.contains(&record["_nic"]["remote_id"].to_string()),
                "{address} is recorded and not there: {record:#}"
            );
        }
        Ok(())
    }

    /// With this section, which has no script left: one deploy, then nothing to do; each thing is there once, and was made once.
    pub async fn converges(&self, section: Value) -> Result<()> {
        self.config(section)?;
        let ran = self.nic(&["deploy"]).await?;
        ensure!(ran.code == 0, "without the script: {}", ran.said());
        self.agrees(&[])?;
        for (address, record) in self.records()? {
            ensure!(record["_nic"].get("pending").is_none(), "{address} is still pending: {record:#}");
        }
        let plan = self.nic(&["plan", "--detailed-exitcode"]).await?;
        ensure!(plan.code == 0, "there is still something to do: {}", plan.said());
        let made = self.things.made()?;
        let twice: Vec<_> = made.iter().filter(|(_, times)| **times != 1).collect();
        ensure!(twice.is_empty(), "made more than once: {twice:?}");
        ensure!(self.things.all()?.len() == self.records()?.len());
        Ok(())
    }
}

/// Every failure that the error document tells, by address. Those of one cause are told as one.
pub fn failures(ran: &Ran) -> Result<BTreeMap<String, Failure>> {
    let document = ran.json()?;
    let error = &document["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = BTreeMap::new();
    let mut note = |code: &Value, detail: &Value, details: &Value| {
        let resources = details["resources"].as_array().cloned();
        for address in resources.unwrap_or_else(|| vec![details["resource"].clone()]) {
            let failure = Failure { code: text(code), cause: text(&details["cause"]), detail: text(detail) };
            if found.insert(text(&address), failure).is_some() {
                bail!("{address} failed twice: {document:#}");
            }
        }
        Ok(())
    };
    match error["details"]["diagnostics"].as_array() {
        Some(several) => several.iter().try_for_each(|one| note(&one["code"], &one["detail"], &one["details"]))?,
        None => note(&error["code"], &error["message"], &error["details"])?,
    }
    Ok(found)
}
