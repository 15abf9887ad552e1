//! The three kinds of things, which differ only in how a create is made safe.

use nic_sdk::Error;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::schema::{any, integer, list, map, object, string};
use nic_sdk::types::{Change, Context, Observation, Status};
use serde::Deserialize;
use serde_json::{Value, json};

/// A kind of thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Found by its owner tag.
    #[default]
    Thing,
    /// Its name is unique.
    Named,
    /// Its create takes a token.
    Token,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Thing, Self::Named, Self::Token];

    /// The kind of that name.
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or_default()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thing => "scripted.thing",
            Self::Named => "scripted.named",
            Self::Token => "scripted.token",
        }
    }

    /// The address of one.
    pub fn address(self, name: &str) -> String {
        format!("{}.{name}", self.name())
    }

    /// What the cloud keeps unique.
    fn unique(self) -> &'static str {
        match self {
            Self::Thing => "nothing",
            Self::Named => "name",
            Self::Token => "token",
        }
    }

    /// In the first version of a named thing's schema the value was called `text`. What was `refer` becomes a reference, which nothing that is
    /// recorded may hold.
    pub fn upgrade(self, from_version: u32, mut document: Value) -> Result<Value, Error> {
        if self != Self::Named || from_version != 1 {
            return Err(Error::other(
                "SCHEMA_UNKNOWN",
                format!("no version {from_version} of `{}` is known", self.name()),
            ));
        }
        if let Some(text) = document.as_object_mut().and_then(|members| members.remove("text")) {
            document["value"] = match text.as_str() {
                Some("refer") => nic_sdk::types::reference("scripted.thing.other", "/id"),
                _ => text,
            };
        }
        Ok(document)
    }

    fn describe(self) -> description::Kind {
        let (title, state_path, create) = match self {
            Self::Thing => ("Thing", "cloud.things[]", CreateSafety::Tagged),
            Self::Named => ("Named thing", "cloud.named_things[]", CreateSafety::Named),
            Self::Token => ("Thing by token", "cloud.token_things[]", CreateSafety::Token),
        };
        description::Kind::new(self.name(), title, state_path, create, schema())
            .schema_version(if self == Self::Named { 2 } else { 1 })
            .time_limits(60, 60, 60)
            .read_batch(10)
            .settle_seconds(1)
    }
}

/// The kinds, for `describe`.
pub fn kinds() -> Vec<description::Kind> {
    Kind::ALL.map(Kind::describe).into()
}

fn schema() -> Value {
    object()
        .required("name", string().immutable())
        .optional("value", any())
        .optional("list", list(string()).set())
        .optional("tags", map(string()))
        .optional("script", any().description("What to do, see the crate's documentation"))
        .optional("id", string().computed())
        .optional("counter", integer().left_to_cloud())
        .optional("findings", list(string()).computed().description("What the script found out"))
        .build()
}

/// Whose a thing is.
pub fn owner(context: &Context, address: &str) -> String {
    format!("{}/{address}", context.lineage)
}

/// What the cloud is sent to make one.
pub fn create_body(context: &Context, change: &Change) -> Value {
    let mut body = replace_body(&change.document);
    body["name"] = change.document["name"].clone();
    body["owner"] = owner(context, &change.address).into();
    body["token"] = change.token.as_str().into();
    body["unique"] = Kind::of(&change.kind).unique().into();
    body
}

/// What the cloud is sent to change one.
pub fn replace_body(document: &Value) -> Value {
    json!({ "value": document["value"], "list": document["list"], "tags": document["tags"] })
}

/// A thing as an observation; `script` is ours and the cloud does not know it.
pub fn observed(address: &str, thing: &Value, script: &Value) -> Observation {
    let mut document = json!({ "name": thing["name"], "id": thing["id"], "script": script });
    for attribute in ["value", "list", "tags", "counter"] {
        if let Some(value) = thing.get(attribute).filter(|value| !value.is_null()) {
            document[attribute] = value.clone();
        }
    }
    let id = thing["id"].as_str().unwrap_or_default();
    let status = match thing["status"].as_str() {
        None | Some("ready") => Status::Present,
        Some("failed") => Status::Failed("the cloud says `failed`".into()),
        Some(changing) => Status::InProgress(changing.to_owned()),
    };
    Observation::present(address, id, document).status(status)
}

/// What was found by name or owner, of which there should be one at most.
pub fn found(address: &str, things: &[Value], script: &Value) -> Observation {
    match things {
        [] => Observation::absent(address),
        [one] => observed(address, one, script),
        several => {
            let ids = several.iter().filter_map(|thing| thing["id"].as_str()).map(str::to_owned).collect();
            Observation::absent(address).status(Status::Ambiguous(ids))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_as_the_boundary_knows_it() {
        let status = |word: &str| observed("a", &json!({ "id": "1", "status": word }), &Value::Null).status;
        assert_eq!(status("ready"), Status::Present);
        assert_eq!(status("creating"), Status::InProgress("creating".into()));
        assert!(matches!(status("failed"), Status::Failed(_)));
    }

    #[test]
    fn two_of_one_owner_are_ambiguous() {
        let things = [json!({ "id": "1" }), json!({ "id": "2" })];
        assert_eq!(found("a", &things, &Value::Null).status, Status::Ambiguous(vec!["1".into(), "2".into()]));
        assert_eq!(found("a", &[], &Value::Null), Observation::absent("a"));
    }
}
