//! Service Quotas: ministack has none of it, and moto knows the quotas of VPCs only.

use serde_json::json;

use super::Shared;
use super::answer::{Answer, Outcome};
use super::call::Call;

/// Service and code of what AWS grants a new account five of in each region: VPCs and Elastic IP addresses.
const GRANTED_FIVE: [[&str; 2]; 2] = [["vpc", "L-F678F1CE"], ["ec2", "L-0263D0A3"]];

/// Answers a call to Service Quotas.
pub(crate) async fn handle(shared: &Shared, call: &Call) -> Outcome<Answer> {
    let quota = ["ServiceCode", "QuotaCode"].map(|member| call.json[member].as_str().unwrap_or_default());
    if call.action != "GetServiceQuota" || !GRANTED_FIVE.contains(&quota) {
        return shared.upstream.forward(call).await;
    }
    let [service, code] = quota;
    Ok(Answer::json(200, &json!({ "Quota": { "ServiceCode": service, "QuotaCode": code, "Value": 5.0 } })))
}
