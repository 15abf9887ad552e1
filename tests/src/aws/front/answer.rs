//! Answers and errors, each in the shape of its protocol.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::call::{Call, Protocol};
pub(crate) use crate::front::Answer;

/// An error as AWS names it, before it is written in a protocol's shape.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Further members of a JSON error (`clusterName`).
    pub members: Vec<(&'static str, String)>,
}

/// What a repair answers: the thing, or the error AWS would give.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), members: Vec::new() }
    }

    /// The usual refusal of a request: 400.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The emulator itself failed or lacks something: said as such, never as success.
    pub(crate) fn harness(message: impl Into<String>) -> Self {
        Self::new(501, "NotImplemented", message)
    }

    /// Writes the error as the service of this call writes errors.
    pub(crate) fn answer(&self, call: &Call) -> Answer {
        let id = request_id();
        let (code, message) = (escape(&self.code), escape(&self.message));
        let kind = if self.status < 500 { "Sender" } else { "Receiver" };
        match call.protocol {
            Protocol::Ec2 => Answer::xml(
                self.status,
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                     <RequestID>{id}</RequestID></Response>"
                ),
            ),
            Protocol::Query => Answer::xml(
                self.status,
                format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>{id}</RequestId></ErrorResponse>",
                    namespace(&call.service)
                ),
            ),
            Protocol::RestJson | Protocol::Json | Protocol::Other => {
                let mut body = json!({ "message": self.message });
                for (name, value) in &self.members {
                    body[*name] = json!(value);
                }
                if call.protocol == Protocol::Json {
                    body["__type"] = json!(self.code);
                }
                let mut answer = Answer::json(self.status, &body);
                answer.headers.push(("x-amzn-errortype".to_owned(), self.code.clone()));
                answer
            }
        }
    }
}

impl Answer {
    /// An emulator's crash page and its "no such route" page are not answers of AWS: they become an explicit error.
    pub(crate) fn or_not_implemented(self, call: &Call) -> Self {
        let page = self.body.trim_ascii_start();
        let html =
            page.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!doctype")) || page.starts_with(b"<html");
        if html && !self.succeeded() {
            let text = format!("the emulator does not implement {} {} ({})", call.service, call.action, self.status);
            return Fault::harness(text).answer(call);
        }
        self
    }
}

/// The XML namespace of a form service.
fn namespace(service: &str) -> &'static str {
    match service {
        "iam" => "https://iam.amazonaws.com/doc/2010-05-08/",
        "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
    }
}

/// Text as XML character data.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A request id of AWS's shape; counted, so that it can be found again in a log.
pub(crate) fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// `count` hexadecimal digits that differ from call to call and from process to process.
pub(crate) fn random_hex(count: usize) -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let mut text = String::new();
    while text.len() < count {
        let _ = write!(text, "{:016x}", RandomState::new().hash_one(std::time::Instant::now()));
    }
    text.truncate(count);
    text
}
