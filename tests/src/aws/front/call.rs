//! What a request asks for: service, action, parameters, and whether it changes anything.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// How a service writes requests and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Form in, XML out; EC2's own error shape.
    Ec2,
    /// Form in, XML out (IAM, STS, autoscaling).
    Query,
    /// Method and path in, JSON out (EKS, EFS).
    RestJson,
    /// `x-amz-target` in, JSON out (ECR, service quotas).
    Json,
    /// Anything else; it is forwarded as it is.
    Other,
}

/// One request, identified.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub method: Method,
    /// Path as sent, still percent-encoded.
    pub path: String,
    /// Query as sent, without `?`.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub protocol: Protocol,
    /// Service of the credential scope (`ec2`, `iam`, `eks`); empty for an unsigned request.
    pub service: String,
    pub action: String,
    /// Whether it changes something; a dry run does not.
    pub mutating: bool,
    /// Parameters of a form protocol, from body and query string.
    pub form: BTreeMap<String, String>,
    /// What the path template of a REST action matched, decoded.
    pub args: Vec<String>,
    /// The JSON body of a JSON protocol.
    pub json: Value,
}

impl Call {
    pub(crate) fn identify(method: Method, uri: &http::Uri, headers: HeaderMap, body: Bytes) -> Self {
        let path = uri.path().to_owned();
        let query = uri.query().unwrap_or_default().to_owned();
        let service = service(&headers, &query).unwrap_or_default();
        let protocol = match service.as_str() {
            "ec2" => Protocol::Ec2,
            "iam" | "sts" | "autoscaling" | "elasticloadbalancing" => Protocol::Query,
            "eks" | "elasticfilesystem" | "resource-groups" => Protocol::RestJson,
            _ if headers.contains_key("x-amz-target") => Protocol::Json,
            _ => Protocol::Other,
        };
        let mut call = Self {
            method,
            path,
            query,
            headers,
            body,
            protocol,
            service,
            action: String::new(),
            mutating: true,
            form: BTreeMap::new(),
            args: Vec::new(),
            json: Value::Null,
        };
        match protocol {
            Protocol::Ec2 | Protocol::Query => call.identify_form(),
            Protocol::RestJson => call.identify_rest(),
            Protocol::Json => {
                let target = call.header("x-amz-target").to_owned();
                target.rsplit('.').next().unwrap_or_default().clone_into(&mut call.action);
                call.mutating = !reads(&call.action);
                call.json = serde_json::from_slice(&call.body).unwrap_or_default();
            }
            Protocol::Other => {
                call.action = format!("{} {}", call.method, call.path);
                call.mutating = !matches!(call.method, Method::GET | Method::HEAD);
            }
        }
        call
    }

    fn identify_form(&mut self) {
        let pairs = form_urlencoded::parse(self.query.as_bytes()).chain(form_urlencoded::parse(&self.body));
        self.form = pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        self.action = self.parameter("Action").to_owned();
        self.mutating = !reads(&self.action) && self.parameter("DryRun") != "true";
    }

    fn identify_rest(&mut self) {
        let segments: Vec<String> = self
            .path
            .trim_matches('/')
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        self.json = serde_json::from_slice(&self.body).unwrap_or_default();
        let routes = match self.service.as_str() {
            "eks" => super::eks::ROUTES,
            "elasticfilesystem" => super::efs::ROUTES,
            "resource-groups" => super::resource_groups::ROUTES,
            _ => &[],
        };
        for (method, template, action) in routes {
            if self.method.as_str() == *method
                && let Some(args) = matches(template, &segments)
            {
                (*action).clone_into(&mut self.action);
                self.args = args;
                self.mutating = !reads(action);
                return;
            }
        }
        self.action = format!("{} {}", self.method, self.path);
        self.mutating = !matches!(self.method, Method::GET | Method::HEAD);
    }

    /// A form parameter, or the empty string.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    /// The values of a numbered list, as `VpcId.1`, `VpcId.2`.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|index| self.form.get(&format!("{name}.{index}"))).map(String::as_str).collect()
    }

    /// A parameter of the query string, decoded.
    pub(crate) fn query_parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// A header's value, or the empty string.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The access key the request names, in header or presigned query.
    pub(crate) fn access_key(&self) -> String {
        credential(&self.headers, &self.query)
            .and_then(|scope| scope.split('/').next().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The first value that tells one call from another, for people who read the log.
    pub(crate) fn summary(&self) -> String {
        const TELLING: [&str; 12] = [
            "RoleName",
            "PolicyArn",
            "SubnetId",
            "SubnetId.1",
            "RouteTableId",
            "GroupId",
            "InternetGatewayId",
            "VpcId",
            "VpcId.1",
            "CidrBlock",
            "GroupName",
            "ResourceId.1",
        ];
        let mut parts = self.args.clone();
        parts.extend(["name", "nodegroupName"].iter().filter_map(|key| self.json[*key].as_str().map(str::to_owned)));
        parts.extend(TELLING.iter().filter_map(|key| self.form.get(*key).map(|value| format!("{key}={value}"))));
        if self.parameter("DryRun") == "true" {
            parts.push("DryRun".to_owned());
        }
        parts.join(" ")
    }
}

/// Whether an action of this name only reads.
fn reads(action: &str) -> bool {
    ["Describe", "Get", "List", "Search", "BatchGet", "BatchCheck", "Simulate", "AssumeRole"]
        .iter()
        .any(|prefix| action.starts_with(prefix))
}

fn matches(template: &str, segments: &[String]) -> Option<Vec<String>> {
    let parts: Vec<&str> = template.trim_matches('/').split('/').collect();
    if parts.len() != segments.len() {
        return None;
    }
    let mut args = Vec::new();
    for (part, segment) in parts.iter().zip(segments) {
        if *part == "{}" {
            args.push(segment.clone());
        } else if part != segment {
            return None;
        }
    }
    Some(args)
}

/// The service of the credential scope.
fn service(headers: &HeaderMap, query: &str) -> Option<String> {
    credential(headers, query)?.split('/').nth(3).map(str::to_owned)
}

/// `<access key>/<date>/<region>/<service>/aws4_request`, from header or presigned query.
pub(crate) fn credential(headers: &HeaderMap, query: &str) -> Option<String> {
    if let Some(value) = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        let start = value.find("Credential=")? + "Credential=".len();
        return value[start..].split([',', ' ']).next().map(str::to_owned);
    }
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "X-Amz-Credential")
        .map(|(_, value)| value.into_owned())
}
