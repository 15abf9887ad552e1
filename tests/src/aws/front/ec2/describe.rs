//! Descriptions: unknown ids and filters are errors, new things may not be seen yet.

use bytes::Bytes;

use super::kind::Kind;
use crate::aws::front::Shared;
use crate::aws::front::answer::{Answer, Fault, Outcome};
use crate::aws::front::call::Call;
use crate::aws::front::xml;
use crate::aws::locked;

pub(super) async fn handle(shared: &Shared, call: &Call, kind: &Kind, inspector: bool) -> Outcome<Answer> {
    check_filters(call, kind)?;
    let asked = call.list(kind.parameter);
    if !inspector {
        for id in &asked {
            if locked(&shared.hidden).misses(id) {
                return Err(kind.missing(id));
            }
        }
    }
    let mut answer = shared.upstream.forward(call).await?;
    // ministack calls an unknown security group malformed.
    if answer.status == 400 && String::from_utf8_lossy(&answer.body).contains(".Malformed")
        && let Some(id) = asked.first()
        && well_formed(id, kind)
    {
        return Err(kind.missing(id));
    }
    if !answer.succeeded() {
        return Ok(answer);
    }
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let failed = |error: anyhow::Error| Fault::harness(format!("{}: {error:#}", call.action));
    if !asked.is_empty() && !call.form.keys().any(|key| key.starts_with("Filter.")) {
        let value = xml::to_json(&text).map_err(failed)?;
        let known = |id: &str| value[kind.set].as_array().is_some_and(|items| items.iter().any(|item| item[kind.id] == id));
        if let Some(id) = asked.iter().find(|id| !known(id)) {
            return Err(kind.missing(id));
        }
    } else if asked.is_empty() && !inspector {
        let missed = locked(&shared.hidden).missed(|id| id.starts_with(kind.prefix));
        if !missed.is_empty() {
            answer.body = Bytes::from(xml::without_items(&text, kind.set, kind.id, &missed).map_err(failed)?);
        }
    }
    Ok(answer)
}

fn well_formed(id: &str, kind: &Kind) -> bool {
    id.strip_prefix(kind.prefix).is_some_and(|rest| matches!(rest.len(), 8 | 17) && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn check_filters(call: &Call, kind: &Kind) -> Outcome<()> {
    for (key, name) in &call.form {
        if !key.starts_with("Filter.") || !key.ends_with(".Name") {
            continue;
        }
        let known = name.starts_with("tag:") || ["tag-key", "owner-id"].contains(&name.as_str()) || kind.filters.contains(&name.as_str());
        if !known {
            return Err(Fault::bad("InvalidParameterValue", format!("The filter '{name}' is invalid")));
        }
    }
    Ok(())
}
