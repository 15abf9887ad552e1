//! Requests against botocore's models of the services: what an emulator lets pass and AWS does not.
//!
//! Members that are missing, unknown, of the wrong type, outside an enumeration, a pattern or a range. The models are read, and
//! the request in its protocol's wire form too, by `models.py`. Who does not fit is refused as AWS refuses, before anything is
//! done; and is kept, since a client may take a refusal for an answer: dropping the account then fails the test.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::answer::{Fault, Outcome};
use super::call::{Call, Protocol};
use crate::aws::locked;
use crate::python::Python;

const SCRIPT: &str = include_str!("../models.py");

/// Everything of a request that the models speak of.
type Sent = (String, String, Bytes);

#[derive(Debug)]
pub(crate) struct Models {
    python: Arc<tokio::sync::Mutex<Python>>,
    /// Requests that fit: the same ones come again and again, and measurements are not to pay for it.
    fitting: Mutex<HashSet<Sent>>,
    misfits: Mutex<Vec<String>>,
}

impl Models {
    pub(crate) fn start(venv: &Path) -> Result<Self> {
        let python = Python::start(venv, SCRIPT, Vec::new()).context("start the check of requests")?;
        let python = Arc::new(tokio::sync::Mutex::new(python));
        Ok(Self { python, fitting: Mutex::default(), misfits: Mutex::default() })
    }

    /// Refuses a request that does not fit the model of its service.
    pub(crate) async fn check(&self, call: &Call) -> Outcome<()> {
        let target = format!("{} {} {}", call.service, call.header("x-amz-target"), call.header("content-type"));
        let sent = (target, format!("{} {}?{}", call.method, call.path, call.query), call.body.clone());
        if locked(&self.fitting).contains(&sent) {
            return Ok(());
        }
        let misfits = self.misfits_of(call).await.map_err(|error| {
            Fault::harness(format!("{} {} could not be checked: {error:#}", call.service, call.action))
        })?;
        if misfits.is_empty() {
            locked(&self.fitting).insert(sent);
            return Ok(());
        }
        // boto3 is who tests speak through, and they may well be wrong on purpose.
        if !call.header("user-agent").starts_with("Boto3/") {
            locked(&self.misfits).extend(misfits.iter().map(|misfit| format!("{}: {misfit}", call.service)));
        }
        Err(refusal(call, &misfits.join("; ")))
    }

    /// What did not fit, of all requests so far that boto3 did not send.
    pub(crate) fn misfits(&self) -> Vec<String> {
        locked(&self.misfits).clone()
    }

    async fn misfits_of(&self, call: &Call) -> Result<Vec<String>> {
        let headers: Map<String, Value> = call
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))))
            .collect();
        let question = json!({
            "service": call.service, "method": call.method.as_str(), "path": call.path, "query": call.query,
            "headers": headers, "body": STANDARD.encode(&call.body),
        });
        let python = Arc::clone(&self.python);
        // A task of its own hears the answer out, even when whoever sent the request has gone.
        let answer = tokio::spawn(async move { python.lock_owned().await.ask(&question).await }).await??;
        if let Some(failed) = answer["failed"].as_str() {
            bail!("{failed}");
        }
        serde_json::from_value(answer["misfits"].clone()).context("the answer is no list of misfits")
    }
}

/// What AWS calls such a request.
fn refusal(call: &Call, message: &str) -> Fault {
    let code = match (call.protocol, call.service.as_str()) {
        (Protocol::Ec2, _) => "InvalidParameterValue",
        (Protocol::Query, _) => "ValidationError",
        (_, "eks" | "ecr") => "InvalidParameterException",
        (_, "elasticfilesystem") => "BadRequest",
        (_, "resource-groups") => "BadRequestException",
        _ => "ValidationException",
    };
    Fault::bad(code, format!("the request does not fit the service's model: {message}"))
}
