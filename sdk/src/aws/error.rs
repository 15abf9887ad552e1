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
            let code = code.map_or_else(|| format!("HTTP_{status}"), str::to_owned);
            // Where the body has no message, as after a bare 503, the SDK's own words are better than none.
            let message = message.map_or_else(|| chain(refusal.err()), str::to_owned);
            classify(status, code, message, retry_after(refusal.raw()))
        }
        SdkError::TimeoutError(_) => Error::TimedOut(chain(&error)),
        SdkError::ResponseError(ref answer) => {
            let status = answer.raw().status().as_u16();
            classify(status, "ANSWER_INVALID".to_owned(), chain(&error), retry_after(answer.raw()))
        }
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
        Error::Denied(told())
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
            | "OptInRequired"
    )
}

fn is_absence(code: &str) -> bool {
    // `InvalidVpcID.NotFound`, `InvalidGroup.NotFound`, `ResourceNotFoundException`, `RepositoryNotFoundException`.
    code.contains("NotFound") || code == "NoSuchEntity" || code == "NoSuchEntityException" || code == "InvalidAssociationID.NotFound"
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
    matches!(code, "RequestTimeout" | "RequestTimeoutException" | "RequestExpired")
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
