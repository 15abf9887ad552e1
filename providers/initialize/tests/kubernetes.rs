//! The config section `kubernetes`: what it says, and the objects that come of it.

use nic_kubernetes_initialize::design::{DesignInput, objects};
use nic_kubernetes_initialize::kubernetes::{self, Kubernetes};
use nic_sdk::types::{Resource, Severity};
use serde_json::{Value, json};

/// A section with everything in it, as the host hands it over.
fn whole() -> Value {
    json!({
        "priority_classes": {
            "batch": { "value": 1000, "description": "Batch work" },
            "idle": { "value": -1, "default": true },
        },
        "namespaces": {
            "dev": {
                "labels": { "team": "data", "pod-security.kubernetes.io/enforce": "baseline" },
                "quota": { "requests.cpu": "20", "requests.memory": "64Gi", "pods": 100, "requests.nvidia.com/gpu": 4 },
                "limits": { "default": { "cpu": 1 }, "default_request": { "cpu": "100m" }, "max": { "cpu": "4" } },
                "network_policies": {
                    "inside": { "from": ["same_namespace", { "namespace": "monitoring" }, { "cidr": "10.0.0.0/16" }] },
                    "nobody": { "from": [] },
                },
            },
            "team-a": null,
        },
    })
}

fn read(section: &Value) -> (Kubernetes, Vec<(Severity, String, String)>) {
    let (asked, found) = kubernetes::read(&json!({ "kubernetes": section }));
    let found = found.into_iter().map(|one| {
        let below = one.pointer.expect("every finding has a place").replacen("/kubernetes", "", 1);
        (one.severity, one.code, below)
    });
    (asked, found.collect())
}

fn made(section: &Value) -> Vec<Resource> {
    let (asked, found) = read(section);
    assert_eq!(found, []);
    let mut input = DesignInput::documented("aws", "my-nebari", "dev");
    input.after = vec!["aws.cluster.main".into()];
    input.pods_after = vec!["aws.node-group.general".into()];
    asked.add_to(&mut input);
    objects(&input)
}

fn resource<'a>(resources: &'a [Resource], address: &str) -> &'a Resource {
    resources.iter().find(|one| one.address == address).unwrap_or_else(|| panic!("no {address}"))
}

#[test]
fn everything_that_is_asked_for_is_made() {
    let resources = made(&whole());
    let document = |address: &str| &resource(&resources, address).document;
    assert_eq!(
        document("aws.namespace.dev")["metadata"]["labels"],
        json!({ "team": "data", "pod-security.kubernetes.io/enforce": "baseline", "project": "my-nebari",
            "managed-by": "nebari-infrastructure-core" })
    );
    assert_eq!(
        document("aws.resource-quota.dev.quota")["spec"]["hard"],
        json!({ "requests.cpu": "20", "requests.memory": "64Gi", "pods": "100", "requests.nvidia.com/gpu": "4" })
    );
    assert_eq!(
        document("aws.limit-range.dev.limits")["spec"]["limits"],
        json!([{ "type": "Container", "default": { "cpu": "1" }, "defaultRequest": { "cpu": "100m" }, "max": { "cpu": "4" } }])
    );
    assert_eq!(
        document("aws.network-policy.dev.inside")["spec"]["ingress"][0]["from"],
        json!([
            { "podSelector": {} },
            { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } } },
            { "ipBlock": { "cidr": "10.0.0.0/16" } },
        ])
    );
    assert_eq!(document("aws.network-policy.dev.nobody")["spec"]["ingress"], json!([]));
    let class = document("aws.priority-class.batch");
    assert_eq!((&class["value"], &class["description"]), (&json!(1000), &json!("Batch work")));
    let class = document("aws.priority-class.idle");
    assert_eq!((&class["value"], &class["globalDefault"]), (&json!(-1), &json!(true)));
    assert!(resource(&resources, "aws.priority-class.idle").depends_on.contains(&"aws.cluster.main".to_owned()));
}

#[test]
fn a_further_namespace_is_made_like_the_platforms_own() {
    let resources = made(&whole());
    let further = resource(&resources, "aws.namespace.team-a");
    assert_eq!(further.depends_on, resource(&resources, "aws.namespace.prod").depends_on);
    assert_eq!(further.document["metadata"]["labels"]["managed-by"], "nebari-infrastructure-core");
    for role in ["admin", "viewer"] {
        let role = |namespace: &str| resource(&resources, &format!("aws.role.{namespace}.{role}"));
        assert_eq!(role("team-a").document["rules"], role("prod").document["rules"]);
        assert_eq!(role("team-a").depends_on, ["aws.namespace.team-a"]);
    }
    resource(&resources, "aws.role-binding.team-a.viewer");
    // What the document draws for one namespace alone stays there.
    assert!(resources.iter().all(|one| !one.address.starts_with("aws.service-account.team-a.")));
    // Where the platform's own has no roles, neither has this one.
    let (asked, _) = read(&whole());
    assert_eq!(asked.namespaces().collect::<Vec<_>>(), ["dev", "team-a"]);
    let mut bare = DesignInput { provider: "existing".into(), project: "my-nebari".into(), ..DesignInput::default() };
    asked.add_to(&mut bare);
    assert!(objects(&bare).iter().all(|one| !one.address.contains(".role.")));
}

#[test]
fn absent_and_empty_ask_for_nothing() {
    assert_eq!(kubernetes::read(&json!({})), (Kubernetes::default(), Vec::new()));
    for empty in [json!(null), json!({}), json!({ "namespaces": null, "priority_classes": {} })] {
        assert_eq!(read(&empty), (Kubernetes::default(), Vec::new()), "{empty}");
    }
    let empty =
        json!({ "namespaces": { "dev": { "quota": {}, "limits": { "max": null }, "network_policies": null } } });
    let plain = made(&json!({ "namespaces": { "dev": null } }));
    assert_eq!(made(&empty), plain);
    assert_eq!(made(&json!({})), plain);
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let error = |code: &str, at: &str| (Severity::Error, code.to_owned(), at.to_owned());
    let told = |section: Value| read(&section).1;
    assert_eq!(told(json!([])), [error("VALUE_TYPE", "")]);
    assert_eq!(told(json!({ "namespaces": ["dev"] })), [error("VALUE_TYPE", "/namespaces")]);
    for (name, code) in [
        ("Dev", "KUBERNETES_NAME_INVALID"),
        ("a_b", "KUBERNETES_NAME_INVALID"),
        (&*"n".repeat(64), "KUBERNETES_NAME_INVALID"),
        ("kube-system", "KUBERNETES_NAME_RESERVED"),
    ] {
        assert_eq!(told(json!({ "namespaces": { name: {} } })), [error(code, &format!("/namespaces/{name}"))]);
    }
    assert_eq!(told(json!({ "namespaces": { &*"n".repeat(63): {} } })), []);

    let dev = |key: &str, value: Value| told(json!({ "namespaces": { "dev": { key: value } } }));
    let at = |code: &str, below: &str| vec![error(code, &format!("/namespaces/dev/{below}"))];
    assert_eq!(dev("labels", json!({ "project": "mine" })), at("LABEL_RESERVED", "labels/project"));
    assert_eq!(dev("labels", json!({ "a b": "c" })), at("LABEL_INVALID", "labels/a b"));
    assert_eq!(dev("labels", json!({ "x.io/a": "b c" })), at("LABEL_INVALID", "labels/x.io~1a"));
    assert_eq!(dev("labels", json!({ "a": ["b"] })), at("VALUE_TYPE", "labels/a"));
    assert_eq!(dev("quota", json!({ "requests.memory": "64GB" })), at("QUANTITY_INVALID", "quota/requests.memory"));
    assert_eq!(dev("quota", json!({ "requests.cpu": -1 })), at("QUANTITY_INVALID", "quota/requests.cpu"));
    assert_eq!(dev("quota", json!({ "requests.cpu": true })), at("VALUE_TYPE", "quota/requests.cpu"));
    assert_eq!(dev("quota", json!({ "pods": "1500m" })), at("QUANTITY_INVALID", "quota/pods"));
    assert_eq!(dev("quota", json!({ "request.cpu": 1 })), at("RESOURCE_NAME_INVALID", "quota/request.cpu"));
    assert_eq!(dev("quota", json!({ "count/jobs.batch": 3, "requests.hugepages-2Mi": "1Gi" })), []);
    assert_eq!(dev("limits", json!({ "max": { "pods": 3 } })), at("RESOURCE_NAME_INVALID", "limits/max/pods"));
    assert_eq!(
        dev("limits", json!({ "default": { "cpu": "8" }, "max": { "cpu": "4" } })),
        at("LIMITS_CONTRADICT", "limits/default/cpu")
    );
    assert_eq!(
        dev("limits", json!({ "default_request": { "memory": "1Gi" }, "default": { "memory": "1G" } })),
        at("LIMITS_CONTRADICT", "limits/default_request/memory")
    );
    assert_eq!(dev("limits", json!({ "default_request": { "cpu": "1000m" }, "max": { "cpu": 1 } })), []);

    let policy = |value: Value| dev("network_policies", json!({ "p": value }));
    assert_eq!(policy(json!(null)), at("NETWORK_POLICY_INCOMPLETE", "network_policies/p"));
    assert_eq!(policy(json!({ "from": "same_namespace" })), at("VALUE_TYPE", "network_policies/p/from"));
    for wrong in [
        json!("everybody"),
        json!({ "namespace": "a", "cidr": "10.0.0.0/8" }),
        json!({ "pod": "a" }),
        json!({ "cidr": 10 }),
        json!({}),
        json!(1),
    ] {
        assert_eq!(policy(json!({ "from": [wrong] })), at("PEER_INVALID", "network_policies/p/from/0"), "{wrong}");
    }
    let peer = |peer: Value| policy(json!({ "from": ["same_namespace", peer] }));
    assert_eq!(peer(json!({ "cidr": "10.0.0.1/16" })), at("CIDR_INVALID", "network_policies/p/from/1/cidr"));
    assert_eq!(peer(json!({ "namespace": "A" })), at("KUBERNETES_NAME_INVALID", "network_policies/p/from/1/namespace"));
    assert_eq!(peer(json!({ "namespace": "kube-system" })), []);
}

#[test]
fn priorities_are_kept_within_what_kubernetes_leaves_to_users() {
    let told = |section: Value| read(&json!({ "priority_classes": section })).1;
    let error = |code: &str, at: &str| vec![(Severity::Error, code.to_owned(), format!("/priority_classes/{at}"))];
    for fits in [1_000_000_000, 0, -2_147_483_648_i64] {
        assert_eq!(told(json!({ "a": { "value": fits } })), []);
    }
    for too_much in [1_000_000_001, -2_147_483_649_i64] {
        assert_eq!(told(json!({ "a": { "value": too_much } })), error("PRIORITY_INVALID", "a/value"));
    }
    assert_eq!(told(json!({ "a": null })), error("PRIORITY_INVALID", "a"));
    assert_eq!(told(json!({ "a": { "value": 1.5 } })), error("VALUE_TYPE", "a/value"));
    assert_eq!(told(json!({ "a": { "value": 1, "default": "yes" } })), error("VALUE_TYPE", "a/default"));
    assert_eq!(told(json!({ "A": { "value": 1 } })), error("KUBERNETES_NAME_INVALID", "A"));
    assert_eq!(told(json!({ "system-a": { "value": 1 } })), error("KUBERNETES_NAME_RESERVED", "system-a"));
    let two = json!({ "a": { "value": 1, "default": true }, "b": { "value": 2, "default": true } });
    assert_eq!(told(two), error("PRIORITY_DEFAULT_DOUBLED", "b/default"));
}

#[test]
fn unknown_keys_are_warnings_that_say_which_are_known() {
    let section = json!({
        "namespace": {},
        "namespaces": { "dev": { "qouta": {}, "limits": { "min": {} }, "network_policies": { "p": { "from": [], "to": [] } } } },
        "priority_classes": { "a": { "value": 1, "preempt": true } },
    });
    let (_, found) = kubernetes::read(&json!({ "kubernetes": section }));
    let places: Vec<&str> = found.iter().filter_map(|one| one.pointer.as_deref()).collect();
    assert_eq!(
        places,
        [
            "/kubernetes/namespace",
            "/kubernetes/namespaces/dev/qouta",
            "/kubernetes/namespaces/dev/limits/min",
            "/kubernetes/namespaces/dev/network_policies/p/to",
            "/kubernetes/priority_classes/a/preempt",
        ]
    );
    assert!(found.iter().all(|one| one.severity == Severity::Warning && one.code == "UNKNOWN_KEY"));
    assert_eq!(found[1].hints, ["keys read here: `labels`, `quota`, `limits`, `network_policies`"]);
}

#[test]
fn classic_has_none_of_it() {
    assert_eq!(kubernetes::not_in_classic(&json!({})), []);
    assert_eq!(kubernetes::not_in_classic(&json!({ "kubernetes": null })), []);
    let told = kubernetes::not_in_classic(&json!({ "kubernetes": {} }));
    assert_eq!((told.len(), told[0].severity, told[0].code.as_str()), (1, Severity::Warning, "KEY_NOT_IN_TOPOLOGY"));
    assert_eq!(told[0].pointer.as_deref(), Some("/kubernetes"));
}

#[test]
fn the_schema_takes_numbers_and_texts_as_quantities() {
    let schema = kubernetes::schema();
    let namespace = &schema["properties"]["namespaces"]["additionalProperties"]["properties"];
    assert_eq!(namespace["quota"]["additionalProperties"], json!({ "type": ["string", "number"] }));
    let peer = &namespace["network_policies"]["additionalProperties"]["properties"]["from"]["items"];
    assert_eq!(peer["type"], json!(["string", "object"]));
}
