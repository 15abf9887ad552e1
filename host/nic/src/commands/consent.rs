//! What a component that did not come with NIC is about to do, and nobody agreed to yet.

use nic_core::engine::Planned;
use nic_core::kind::KUBERNETES_OBJECT;
use nic_core::plan::{Action, PlannedChange};
use nic_core::resource::Record;
use nic_core::state::State;
use serde_json::Value;

use super::confirm::{Answer, Question, in_place};
use crate::error::CommandError;
use crate::grant::Grants;
use crate::output::Printer;
use crate::session::Session;
use crate::{components, session};

/// The group of Kubernetes' roles and of who has them.
const RBAC: &str = "rbac.authorization.k8s.io/";

/// Services that say who may do what.
const IDENTITY_SERVICES: [&str; 7] =
    ["iam:", "sts:", "organizations:", "sso:", "sso-admin:", "rolesanywhere:", "verifiedpermissions:"];

/// What actions are called by that say it in other services.
const POLICY_WORDS: [&str; 5] = ["Policy", "Permission", "AccessEntry", "AccessPolicy", "Grant"];

/// So many are shown in the question.
const SHOWN: usize = 8;

/// Returns when the user agrees, or when there is nothing to agree to: what comes with NIC is as trusted as NIC, and a saved plan was seen.
///
/// # Errors
/// As [`Question::ask`].
pub(super) async fn agreed(
    session: &Session,
    planned: &Planned,
    yes: bool,
    printer: Printer,
) -> Result<(), CommandError> {
    let component = session.component();
    let name = component.manifest().name.as_str();
    let digest = planned.plan.inputs.components.get(name).map_or("", String::as_str);
    if components::comes_with_nic(digest) || planned.plan.change_count() == 0 {
        return Ok(());
    }
    let mut reasons = Vec::new();
    let state = session.run.journal.state().await;
    reasons.extend(another(&state, name, digest));
    let own = planned.plan.changes.iter().filter(|change| change.address.provider() == name);
    reasons.extend(own.filter_map(|change| {
        let document = planned.graph.get(&change.address).map_or(&Value::Null, |desired| &desired.document);
        reaches_far(change, document, component.grants())
    }));
    if reasons.is_empty() {
        return Ok(());
    }
    let more = reasons.len().saturating_sub(SHOWN);
    let mut lines = vec![format!("The provider `{name}` did not come with NIC, and acts with your logins:")];
    lines.extend(reasons.iter().take(SHOWN).map(|reason| format!("  - {reason}")));
    if more > 0 {
        lines.push(format!("  - and {more} more of the kind"));
    }
    lines.push(format!("Carry out this plan{}? [y/N]", in_place(planned.identity.as_ref())));
    let text = lines.join("\n");
    let question = Question { text, answer: Answer::Yes, undone: "changed", because: reasons };
    question.ask(yes, printer).await?;
    session.record_component(name, digest).await
}

/// Other bytes than those that the user agreed to, or that acted until now.
fn another(state: &State, name: &str, digest: &str) -> Option<String> {
    let acted = |record: &Record| record.address.provider() == name && record.component_digest != digest;
    let agreed = state.metadata.components.get(name);
    let changed = agreed.map_or_else(|| state.records.values().any(acted), |agreed| agreed != digest);
    changed.then(|| format!("it is another one than at the last deploy (digest {})", session::short(digest)))
}

/// What a change does beyond its own thing: it says who may do what, or is of the whole cluster.
fn reaches_far(change: &PlannedChange, document: &Value, grants: &Grants) -> Option<String> {
    let verb = match change.action {
        Action::Create => "makes",
        Action::Update => "changes",
        Action::Replace => "replaces",
        Action::NoOp | Action::Delete | Action::Forget => return None,
    };
    if change.kind != KUBERNETES_OBJECT {
        let actions = grants.mutations_of(&change.kind);
        let action = actions.into_iter().find(|action| is_of_identities(action))?;
        return Some(format!("{verb} `{}`, a kind that may use `{action}`", change.address));
    }
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let what = format!("{verb} {} `{}`", text("/kind"), text("/metadata/name"));
    if text("/apiVersion").starts_with(RBAC) {
        return Some(format!("{what}, which says who may do what on the cluster"));
    }
    let cluster_wide = document.pointer("/metadata/namespace").is_none();
    (cluster_wide && change.action == Action::Create).then(|| format!("{what}, which is of the whole cluster"))
}

/// Whether an action as grants write it makes identities or policies, or may.
fn is_of_identities(action: &str) -> bool {
    let (service, name) = action.split_once(':').unwrap_or((action, ""));
    // `POST https://…` names no service of a cloud.
    let plain = service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'*');
    let named = POLICY_WORDS.iter().any(|word| name.contains(word));
    action == "*" || plain && (named || IDENTITY_SERVICES.iter().any(|of| action.starts_with(of)) || name == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_do_what_is_told_from_what_is_done() {
        for action in [
            "iam:CreateRole",
            "iam:*",
            "s3:PutBucketPolicy",
            "lambda:AddPermission",
            "eks:CreateAccessEntry",
            "kms:*",
            "*",
        ] {
            assert!(is_of_identities(action), "{action}");
        }
        for action in ["ec2:CreateVpc", "ec2:Create*", "eks:CreateCluster", "POST https://api.example.com/v1/Policy*"] {
            assert!(!is_of_identities(action), "{action}");
        }
    }
}
