//! What keeps pods where they are while their nodes are to go: disruption budgets that allow no disruption. What counts is what the API
//! server goes by when it is asked to evict a pod.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use nic_core::error::ProviderError;
use serde::Serialize;
use serde_json::Value;

use super::health::{group_of, text};
use super::{Connected, Most};

/// Most nodes and budgets that are looked at.
const MOST: Most = Most { objects: 10_000, bytes: 64 << 20 };

/// Most nodes whose pods are looked at: a node may have some hundred.
const NODES: usize = 50;

/// Most pods of one node.
const PODS: usize = 500;

/// How many nodes are asked after at once.
const AT_ONCE: usize = 8;

/// How many pods are told by name.
const TOLD: usize = 3;

/// Pods that are not evicted, and the budgets for which they are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// `namespace/name` of each budget. More than one where they choose the same pods, which Kubernetes then never evicts.
    pub budgets: Vec<String>,
    /// The pods that they hold.
    pub pods: Vec<HeldPod>,
}

/// A pod that is not evicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldPod {
    /// `namespace/name`
    pub name: String,
    /// Where it runs.
    pub node: String,
}

/// In one line: what holds what, and where.
impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named: Vec<String> =
            self.pods.iter().take(TOLD).map(|pod| format!("{} on {}", pod.name, pod.node)).collect();
        let more = match self.pods.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let pods = format!("{} {}{more}", if self.pods.len() == 1 { "pod" } else { "pods" }, named.join(", "));
        match self.budgets.as_slice() {
            [one] => write!(f, "PodDisruptionBudget {one} allows no disruption, and holds {pods}"),
            several => write!(
                f,
                "PodDisruptionBudgets {} choose the same pods, which Kubernetes then never evicts: {pods}",
                several.join(" and ")
            ),
        }
    }
}

/// What holds pods on the nodes of these groups. Where `words` name some of those nodes, by name or by machine, only those are meant.
///
/// # Errors
/// What the cluster, or the way to it, says.
pub async fn holds(cluster: &Connected, groups: &[String], words: &str) -> Result<Vec<Hold>, ProviderError> {
    let nodes = cluster.list("v1", "Node", None, "", MOST);
    let budgets = cluster.list("policy/v1", "PodDisruptionBudget", None, "", MOST);
    let (nodes, budgets) = Box::pin(futures::future::try_join(nodes, budgets)).await?;
    if budgets.is_empty() {
        return Ok(Vec::new());
    }
    let nodes = meant(&nodes, groups, words);
    let pods = nodes.into_iter().take(NODES).map(|node| async move {
        let there = [("fieldSelector", format!("spec.nodeName={node}"))];
        cluster.some("v1", "Pod", None, &there, PODS).await
    });
    let pods: Vec<Vec<Value>> = stream::iter(pods).buffered(AT_ONCE).try_collect().await?;
    Ok(held(pods.iter().flatten(), &budgets))
}

/// The names of the nodes of these groups that the words name, or of all of them.
fn meant<'a>(nodes: &'a [Value], groups: &[String], words: &str) -> Vec<&'a str> {
    let is_word = |name: &str| {
        let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-' && c != '.');
        // A sentence may end with it.
        let after = |rest: &str| boundary(rest.chars().next()) || rest == "." || rest.starts_with(". ");
        !name.is_empty()
            && words
                .match_indices(name)
                .any(|(at, _)| boundary(words[..at].chars().next_back()) && after(&words[at + name.len()..]))
    };
    let of_groups: Vec<&Value> =
        nodes.iter().filter(|node| groups.iter().any(|group| group == group_of(node))).collect();
    let named = |node: &&&Value| {
        let machine = text(node, "/spec/providerID").rsplit('/').next().unwrap_or_default();
        is_word(text(node, "/metadata/name")) || is_word(machine)
    };
    let some: Vec<&Value> = of_groups.iter().filter(named).copied().collect();
    let meant = if some.is_empty() { of_groups } else { some };
    meant.into_iter().map(|node| text(node, "/metadata/name")).collect()
}

fn held<'a>(pods: impl Iterator<Item = &'a Value>, budgets: &[Value]) -> Vec<Hold> {
    let mut holds: BTreeMap<Vec<String>, Vec<HeldPod>> = BTreeMap::new();
    for pod in pods.filter(|pod| has_to_be_evicted(pod)) {
        let namespace = text(pod, "/metadata/namespace");
        let of_it: Vec<&Value> = budgets
            .iter()
            .filter(|budget| text(budget, "/metadata/namespace") == namespace && chooses(budget, pod))
            .collect();
        let lets_go = match of_it.as_slice() {
            [] => true,
            [one] => allows(one, pod),
            _ => false,
        };
        if lets_go {
            continue;
        }
        let name = |object: &Value| format!("{namespace}/{}", text(object, "/metadata/name"));
        let node = text(pod, "/spec/nodeName").to_owned();
        let budgets = of_it.into_iter().map(name).collect();
        holds.entry(budgets).or_default().push(HeldPod { name: name(pod), node });
    }
    holds.into_iter().map(|(budgets, pods)| Hold { budgets, pods }).collect()
}

/// Whether a node waits for the pod before it goes. What has ended, or has not begun, is let go whatever a budget says; what belongs to the
/// node itself stays on it.
fn has_to_be_evicted(pod: &Value) -> bool {
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    let of_daemon_set = owners.into_iter().any(|owner| owner["kind"] == "DaemonSet" && owner["controller"] == true);
    let is_static = pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some();
    let leaves = pod.pointer("/metadata/deletionTimestamp").is_some();
    text(pod, "/status/phase") == "Running" && !of_daemon_set && !is_static && !leaves
}

/// Whether the budget's selector chooses the pod. An empty one chooses every pod of the namespace, and none chooses none.
fn chooses(budget: &Value, pod: &Value) -> bool {
    let Some(selector) = budget.pointer("/spec/selector").filter(|selector| selector.is_object()) else { return false };
    let labels = &pod["metadata"]["labels"];
    let mut exact = selector["matchLabels"].as_object().into_iter().flatten();
    let mut rules = selector["matchExpressions"].as_array().into_iter().flatten();
    exact.all(|(key, value)| labels[key] == *value)
        && rules.all(|rule| {
            let value = rule["key"].as_str().and_then(|key| labels.get(key));
            let listed = || value.is_some_and(|value| rule["values"].as_array().is_some_and(|all| all.contains(value)));
            match rule["operator"].as_str() {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => value.is_some(),
                Some("DoesNotExist") => value.is_none(),
                _ => false,
            }
        })
}

/// Whether the budget lets this pod go now. One whose controller has not counted yet lets none go.
fn allows(budget: &Value, pod: &Value) -> bool {
    let count = |member: &str| budget.pointer(&format!("/status/{member}")).and_then(Value::as_i64).unwrap_or_default();
    if count("disruptionsAllowed") > 0 {
        return true;
    }
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let is_ready =
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let whenever = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
    let enough = count("desiredHealthy") > 0 && count("currentHealthy") >= count("desiredHealthy");
    !is_ready && (whenever || enough)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clouds::GROUP_LABELS;

    fn pod(name: &str, labels: &Value) -> Value {
        json!({
            "metadata": { "namespace": "dev", "name": name, "labels": labels },
            "spec": { "nodeName": "node-1" },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
        })
    }

    fn budget(name: &str, selector: &Value, allowed: i64) -> Value {
        json!({
            "metadata": { "namespace": "dev", "name": name }, "spec": { "selector": selector },
            "status": { "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1 },
        })
    }

    fn told(pods: &[Value], budgets: &[Value]) -> Vec<String> {
        held(pods.iter(), budgets).iter().map(Hold::to_string).collect()
    }

    #[test]
    fn a_budget_that_allows_none_is_told_with_the_pods_that_it_holds() {
        let app = json!({ "matchLabels": { "app": "a" } });
        let pods: Vec<Value> = (1..=5).map(|number| pod(&format!("a-{number}"), &json!({ "app": "a" }))).collect();
        assert_eq!(
            told(&pods, &[budget("none", &app, 0)]),
            [
                "PodDisruptionBudget dev/none allows no disruption, and holds pods dev/a-1 on node-1, dev/a-2 on node-1, \
              dev/a-3 on node-1 and 2 more"
            ]
        );
        assert_eq!(
            told(&pods[..1], &[budget("none", &app, 0)]),
            ["PodDisruptionBudget dev/none allows no disruption, and holds pod dev/a-1 on node-1"]
        );
        // One that allows some, one of another namespace, and one of other pods.
        let mut elsewhere = budget("elsewhere", &app, 0);
        elsewhere["metadata"]["namespace"] = json!("prod");
        let other = budget("other", &json!({ "matchLabels": { "app": "b" } }), 0);
        assert!(told(&pods, &[budget("some", &app, 1), elsewhere, other]).is_empty());
        // Its controller has not counted yet.
        let mut uncounted = budget("new", &app, 0);
        uncounted.as_object_mut().unwrap().remove("status");
        assert_eq!(told(&pods, &[uncounted]).len(), 1);
    }

    #[test]
    fn two_budgets_of_one_pod_hold_it_whatever_they_allow() {
        let budgets = [budget("a", &json!({}), 1), budget("b", &json!({ "matchLabels": { "app": "a" } }), 1)];
        let pods = [pod("a-1", &json!({ "app": "a" })), pod("b-1", &json!({ "app": "b" }))];
        assert_eq!(
            told(&pods, &budgets),
            ["PodDisruptionBudgets dev/a and dev/b choose the same pods, which Kubernetes then never evicts: \
              pod dev/a-1 on node-1"]
        );
    }

    #[test]
    fn what_is_let_go_in_any_case_is_not_told() {
        let all = [budget("none", &json!({}), 0)];
        let with = |pointer: &str, value: Value| {
            let mut changed = pod("a-1", &json!({}));
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap()[member] = value;
            changed
        };
        assert_eq!(told(&[pod("a-1", &json!({}))], &all).len(), 1);
        for let_go in [
            with("/status/phase", json!("Pending")),
            with("/status/phase", json!("Succeeded")),
            with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")),
            with("/metadata/ownerReferences", json!([{ "kind": "DaemonSet", "controller": true }])),
            with("/metadata/annotations", json!({ "kubernetes.io/config.mirror": "x" })),
            // As many as it wants are well without it.
            with("/status/conditions", json!([{ "type": "Ready", "status": "False" }])),
        ] {
            assert!(told(std::slice::from_ref(&let_go), &all).is_empty(), "{let_go}");
        }
        let unwell = with("/status/conditions", json!([]));
        let mut few = all[0].clone();
        few["status"]["currentHealthy"] = json!(0);
        assert_eq!(told(std::slice::from_ref(&unwell), &[few.clone()]).len(), 1);
        few["spec"]["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
        assert!(told(&[unwell], &[few]).is_empty());
    }

    #[test]
    fn selectors_choose_as_kubernetes_does() {
        let chosen =
            |selector: Value| chooses(&budget("x", &selector, 0), &pod("a", &json!({ "app": "a", "tier": "web" })));
        let rule = |key: &str, operator: &str, values: Value| {
            chosen(json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] }))
        };
        assert!(chosen(json!({})) && !chosen(Value::Null));
        assert!(chosen(json!({ "matchLabels": { "app": "a" } })) && !chosen(json!({ "matchLabels": { "app": "b" } })));
        assert!(rule("app", "In", json!(["a", "b"])) && !rule("app", "In", json!(["b"])));
        assert!(rule("app", "NotIn", json!(["b"])) && !rule("app", "NotIn", json!(["a"])));
        assert!(rule("none", "NotIn", json!(["a"])) && !rule("none", "In", json!(["a"])));
        assert!(rule("tier", "Exists", Value::Null) && !rule("none", "Exists", Value::Null));
        assert!(rule("none", "DoesNotExist", Value::Null) && !rule("tier", "DoesNotExist", Value::Null));
        assert!(!rule("tier", "Like", Value::Null));
        assert!(!chosen(json!({
            "matchLabels": { "app": "a" }, "matchExpressions": [{ "key": "tier", "operator": "DoesNotExist" }],
        })));
    }

    #[test]
    fn the_nodes_that_the_words_name_are_meant_or_else_all_of_the_group() {
        let node = |name: &str, machine: &str, group: &str| {
            json!({
                "metadata": { "name": name, "labels": { (GROUP_LABELS[0]): group } },
                "spec": { "providerID": format!("cloud:///zone/{machine}") },
            })
        };
        let nodes = [node("n-1", "i-01", "general"), node("n-11", "i-011", "general"), node("n-2", "i-02", "user")];
        let meant = |words: &str| meant(&nodes, &["general".to_owned()], words).join(" ");
        assert_eq!(meant("PodEvictionFailure: it does not go (n-1, n-3)"), "n-1");
        assert_eq!(meant("nothing on i-011."), "n-11");
        assert_eq!(meant("no more on n-11. Try again"), "n-11");
        assert_eq!(meant("n-1.example.com and xn-11"), "n-1 n-11");
        assert_eq!(meant("it does not go (n-2)"), "n-1 n-11");
        assert_eq!(meant(""), "n-1 n-11");
    }
}
