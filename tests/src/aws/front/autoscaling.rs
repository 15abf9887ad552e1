//! Auto Scaling, as far as node groups go: the group that EKS makes for each of them, and its tags.
//!
//! Both emulators: a node group names an Auto Scaling group that does not exist. moto answers 500 for tags on one it does not
//! know, ministack takes them and ignores filters. So the front keeps these groups itself, with their node group; they run no
//! instances. What else there is to Auto Scaling is the emulator's.

use std::fmt::Write as _;

use super::Shared;
use super::answer::{Answer, Fault, Outcome, escape, request_id};
use super::call::Call;
use super::eks::ScalingGroup;

const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

/// Answers a call to Auto Scaling.
pub(crate) async fn handle(shared: &Shared, call: &Call) -> Outcome<Answer> {
    const OURS: [&str; 4] = ["DescribeAutoScalingGroups", "DescribeTags", "CreateOrUpdateTags", "DeleteTags"];
    if !OURS.contains(&call.action.as_str()) {
        return shared.upstream.forward(call).await;
    }
    let mut eks = shared.eks.lock().await;
    let mut groups: Vec<ScalingGroup<'_>> = eks.scaling_groups().collect();
    let result = match call.action.as_str() {
        "DescribeAutoScalingGroups" => describe(call, &groups),
        "DescribeTags" => describe_tags(call, &groups)?,
        _ => {
            change_tags(call, &mut groups)?;
            String::new()
        }
    };
    let action = &call.action;
    let result = if call.mutating { result } else { format!("<{action}Result>{result}</{action}Result>") };
    Ok(Answer::xml(
        200,
        format!(
            "<{action}Response xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
            request_id()
        ),
    ))
}

fn describe(call: &Call, groups: &[ScalingGroup<'_>]) -> String {
    let asked = call.list("AutoScalingGroupNames.member");
    let mut members = String::new();
    for group in groups.iter().filter(|group| asked.is_empty() || asked.contains(&group.name.as_str())) {
        let size = |member: &str| &group.document["scalingConfig"][member];
        let subnets = group.document["subnets"].as_array().into_iter().flatten().filter_map(|id| id.as_str());
        let _ = write!(
            members,
            "<member><AutoScalingGroupName>{}</AutoScalingGroupName><MinSize>{}</MinSize><MaxSize>{}</MaxSize>\
             <DesiredCapacity>{}</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones/>\
             <HealthCheckType>EC2</HealthCheckType><CreatedTime>2026-01-01T00:00:00Z</CreatedTime>\
             <VPCZoneIdentifier>{}</VPCZoneIdentifier><Tags>{}</Tags></member>",
            escape(&group.name),
            size("minSize"),
            size("maxSize"),
            size("desiredSize"),
            subnets.collect::<Vec<_>>().join(","),
            tags(group, |_, _| true)
        );
    }
    format!("<AutoScalingGroups>{members}</AutoScalingGroups>")
}

fn tags(group: &ScalingGroup<'_>, shown: impl Fn(&str, &str) -> bool) -> String {
    let shown = group.tags.iter().filter(|(key, (value, _))| shown(key, value));
    shown.fold(String::new(), |mut members, (key, (value, propagate))| {
        let _ = write!(
            members,
            "<member><ResourceId>{}</ResourceId><ResourceType>auto-scaling-group</ResourceType><Key>{}</Key>\
             <Value>{}</Value><PropagateAtLaunch>{propagate}</PropagateAtLaunch></member>",
            escape(&group.name),
            escape(key),
            escape(value)
        );
        members
    })
}

fn describe_tags(call: &Call, groups: &[ScalingGroup<'_>]) -> Outcome<String> {
    let (mut names, mut keys, mut values) = (None, None, None);
    for index in 1.. {
        let filter = format!("Filters.member.{index}");
        let wanted = call.list(&format!("{filter}.Values.member"));
        match call.parameter(&format!("{filter}.Name")) {
            "" => break,
            "auto-scaling-group" => names = Some(wanted),
            "key" => keys = Some(wanted),
            "value" => values = Some(wanted),
            other => return Err(invalid(format!("Filter {other} is not valid"))),
        }
    }
    let takes = |wanted: &Option<Vec<&str>>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(&text));
    let members: String = groups
        .iter()
        .filter(|group| takes(&names, &group.name))
        .map(|group| tags(group, |key, value| takes(&keys, key) && takes(&values, value)))
        .collect();
    Ok(format!("<Tags>{members}</Tags>"))
}

fn change_tags(call: &Call, groups: &mut [ScalingGroup<'_>]) -> Outcome<()> {
    let mut changes = Vec::new();
    for index in 1.. {
        let member = |name: &str| call.parameter(&format!("Tags.member.{index}.{name}"));
        if member("Key").is_empty() {
            break;
        }
        let name = member("ResourceId");
        let Some(at) = groups.iter().position(|group| group.name == name) else {
            return Err(invalid(format!("AutoScalingGroup name not found - AutoScalingGroup {name} not found")));
        };
        if member("ResourceType") != "auto-scaling-group" {
            return Err(invalid(format!("The resource type {} is not valid", member("ResourceType"))));
        }
        if member("Key").starts_with("aws:") {
            return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        changes.push((at, member("Key"), member("Value"), member("PropagateAtLaunch") == "true"));
    }
    for (at, key, value, propagate) in changes {
        if call.action == "DeleteTags" {
            groups[at].tags.remove(key);
        } else {
            groups[at].tags.insert(key.to_owned(), (value.to_owned(), propagate));
        }
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::bad("ValidationError", message)
}
