//! `aws.security-group`: a security group and its rules.

mod rule;

use aws_sdk_ec2::types::{ResourceType, SecurityGroup as Shown};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::Error;
use nic_sdk::kit;
use nic_sdk::kit::{Claim, Found, LabelEdits, Labelled, LabelledKind, Scope, Selection, labels_of};
use nic_sdk::schema::{list, map, object, string};
use nic_sdk::types::{Change, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::rule::Rule;
use super::in_use::with_holders;
use crate::cloud::{Cloud, answered, filter, filtered, from_aws, from_ec2, tag_specification};
use crate::tags::{Tags, visible};

/// The kind.
pub struct SecurityGroup;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    description: String,
    vpc_id: String,
    ingress: Vec<Rule>,
    egress: Vec<Rule>,
    tags: Tags,
}

/// Which way traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ingress,
    Egress,
}

/// A change of the rules of one direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Authorize(Direction, Vec<Rule>),
    /// The same traffic under another description.
    Describe(Direction, Vec<Rule>),
    Revoke(Direction, Vec<Rule>),
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl LabelledKind for SecurityGroup {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::SECURITY_GROUP,
            "Security group",
            "cloud.security_groups[]",
            CreateSafety::Tagged,
            schema(),
        )
        .time_limits(300, 300, 900)
        .read_batch(200)
        .settle_seconds(60)
    }

    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        let shown = describe(cloud, vec![filtered(selection, "group-id")]).await?;
        Ok(shown.iter().filter_map(found).collect())
    }

    async fn make(cloud: &Cloud, _change: &Change, desired: &Document, tags: &Tags) -> Result<Found<Document>, Error> {
        let request = cloud.ec2.create_security_group().group_name(&desired.name).description(&desired.description);
        let request = request.vpc_id(&desired.vpc_id);
        let answer = request.tag_specifications(tag_specification(ResourceType::SecurityGroup, tags)).send().await;
        let id = answered(answer.map_err(from_aws)?.group_id, "id of the security group")?;
        // What every new security group is like.
        let document =
            Document { id: Some(id.clone()), ingress: Vec::new(), egress: vec![Rule::all_out()], ..desired.clone() };
        Ok(Found::new(id, tags.clone(), document))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for (direction, pointer, shown, wanted) in [
            (Direction::Ingress, "/ingress", &observed.ingress, &desired.ingress),
            (Direction::Egress, "/egress", &observed.egress, &desired.egress),
        ] {
            if scope.touches(pointer) {
                steps.extend(rule_steps(direction, shown, wanted));
            }
        }
        steps
    }

    async fn take(cloud: &Cloud, id: &str, step: Step) -> Result<(), Error> {
        match step {
            Step::Authorize(direction, rules) => authorize(cloud, id, direction, &rules).await,
            Step::Describe(direction, rules) => redescribe(cloud, id, direction, &rules).await,
            Step::Revoke(direction, rules) => revoke(cloud, id, direction, &rules).await,
        }
    }

    fn edit_labels(cloud: &Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        cloud.edit_ec2_tags(id, edits)
    }

    async fn remove(cloud: &Cloud, id: &str, _last: Option<Document>) -> Result<(), Error> {
        let answer = cloud.ec2.delete_security_group().group_id(id).send().await.map_err(from_aws);
        with_holders(cloud, answer, "group-id", id).await
    }

    /// A group's name is unique in its VPC, so one of that name would be in the way.
    async fn stranger(cloud: &Cloud, target: &Target) -> Result<Option<String>, Error> {
        let text = |key: &str| target.document.get(key).and_then(Value::as_str);
        let (Some(vpc), Some(name)) = (text("vpc_id"), text("name")) else { return Ok(None) };
        let shown = describe(cloud, vec![filter("vpc-id", [vpc]), filter("group-name", [name])]).await?;
        // Ours may have come into being since it was looked for by its mark.
        let ours = |group: &&Shown| {
            let claim = cloud.marks.claim(
                &from_ec2(group.tags()),
                &target.address,
                &labels_of(&target.document, <Cloud as kit::Cloud>::LABELS),
            );
            claim != Claim::Foreign
        };
        Ok(shown.iter().find(|group| !ours(group)).map(|group| {
            let id = group.group_id().unwrap_or_default();
            format!("the security group {id} is named `{name}` in {vpc} and does not bear NIC's mark")
        }))
    }
}

/// New rules first, so that no traffic that is wanted both before and after is ever cut off.
fn rule_steps(direction: Direction, shown: &[Rule], wanted: &[Rule]) -> Vec<Step> {
    let same = |rule: &Rule, among: &[Rule]| among.iter().find(|other| other.allows_the_same(rule)).cloned();
    let missing: Vec<_> = wanted.iter().filter(|rule| same(rule, shown).is_none()).cloned().collect();
    let renamed = |rule: &&Rule| same(rule, shown).is_some_and(|shown| shown.description() != rule.description());
    let renamed: Vec<_> = wanted.iter().filter(renamed).cloned().collect();
    let extra: Vec<_> = shown.iter().filter(|rule| same(rule, wanted).is_none()).cloned().collect();
    [
        (!missing.is_empty()).then_some(Step::Authorize(direction, missing)),
        (!renamed.is_empty()).then_some(Step::Describe(direction, renamed)),
        (!extra.is_empty()).then_some(Step::Revoke(direction, extra)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn describe(cloud: &Cloud, filters: Vec<aws_sdk_ec2::types::Filter>) -> Result<Vec<Shown>, Error> {
    let request = cloud.ec2.describe_security_groups().set_filters(Some(filters));
    request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)
}

async fn authorize(cloud: &Cloud, id: &str, direction: Direction, rules: &[Rule]) -> Result<(), Error> {
    let permissions = Some(rules.iter().map(|rule| rule.to_ec2(id)).collect());
    match direction {
        Direction::Ingress => {
            let request = cloud.ec2.authorize_security_group_ingress().group_id(id).set_ip_permissions(permissions);
            request.send().await.map_err(from_aws).map(|_| ())
        }
        Direction::Egress => {
            let request = cloud.ec2.authorize_security_group_egress().group_id(id).set_ip_permissions(permissions);
            request.send().await.map_err(from_aws).map(|_| ())
        }
    }
}

async fn redescribe(cloud: &Cloud, id: &str, direction: Direction, rules: &[Rule]) -> Result<(), Error> {
    let permissions = Some(rules.iter().map(|rule| rule.to_ec2(id)).collect());
    match direction {
        Direction::Ingress => {
            let request = cloud.ec2.update_security_group_rule_descriptions_ingress().group_id(id);
            request.set_ip_permissions(permissions).send().await.map_err(from_aws).map(|_| ())
        }
        Direction::Egress => {
            let request = cloud.ec2.update_security_group_rule_descriptions_egress().group_id(id);
            request.set_ip_permissions(permissions).send().await.map_err(from_aws).map(|_| ())
        }
    }
}

async fn revoke(cloud: &Cloud, id: &str, direction: Direction, rules: &[Rule]) -> Result<(), Error> {
    let permissions = Some(rules.iter().map(|rule| rule.to_ec2(id)).collect());
    let result = match direction {
        Direction::Ingress => {
            let request = cloud.ec2.revoke_security_group_ingress().group_id(id).set_ip_permissions(permissions);
            request.send().await.map_err(from_aws).map(|_| ())
        }
        Direction::Egress => {
            let request = cloud.ec2.revoke_security_group_egress().group_id(id).set_ip_permissions(permissions);
            request.send().await.map_err(from_aws).map(|_| ())
        }
    };
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

fn found(group: &Shown) -> Option<Found<Document>> {
    let id = group.group_id()?;
    let tags = from_ec2(group.tags());
    let document = Document {
        id: Some(id.to_owned()),
        name: group.group_name().unwrap_or_default().to_owned(),
        description: group.description().unwrap_or_default().to_owned(),
        vpc_id: group.vpc_id().unwrap_or_default().to_owned(),
        ingress: group.ip_permissions().iter().flat_map(|permission| Rule::from_ec2(permission, id)).collect(),
        egress: group.ip_permissions_egress().iter().flat_map(|permission| Rule::from_ec2(permission, id)).collect(),
        tags: visible(&tags),
    };
    Some(Found::new(id, tags, document))
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().remote_id())
        .required("name", string().immutable().natural_name())
        .required("description", string().immutable())
        .required("vpc_id", string().immutable())
        .required("ingress", list(rule::schema()).set())
        .required("egress", list(rule::schema()).set())
        .required("tags", map(string()).natural_name())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: serde_json::Value) -> Vec<Rule> {
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn wanted_rules_come_before_unwanted_ones_go() {
        let shown = rules(serde_json::json!([
            { "protocol": "-1", "cidr": "0.0.0.0/0" },
            { "protocol": "tcp", "from_port": 22, "to_port": 22, "cidr": "0.0.0.0/0" },
        ]));
        let wanted = rules(serde_json::json!([
            { "protocol": "-1", "cidr": "0.0.0.0/0", "description": "all" },
            { "protocol": "-1", "cidr": "10.10.0.0/16" },
        ]));
        assert_eq!(
            rule_steps(Direction::Egress, &shown, &wanted),
            [
                Step::Authorize(Direction::Egress, wanted[1..].to_vec()),
                Step::Describe(Direction::Egress, wanted[..1].to_vec()),
                Step::Revoke(Direction::Egress, shown[1..].to_vec()),
            ]
        );
        assert_eq!(rule_steps(Direction::Egress, &wanted, &wanted), []);
    }
}
