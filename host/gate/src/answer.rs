//! What goes back to a guest: the cloud's answer without anything that is ours.

use std::error::Error as StdError;

use nic_core::error::{NO_ROOM_LEFT, ProviderError};

use super::egress::{EgressRefused, refusal_of, stopped_at, tls_error};
use super::refusal::Refusal;
use super::room::{Full, Reserved};
use super::{CloudResponse, clouds};

/// Longest answer that is taken. The largest honest ones are pages of instance types, some megabytes; more would fill
/// the host's memory.
pub const MAX_RESPONSE_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Of one hop, or ours.
const DROPPED_HEADERS: [&str; 9] = [
    "authorization",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads the answer to its end, or to the limit. Room is taken before its bytes are kept, and not for what is only promised.
pub async fn read(
    mut response: reqwest::Response,
    target: &str,
    held: &mut Reserved,
) -> Result<CloudResponse, ProviderError> {
    let too_long = || too_large(format!("{target} answered more than {MAX_RESPONSE_BODY_BYTES} bytes"));
    let no_room = |full| match full {
        Full::Own => too_large(format!(
            "{target} answered, and other answers of the same call fill the room that there is for them"
        )),
        Full::All => ProviderError::other(
            NO_ROOM_LEFT,
            format!("{target} answered, and what others wait for fills the room that there is for answers"),
        ),
    };
    let most = response.content_length().map_or(Ok(MAX_RESPONSE_BODY_BYTES), usize::try_from);
    let most = most.ok().filter(|length| *length <= MAX_RESPONSE_BODY_BYTES).ok_or_else(too_long)?;
    let status = response.status().as_u16();
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter(|(name, _)| !DROPPED_HEADERS.contains(&name.as_str()) && !clouds::is_withheld(name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    held.add(headers.iter().map(|(name, value)| name.len() + value.len()).sum()).map_err(no_room)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error, target, None))? {
        if body.len() + chunk.len() > MAX_RESPONSE_BODY_BYTES {
            return Err(too_long());
        }
        held.grow(&mut body, chunk.len(), most).map_err(no_room)?;
        body.extend_from_slice(&chunk);
    }
    Ok(CloudResponse { status, headers, body })
}

fn too_large(why: String) -> ProviderError {
    let hint = "what was asked for may have been done; the next run looks";
    let (code, detail) = ("RESPONSE_TOO_LARGE".to_owned(), serde_json::json!({ "hint": hint }));
    ProviderError::Other { code, message: why, detail }
}

/// What a request that got no answer means for the caller. `proxy` is what it went through, if anything.
pub fn explain(error: &reqwest::Error, target: &str, proxy: Option<&str>) -> ProviderError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut last = String::new();
    let mut refusal = None;
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<EgressRefused>() {
            return ProviderError::denied(EgressRefused::CODE, refused.to_string());
        }
        // Later, when the request may have arrived, it is no answer like others.
        if let Some(tls) = tls_error(current).filter(|_| error.is_connect()) {
            return ProviderError::Other {
                code: "CLOUD_TLS_FAILED".to_owned(),
                message: format!("no trusted connection to {target}: {tls}"),
                detail: serde_json::json!({ "hint": if is_unknown(tls) { clouds::OWN_CERTIFICATES } else { OTHER_TLS } }),
            };
        }
        last = current.to_string();
        refusal = refusal.or_else(|| refusal_of(&last).map(str::to_owned));
        cause = current.source();
    }
    if let Some(proxy) = proxy.filter(|_| error.is_connect() || refusal.is_some()) {
        return stopped_at(proxy, target, refusal.as_deref(), &last);
    }
    if error.is_connect() && !error.is_timeout() {
        // Status 503 lets the engine try again; nothing was sent.
        let message = format!("cannot connect to {target}: {last}");
        return ProviderError::Remote { status: 503, code: "CLOUD_UNREACHABLE".to_owned(), message };
    }
    if error.is_builder() {
        return ProviderError::from(Refusal::malformed(last));
    }
    // The request may have arrived.
    ProviderError::TimedOut(format!("{target} gave no answer: {last}"))
}

/// What to do about TLS that failed otherwise than for an unknown certificate.
const OTHER_TLS: &str = "see whether this machine's clock is right, and what stands between it and that host";

/// Whether the certificate is of nobody that is trusted, and nothing else is wrong with it.
fn is_unknown(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
}
