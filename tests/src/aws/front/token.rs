//! Idempotency tokens: the first answer again for the same request, a refusal for another.
//!
//! Missing on both emulators, which make a second thing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::{Answer, Fault};
use super::call::{Call, Protocol};

#[derive(Debug)]
struct Seen {
    form: BTreeMap<String, String>,
    json: Value,
    args: Vec<String>,
    answer: Answer,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens(BTreeMap<(String, String, String), Seen>);

impl Tokens {
    /// The answer to replay, the refusal of a changed request, or nothing for a token not seen.
    pub(crate) fn replay(&self, call: &Call) -> Option<Result<Answer, Fault>> {
        let seen = self.0.get(&key(call)?)?;
        if seen.form == call.form && seen.json == call.json && seen.args == call.args {
            return Some(Ok(seen.answer.clone()));
        }
        Some(Err(if call.protocol == Protocol::Ec2 {
            Fault::bad(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        } else {
            Fault::bad(
                "InvalidParameterException",
                "The client request token was already used with different parameters",
            )
        }))
    }

    /// Remembers a successful answer.
    pub(crate) fn remember(&mut self, call: &Call, answer: &Answer) {
        if let Some(key) = key(call)
            && answer.succeeded()
        {
            self.0.insert(
                key,
                Seen {
                    form: call.form.clone(),
                    json: call.json.clone(),
                    args: call.args.clone(),
                    answer: answer.clone(),
                },
            );
        }
    }

    /// Forgets the tokens of EKS requests about this cluster, or about this node group of it: the thing has been
    /// deleted.
    pub(crate) fn forget(&mut self, cluster: &str, group: Option<&str>) {
        self.0.retain(|(service, _, _), seen| {
            let named_cluster = seen.args.first().map(String::as_str).or(seen.json["name"].as_str());
            let named_group = seen.args.get(1).map(String::as_str).or(seen.json["nodegroupName"].as_str());
            service != "eks" || named_cluster != Some(cluster) || (group.is_some() && named_group != group)
        });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

fn key(call: &Call) -> Option<(String, String, String)> {
    let token = match call.protocol {
        Protocol::Ec2 => call.form.get("ClientToken").cloned(),
        _ => call.json["clientRequestToken"].as_str().map(str::to_owned),
    }?;
    (call.mutating && !token.is_empty()).then(|| (call.service.clone(), call.action.clone(), token))
}
