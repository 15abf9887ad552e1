//! The SDK's HTTP client, made of `cloud-http`.

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::cloud_http::{Request, Response, Scheme, send};
use crate::error::Error;

/// Headers that are the host's, or say nothing to a cloud that the host has not said better.
const NOT_SENT: [&str; 14] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amz-user-agent",
];

/// Like [`NOT_SENT`], for whole families: what a signature consists of, and what retries are counted by.
const NOT_SENT_PREFIXES: [&str; 4] = ["amz-sdk-", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];

/// One service in one region.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) service_id: String,
    pub(super) scheme: Scheme,
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        None
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.request(&request) {
            Ok(request) => HttpConnectorFuture::new(async move {
                let response = send(request).await.map_err(connector_error)?;
                sdk_response(response)
            }),
            Err(error) => HttpConnectorFuture::ready(Err(error)),
        }
    }
}

impl Connector {
    fn request(&self, request: &HttpRequest) -> Result<Request, ConnectorError> {
        let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a streaming body is not sent".into()))?;
        let headers = request.headers().iter().filter(|(name, _)| is_sent(name));
        Ok(Request {
            scheme: self.scheme.clone(),
            service_id: self.service_id.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.to_vec(),
            ..Request::new(request.method(), request.uri())
        })
    }
}

/// `name` in lower case, as the SDK gives it.
fn is_sent(name: &str) -> bool {
    !NOT_SENT.contains(&name) && !NOT_SENT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Carries the host's error through the SDK; [`super::error()`] takes it out again.
fn connector_error(error: Error) -> ConnectorError {
    match error {
        Error::TimedOut(_) => ConnectorError::timeout(error.into()),
        _ => ConnectorError::other(error.into(), None),
    }
}

fn sdk_response(response: Response) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(response.status).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut answer = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in response.headers {
        answer.headers_mut().try_append(name, value).map_err(|error| ConnectorError::other(error.into(), None))?;
    }
    Ok(answer)
}
