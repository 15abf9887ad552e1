//! Which action a request to AWS is, by the protocol of its service.

use bytes::Bytes;
use http::Method;

use super::catalogue::{self, Protocol, Service};
use super::{USER_AGENT, identities, is_of_a_signature};
use crate::action::Action;
use crate::refusal::Refusal;
use crate::request::{HeaderRules, Parsed, encode_pairs, pairs};
use crate::scheme::Classified;

/// The header by which services that speak JSON are told the action.
const TARGET: &str = "x-amz-target";

/// What a guest may send to AWS; the signature covers it.
pub(super) const HEADERS: HeaderRules = HeaderRules {
    passed: &["accept", "content-type", "amz-sdk-invocation-id", "amz-sdk-request", TARGET],
    replaced: &["user-agent", USER_AGENT],
    is_of_a_signature,
};

/// What the request asks the service for. Form bodies are written anew from what was read.
pub(super) fn classify(service: &Service, parsed: &Parsed) -> Result<Classified, Refusal> {
    let (action, body) = action(service, parsed)?;
    Ok(Classified { action, says_who: identities::says_who(action), body })
}

fn action(service: &Service, parsed: &Parsed) -> Result<(&'static Action, Option<Bytes>), Refusal> {
    let target = parsed.headers.iter().find(|(name, _)| name.as_str() == TARGET).map(|(_, value)| value.clone());
    if service.protocol != Protocol::Json && target.is_some() {
        return Err(Refusal::malformed("`x-amz-target` is not how this service is spoken to"));
    }
    match service.protocol {
        Protocol::Query => of_query(service, parsed),
        Protocol::Json => {
            expect_root(parsed)?;
            if parsed.method != Method::POST || !parsed.query.is_empty() {
                return Err(Refusal::malformed("this service takes POSTs without parameters"));
            }
            expect_content_type(parsed, &["application/x-amz-json-1.0", "application/x-amz-json-1.1"])?;
            let target = target.as_ref().and_then(|target| target.to_str().ok());
            let target = target.ok_or_else(|| Refusal::malformed("it lacks `x-amz-target`"))?;
            catalogue::by_target(service, target).map(|action| (action, None))
        }
        Protocol::Rest => {
            if !parsed.body.is_empty() {
                expect_content_type(parsed, &["application/json"])?;
            }
            catalogue::by_path(service, parsed.method.as_str(), &parsed.segments).map(|action| (action, None))
        }
    }
}

fn of_query(service: &Service, parsed: &Parsed) -> Result<(&'static Action, Option<Bytes>), Refusal> {
    expect_root(parsed)?;
    let from_body = parsed.method == Method::POST;
    let parameters = if from_body {
        if !parsed.query.is_empty() {
            return Err(Refusal::malformed("a form POST has no parameters in its URL"));
        }
        expect_content_type(parsed, &["application/x-www-form-urlencoded"])?;
        let text = std::str::from_utf8(&parsed.body).map_err(|_| Refusal::malformed("its form is not UTF-8"))?;
        if text.bytes().any(|b| b == b';' || b <= b' ') {
            // Some parsers split forms at semicolons too.
            return Err(Refusal::malformed("its form holds characters that forms do not have"));
        }
        pairs(form_urlencoded::parse(text.as_bytes()).into_owned())?
    } else if parsed.method == Method::GET {
        parsed.query.clone()
    } else {
        return Err(Refusal::malformed("this service takes GET and POST"));
    };
    let (version, action) = version_and_action(&parameters)?;
    let action = catalogue::by_parameters(service, &version, &action)?;
    Ok((action, from_body.then(|| encode_pairs(&parameters).into())))
}

fn version_and_action(parameters: &[(String, String)]) -> Result<(String, String), Refusal> {
    let mut names: Vec<String> = parameters.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    if let Some((name, _)) = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next) {
        return Err(Refusal::malformed(format!("parameter `{name}` is doubled")));
    }
    if names.iter().any(|name| name == "operation" || name.starts_with("x-amz-")) {
        return Err(Refusal::malformed("it holds a parameter that could stand for another action"));
    }
    let exactly = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        found.filter(|value| !value.is_empty()).ok_or_else(|| Refusal::malformed(format!("it lacks `{wanted}`")))
    };
    Ok((exactly("Version")?, exactly("Action")?))
}

fn expect_root(parsed: &Parsed) -> Result<(), Refusal> {
    if parsed.segments.iter().all(String::is_empty) && parsed.segments.len() <= 1 {
        return Ok(());
    }
    Err(Refusal::malformed("this service has no path but `/`"))
}

fn expect_content_type(parsed: &Parsed, allowed: &[&str]) -> Result<(), Refusal> {
    let given = parsed.headers.iter().find(|(name, _)| *name == http::header::CONTENT_TYPE);
    let given = given.and_then(|(_, value)| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let (kind, parameter) = given.split_once(';').unwrap_or((given.as_str(), ""));
    if allowed.contains(&kind.trim()) && matches!(parameter.trim(), "" | "charset=utf-8") {
        return Ok(());
    }
    Err(Refusal::malformed(format!("its content type is not {}", allowed.join(" or "))))
}
