//! How each service words a fault that answers.

use super::answer::Fault;
use super::call::{Call, Protocol};
use crate::front::Effect;

/// The service's own error for an effect that answers; none for those that do not.
pub(crate) fn error(effect: &Effect, call: &Call) -> Option<Fault> {
    let (status, code, message) = match (effect, call.protocol) {
        (Effect::Throttle, Protocol::Ec2) => (503, "RequestLimitExceeded", "Request limit exceeded."),
        (Effect::Throttle, Protocol::Query) => (400, "Throttling", "Rate exceeded"),
        (Effect::Throttle, _) => (429, "ThrottlingException", "Rate exceeded"),
        (Effect::ServerError, Protocol::Ec2) => (500, "InternalError", "An internal error has occurred"),
        (Effect::ServerError, Protocol::Query) => {
            (500, "ServiceFailure", "The request processing has failed because of an unknown error")
        }
        (Effect::ServerError, _) => (500, "ServerException", "Internal server error"),
        (Effect::ExpiredToken, Protocol::Ec2) => (400, "RequestExpired", "Request has expired."),
        (Effect::ExpiredToken, Protocol::Query) => {
            (403, "ExpiredToken", "The security token included in the request is expired")
        }
        (Effect::ExpiredToken, _) => {
            (403, "ExpiredTokenException", "The security token included in the request is expired")
        }
        (Effect::AccessDenied, Protocol::Ec2) => {
            (403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
        }
        (Effect::AccessDenied, Protocol::Query) => {
            (403, "AccessDenied", "User is not authorized to perform this action")
        }
        (Effect::AccessDenied, _) => (403, "AccessDeniedException", "User is not authorized to perform this action"),
        _ => return None,
    };
    Some(Fault::new(status, code, message))
}
