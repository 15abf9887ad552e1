//! What AWS's answers say of the login.

use nic_core::error::ProviderError;

use crate::CloudResponse;

/// What every service of AWS says of a signature by the wrong key. Some go on with the request as they got it, session token and all.
const MISMATCH: &[u8] = b"request signature we calculated does not match the signature you provided";

/// Refuses an answer to a wrong signature, in fewer words than AWS has for it.
pub(super) fn check_signature(response: &CloudResponse) -> Result<(), ProviderError> {
    if matches!(response.status, 400 | 401 | 403) && response.holds(MISMATCH) {
        let message = "AWS computes another signature: the secret access key does not belong to its id";
        return Err(ProviderError::denied("SignatureDoesNotMatch", message));
    }
    Ok(())
}

/// Whether the cloud says that the credentials have ended: in the body, or, as services do that answer in REST and JSON, in a header.
pub(super) fn says_expired(response: &CloudResponse) -> bool {
    const CODES: [&str; 2] = ["ExpiredToken", "RequestExpired"];
    let in_header = |code: &&str| {
        response.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(ERROR_TYPE) && value.contains(*code))
    };
    let in_body = |code: &&str| response.body.len() < 64 * 1024 && response.holds(code.as_bytes());
    matches!(response.status, 400 | 401 | 403) && CODES.iter().any(|code| in_header(code) || in_body(code))
}

/// Where AWS's services that answer in JSON name the error.
const ERROR_TYPE: &str = "x-amzn-errortype";
