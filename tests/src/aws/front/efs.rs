//! EFS, repaired: things that take their time, tokens that were used, what mount targets keep in use.
//!
//! Both emulators: everything is there, and gone, at once. ministack answers a used creation token with 200, makes no network
//! interface for a mount target, and takes away only the first of several tags. moto names no file system when a token was
//! used, and fails with 500 on `UpdateFileSystem` and `PutBackupPolicy`.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Fault, Outcome};
use super::call::Call;
use super::upstream::Upstream;
use crate::aws::locked;
use crate::front::{Countdown, Wait};

const SERVICE: &str = "elasticfilesystem";

/// Method, path template and action of the EFS API.
pub(crate) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/2015-02-01/file-systems", "CreateFileSystem"),
    ("GET", "/2015-02-01/file-systems", "DescribeFileSystems"),
    ("PUT", "/2015-02-01/file-systems/{}", "UpdateFileSystem"),
    ("DELETE", "/2015-02-01/file-systems/{}", "DeleteFileSystem"),
    ("GET", "/2015-02-01/file-systems/{}/backup-policy", "DescribeBackupPolicy"),
    ("PUT", "/2015-02-01/file-systems/{}/backup-policy", "PutBackupPolicy"),
    ("POST", "/2015-02-01/mount-targets", "CreateMountTarget"),
    ("GET", "/2015-02-01/mount-targets", "DescribeMountTargets"),
    ("DELETE", "/2015-02-01/mount-targets/{}", "DeleteMountTarget"),
    ("GET", "/2015-02-01/mount-targets/{}/security-groups", "DescribeMountTargetSecurityGroups"),
    ("PUT", "/2015-02-01/mount-targets/{}/security-groups", "ModifyMountTargetSecurityGroups"),
    ("GET", "/2015-02-01/resource-tags/{}", "ListTagsForResource"),
    ("POST", "/2015-02-01/resource-tags/{}", "TagResource"),
    ("DELETE", "/2015-02-01/resource-tags/{}", "UntagResource"),
];

/// How long EFS takes unless a test says otherwise.
pub(crate) const PACE: Wait = Wait::millis(100);

/// What a file system or mount target is doing besides being available.
#[derive(Debug)]
struct Doing {
    /// EFS's word for it.
    state: &'static str,
    countdown: Countdown,
}

/// What the emulators do not know about EFS.
#[derive(Debug)]
pub(crate) struct Efs {
    pub pace: Wait,
    /// By id of file system or mount target.
    doing: BTreeMap<String, Doing>,
    /// Members of a description that moto cannot change, by id of the file system.
    changed: BTreeMap<String, BTreeMap<&'static str, Value>>,
    /// Backup policies that moto cannot keep.
    backups: BTreeMap<String, Value>,
}

impl Default for Efs {
    fn default() -> Self {
        Self { pace: PACE, doing: BTreeMap::new(), changed: BTreeMap::new(), backups: BTreeMap::new() }
    }
}

impl Efs {
    pub(crate) fn reset(&mut self) {
        *self = Self { pace: self.pace, ..Self::default() };
    }

    /// Finishes what has taken its time; what was being deleted is deleted on the emulator only now.
    pub(crate) async fn settle(&mut self, upstream: &Upstream) -> Outcome<()> {
        let over: Vec<String> =
            self.doing.iter().filter(|(_, doing)| doing.countdown.over()).map(|(id, _)| id.clone()).collect();
        for id in over {
            if self.doing.remove(&id).is_some_and(|doing| doing.state == "deleting") {
                let set = if id.starts_with("fsmt-") { "mount-targets" } else { "file-systems" };
                upstream.rest(SERVICE, Method::DELETE, &format!("/2015-02-01/{set}/{id}"), &Value::Null).await?;
                self.changed.remove(&id);
                self.backups.remove(&id);
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: &str, state: &'static str) {
        self.doing.insert(id.to_owned(), Doing { state, countdown: Countdown::start(self.pace) });
    }

    fn state(&self, id: &str) -> &'static str {
        self.doing.get(id).map_or("available", |doing| doing.state)
    }

    /// A description as EFS would give it; counts the look.
    fn shown(&mut self, mut document: Value, inspector: bool) -> Value {
        let id = ["MountTargetId", "FileSystemId"].iter().find_map(|key| document[*key].as_str()).unwrap_or_default();
        let id = id.to_owned();
        document["LifeCycleState"] = json!(self.state(&id));
        for (member, value) in self.changed.get(&id).into_iter().flatten() {
            document[*member] = value.clone();
        }
        if let Some(doing) = self.doing.get_mut(&id).filter(|_| !inspector) {
            doing.countdown.looked();
        }
        document
    }
}

/// Whether a mount target stands in this subnet or bears this security group.
pub(crate) async fn uses(upstream: &Upstream, id: &str) -> Outcome<bool> {
    let get = |path: String| async move { upstream.rest(SERVICE, Method::GET, &path, &Value::Null).await };
    let file_systems = get("/2015-02-01/file-systems?MaxItems=100".to_owned()).await?;
    for file_system in file_systems["FileSystems"].as_array().into_iter().flatten() {
        let of = file_system["FileSystemId"].as_str().unwrap_or_default();
        let targets = get(format!("/2015-02-01/mount-targets?MaxItems=100&FileSystemId={of}")).await?;
        for target in targets["MountTargets"].as_array().into_iter().flatten() {
            let target_id = target["MountTargetId"].as_str().unwrap_or_default();
            let groups = get(format!("/2015-02-01/mount-targets/{target_id}/security-groups")).await?;
            let bears =
                groups["SecurityGroups"].as_array().is_some_and(|groups| groups.iter().any(|group| group == id));
            if target["SubnetId"] == id || bears {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Answers a call to EFS.
pub(crate) async fn handle(shared: &Shared, call: &Call, inspector: bool) -> Outcome<Answer> {
    let mut efs = shared.efs.lock().await;
    let arg = call.args.first().map_or("", String::as_str);
    match call.action.as_str() {
        "CreateFileSystem" => {
            check_token(&shared.upstream, &call.json).await?;
            made(shared, &mut efs, call, "FileSystemId").await
        }
        "CreateMountTarget" => {
            let of = call.json["FileSystemId"].as_str().unwrap_or_default();
            if efs.state(of) != "available" {
                let message = format!("The file system {of} is {}", efs.state(of));
                return Err(fault(409, "IncorrectFileSystemLifeCycleState", message));
            }
            made(shared, &mut efs, call, "MountTargetId").await
        }
        "DescribeFileSystems" => described(shared, &mut efs, call, "FileSystems", inspector).await,
        "DescribeMountTargets" => described(shared, &mut efs, call, "MountTargets", inspector).await,
        "UpdateFileSystem" => update(shared, &mut efs, call).await,
        "DeleteFileSystem" => {
            let file_system = one(&shared.upstream, arg).await?;
            if file_system["NumberOfMountTargets"].as_u64().unwrap_or_default() > 0 {
                return Err(fault(409, "FileSystemInUse", format!("{arg} has mount targets")));
            }
            efs.begin(arg, "deleting");
            Ok(Answer::empty(204))
        }
        "DeleteMountTarget" => {
            let path = format!("/2015-02-01/mount-targets?MountTargetId={arg}");
            shared.upstream.rest(SERVICE, Method::GET, &path, &Value::Null).await?;
            efs.begin(arg, "deleting");
            Ok(Answer::empty(204))
        }
        "PutBackupPolicy" => {
            one(&shared.upstream, arg).await?;
            efs.backups.insert(arg.to_owned(), call.json["BackupPolicy"].clone());
            Ok(Answer::json(200, &json!({ "BackupPolicy": call.json["BackupPolicy"] })))
        }
        "DescribeBackupPolicy" if efs.backups.contains_key(arg) => {
            Ok(Answer::json(200, &json!({ "BackupPolicy": efs.backups[arg] })))
        }
        "UntagResource" => {
            let keys = form_urlencoded::parse(call.query.as_bytes()).filter(|(name, _)| name == "tagKeys");
            let mut answer = Answer::json(200, &json!({}));
            for (_, key) in keys {
                let query = form_urlencoded::Serializer::new(String::new()).append_pair("tagKeys", &key).finish();
                answer = shared.upstream.forward(&Call { query, ..call.clone() }).await?;
            }
            Ok(answer)
        }
        _ => shared.upstream.forward(call).await,
    }
}

async fn one(upstream: &Upstream, id: &str) -> Outcome<Value> {
    let path = format!("/2015-02-01/file-systems?FileSystemId={id}");
    let mut answer = upstream.rest(SERVICE, Method::GET, &path, &Value::Null).await?;
    Ok(answer["FileSystems"][0].take())
}

/// A token makes one file system; the next one to use it is told which.
async fn check_token(upstream: &Upstream, request: &Value) -> Outcome<()> {
    let token = request["CreationToken"].as_str().unwrap_or_default();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("CreationToken", token).finish();
    let path = format!("/2015-02-01/file-systems?{query}");
    let listed = upstream.rest(SERVICE, Method::GET, &path, &Value::Null).await?;
    match listed["FileSystems"][0]["FileSystemId"].as_str() {
        None => Ok(()),
        Some(id) => {
            let message = format!("File system '{id}' already exists with creation token '{token}'");
            Err(fault(409, "FileSystemAlreadyExists", message).with("FileSystemId", id))
        }
    }
}

async fn made(shared: &Shared, efs: &mut Efs, call: &Call, id: &str) -> Outcome<Answer> {
    let answer = shared.upstream.forward(call).await?;
    if !answer.succeeded() {
        return Ok(answer);
    }
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let id = document[id].as_str().unwrap_or_default().to_owned();
    locked(&shared.hidden).created(&id);
    efs.begin(&id, "creating");
    Ok(Answer::json(answer.status, &efs.shown(document, true)))
}

async fn described(shared: &Shared, efs: &mut Efs, call: &Call, member: &str, inspector: bool) -> Outcome<Answer> {
    let answer = shared.upstream.forward(call).await?;
    if !answer.succeeded() {
        return Ok(answer);
    }
    let id = if member == "FileSystems" { "FileSystemId" } else { "MountTargetId" };
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut shown = Vec::new();
    for document in body[member].as_array().cloned().unwrap_or_default() {
        let of = document[id].as_str().unwrap_or_default();
        if inspector || !locked(&shared.hidden).misses(of) {
            shown.push(efs.shown(document, inspector));
        }
    }
    if shown.is_empty() && call.query_parameter(id).is_some() {
        let code = if member == "FileSystems" { "FileSystemNotFound" } else { "MountTargetNotFound" };
        return Err(fault(404, code, "it does not exist"));
    }
    body[member] = json!(shown);
    Ok(Answer::json(answer.status, &body))
}

async fn update(shared: &Shared, efs: &mut Efs, call: &Call) -> Outcome<Answer> {
    let id = call.args[0].as_str();
    let file_system = one(&shared.upstream, id).await?;
    if efs.state(id) != "available" {
        let message = format!("The file system {id} is {}", efs.state(id));
        return Err(fault(409, "IncorrectFileSystemLifeCycleState", message));
    }
    for member in ["ThroughputMode", "ProvisionedThroughputInMibps"] {
        if !call.json[member].is_null() {
            efs.changed.entry(id.to_owned()).or_default().insert(member, call.json[member].clone());
        }
    }
    efs.begin(id, "updating");
    Ok(Answer::json(202, &efs.shown(file_system, true)))
}

/// EFS says the code in the body too.
fn fault(status: u16, code: &str, message: impl Into<String>) -> Fault {
    Fault::new(status, code, message).with("ErrorCode", code)
}
