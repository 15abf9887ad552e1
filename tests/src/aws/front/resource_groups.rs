//! Resource groups, repaired: how a group may be named, and groups that are not there.
//!
//! moto takes a group's name in `GroupName` only, which is deprecated, where AWS takes name or ARN in `Group`; it fails with
//! 500 on tags of a group that does not exist. ministack takes names that begin with `aws`.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::Shared;
use super::answer::{Answer, Fault, Outcome};
use super::call::Call;

/// Method, path template and action of the API.
pub(crate) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/groups", "CreateGroup"),
    ("POST", "/groups-list", "ListGroups"),
    ("POST", "/get-group", "GetGroup"),
    ("POST", "/update-group", "UpdateGroup"),
    ("POST", "/delete-group", "DeleteGroup"),
    ("POST", "/get-group-query", "GetGroupQuery"),
    ("POST", "/update-group-query", "UpdateGroupQuery"),
    ("POST", "/list-group-resources", "ListGroupResources"),
    ("GET", "/resources/{}/tags", "GetTags"),
    ("PUT", "/resources/{}/tags", "Tag"),
    ("PATCH", "/resources/{}/tags", "Untag"),
];

/// Answers a call to resource groups.
pub(crate) async fn handle(shared: &Shared, call: &Call) -> Outcome<Answer> {
    match call.action.as_str() {
        "CreateGroup" => {
            let name = call.json["Name"].as_str().unwrap_or_default();
            if name.to_ascii_lowercase().starts_with("aws") {
                return Err(Fault::bad("BadRequestException", "Group name must not start with 'AWS'"));
            }
        }
        "GetGroup" | "UpdateGroup" | "DeleteGroup" | "GetGroupQuery" | "UpdateGroupQuery" => {
            let named = call.json["Group"].as_str().or(call.json["GroupName"].as_str());
            let Some(named) = named else {
                return Err(Fault::bad("BadRequestException", "Group is required"));
            };
            let name = name_of(named);
            exists(shared, name).await?;
            let mut renamed = call.clone();
            renamed.json["GroupName"] = json!(name);
            if let Some(members) = renamed.json.as_object_mut() {
                members.remove("Group");
            }
            renamed.body = Bytes::from(renamed.json.to_string());
            return shared.upstream.forward(&renamed).await;
        }
        "GetTags" | "Tag" | "Untag" => exists(shared, name_of(&call.args[0])).await?,
        _ => {}
    }
    shared.upstream.forward(call).await
}

/// The name in a group's ARN, or the name itself.
fn name_of(group: &str) -> &str {
    group.rsplit_once(":group/").map_or(group, |(_, name)| name)
}

async fn exists(shared: &Shared, name: &str) -> Outcome<()> {
    let asked =
        shared.upstream.rest("resource-groups", Method::POST, "/get-group", &json!({ "GroupName": name })).await;
    match asked {
        Ok(_) => Ok(()),
        Err(fault) if fault.status == 404 => {
            Err(Fault::new(404, "NotFoundException", format!("Cannot find group: {name}")))
        }
        Err(fault) => Err(fault),
    }
}
