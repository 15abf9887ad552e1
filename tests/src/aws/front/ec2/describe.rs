//! Descriptions: unknown ids and filters are errors, filters filter, new things may not be seen yet.
//!
//! ministack ignores filters it does not know, `group-id` and `route-table-id` among them; moto fails on some. So the
//! front filters by itself.

use bytes::Bytes;
use serde_json::Value;

use super::kind::Kind;
use super::nat;
use crate::aws::front::Shared;
use crate::aws::front::answer::{Answer, Fault, Outcome};
use crate::aws::front::call::Call;
use crate::aws::front::xml;
use crate::aws::locked;

/// One filter: its name, where the values stand in an item, and the patterns of which one has to match one value.
struct Filter {
    name: String,
    path: &'static str,
    patterns: Vec<String>,
}

pub(super) async fn handle(shared: &Shared, call: &Call, kind: &Kind, inspector: bool) -> Outcome<Answer> {
    let filters = filters(call, kind)?;
    let asked = call.list(kind.parameter);
    if !inspector && let Some(id) = asked.iter().find(|id| locked(&shared.hidden).misses(id)) {
        return Err(kind.missing(id));
    }
    let mut answer = shared.upstream.forward(&without_filters(call)).await?;
    // ministack calls an unknown security group malformed.
    if answer.status == 400
        && String::from_utf8_lossy(&answer.body).contains(".Malformed")
        && let Some(id) = asked.iter().find(|id| well_formed(id, kind))
    {
        return Err(kind.missing(id));
    }
    if !answer.succeeded() {
        return Ok(answer);
    }
    let mut text = String::from_utf8_lossy(&answer.body).into_owned();
    let failed = |error: anyhow::Error| Fault::harness(format!("{}: {error:#}", call.action));
    if let Some(shown) = nat::as_they_are(shared, call, &text).await? {
        answer.body = Bytes::from(shown.clone());
        text = shown;
    }
    let description = xml::to_json(&text).map_err(failed)?;
    let items: Vec<&Value> = description[kind.set].as_array().into_iter().flatten().collect();
    if let Some(id) = asked.iter().find(|id| items.iter().all(|item| item[kind.id] != **id)) {
        return Err(kind.missing(id));
    }
    let mut dropped: Vec<String> = items
        .iter()
        .filter(|item| !filters.iter().all(|filter| filter.passes(item)))
        .filter_map(|item| item[kind.id].as_str().map(str::to_owned))
        .collect();
    if asked.is_empty() && !inspector {
        dropped.extend(locked(&shared.hidden).missed(|id| id.starts_with(kind.prefix)));
    }
    if !dropped.is_empty() {
        answer.body = Bytes::from(xml::without_items(&text, kind.set, kind.id, &dropped).map_err(failed)?);
    }
    Ok(answer)
}

fn well_formed(id: &str, kind: &Kind) -> bool {
    id.strip_prefix(kind.prefix)
        .is_some_and(|rest| matches!(rest.len(), 8 | 17) && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn filters(call: &Call, kind: &Kind) -> Outcome<Vec<Filter>> {
    let mut filters = Vec::new();
    for index in 1.. {
        let name = call.parameter(&format!("Filter.{index}.Name"));
        if name.is_empty() {
            break;
        }
        let path = match name {
            "tag-key" => "tagSet.key",
            "owner-id" => "ownerId",
            _ if name.starts_with("tag:") => "tagSet",
            _ => kind
                .filters
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, path)| *path)
                .ok_or_else(|| Fault::bad("InvalidParameterValue", format!("The filter '{name}' is invalid")))?,
        };
        let patterns = call.list(&format!("Filter.{index}.Value")).into_iter().map(str::to_owned).collect();
        filters.push(Filter { name: name.to_owned(), path, patterns });
    }
    Ok(filters)
}

/// The same description, of everything.
fn without_filters(call: &Call) -> Call {
    let kept = call.form.iter().filter(|(key, _)| !key.starts_with("Filter."));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    Call { body: Bytes::from(body), query: String::new(), ..call.clone() }
}

impl Filter {
    fn passes(&self, item: &Value) -> bool {
        let mut values = Vec::new();
        if let Some(key) = self.name.strip_prefix("tag:") {
            let tags = item["tagSet"].as_array().into_iter().flatten();
            values.extend(tags.filter(|tag| tag["key"] == key).filter_map(|tag| tag["value"].as_str()));
        } else {
            collect(item, self.path, &mut values);
        }
        values.iter().any(|value| self.patterns.iter().any(|pattern| matches(pattern.as_bytes(), value.as_bytes())))
    }
}

/// The strings at a dotted path, through lists.
fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Value::String(text) if path.is_empty() => found.push(text),
        Value::Object(fields) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(field) = fields.get(first) {
                collect(field, rest, found);
            }
        }
        _ => {}
    }
}

/// `*` stands for any run of characters, `?` for one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, text) || text.split_first().is_some_and(|(_, later)| matches(pattern, later))
        }
        (Some((b'?', rest)), Some((_, later))) => matches(rest, later),
        (Some((one, rest)), Some((other, later))) => one == other && matches(rest, later),
        _ => false,
    }
}
