//! Answers.

use bytes::Bytes;
use serde_json::Value;

/// A complete answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub(crate) fn xml(status: u16, body: String) -> Self {
        Self::new(status, "text/xml;charset=UTF-8", body)
    }

    /// A success without anything to say.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    fn new(status: u16, content_type: &str, body: String) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: Bytes::from(body) }
    }

    /// Adds a header, its name in lower case, unless the answer has it.
    pub(crate) fn or_header(mut self, name: &str, value: impl FnOnce() -> String) -> Self {
        if self.header(name).is_none() {
            self.headers.push((name.to_owned(), value()));
        }
        self
    }

    /// The first header of that name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
