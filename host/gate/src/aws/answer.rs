//! What AWS's answers say of the login.

use nic_core::error::ProviderError;

use crate::CloudResponse;

/// What every service of AWS says of a signature by the wrong key. Some go on with the request as they got it, session token and all.
const MISMATCH: &[u8] = b"request signature we calculated does not match the signature you provided";

/// What AWS says of a signature whose time is not now: each service one of these.
const SKEWED: [&[u8]; 3] = [b"RequestTimeTooSkewed", b"Signature expired:", b"Signature not yet current:"];

/// Refuses an answer to a wrong signature, in fewer words than AWS has for it.
pub(super) fn check_signature(response: &CloudResponse) -> Result<(), ProviderError> {
    if !refuses(response) {
        return Ok(());
    }
    if SKEWED.iter().any(|words| response.holds(words)) || names_in_header(response, "RequestTimeTooSkewed") {
        let message = "AWS refuses the time of the request: the clock of this machine is wrong; set it (`timedatectl set-ntp true`) and \
                       run the command again";
        return Err(ProviderError::denied("RequestTimeTooSkewed", message));
    }
    if response.holds(MISMATCH) {
        let message = "AWS computes another signature: the secret access key does not belong to its id";
        return Err(ProviderError::denied("SignatureDoesNotMatch", message));
    }
    Ok(())
}

/// Whether the cloud says that the credentials have ended: in the body, or, as services do that answer in REST and JSON, in a header.
pub(super) fn says_expired(response: &CloudResponse) -> bool {
    const CODES: [&str; 3] = ["ExpiredToken", "RequestExpired", "TokenRefreshRequired"];
    let in_body = |code: &str| response.body.len() < 64 * 1024 && response.holds(code.as_bytes());
    refuses(response) && CODES.iter().any(|code| names_in_header(response, code) || in_body(code))
}

/// Only such an answer says something of the login.
fn refuses(response: &CloudResponse) -> bool {
    matches!(response.status, 400 | 401 | 403)
}

fn names_in_header(response: &CloudResponse, code: &str) -> bool {
    response.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(ERROR_TYPE) && value.contains(code))
}

/// Where AWS's services that answer in JSON name the error.
const ERROR_TYPE: &str = "x-amzn-errortype";

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, header: Option<&str>, body: &str) -> CloudResponse {
        let headers = header.map(|value| ("x-amzn-errortype".to_owned(), value.to_owned())).into_iter().collect();
        CloudResponse { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn an_end_is_heard_however_a_service_says_it() {
        for code in ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"] {
            for status in [400, 403] {
                assert!(says_expired(&answer(status, Some(&format!("{code}:http://internal.amazon.com/")), "{}")));
                assert!(says_expired(&answer(status, None, &format!(r#"{{"__type":"com.amazonaws#{code}"}}"#))));
                assert!(says_expired(&answer(status, None, &format!(r#"{{"code":"{code}"}}"#))));
                assert!(says_expired(&answer(status, None, &format!("<Error><Code>{code}</Code></Error>"))));
            }
            assert!(!says_expired(&answer(200, Some(code), code)), "an answer that is good");
        }
        assert!(!says_expired(&answer(403, Some("AccessDeniedException"), "<Code>AccessDenied</Code>")));
    }

    #[test]
    fn a_clock_that_is_off_is_called_one() {
        for (header, body) in [
            (Some("RequestTimeTooSkewed"), "{}"),
            (None, "<Error><Code>RequestTimeTooSkewed</Code></Error>"),
            (None, "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: 20261201T0 is now earlier</Message>"),
            (None, r#"{"__type":"InvalidSignatureException","message":"Signature not yet current: 20261201T0"}"#),
        ] {
            let error = check_signature(&answer(403, header, body)).unwrap_err();
            assert!(error.to_string().contains("clock of this machine"), "{error}");
        }
        let mismatch = String::from_utf8_lossy(MISMATCH);
        let error = check_signature(&answer(403, None, &mismatch)).unwrap_err();
        assert!(error.to_string().contains("secret access key"), "{error}");
        assert!(check_signature(&answer(200, None, "Signature expired: is what a document says")).is_ok());
    }
}
