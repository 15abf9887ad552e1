//! Checks just before the first mutation.
//!
//! What is checked: that the names the plan is about to take are free. The format of the Kubernetes version is checked by
//! `validate` already. What is not checked yet: permissions, quotas, and which versions and instance types are on offer.

use nic_sdk::error::Error;
use nic_sdk::types::{Context, Diagnostic, Severity, Status};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::discover::named;
use crate::kinds::read;
use crate::names::Names;

/// One diagnostic for each name that is taken by something of somebody else's.
pub async fn preflight(context: &Context, cloud: &Cloud, summary: &Value) -> Result<Vec<Diagnostic>, Error> {
    let created = summary.get("create").and_then(Value::as_array).into_iter().flatten();
    let created: Vec<&str> = created.filter_map(Value::as_str).collect();
    let mut targets = named(&Names::new(context));
    targets.retain(|target| created.contains(&target.address.as_str()));
    let taken = read(cloud, targets).await.into_iter().filter_map(|observation| match observation.status {
        Status::Foreign(text) => Some(Diagnostic {
            severity: Severity::Error,
            code: "NAME_TAKEN".to_owned(),
            summary: "A name is taken by something that is not NIC's".to_owned(),
            detail: format!("{}: {text}", observation.address),
            pointer: None,
            hints: vec!["choose another `project_name` or `namespace`, or import what is there".to_owned()],
        }),
        _ => None,
    });
    Ok(taken.collect())
}
