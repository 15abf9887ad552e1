//! How long the core takes to plan, and to read and write a state: from observed truths, without I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use nic_core::address::Address;
use nic_core::graph::DesiredGraph;
use nic_core::kind::{CreateSafety, Kind, TimeLimits};
use nic_core::plan::{PlanInputs, PlanRequest, Purpose, plan};
use nic_core::resource::{Desired, Observed, Record, Status};
use nic_core::state::{State, format_v1};
use serde_json::{Value, json};

/// A platform of many networks, each with subnets, a role, a cluster and node groups.
struct Platform {
    desired: Vec<Desired>,
    records: BTreeMap<Address, Record>,
    observed: BTreeMap<Address, Observed>,
    kinds: BTreeMap<String, Kind>,
}

fn kinds() -> BTreeMap<String, Kind> {
    let text = json!({"type": "string"});
    let fixed = json!({"type": "string", "x-nic": {"immutable": true}});
    let computed = json!({"type": "string", "x-nic": {"computed": true}});
    let set = json!({"type": "array", "items": text, "x-nic": {"set": true}});
    let tags = json!({"$ref": "#/$defs/tags"});
    let kind = |name: &str, properties: Value| {
        let tag = json!({"type": "object", "additionalProperties": {"type": "string"}});
        let kind = Kind {
            kind: format!("sim.{name}"),
            title: name.to_owned(),
            schema: json!({"type": "object", "properties": properties, "$defs": {"tags": tag}}),
            schema_version: 1,
            state_path: format!("cloud.{name}[]"),
            protected: name == "cluster",
            time_limits: TimeLimits { create: 60, update: 60, delete: 60 },
            read_batch: 100,
            create: CreateSafety::Tagged,
            settle_seconds: 30,
        };
        (kind.kind.clone(), kind)
    };
    let cidr = json!({"type": "string", "x-nic": {"normalise": "cidr", "immutable": true}});
    BTreeMap::from([
        kind("vpc", json!({"id": computed, "cidr": cidr, "tags": tags})),
        kind("subnet", json!({"id": computed, "vpc_id": fixed, "cidr": cidr, "zone": fixed, "tags": tags})),
        kind(
            "role",
            json!({"id": computed, "name": fixed, "policy": {"x-nic": {"normalise": "policy"}}, "tags": tags}),
        ),
        kind(
            "cluster",
            json!({"id": computed, "endpoint": computed, "name": fixed, "role": fixed, "version": text, "subnet_ids": set,
                "tags": tags}),
        ),
        kind(
            "node-group",
            json!({"id": computed, "cluster": fixed, "instance_type": fixed, "subnet_ids": set, "tags": tags, "labels": tags,
                "scaling": {"type": "object", "properties": {
                    "min": {"type": "integer"}, "max": {"type": "integer"},
                    "desired": {"type": "integer", "x-nic": {"left-to-cloud": true}}}}}),
        ),
    ])
}

fn to(address: &str) -> Value {
    json!({"$ref": address, "path": "/id"})
}

/// Ten resources: what one cluster needs.
fn one(n: usize) -> Vec<(String, Value)> {
    let tags = json!({"Environment": "dev", "ManagedBy": "nic", "Project": format!("p{n}"), "Owner": "platform",
        "nic/address": format!("unit {n}"), "CostCentre": "4711"});
    let (vpc, role, cluster) = (format!("sim.vpc.n{n}"), format!("sim.role.n{n}"), format!("sim.cluster.n{n}"));
    let subnets: Vec<String> = ["a", "b", "c"].map(|zone| format!("sim.subnet.n{n}-{zone}")).to_vec();
    let subnet_ids: Vec<Value> = subnets.iter().map(|s| to(s)).collect();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole"],
        "Principal": {"Service": "eks.amazonaws.com"}}]});
    let mut found = vec![
        (vpc.clone(), json!({"cidr": "10.0.0.0/16", "tags": tags})),
        (role.clone(), json!({"name": format!("role-{n}"), "policy": policy, "tags": tags})),
    ];
    for (index, subnet) in subnets.iter().enumerate() {
        let cidr = format!("10.0.{index}.0/24");
        found.push((
            subnet.clone(),
            json!({"vpc_id": to(&vpc), "cidr": cidr, "zone": format!("z{index}"), "tags": tags}),
        ));
    }
    found.push((
        cluster.clone(),
        json!({"name": format!("cluster-{n}"), "role": to(&role), "version": "1.30", "subnet_ids": subnet_ids, "tags": tags}),
    ));
    for group in ["general", "user", "worker", "gpu"] {
        found.push((
            format!("sim.node-group.n{n}-{group}"),
            json!({"cluster": {"$ref": cluster, "path": "/name"}, "instance_type": "m5.xlarge", "subnet_ids": subnet_ids,
                "scaling": {"min": 1, "max": 5, "desired": 1}, "labels": {"pool": group}, "tags": tags}),
        ));
    }
    found
}

fn resolved(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.contains_key("$ref") => {
            let address = members["$ref"].as_str().unwrap_or_default();
            match members["path"].as_str() {
                Some("/name") => Value::from(address.replace("sim.cluster.n", "cluster-")),
                _ => Value::from(format!("id of {address}")),
            }
        }
        Value::Object(members) => Value::Object(members.iter().map(|(k, v)| (k.clone(), resolved(v))).collect()),
        Value::Array(elements) => elements.iter().map(resolved).collect(),
        leaf => leaf.clone(),
    }
}

fn platform(resources: usize) -> Platform {
    let kinds = kinds();
    let mut platform = Platform { desired: Vec::new(), records: BTreeMap::new(), observed: BTreeMap::new(), kinds };
    for (address, document) in (0..resources / 10).flat_map(one) {
        let kind = address.rsplit_once('.').map(|(kind, _)| kind.to_owned()).unwrap_or_default();
        let address: Address = address.parse().expect("an address");
        let baseline = resolved(&document);
        let mut shown = baseline.clone();
        shown["id"] = Value::from(format!("id of {address}"));
        let remote_id = Some(format!("id of {address}"));
        platform.observed.insert(
            address.clone(),
            Observed {
                remote_id: remote_id.clone(),
                status: Status::Present,
                document: shown.clone(),
                ..Observed::absent(&address)
            },
        );
        let dependencies = nic_core::document::references(&document).expect("references");
        let record = Record {
            address: address.clone(),
            kind: kind.clone(),
            remote_id,
            attributes: shown,
            baseline,
            dependencies,
            secrets: BTreeMap::new(),
            pending: None,
            imported: false,
            external: false,
            schema_version: 1,
            component_digest: "0".repeat(64),
            name_suffix: None,
            deposed: None,
            shared: false,
            unknown: serde_json::Map::new(),
            state_path: platform.kinds[&kind].state_path.clone(),
        };
        platform.records.insert(address.clone(), record);
        platform.desired.push(Desired::new(address, kind, document));
    }
    platform
}

fn planned(platform: &Platform, desired: Vec<Desired>, fresh: bool) -> usize {
    let graph = DesiredGraph::build(desired).expect("a graph");
    let (records, observed) = (BTreeMap::new(), BTreeMap::new());
    let request = PlanRequest {
        purpose: Purpose::Deploy,
        graph: &graph,
        records: if fresh { &records } else { &platform.records },
        observed: if fresh { &observed } else { &platform.observed },
        kinds: &platform.kinds,
        confirmed: &BTreeSet::new(),
        retained: &BTreeSet::new(),
        fingerprints: &BTreeMap::new(),
        inputs: PlanInputs::default(),
    };
    plan(&request).expect("a plan").change_count()
}

fn benches(criterion: &mut Criterion) {
    for size in [100, 1_000, 10_000] {
        let platform = platform(size);
        assert_eq!(planned(&platform, platform.desired.clone(), false), 0);
        assert_eq!(planned(&platform, platform.desired.clone(), true), size);

        let mut group = criterion.benchmark_group("plan");
        group.sample_size(10).throughput(Throughput::Elements(size as u64));
        for (name, fresh) in [("no-change", false), ("first-deploy", true)] {
            group.bench_with_input(BenchmarkId::new(name, size), &fresh, |bencher, fresh| {
                let setup = || platform.desired.clone();
                bencher.iter_batched(
                    setup,
                    |desired| black_box(planned(&platform, desired, *fresh)),
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();

        let mut state = State::empty("sim", "bench", "dev", "design", "lineage", "2026-01-01T00:00:00Z");
        state.records.clone_from(&platform.records);
        let bytes = format_v1::encode(&state).expect("bytes");
        let mut group = criterion.benchmark_group("state");
        group.sample_size(10).throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            bencher.iter(|| format_v1::encode(black_box(&state)));
        });
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter(|| format_v1::decode(black_box(&bytes)));
        });
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
}
