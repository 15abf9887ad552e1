//! Who the user's credentials are, as the cloud says it.

use nic_core::error::ProviderError;
use nic_core::identity::Identity;

use super::request;
use crate::{CloudRequest, HostGate};

/// Whose the credentials are.
struct Caller {
    account: String,
    arn: String,
}

/// The account that requests act on; none where no region is named.
///
/// # Errors
/// What the credential chain says, or the cloud: `CREDENTIALS_*`, `DENIED`, `REMOTE`.
pub(super) async fn account(gate: &HostGate, region: Option<&str>) -> Result<Option<Identity>, ProviderError> {
    let Some(region) = region else { return Ok(None) };
    let Caller { account, arn } = caller(gate, region).await?;
    let partition = arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws");
    let name = match partition {
        "aws" => format!("AWS account {account}"),
        other => format!("AWS account {account} of the partition {other}"),
    };
    let id = Some(format!("{partition}:{account}"));
    Ok(Some(Identity { kind: "aws-account".to_owned(), id, ca_sha256: None, name }))
}

/// The ARN that AWS answers for the credentials found.
///
/// # Errors
/// What the credential chain says, or the cloud: `CREDENTIALS_*`, `DENIED`, `REMOTE`.
pub async fn caller_arn(gate: &HostGate, region: &str) -> Result<String, ProviderError> {
    caller(gate, region).await.map(|caller| caller.arn)
}

async fn caller(gate: &HostGate, region: &str) -> Result<Caller, ProviderError> {
    let request = CloudRequest {
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
        ..request(("sts", "STS"), region, "POST", "/")?
    };
    let answer = gate.send(request).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let within = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inside, _)| inside.trim().to_owned())
    };
    match (answer.status, within("Arn").zip(within("Account"))) {
        (200, Some((arn, account))) => Ok(Caller { account, arn }),
        (status, _) => Err(ProviderError::Remote {
            status,
            code: within("Code").unwrap_or_else(|| "Unknown".to_owned()),
            message: within("Message").unwrap_or_else(|| "AWS does not know these credentials".to_owned()),
        }),
    }
}
