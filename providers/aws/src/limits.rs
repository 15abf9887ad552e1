//! How long AWS lets names be, and how many tags it takes.
//!
//! The names and tags are those of the very graph that the config leads to, so that none is forgotten. AWS itself refuses them one by one, the
//! last when the cluster stands; and what has a name keeps it.

use nic_sdk::provider::Facts;
use nic_sdk::types::{Answer, Context, Diagnostic, Resource};

use crate::config::{Config, SECTION};
use crate::facts::stand_in;
use crate::kinds::{
    CLUSTER, ECR_REPOSITORY, EFS_FILE_SYSTEM, IAM_POLICY, IAM_ROLE, KUBERNETES_OBJECT, NODE_GROUP, RESOURCE_GROUP,
    SECURITY_GROUP,
};

/// The longest text that is taken somewhere in the documents of a kind.
struct Limit {
    kind: &'static str,
    pointer: &'static str,
    longest: usize,
    /// For people.
    what: &'static str,
}

/// Those of texts that are made of the config's. A node group has its name from the config alone, and is checked there.
const LIMITS: [Limit; 12] = [
    limit(IAM_ROLE, "/name", 64, "the name of a role"),
    limit(IAM_POLICY, "/name", 128, "the name of a policy"),
    limit(IAM_POLICY, "/name_prefix", 128, "the name of a policy"),
    limit(IAM_POLICY, "/description", 1000, "the description of a policy"),
    limit(CLUSTER, "/name", 100, "the name of a cluster"),
    limit(EFS_FILE_SYSTEM, "/creation_token", 64, "the creation token of a file system"),
    limit(ECR_REPOSITORY, "/name", 256, "the name of a repository"),
    limit(SECURITY_GROUP, "/name", 255, "the name of a security group"),
    limit(RESOURCE_GROUP, "/name", 300, "the name of a resource group"),
    limit(RESOURCE_GROUP, "/description", 1024, "the description of a resource group"),
    limit(NODE_GROUP, "/labels/nebari.dev~1project", 63, "the value of a label"),
    limit(KUBERNETES_OBJECT, "/metadata/labels/project", 63, "the value of a label"),
];

const fn limit(kind: &'static str, pointer: &'static str, longest: usize, what: &'static str) -> Limit {
    Limit { kind, pointer, longest, what }
}

/// Tags of one thing.
const MOST_TAGS: usize = 50;

/// What EC2 keeps for the ids of security groups.
const OF_SECURITY_GROUPS: &str = "sg-";

/// Everything that AWS would refuse.
pub fn check(context: &Context, config: &Config) -> Vec<Diagnostic> {
    let resources = graph(context, config);
    let names = resources.iter().flat_map(|resource| {
        let limits = LIMITS.iter().filter(|limit| limit.kind == resource.kind);
        let long = limits.filter_map(|limit| too_long(context, limit, resource));
        long.chain(reserved(resource)).collect::<Vec<_>>()
    });
    names.chain(too_many_tags(&resources)).collect()
}

/// The graph that the config leads to, whatever the cloud answers. What it cannot be made from has been told.
fn graph(context: &Context, config: &Config) -> Vec<Resource> {
    let mut facts = Facts::default();
    // The look-ups of the second round would be those of the first.
    for _ in 0..2 {
        match crate::graph(context, config, &facts) {
            Ok(Answer::Ready(resources)) => return resources,
            Ok(Answer::Need(queries)) => {
                facts.0.extend(queries.into_iter().map(|query| (query.key.clone(), stand_in(&query))));
            }
            Err(_) => break,
        }
    }
    Vec::new()
}

fn too_long(context: &Context, limit: &Limit, resource: &Resource) -> Option<Diagnostic> {
    let text = resource.document.pointer(limit.pointer)?.as_str()?;
    let (length, longest) = (text.chars().count(), limit.longest);
    let excess = length.checked_sub(longest).filter(|excess| *excess > 0)?;
    let parts = [("project_name", context.project.as_str()), ("namespace", context.namespace.as_str())];
    let parts: Vec<(&str, &str)> = parts.into_iter().filter(|(_, part)| text.contains(part)).collect();
    // There is more to take from the longer one.
    let (key, _) = parts.iter().max_by_key(|(_, part)| part.len())?;
    let keys: Vec<String> = parts.iter().map(|(key, _)| format!("`{key}`")).collect();
    let detail = format!(
        "`{text}` has {length} characters, and {} has at most {longest}: {excess} too many for `{}`",
        limit.what, resource.address
    );
    let told = Diagnostic::error("NAME_TOO_LONG", "A name is too long", detail).at(format!("/{key}"));
    Some(told.hint(format!("shorten {} by {excess}; names stay what they are at the first deploy", keys.join(" or "))))
}

fn reserved(resource: &Resource) -> Option<Diagnostic> {
    let name = resource.document.get("name").filter(|_| resource.kind == SECURITY_GROUP)?.as_str()?;
    name.to_ascii_lowercase().starts_with(OF_SECURITY_GROUPS).then(|| {
        let detail = format!("EC2 takes no security group whose name begins with `{OF_SECURITY_GROUPS}`: `{name}`");
        let told = Diagnostic::error("NAME_RESERVED", "A name is not allowed", detail).at("/project_name");
        told.hint(format!("write a `project_name` that begins otherwise than with `{OF_SECURITY_GROUPS}`"))
    })
}

/// Ours are counted, and the one by which NIC knows its own, which is in no document.
fn too_many_tags(resources: &[Resource]) -> Option<Diagnostic> {
    let counts = resources.iter().filter_map(|resource| {
        let tags = resource.document.get("tags")?.as_object()?;
        Some((tags.len() + 1, &resource.address))
    });
    let (count, address) = counts.max()?;
    let excess = count.checked_sub(MOST_TAGS).filter(|excess| *excess > 0)?;
    let detail =
        format!("`{address}` would have {count} tags with those that Nebari and NIC add, and AWS takes {MOST_TAGS}");
    let told = Diagnostic::error("TAG_INVALID", "There are too many tags", detail).at(format!("/{SECTION}/tags"));
    Some(told.hint(format!("remove {excess} of them")))
}
