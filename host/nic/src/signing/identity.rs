//! Who the user's credentials are, as the cloud says it.

use nic_core::error::ProviderError;
use serde_json::json;

use super::{CloudRequest, Gate, partition};

/// The ARN that AWS answers for the credentials found.
///
/// # Errors
/// What the credential chain says, or AWS: `CREDENTIALS_*`, `DENIED`, `REMOTE`.
pub async fn aws_identity(gate: &Gate, region: &str) -> Result<String, ProviderError> {
    let suffix = partition(region)?.dns_suffix;
    let request = CloudRequest {
        credential: "default".to_owned(),
        scheme: "aws-sigv4".to_owned(),
        scheme_parameters: json!({ "service": "sts", "region": region }),
        service_id: "STS".to_owned(),
        method: "POST".to_owned(),
        url: format!("https://sts.{region}.{suffix}/"),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
    };
    let answer = gate.send_for_host(request).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let within = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inside, _)| inside.trim().to_owned())
    };
    match (answer.status, within("Arn")) {
        (200, Some(arn)) => Ok(arn),
        (status, _) => Err(ProviderError::Remote {
            status,
            code: within("Code").unwrap_or_else(|| "Unknown".to_owned()),
            message: within("Message").unwrap_or_else(|| "AWS does not know these credentials".to_owned()),
        }),
    }
}
