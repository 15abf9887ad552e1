//! The front's own client of the emulator: forwards requests, and asks questions of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use serde_json::Value;

use super::answer::{Answer, Fault, Outcome};
use super::call::Call;
use super::xml;

/// Headers that belong to one connection, not to the message.
const HOP_BY_HOP: [&str; 6] = ["connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"];

#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: reqwest::Client,
    endpoint: String,
    region: String,
}

impl Upstream {
    pub(crate) fn new(endpoint: &str, region: &str) -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Shorter than the emulators' own idle limit: a connection they are about to close must not be reused.
            .pool_idle_timeout(Duration::from_secs(2))
            .build()
            .context("build the client of the emulator")?;
        Ok(Self { client, endpoint: endpoint.to_owned(), region: region.to_owned() })
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Sends the request on as it came and returns the emulator's answer.
    pub(crate) async fn forward(&self, call: &Call) -> Outcome<Answer> {
        let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
        let mut request = self.client.request(call.method.clone(), format!("{}{}{query}", self.endpoint, call.path));
        for (name, value) in &call.headers {
            if !HOP_BY_HOP.contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        Ok(self.send(request.body(call.body.clone())).await?.or_not_implemented(call))
    }

    /// A POST to one of the emulator's own paths, such as its reset.
    pub(crate) async fn post(&self, path: &str) -> Outcome<Answer> {
        self.send(self.client.post(format!("{}{path}", self.endpoint))).await
    }

    /// One action of EC2; the answer's XML as JSON.
    pub(crate) async fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> Outcome<Value> {
        self.form("ec2", "2016-11-15", action, parameters).await
    }

    /// The items of one set of an EC2 description.
    pub(crate) async fn ec2_items(&self, action: &str, set: &str, parameters: &[(&str, &str)]) -> Outcome<Vec<Value>> {
        let mut answer = self.ec2(action, parameters).await?;
        Ok(match answer.get_mut(set).map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        })
    }

    /// One action of IAM; the `<Action>Result` element as JSON.
    pub(crate) async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Outcome<Value> {
        let mut answer = self.form("iam", "2010-05-08", action, parameters).await?;
        Ok(answer.get_mut(format!("{action}Result")).map(Value::take).unwrap_or_default())
    }

    /// One action of a service that takes method and path; the answer's JSON.
    pub(crate) async fn rest(&self, service: &str, method: Method, path: &str, body: &Value) -> Outcome<Value> {
        let scope = format!("harness/20260101/{}/{service}/aws4_request", self.region);
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.endpoint))
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = self.send(request).await?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.succeeded() {
            return Ok(value);
        }
        let header = answer.headers.iter().find(|(name, _)| name == "x-amzn-errortype").map(|(_, code)| code.clone());
        let code = header.or_else(|| value["__type"].as_str().map(str::to_owned));
        Err(Fault::new(
            answer.status,
            code.as_deref().unwrap_or("InternalError"),
            value["message"].as_str().unwrap_or_default(),
        ))
    }

    async fn form(&self, service: &str, version: &str, action: &str, parameters: &[(&str, &str)]) -> Outcome<Value> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", version)
            .extend_pairs(parameters)
            .finish();
        // The emulators read service and region from the scope and check nothing else.
        let scope = format!("harness/20260101/{}/{service}/aws4_request", self.region);
        let request = self
            .client
            .post(&self.endpoint)
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = self.send(request).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let value = xml::to_json(&text).map_err(|error| Fault::harness(format!("{service} {action}: {error:#}")))?;
        if answer.succeeded() {
            return Ok(value);
        }
        let error = value.pointer("/Errors/Error").or_else(|| value.pointer("/Error")).cloned().unwrap_or_default();
        let error = match error {
            Value::Array(mut errors) if !errors.is_empty() => errors.swap_remove(0),
            other => other,
        };
        Err(Fault::new(
            answer.status,
            error["Code"].as_str().unwrap_or("InternalError"),
            error["Message"].as_str().unwrap_or_default(),
        ))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Outcome<Answer> {
        let sent = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let headers = answer
                .headers()
                .iter()
                .filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()))
                .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
                .collect();
            Ok::<_, reqwest::Error>(Answer { status, headers, body: answer.bytes().await? })
        };
        sent.await.map_err(|error| Fault::harness(format!("the emulator did not answer: {error:#}")))
    }
}
