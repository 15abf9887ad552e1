//! IAM, repaired where the emulators let pass what AWS refuses.
//!
//! Both: malformed trust and permission policies, unknown permissions boundaries, roles that are not visible at once.
//! Policies with several versions are deleted all the same. ministack: attaching a policy that does not exist. moto: deleting
//! a policy that is still attached. OIDC providers have a file of their own.

mod oidc;

use serde_json::Value;

use super::Shared;
use super::answer::{Answer, Fault, Outcome};
use super::call::Call;
use crate::aws::locked;

pub(crate) use oidc::Providers;

/// AWS managed policies a test may attach: ministack takes any name, so the names are known here.
const MANAGED: [&str; 20] = [
    "AdministratorAccess",
    "AmazonEBSCSIDriverPolicyV2",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSServicePolicy",
    "AmazonEKSVPCResourceController",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonSSMManagedInstanceCore",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "service-role/AmazonEBSCSIDriverPolicy",
    "service-role/AmazonEFSCSIDriverPolicy",
    "CloudWatchAgentServerPolicy",
];

/// Answers a call to IAM.
pub(crate) async fn handle(shared: &Shared, call: &Call, inspector: bool) -> Outcome<Answer> {
    if !inspector {
        hidden(shared, call)?;
    }
    if let Some(answer) = oidc::handle(shared, call).await {
        return answer;
    }
    check(shared, call).await?;
    let answer = shared.upstream.forward(call).await?;
    if answer.succeeded() {
        match call.action.as_str() {
            "CreateRole" => locked(&shared.hidden).created(&format!("role/{}", call.parameter("RoleName"))),
            "CreatePolicy" => locked(&shared.hidden).created(&format!("policy/{}", call.parameter("PolicyName"))),
            _ => {}
        }
    }
    Ok(answer)
}

/// A role or policy created just now is not found for a while.
fn hidden(shared: &Shared, call: &Call) -> Outcome<()> {
    let arn = call.parameter("PolicyArn");
    let policy = arn.rsplit('/').next().map(|name| format!("policy/{name}")).filter(|_| !arn.contains(":iam::aws:"));
    if let Some(id) = policy.filter(|_| !arn.is_empty()) {
        let mut hidden = locked(&shared.hidden);
        if if call.mutating { hidden.refuses(&id) } else { hidden.misses(&id) } {
            return Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable.")));
        }
    }
    let name = call.parameter("RoleName");
    if name.is_empty() || call.action == "CreateRole" {
        return Ok(());
    }
    let id = format!("role/{name}");
    let mut hidden = locked(&shared.hidden);
    if if call.mutating { hidden.refuses(&id) } else { hidden.misses(&id) } {
        return Err(no_such_entity(format!("The role with name {name} cannot be found.")));
    }
    Ok(())
}

async fn check(shared: &Shared, call: &Call) -> Outcome<()> {
    match call.action.as_str() {
        "CreateRole" => {
            check_policy(call.parameter("AssumeRolePolicyDocument"), true)?;
            let boundary = call.parameter("PermissionsBoundary");
            if !boundary.is_empty() && !policy_exists(shared, boundary).await? {
                return Err(no_such_entity(format!("Scope ARN: {boundary} does not exist or is not attachable.")));
            }
        }
        "UpdateAssumeRolePolicy" => check_policy(call.parameter("PolicyDocument"), true)?,
        "PutRolePolicy" | "CreatePolicy" | "CreatePolicyVersion" => {
            check_policy(call.parameter("PolicyDocument"), false)?;
        }
        "AttachRolePolicy" => {
            let arn = call.parameter("PolicyArn");
            if !policy_exists(shared, arn).await? {
                return Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable.")));
            }
        }
        "DeletePolicy" => {
            let policy = match shared.upstream.iam("GetPolicy", &[("PolicyArn", call.parameter("PolicyArn"))]).await {
                Ok(policy) => policy,
                Err(fault) if fault.status == 404 => return Ok(()),
                Err(fault) => return Err(fault),
            };
            if policy["Policy"]["AttachmentCount"].as_str().is_some_and(|count| count != "0") {
                return Err(Fault::new(409, "DeleteConflict", "Cannot delete a policy attached to entities."));
            }
            let versions = [("PolicyArn", call.parameter("PolicyArn"))];
            let versions = shared.upstream.iam("ListPolicyVersions", &versions).await?;
            if versions["Versions"].as_array().is_some_and(|versions| versions.len() > 1) {
                let message = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions.";
                return Err(Fault::new(409, "DeleteConflict", message));
            }
        }
        _ => {}
    }
    Ok(())
}

async fn policy_exists(shared: &Shared, arn: &str) -> Outcome<bool> {
    if let Some((_, name)) = arn.split_once(":iam::aws:policy/") {
        return Ok(MANAGED.contains(&name));
    }
    match shared.upstream.iam("GetPolicy", &[("PolicyArn", arn)]).await {
        Ok(_) => Ok(true),
        Err(fault) if fault.status == 404 => Ok(false),
        Err(fault) => Err(fault),
    }
}

fn check_policy(text: &str, trust: bool) -> Outcome<()> {
    let malformed = |message: &str| Fault::bad("MalformedPolicyDocument", message);
    let policy: Value = serde_json::from_str(text).map_err(|_| malformed("Syntax errors in policy."))?;
    let statements = statements(&policy);
    if statements.is_empty() {
        return Err(malformed("Syntax errors in policy."));
    }
    for statement in statements {
        if !["Allow", "Deny"].contains(&statement["Effect"].as_str().unwrap_or_default())
            || (statement["Action"].is_null() && statement["NotAction"].is_null())
        {
            return Err(malformed("Syntax errors in policy."));
        }
        if trust && statement["Principal"].is_null() && statement["NotPrincipal"].is_null() {
            return Err(malformed("Missing required field Principal"));
        }
        if trust && !statement["Resource"].is_null() {
            return Err(malformed("Has prohibited field Resource"));
        }
        if !trust && statement["Resource"].is_null() && statement["NotResource"].is_null() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(())
}

/// A policy's statements; a single one may stand without its list.
fn statements(policy: &Value) -> Vec<&Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        Value::Null => Vec::new(),
        single => vec![single],
    }
}

/// Whether a trust policy lets this service assume the role.
pub(crate) fn trusts(policy: &str, service: &str) -> bool {
    let holds = |value: &Value, wanted: &[&str]| match value {
        Value::String(text) => wanted.contains(&text.as_str()),
        Value::Array(items) => items.iter().any(|item| wanted.iter().any(|text| item == text)),
        _ => false,
    };
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    statements(&policy).into_iter().any(|statement| {
        statement["Effect"] == "Allow"
            && holds(&statement["Action"], &["sts:AssumeRole", "sts:*", "*"])
            && holds(&statement["Principal"]["Service"], &[service])
    })
}

fn no_such_entity(message: String) -> Fault {
    Fault::new(404, "NoSuchEntity", message)
}
