//! An independent look at the account: boto3, which shares no code with what is tested.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::front::INSPECTOR_KEY;
use super::{AwsCloud, Credentials};
use crate::python::Python;

/// What every snippet finds defined: `client(service)`, `error(call)`, `show(value)`.
const PRELUDE: &str = include_str!("prelude.py");

/// Prints everything that exists.
const INVENTORY: &str = include_str!("inventory.py");

/// Runs one snippet after another.
const INSPECTOR: &str = include_str!("inspector.py");

/// A Python that runs one snippet after another as this account's inspector.
#[derive(Debug)]
pub(super) struct Inspector {
    credentials: Credentials,
    python: Python,
}

impl Inspector {
    async fn run(&mut self, script: &str) -> Result<Value> {
        let mut answer = self.python.ask(&Value::from(script)).await?;
        match answer["failed"].as_str() {
            Some(failed) => bail!("the script failed: {failed}"),
            None => Ok(answer["shown"][0].take()),
        }
    }
}

impl AwsCloud {
    /// Runs a Python snippet with this account's credentials and returns the JSON it printed.
    ///
    /// Its requests are logged and struck by faults like any others. Besides plain boto3 it has `client("ec2")` (no
    /// retries), `error(call)` (the code of the `ClientError` that a function raises, or none) and `show(value)`, which
    /// prints.
    pub async fn boto3(&self, script: &str) -> Result<Value> {
        self.python(script, &self.credentials()).await
    }

    /// As [`AwsCloud::boto3`], but its requests are neither logged nor struck, and see new things at once.
    pub async fn inspect(&self, script: &str) -> Result<Value> {
        let credentials = Credentials { access_key: INSPECTOR_KEY.to_owned(), ..self.credentials() };
        let mut kept = self.inspector.lock().await;
        let mut inspector = match kept.take().filter(|inspector| inspector.credentials == credentials) {
            Some(inspector) => inspector,
            None => self.start_inspector(credentials)?,
        };
        // After a failure nobody knows what it will say next: then it is not kept.
        let shown = inspector.run(script).await?;
        *kept = Some(inspector);
        Ok(shown)
    }

    fn start_inspector(&self, credentials: Credentials) -> Result<Inspector> {
        let env = self.env_for(&credentials);
        let python = Python::start(&self.venv, &format!("{PRELUDE}\n{INSPECTOR}\n"), env)?;
        Ok(Inspector { credentials, python })
    }

    /// As [`AwsCloud::boto3`], with other credentials than the front expects.
    pub async fn boto3_as(&self, credentials: &Credentials, script: &str) -> Result<Value> {
        self.python(script, credentials).await
    }

    /// Everything that exists, except what an account has from the start (its default VPC with all in it, main route
    /// tables, default security groups): an object of lists, each sorted by name or id.
    pub async fn inventory(&self) -> Result<Value> {
        self.inspect(INVENTORY).await
    }

    /// Fails, and says what there is, unless nothing exists.
    pub async fn assert_empty(&self) -> Result<()> {
        let inventory = self.inventory().await?;
        let left: Vec<_> = inventory
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty()))
            .collect();
        if !left.is_empty() {
            bail!("the account is not empty: {}", serde_json::to_string_pretty(&left)?);
        }
        Ok(())
    }

    async fn python(&self, script: &str, credentials: &Credentials) -> Result<Value> {
        let mut child = tokio::process::Command::new(self.venv.join("bin/python"))
            .arg("-")
            .envs(self.env_for(credentials))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start Python")?;
        let mut stdin = child.stdin.take().context("Python has no standard input")?;
        stdin.write_all(format!("{PRELUDE}\n{script}\n").as_bytes()).await.context("give Python its script")?;
        drop(stdin);
        let output = child.wait_with_output().await.context("wait for Python")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("the script failed with {}: {}{text}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_str(&text).with_context(|| format!("the script printed no JSON: {text}"))
    }
}
