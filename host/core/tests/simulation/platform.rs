//! What is deployed: the kinds, and a small platform of them.

use nic_core::address::Address;
use nic_core::kind::{CreateSafety, Description, Kind, TimeLimits};
use nic_core::resource::Desired;
use serde_json::{Value, json};

/// How long reads may lag behind creates, in seconds.
pub const SETTLE: u32 = 30;

/// An address.
pub fn at(text: &str) -> Address {
    text.parse().unwrap()
}

fn kind(name: &str, create: CreateSafety, state_path: &str, properties: &Value) -> Kind {
    let is_root = ["vpc", "cluster"].contains(&name);
    Kind {
        kind: format!("sim.{name}"),
        title: name.to_owned(),
        schema: json!({
            "type": "object", "x-nic": {"root": is_root}, "properties": properties,
        }),
        schema_version: 1,
        state_path: state_path.to_owned(),
        protected: name == "cluster",
        time_limits: TimeLimits { create: 2400, update: 2400, delete: 2400 },
        read_batch: 4,
        create,
        settle_seconds: SETTLE,
    }
}

/// All three ways in which a create is made safe, and every annotation.
pub fn description() -> Description {
    let immutable = json!({"type": "string", "x-nic": {"immutable": true}});
    let computed = json!({"type": "string", "x-nic": {"computed": true}});
    let early = json!({"type": "string", "x-nic": {"computed": true, "remote-id": true}});
    let text = json!({"type": "string"});
    let name = json!({"type": "string", "x-nic": {"immutable": true, "natural-name": true}});
    let tags = json!({"type": "object", "additionalProperties": {"type": "string"}});
    // What is found by its mark waits for nothing that its document references.
    let marks = json!({"type": "object", "additionalProperties": {"type": "string"}, "x-nic": {"natural-name": true}});
    let set = json!({"type": "array", "items": {"type": "string"}, "x-nic": {"set": true}});
    let fixed_set = json!({"type": "array", "items": {"type": "string"}, "x-nic": {"set": true, "immutable": true}});
    let cidr = json!({"type": "string", "x-nic": {"immutable": true, "normalise": "cidr"}});
    let scaling = json!({"type": "object", "properties": {
        "max": {"type": "integer"},
        "desired": {"type": "integer", "x-nic": {"left-to-cloud": true}},
    }});
    let kinds = vec![
        kind("vpc", CreateSafety::Tagged, "cloud.vpc", &json!({"id": computed, "cidr": cidr, "tags": marks})),
        kind(
            "subnet",
            CreateSafety::Tagged,
            "cloud.vpc.subnets[]",
            &json!({"id": early, "vpc_id": immutable, "cidr": cidr, "tags": marks}),
        ),
        kind(
            "role",
            CreateSafety::Named,
            "cloud.roles[]",
            &json!({"id": computed, "name": name, "policy": {"x-nic": {"normalise": "policy"}}}),
        ),
        Kind {
            schema: json!({
                "type": "object", "x-nic": {"hosts": "sim.object", "root": true},
                "properties": {"id": computed, "endpoint": computed, "name": name, "role": immutable, "version": text,
                    "subnet_ids": set, "log_types": set},
            }),
            ..kind("cluster", CreateSafety::Named, "cloud.cluster", &json!({}))
        },
        kind(
            "object",
            CreateSafety::Named,
            "kubernetes.objects[]",
            &json!({"id": computed, "name": name, "cluster": immutable}),
        ),
        kind(
            "node-group",
            CreateSafety::Token,
            "cloud.node_groups[]",
            &json!({"id": computed, "cluster": immutable, "instance_type": immutable, "subnet_ids": fixed_set,
                "scaling": scaling, "labels": tags}),
        ),
        kind(
            "address",
            CreateSafety::Token,
            "cloud.addresses[]",
            &json!({"id": computed, "size": immutable, "tags": tags}),
        ),
        kind(
            "pool",
            CreateSafety::Named,
            "cloud.pools[]",
            &json!({"id": computed, "name": immutable, "cluster": immutable, "size": immutable, "labels": tags}),
        ),
        Kind {
            schema: json!({
                "type": "object", "x-nic": {"goes-with": "sim.cluster"},
                "properties": {"id": computed, "name": name, "cluster": immutable},
            }),
            ..kind("add-on", CreateSafety::Named, "cloud.add_ons[]", &json!({}))
        },
        Kind {
            schema: json!({
                "type": "object", "x-nic": {"outlives": "sim.cluster"},
                "properties": {"id": computed, "name": name, "of": json!({"type": "string"})},
            }),
            ..kind("issuer", CreateSafety::Named, "cloud.issuers[]", &json!({}))
        },
        Kind {
            schema: json!({
                "type": "object", "x-nic": {"only-deletes": true}, "properties": {"id": computed, "name": name},
            }),
            ..kind("guard", CreateSafety::Named, "cloud.guards[]", &json!({}))
        },
        kind("queue", CreateSafety::Token, "cloud.queues[]", &json!({"id": early, "arn": computed, "tags": tags})),
    ];
    Description {
        settings: std::collections::BTreeMap::new(),
        name: "sim".to_owned(),
        version: "1.0.0".to_owned(),
        config_sections: std::collections::BTreeMap::new(),
        kinds,
    }
}

/// A reference.
pub fn to(address: &str, path: &str) -> Value {
    json!({ "$ref": address, "path": path })
}

/// One desired resource.
pub fn resource(address: &str, document: Value) -> Desired {
    let kind = address.rsplit_once('.').unwrap().0.to_owned();
    Desired::new(at(address), kind, document)
}

fn subnet(name: &str, cidr: &str) -> Desired {
    let document = json!({"vpc_id": to("sim.vpc.main", "/id"), "cidr": cidr, "tags": {"tier": "public"}});
    resource(&format!("sim.subnet.{name}"), document)
}

fn node_group(name: &str, subnets: &[&str]) -> Desired {
    let subnets: Vec<Value> = subnets.iter().map(|subnet| to(&format!("sim.subnet.{subnet}"), "/id")).collect();
    let document = json!({
        "cluster": to("sim.cluster.main", "/name"),
        "instance_type": "m5.xlarge",
        "subnet_ids": subnets,
        "scaling": {"max": 5, "desired": 1},
        "labels": {"pool": name},
    });
    let mut desired = resource(&format!("sim.node-group.{name}"), document);
    desired.depends_on.insert(at("sim.cluster.main"));
    desired
}

/// Nine resources: a network, a role, a cluster, node groups, an address.
pub fn platform() -> Vec<Desired> {
    vec![
        resource("sim.vpc.main", json!({"cidr": "10.0.0.0/16", "tags": {"env": "dev"}})),
        subnet("a", "10.0.1.0/24"),
        subnet("b", "10.0.2.0/24"),
        resource("sim.role.cluster", json!({"name": "sim-cluster", "policy": {"Effect": "Allow", "Action": ["eks"]}})),
        resource(
            "sim.cluster.main",
            json!({
                "name": "sim-dev",
                "role": to("sim.role.cluster", "/id"),
                "version": "1.30",
                "subnet_ids": [to("sim.subnet.a", "/id"), to("sim.subnet.b", "/id")],
                "log_types": ["api", "audit"],
            }),
        ),
        node_group("general", &["a", "b"]),
        node_group("user", &["a"]),
        node_group("worker", &["b"]),
        resource(
            "sim.address.nat",
            json!({"size": "small", "tags": {"for": {"$join": ["nat of ", to("sim.vpc.main", "/id")]}}}),
        ),
    ]
}

/// The platform with one document edited.
pub fn edited(mut desired: Vec<Desired>, address: &str, edit: impl FnOnce(&mut Value)) -> Vec<Desired> {
    let address = at(address);
    edit(&mut desired.iter_mut().find(|d| d.address == address).expect("no such resource").document);
    desired
}

/// The platform without some of its resources.
pub fn without(mut desired: Vec<Desired>, addresses: &[&str]) -> Vec<Desired> {
    desired.retain(|d| !addresses.contains(&d.address.as_str()));
    desired
}

/// Everything that can change in one go: in place, several steps in place, replaced, removed and added.
pub fn changed_platform() -> Vec<Desired> {
    let mut desired = without(platform(), &["sim.subnet.b", "sim.node-group.user"]);
    desired.push(subnet("c", "10.0.3.0/24"));
    let subnets = |from: &[&str]| from.iter().map(|s| to(&format!("sim.subnet.{s}"), "/id")).collect::<Vec<_>>();
    let desired = edited(desired, "sim.vpc.main", |d| d["tags"] = json!({"env": "prod", "team": "x"}));
    let desired = edited(desired, "sim.cluster.main", |d| {
        d["version"] = json!("1.33");
        d["subnet_ids"] = json!(subnets(&["c", "a"]));
    });
    let desired = edited(desired, "sim.node-group.general", |d| d["subnet_ids"] = json!(subnets(&["a", "c"])));
    let desired = edited(desired, "sim.node-group.worker", |d| {
        d["subnet_ids"] = json!(subnets(&["c"]));
        d["instance_type"] = json!("m5.2xlarge");
    });
    edited(desired, "sim.role.cluster", |d| d["policy"]["Action"] = json!(["eks", "ec2"]))
}
