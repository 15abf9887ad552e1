//! What `nic doctor` asks of AWS: who is logged in.

use std::future::Future;
use std::pin::Pin;

use nic_core::error::ProviderError;
use nic_gate::HostGate;
use nic_gate::aws::caller_arn;

use crate::error::CommandError;

/// The ARN that AWS answers for the credentials found.
pub fn login_check<'a>(
    gate: &'a HostGate,
    region: &'a str,
) -> Pin<Box<dyn Future<Output = Result<String, CommandError>> + Send + 'a>> {
    Box::pin(async move {
        caller_arn(gate, region).await.map_err(|error| {
            let hint = what_to_mend(&error);
            let error = CommandError::from(error);
            let silent = error.diagnostics[0].hints.is_empty();
            if silent { error.hint(hint) } else { error }
        })
    })
}

/// What stands between the user and an answer of AWS, when the error itself does not say it. Only a refusal of the login is one.
fn what_to_mend(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Denied { code, .. } if code == "ADDRESS_NOT_ALLOWED" => {
            "a VPC endpoint or a VPN answers for this name: if that is meant, name it with AWS_ENDPOINT_URL_STS and its like"
        }
        ProviderError::Denied { code, .. } if code == "REGION_INVALID" => {
            "let `region` in the config name a region of AWS, such as `us-west-2`"
        }
        ProviderError::Denied { .. } | ProviderError::Remote { status: 400..=403, .. } => {
            "sign in again, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and its companions"
        }
        ProviderError::Other { code, .. } if code == "CLOUD_TLS_FAILED" => {
            "see whether this network puts certificates of its own in place of AWS's"
        }
        _ => "see whether this machine reaches AWS: its network, its proxy, its name server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_not_let_in_is_told_to_sign_in_again() {
        let sign_in = |error: &ProviderError| what_to_mend(error).contains("sign in again");
        let remote = |status| ProviderError::Remote { status, code: "X".to_owned(), message: String::new() };
        assert!(sign_in(&remote(403)) && sign_in(&ProviderError::denied("AccessDenied", "no")));
        let refused = "`sts.us-west-2.amazonaws.com` is at 10.0.0.1, a private network";
        let address = ProviderError::denied("ADDRESS_NOT_ALLOWED", refused);
        assert!(what_to_mend(&ProviderError::denied("REGION_INVALID", "no")).contains("`region` in the config"));
        assert!(!sign_in(&address) && what_to_mend(&address).contains("AWS_ENDPOINT_URL_STS"));
        for other in
            [remote(503), ProviderError::other("CLOUD_TLS_FAILED", "no"), ProviderError::TimedOut(String::new())]
        {
            assert!(!sign_in(&other), "{other:?}");
        }
    }
}
