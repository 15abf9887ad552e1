//! Single questions to services that an SDK crate of their own would be too much for.

use nic_sdk::aws::{classify, partition_of};
use nic_sdk::cloud_http::{Request, Response, Scheme, send};
use nic_sdk::error::Error;
use serde_json::Value;

/// Who asks: the region, and with it the host names.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Where.
    pub region: &'a str,
}

impl Asking<'_> {
    fn request(self, service_id: &str, signing_name: &str) -> Request {
        let url = format!("https://{}/", partition_of(self.region).host(signing_name, self.region));
        let scheme = Scheme::aws_sigv4(signing_name, self.region);
        Request::new("POST", url).scheme(scheme).service_id(service_id)
    }

    /// Asks a service that takes and answers JSON; `target` is what its action is called on the wire.
    pub async fn json(self, service_id: &str, signing_name: &str, target: &str, body: &Value) -> Result<Value, Error> {
        let request = self.request(service_id, signing_name).header("content-type", "application/x-amz-json-1.1");
        let request = request.header("x-amz-target", target);
        let response = send(request.body(body.to_string().into_bytes())).await?;
        let answer = response.json();
        if response.is_success() {
            return answer;
        }
        let answer = answer.unwrap_or_default();
        let text = |keys: [&str; 2]| keys.into_iter().find_map(|key| answer.get(key)?.as_str()).unwrap_or_default();
        // In a header or in the body; behind its namespace, or before a URL.
        let code = response.header("x-amzn-errortype").unwrap_or_else(|| text(["__type", "code"]));
        let code = code.split(':').next().and_then(|code| code.rsplit('#').next()).unwrap_or_default();
        Err(refused(&response, code, text(["message", "Message"])))
    }

    /// Whose credentials these are, as an ARN.
    pub async fn caller(self) -> Result<String, Error> {
        let request = self.request("STS", "sts").header("content-type", "application/x-www-form-urlencoded");
        let body = b"Action=GetCallerIdentity&Version=2011-06-15".to_vec();
        let response = send(request.body(body)).await?;
        let text = String::from_utf8_lossy(&response.body);
        let element = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0)
        };
        if !response.is_success() {
            let (code, message) = (element("Code").unwrap_or_default(), element("Message").unwrap_or_default());
            return Err(refused(&response, code, message));
        }
        let arn = element("Arn").filter(|arn| arn.starts_with("arn:"));
        arn.map(str::to_owned).ok_or_else(|| Error::other("ANSWER_INCOMPLETE", "AWS gave no ARN of the caller"))
    }
}

fn refused(response: &Response, code: &str, message: &str) -> Error {
    let code = if code.is_empty() { format!("HTTP_{}", response.status) } else { code.to_owned() };
    classify(response.status, code, message.to_owned(), None)
}
