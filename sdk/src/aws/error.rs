//! What an AWS SDK operation failed with, as the boundary knows it.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::Error;

/// The boundary's error for what an SDK operation failed with.
///
/// What the host said (denied, timed out, throttled) comes out as it went in. What the cloud said is told apart by its
/// code, see [`classify`].
pub fn error<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let Some(hosts) = hosts_own(&error) {
        return hosts;
    }
    match error {
        SdkError::ServiceError(refusal) => {
            let (code, message) = (refusal.err().code(), refusal.err().message());
            let status = refusal.raw().status().as_u16();
            // Where the body has no message, as after a bare 503, the SDK's own words are better than none.
            let message = message.map_or_else(|| chain(refusal.err()), str::to_owned);
            match code {
                Some(code) => classify(status, code.to_owned(), message, retry_after(refusal.raw())),
                // The SDK calls a success that it cannot parse a service error too.
                None if refusal.raw().status().is_success() => Error::other("ANSWER_INVALID", message),
                None => classify(status, format!("HTTP_{status}"), message, retry_after(refusal.raw())),
            }
        }
        SdkError::TimeoutError(_) => Error::TimedOut(chain(&error)),
        SdkError::ResponseError(_) => Error::other("ANSWER_INVALID", chain(&error)),
        SdkError::ConstructionFailure(_) => Error::other("REQUEST_INVALID", chain(&error)),
        _ => Error::other("REQUEST_FAILED", chain(&error)),
    }
}

/// Sorts what a cloud refused with into the boundary's cases, by the code first and the HTTP status second.
///
/// `retry_after` is how many milliseconds the cloud asked to wait.
pub fn classify(status: u16, code: String, message: String, retry_after: Option<u32>) -> Error {
    let told = || format!("{code}: {message}");
    if status == 429 || is_throttling(&code) {
        Error::Throttled(retry_after)
    } else if is_denial(&code) {
        Error::Denied { code, message }
    } else if is_absence(&code) {
        Error::NotFound(told())
    } else if is_conflict(&code) {
        Error::Conflict(told())
    } else if is_timeout(&code) {
        Error::TimedOut(told())
    } else {
        Error::Remote { status, code, message }
    }
}

fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "PriorRequestNotComplete"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "EC2ThrottledException"
    )
}

fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "NotAuthorized"
            | "AuthFailure"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "OptInRequired"
    )
}

fn is_absence(code: &str) -> bool {
    // `InvalidVpcID.NotFound`, `ResourceNotFoundException`, `NatGatewayNotFound`; and what is detached already.
    code.contains("NotFound") || matches!(code, "NoSuchEntity" | "NoSuchEntityException" | "Gateway.NotAttached")
}

fn is_conflict(code: &str) -> bool {
    matches!(
        code,
        "ResourceInUse"
            | "ResourceInUseException"
            | "ResourceInUseFault"
            | "Conflict"
            | "ConflictException"
            | "DependencyViolation"
            | "EntityAlreadyExists"
            | "EntityAlreadyExistsException"
            | "EntityTemporarilyUnmodifiable"
            | "ConcurrentModification"
            | "ConcurrentModificationException"
            | "DeleteConflict"
            | "DeleteConflictException"
            | "OperationAborted"
            | "IncorrectState"
            | "IncorrectInstanceState"
            | "InvalidState"
            | "InvalidPermission.Duplicate"
            | "InvalidGroup.Duplicate"
            | "InvalidGroup.InUse"
            | "InvalidIPAddress.InUse"
            | "VolumeInUse"
            | "RouteAlreadyExists"
            | "Resource.AlreadyAssociated"
            | "ResourceAlreadyExistsException"
            | "RepositoryAlreadyExistsException"
            | "FileSystemAlreadyExists"
            | "FileSystemInUse"
            | "MountTargetConflict"
            | "IncorrectFileSystemLifeCycleState"
    )
}

fn is_timeout(code: &str) -> bool {
    matches!(code, "RequestTimeout" | "RequestTimeoutException")
}

/// The error that `cloud-http` answered, if the SDK only carried it.
fn hosts_own<E, R>(error: &SdkError<E, R>) -> Option<Error>
where
    E: StdError + 'static,
    R: std::fmt::Debug,
{
    let mut source = StdError::source(error);
    while let Some(current) = source {
        if let Some(hosts) = current.downcast_ref::<Error>() {
            return Some(hosts.clone());
        }
        source = current.source();
    }
    None
}

/// An error and what it came from, in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// `Retry-After` in milliseconds; the form with a date is not worth a clock.
fn retry_after(response: &HttpResponse) -> Option<u32> {
    let seconds: u32 = response.headers().get("retry-after")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    /// What an operation of an SDK crate fails with, as far as it matters here.
    fn refusal(status: u16, code: Option<&str>) -> SdkError<ErrorMetadata, HttpResponse> {
        let mut metadata = ErrorMetadata::builder().message("m");
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        response.headers_mut().insert("retry-after", "2");
        SdkError::service_error(metadata.build(), response)
    }

    fn sorted(status: u16, code: &str) -> Error {
        error(refusal(status, Some(code)))
    }

    #[test]
    fn codes_decide_before_the_status() {
        assert_eq!(sorted(400, "InvalidVpcID.NotFound"), Error::NotFound("InvalidVpcID.NotFound: m".into()));
        assert!(matches!(sorted(404, "NoSuchEntity"), Error::NotFound(_)));
        assert!(matches!(sorted(404, "ResourceNotFoundException"), Error::NotFound(_)));
        assert!(matches!(sorted(400, "DependencyViolation"), Error::Conflict(_)));
        assert!(matches!(sorted(409, "EntityAlreadyExists"), Error::Conflict(_)));
        assert!(matches!(sorted(409, "ResourceInUseException"), Error::Conflict(_)));
        assert!(matches!(sorted(403, "UnauthorizedOperation"), Error::Denied { .. }));
        assert!(matches!(sorted(408, "RequestTimeout"), Error::TimedOut(_)));
        assert_eq!(sorted(503, "RequestLimitExceeded"), Error::Throttled(Some(2000)));
        assert_eq!(sorted(429, "Whatever"), Error::Throttled(Some(2000)));
    }

    #[test]
    fn what_has_no_case_keeps_status_code_and_message() {
        let expected = Error::Remote { status: 400, code: "VpcLimitExceeded".into(), message: "m".into() };
        assert_eq!(sorted(400, "VpcLimitExceeded"), expected);
        assert!(matches!(error(refusal(503, None)), Error::Remote { status: 503, code, .. } if code == "HTTP_503"));
    }

    #[test]
    fn a_success_that_cannot_be_parsed_is_no_refusal() {
        assert!(matches!(error(refusal(200, None)), Error::Other { code, .. } if code == "ANSWER_INVALID"));
    }

    #[test]
    fn what_the_host_said_comes_out_as_it_went_in() {
        for hosts in [Error::denied("NO_SUCH_GRANT", "no"), Error::TimedOut("late".into()), Error::Throttled(Some(5))] {
            let carried = ConnectorError::other(hosts.clone().into(), None);
            let failure: SdkError<ErrorMetadata, HttpResponse> = SdkError::dispatch_failure(carried);
            assert_eq!(error(failure), hosts);
        }
    }
}
