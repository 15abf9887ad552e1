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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;
    use crate::testing::{FakeCloud, Reply, with_cloud};

    fn connector() -> Connector {
        Connector { service_id: "EC2".into(), scheme: Scheme::aws_sigv4("ec2", "us-west-2") }
    }

    fn request() -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from("Action=DescribeVpcs"));
        request.set_method("POST").unwrap();
        request.set_uri("https://ec2.us-west-2.amazonaws.com/").unwrap();
        for (name, value) in [
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", "19"),
            ("authorization", "AWS4-HMAC-SHA256 forged"),
            ("user-agent", "aws-sdk-rust"),
            ("amz-sdk-invocation-id", "1"),
            ("x-amz-target", "Service.Action"),
            ("x-amz-date", "20260101T000000Z"),
        ] {
            request.headers_mut().insert(name, value);
        }
        request
    }

    #[test]
    fn what_is_the_hosts_stays_behind() {
        let cloud = FakeCloud::new().on("ec2", "*", Reply::xml(200, "<a/>").header("x-amzn-requestid", "7"));
        let answer = with_cloud(&cloud, || block_on(connector().call(request()))).unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().bytes()), (200, Some(&b"<a/>"[..])));
        assert_eq!(answer.headers().get("x-amzn-requestid"), Some("7"));

        let sent = cloud.requests().remove(0);
        let names: Vec<&str> = sent.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "x-amz-target"]);
        assert_eq!(sent.service_id, "EC2");
        assert_eq!(sent.body, b"Action=DescribeVpcs");
    }

    #[test]
    fn a_refusal_of_the_host_is_carried_through() {
        let cloud = FakeCloud::new().on("ec2", "*", Reply::refused(Error::denied("NO_SUCH_GRANT", "no")));
        let failure = with_cloud(&cloud, || block_on(connector().call(request()))).unwrap_err();
        assert_eq!(failure.into_source().downcast_ref::<Error>(), Some(&Error::denied("NO_SUCH_GRANT", "no")));
    }
}
