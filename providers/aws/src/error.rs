//! AWS's error codes in the boundary's terms.

use nic_sdk::error::Error;

/// Gives an error that AWS answered the case that fits its code.
pub fn classify(error: Error) -> Error {
    let Error::Remote { code, message, .. } = &error else { return error };
    let text = || format!("{code}: {message}");
    match code.as_str() {
        "NoSuchEntity" | "NoSuchEntityException" | "ResourceNotFoundException" | "Gateway.NotAttached" => {
            Error::NotFound(text())
        }
        code if code.ends_with(".NotFound") => Error::NotFound(text()),
        "DependencyViolation"
        | "DeleteConflict"
        | "DeleteConflictException"
        | "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "EntityTemporarilyUnmodifiable"
        | "EntityTemporarilyUnmodifiableException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "ResourceInUseException"
        | "Resource.AlreadyAssociated"
        | "InvalidGroup.Duplicate"
        | "IncorrectState" => Error::Conflict(text()),
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            Error::Throttled(None)
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AuthFailure" => Error::Denied(text()),
        _ => error,
    }
}

/// Whether the cloud says that something does not exist.
pub fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::NotFound(_))
}

/// Whether AWS's code is `code`.
pub fn has_code(error: &Error, code: &str) -> bool {
    matches!(error, Error::Remote { code: found, .. } if found == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(code: &str) -> Error {
        classify(Error::Remote { status: 400, code: code.into(), message: "m".into() })
    }

    #[test]
    fn codes_become_cases() {
        assert_eq!(remote("InvalidVpcID.NotFound"), Error::NotFound("InvalidVpcID.NotFound: m".into()));
        assert_eq!(remote("NoSuchEntity"), Error::NotFound("NoSuchEntity: m".into()));
        assert_eq!(remote("DependencyViolation"), Error::Conflict("DependencyViolation: m".into()));
        assert_eq!(remote("ThrottlingException"), Error::Throttled(None));
        assert_eq!(remote("UnauthorizedOperation"), Error::Denied("UnauthorizedOperation: m".into()));
        assert!(has_code(&remote("InvalidParameterException"), "InvalidParameterException"));
    }
}
