//! Updates of a node group. EKS takes one at a time, so each call begins the next one that is due.

use std::collections::BTreeMap;

use aws_sdk_eks::types::{UpdateLabelsPayload, UpdateTaintsPayload};
use nic_sdk::error::Error;
use nic_sdk::kit::{LabelEdits, Minor, Scope};
use nic_sdk::types::{Change, Progress};

use super::{Document, Id, Scaling, Taint, look};
use crate::cloud::{Cloud, answered, from_aws};
use crate::kinds::eks::{Operation, edit_tags, pending, update_id};
use crate::tags::TAGS;
use nic_sdk::kit::change::{document, present};

/// One update as EKS knows them.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// All that one request can change.
    Config(Config),
    /// The Kubernetes version of the nodes: they are replaced, a few at a time.
    Version(String),
}

/// What changes of the configuration.
#[derive(Debug, Default, PartialEq, Eq)]
struct Config {
    scaling: Option<Scaling>,
    set_labels: BTreeMap<String, String>,
    remove_labels: Vec<String>,
    set_taints: Vec<Taint>,
    remove_taints: Vec<Taint>,
}

/// Does what is due: tags at once, then the first update that takes its time.
pub async fn next(cloud: &Cloud, change: &Change, id: &Id) -> Result<Progress, Error> {
    let desired: Document = document(&change.document)?;
    let absent = || Error::NotFound(format!("the node group `{id}` does not exist"));
    let mut found = look(cloud, id).await?.ok_or_else(absent)?;
    let scope = Scope::new(&change.paths);
    let edits = LabelEdits::between(&found.document.tags, &desired.tags, &scope, TAGS);
    let step = first_step(&found.document, &desired, &scope)?;
    if !edits.is_empty() {
        let arn = answered(found.document.arn.clone(), "ARN of the node group")?;
        edit_tags(cloud, &arn, &edits).await?;
    }
    if let Some(step) = step {
        let (update_id, message) = begin(cloud, id, step, &change.token).await?;
        return Ok(pending(&id.to_string(), &Operation::Update { update_id }, message));
    }
    if !edits.is_empty() {
        found = look(cloud, id).await?.ok_or_else(absent)?;
    }
    Ok(Progress::Done(present(&change.address, &id.to_string(), &found.document)))
}

fn first_step(shown: &Document, desired: &Document, scope: &Scope<'_>) -> Result<Option<Step>, Error> {
    let config = Config {
        scaling: scaling(shown.scaling_config, desired.scaling_config, scope),
        ..labels_and_taints(shown, desired, scope)
    };
    if config != Config::default() {
        return Ok(Some(Step::Config(config)));
    }
    let Some(version) = desired.version.clone().filter(|_| scope.touches("/version")) else { return Ok(None) };
    let from = shown.version.as_deref().unwrap_or_default();
    if from == version {
        return Ok(None);
    }
    if Minor::parse(from) > Minor::parse(&version) {
        let message = format!("EKS cannot go from version {from} to {version}: it moves nodes up only");
        return Err(Error::other("VERSION_CANNOT_CHANGE", message));
    }
    // In one step: nodes may be up to three minor versions behind the control plane.
    Ok(Some(Step::Version(version)))
}

/// The number of nodes wanted now is the autoscaler's: it is kept unless it is named, and moved only as far as the new
/// bounds demand.
fn scaling(shown: Scaling, desired: Scaling, scope: &Scope<'_>) -> Option<Scaling> {
    let source = |pointer: &str| if scope.touches(pointer) { desired } else { shown };
    let min_size = source("/scaling_config/min_size").min_size;
    let max_size = source("/scaling_config/max_size").max_size;
    let named = desired.desired_size.filter(|_| scope.names("/scaling_config/desired_size"));
    let nodes = named.or(shown.desired_size).unwrap_or(min_size);
    let wanted = Scaling { min_size, max_size, desired_size: Some(nodes.min(max_size).max(min_size)) };
    (wanted != shown).then_some(wanted)
}

fn labels_and_taints(shown: &Document, desired: &Document, scope: &Scope<'_>) -> Config {
    let differs =
        |key: &String, value: &String| shown.labels.get(key) != Some(value) && scope.touches_member("/labels", key);
    let set_labels = desired.labels.iter().filter(|(key, value)| differs(key, value));
    let gone = scope.named_members("/labels");
    let remove_labels =
        gone.filter(|key| shown.labels.contains_key(key) && !desired.labels.contains_key(key)).collect();
    let mut config = Config {
        set_labels: set_labels.map(|(key, value)| (key.clone(), value.clone())).collect(),
        remove_labels,
        ..Config::default()
    };
    if scope.touches("/taints") {
        // A taint is its key and effect; a new value is an update of it.
        let same = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect;
        config.set_taints = desired.taints.iter().filter(|taint| !shown.taints.contains(taint)).cloned().collect();
        let kept = |taint: &&Taint| desired.taints.iter().any(|wanted| same(wanted, taint));
        config.remove_taints = shown.taints.iter().filter(|taint| !kept(taint)).cloned().collect();
    }
    config
}

/// Each step has a token of its own: EKS takes one token for one request.
async fn begin(cloud: &Cloud, id: &Id, step: Step, token: &str) -> Result<(String, String), Error> {
    match step {
        Step::Version(version) => {
            let request = cloud.eks.update_nodegroup_version().cluster_name(&id.cluster).nodegroup_name(&id.name);
            let request = request.version(&version).client_request_token(format!("{token}-{version}"));
            let answer = request.send().await.map_err(from_aws)?;
            Ok((update_id(answer.update)?, format!("moving the nodes to {version}")))
        }
        Step::Config(config) => {
            let request = cloud.eks.update_nodegroup_config().cluster_name(&id.cluster).nodegroup_name(&id.name);
            let request = request.set_scaling_config(config.scaling.map(Scaling::to_eks));
            let labels = (!config.set_labels.is_empty() || !config.remove_labels.is_empty()).then(|| {
                UpdateLabelsPayload::builder()
                    .set_add_or_update_labels(Some(config.set_labels.into_iter().collect()))
                    .set_remove_labels(Some(config.remove_labels))
                    .build()
            });
            let taints = |taints: Vec<Taint>| Some(taints.iter().map(Taint::to_eks).collect());
            let taints = (!config.set_taints.is_empty() || !config.remove_taints.is_empty()).then(|| {
                UpdateTaintsPayload::builder()
                    .set_add_or_update_taints(taints(config.set_taints))
                    .set_remove_taints(taints(config.remove_taints))
                    .build()
            });
            let request = request.set_labels(labels).set_taints(taints);
            let answer = request.client_request_token(format!("{token}-config")).send().await.map_err(from_aws)?;
            Ok((update_id(answer.update)?, "changing scaling, labels or taints".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str, value: &str) -> Taint {
        Taint { key: key.into(), value: Some(value.into()), effect: "NO_SCHEDULE".into() }
    }

    fn group(min: i32, max: i32, nodes: impl Into<Option<i32>>) -> Document {
        Document {
            scaling_config: Scaling { min_size: min, max_size: max, desired_size: nodes.into() },
            labels: BTreeMap::from([("dedicated".into(), "user".into())]),
            taints: vec![taint("dedicated", "nebari")],
            ..Document::default()
        }
    }

    fn first(shown: &Document, desired: &Document, scope: &Scope<'_>) -> Option<Step> {
        first_step(shown, desired, scope).unwrap()
    }

    fn scaling_of(step: Option<Step>) -> Option<Scaling> {
        match step {
            Some(Step::Config(config)) => config.scaling,
            _ => None,
        }
    }

    #[test]
    fn the_autoscalers_number_of_nodes_is_kept() {
        let everything = Scope::new(&[]);
        let wanted = scaling_of(first(&group(0, 5, 3), &group(0, 8, 0), &everything));
        assert_eq!(wanted, Some(Scaling { min_size: 0, max_size: 8, desired_size: Some(3) }));
        assert_eq!(first(&group(0, 5, 3), &group(0, 5, 0), &everything), None);
        let min = ["/scaling_config/min_size".to_owned()];
        let wanted = scaling_of(first(&group(1, 5, 4), &group(2, 5, None), &Scope::new(&min)));
        assert_eq!(wanted, Some(Scaling { min_size: 2, max_size: 5, desired_size: Some(4) }));
    }

    #[test]
    fn new_bounds_move_it_as_far_as_they_must() {
        let everything = Scope::new(&[]);
        assert_eq!(scaling_of(first(&group(0, 5, 1), &group(2, 5, 2), &everything)).unwrap().desired_size, Some(2));
        assert_eq!(scaling_of(first(&group(0, 5, 4), &group(0, 2, 0), &everything)).unwrap().desired_size, Some(2));
        let named = ["/scaling_config/desired_size".to_owned()];
        assert_eq!(
            scaling_of(first(&group(0, 5, 4), &group(0, 5, 1), &Scope::new(&named))).unwrap().desired_size,
            Some(1)
        );
    }

    #[test]
    fn labels_and_taints_change_in_one_request() {
        let mut desired = group(0, 5, 0);
        desired.labels.insert("new".into(), "1".into());
        desired.taints = vec![taint("dedicated", "other"), taint("gpu", "true")];
        let mut shown = group(0, 5, 0);
        shown.labels.insert("gone".into(), "1".into());
        shown.labels.insert("theirs".into(), "1".into());
        shown.taints.push(taint("old", "x"));
        let paths = ["/labels/new".to_owned(), "/labels/gone".to_owned(), "/taints".to_owned()];
        let Some(Step::Config(config)) = first(&shown, &desired, &Scope::new(&paths)) else { panic!("a step is due") };
        assert_eq!(config.set_labels, BTreeMap::from([("new".into(), "1".into())]));
        assert_eq!(config.remove_labels, ["gone"]);
        assert_eq!(config.set_taints, desired.taints);
        assert_eq!(config.remove_taints, [taint("old", "x")]);
        assert_eq!(config.scaling, None);
    }

    #[test]
    fn the_version_comes_after_the_configuration() {
        let shown = Document { version: Some("1.29".into()), ..group(0, 5, 0) };
        let desired = Document { version: Some("1.30".into()), ..group(0, 5, 0) };
        assert_eq!(first(&shown, &desired, &Scope::new(&[])), Some(Step::Version("1.30".into())));
        assert_eq!(first(&shown, &group(0, 5, 0), &Scope::new(&[])), None);
        assert!(first_step(&desired, &shown, &Scope::new(&[])).is_err());
    }
}
