//! What the fake cloud answers.

use serde_json::Value;

use crate::cloud_http::Response;
use crate::error::Error;

/// How long an answer takes unless told otherwise: one unit, so that a test can count round trips.
const ONE_ROUND_TRIP: u32 = 1;

/// One answer of the fake cloud, and how long it takes on the fake's own clock.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) outcome: Result<Response, Error>,
    pub(super) milliseconds: u32,
}

impl Reply {
    /// A status and a body, without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let response = Response { status, headers: Vec::new(), body: body.into() };
        Self { outcome: Ok(response), milliseconds: ONE_ROUND_TRIP }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// An XML body.
    pub fn xml(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, body.into()).header("content-type", "text/xml")
    }

    /// An error as EC2 words it.
    pub fn ec2_error(status: u16, code: &str, message: &str) -> Self {
        Self::xml(
            status,
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>1</RequestID></Response>"
            ),
        )
    }

    /// An error as IAM and the other query services word it.
    pub fn query_error(status: u16, code: &str, message: &str) -> Self {
        Self::xml(
            status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>1</RequestId></ErrorResponse>"
            ),
        )
    }

    /// An error as EKS and the other JSON services word it.
    pub fn json_error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": message })).header("x-amzn-errortype", code)
    }

    /// What the host says when it does not get an answer, or does not ask.
    pub fn refused(error: Error) -> Self {
        Self { outcome: Err(error), milliseconds: 0 }
    }

    /// Adds a header, its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(response) = &mut self.outcome {
            response.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Takes that long on the fake's clock instead of 1; nothing really waits.
    #[must_use]
    pub fn after(mut self, milliseconds: u32) -> Self {
        self.milliseconds = milliseconds;
        self
    }
}
