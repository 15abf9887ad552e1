//! OIDC providers: their tags and their client ids.
//!
//! ministack shows the tags of a provider's creation, has no action for tags, none for client ids, and shows the URL with
//! its scheme; moto crashes on those for client ids. So both are kept here, and the emulator knows what exists.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::front::Shared;
use crate::aws::front::answer::{Answer, Fault, Outcome, escape, request_id};
use crate::aws::front::call::Call;
use crate::aws::locked;

/// What the emulators lose of one provider.
#[derive(Debug, Default)]
struct Provider {
    clients: BTreeSet<String>,
    tags: BTreeMap<String, String>,
}

/// Of all providers, by ARN.
#[derive(Debug, Default)]
pub(crate) struct Providers(BTreeMap<String, Provider>);

/// Answers the actions of OIDC providers; none for any other.
pub(super) async fn handle(shared: &Shared, call: &Call) -> Option<Outcome<Answer>> {
    Some(match call.action.as_str() {
        "CreateOpenIDConnectProvider" => create(shared, call).await,
        "GetOpenIDConnectProvider" => get(shared, call).await,
        "DeleteOpenIDConnectProvider" => delete(shared, call).await,
        "TagOpenIDConnectProvider"
        | "UntagOpenIDConnectProvider"
        | "ListOpenIDConnectProviderTags"
        | "AddClientIDToOpenIDConnectProvider"
        | "RemoveClientIDFromOpenIDConnectProvider" => change(shared, call),
        _ => return None,
    })
}

async fn create(shared: &Shared, call: &Call) -> Outcome<Answer> {
    let url = call.parameter("Url");
    if !url.starts_with("https://") {
        return Err(Fault::bad("ValidationError", "Invalid Open ID Connect Provider URL"));
    }
    let answer = shared.upstream.forward(call).await?;
    if answer.succeeded() {
        let text = String::from_utf8_lossy(&answer.body);
        let arn = between(&text, "<OpenIDConnectProviderArn>", "<").unwrap_or_default().to_owned();
        let clients = call.list("ClientIDList.member").into_iter().map(str::to_owned).collect();
        locked(&shared.identities).0.insert(arn, Provider { clients, tags: tags(call) });
    }
    Ok(answer)
}

async fn get(shared: &Shared, call: &Call) -> Outcome<Answer> {
    let answer = shared.upstream.forward(call).await?;
    let arn = call.parameter("OpenIDConnectProviderArn");
    let identities = locked(&shared.identities);
    let Some(provider) = identities.0.get(arn).filter(|_| answer.succeeded()) else { return Ok(answer) };
    let url = arn.split_once(":oidc-provider/").map_or("", |(_, url)| url);
    let clients = provider.clients.iter().fold(String::new(), |all, id| all + "<member>" + &escape(id) + "</member>");
    // IAM fetches the thumbprint when none is given.
    let body = format!(
        "<Url>{}</Url><CreateDate>2026-01-01T00:00:00Z</CreateDate><ClientIDList>{clients}</ClientIDList><ThumbprintList><member>{}</member>\
         </ThumbprintList><Tags>{}</Tags>",
        escape(url),
        "9".repeat(40),
        members(&provider.tags)
    );
    Ok(result(call, &body))
}

async fn delete(shared: &Shared, call: &Call) -> Outcome<Answer> {
    let answer = shared.upstream.forward(call).await?;
    if answer.succeeded() {
        locked(&shared.identities).0.remove(call.parameter("OpenIDConnectProviderArn"));
    }
    Ok(answer)
}

/// What the emulator need not know.
fn change(shared: &Shared, call: &Call) -> Outcome<Answer> {
    let arn = call.parameter("OpenIDConnectProviderArn");
    let mut identities = locked(&shared.identities);
    let provider = identities
        .0
        .get_mut(arn)
        .ok_or_else(|| Fault::new(404, "NoSuchEntity", format!("OpenIDConnect Provider not found for arn {arn}")))?;
    let client = || call.parameter("ClientID").to_owned();
    match call.action.as_str() {
        "TagOpenIDConnectProvider" => provider.tags.extend(tags(call)),
        "UntagOpenIDConnectProvider" => {
            for key in call.list("TagKeys.member") {
                provider.tags.remove(key);
            }
        }
        "AddClientIDToOpenIDConnectProvider" => {
            provider.clients.insert(client());
        }
        "RemoveClientIDFromOpenIDConnectProvider" => {
            provider.clients.remove(&client());
        }
        _ => {
            let body = format!("<Tags>{}</Tags><IsTruncated>false</IsTruncated>", members(&provider.tags));
            return Ok(result(call, &body));
        }
    }
    Ok(result(call, ""))
}

/// `Tags.member.1.Key` and its like.
fn tags(call: &Call) -> BTreeMap<String, String> {
    let keys = (1..).map_while(|index| {
        let part = |name: &str| call.form.get(&format!("Tags.member.{index}.{name}")).cloned();
        part("Key").map(|key| (key, part("Value").unwrap_or_default()))
    });
    keys.collect()
}

fn members(tags: &BTreeMap<String, String>) -> String {
    let member = |(key, value): (&String, &String)| {
        format!("<member><Key>{}</Key><Value>{}</Value></member>", escape(key), escape(value))
    };
    tags.iter().map(member).collect()
}

fn result(call: &Call, body: &str) -> Answer {
    let action = &call.action;
    let id = request_id();
    Answer::xml(
        200,
        format!(
            "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{body}</{action}Result>\
             <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
        ),
    )
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}
