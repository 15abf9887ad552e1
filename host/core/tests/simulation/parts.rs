//! What goes with the thing it is a part of, and what outlives the thing it needs.

use nic_core::resource::Desired;
use serde_json::json;

use crate::platform::{at, platform, resource, to};
use crate::world::{How, World};

/// The platform with an add-on on its cluster, which comes after the node groups, and something that needs the add-on.
fn with_add_on() -> Vec<Desired> {
    let document = json!({"name": "dns", "cluster": to("sim.cluster.main", "/name")});
    let mut add_on = resource("sim.add-on.dns", document);
    add_on.depends_on = ["general", "user", "worker"].map(|group| at(&format!("sim.node-group.{group}"))).into();
    let mut user = resource("sim.address.dns", json!({"size": "small", "tags": {}}));
    user.depends_on.insert(at("sim.add-on.dns"));
    platform().into_iter().chain([add_on, user]).collect()
}

fn deleted(world: &World, address: &str) -> bool {
    world.cloud.lock().unwrap().log.contains(&("delete", format!("lineage-1/{address}")))
}

#[test]
fn a_part_is_not_deleted_one_by_one_when_the_whole_goes() {
    let world = World::with(with_add_on());
    assert!(world.destroy().complete());
    assert!(world.cloud.lock().unwrap().things.is_empty());
    assert!(deleted(&world, "sim.cluster.main") && !deleted(&world, "sim.add-on.dns"));
    assert_eq!(world.disk.state().unwrap().records.len(), 0);
}

#[test]
fn a_part_is_deleted_while_the_whole_stays() {
    let world = World::with(with_add_on());
    assert!(world.deploy(platform()).complete());
    assert!(deleted(&world, "sim.add-on.dns"));
    world.assert_settled(platform());

    let world = World::with(with_add_on());
    let kept = How { destroy: true, retain: vec!["sim.cluster.main"], ..How::default() };
    assert!(world.go(world.provider(Vec::new()), &kept).complete());
    assert!(deleted(&world, "sim.add-on.dns") && !deleted(&world, "sim.cluster.main"));
}

#[test]
fn a_part_stays_recorded_while_the_whole_cannot_be_deleted() {
    let world = World::with(with_add_on());
    world.cloud.lock().unwrap().things.values_mut().filter(|t| t.kind == "sim.cluster").for_each(|cluster| {
        cluster.phase = crate::cloud::Phase::Deleting;
        cluster.done_at = std::time::Duration::MAX;
    });
    let ran = world.destroy();
    assert!(!ran.complete());
    assert!(world.disk.state().unwrap().records.contains_key(&at("sim.add-on.dns")));
}

#[test]
fn what_may_outlive_something_does_not_hold_up_its_deletion() {
    let issuer = resource("sim.issuer.main", json!({"name": "issuer", "of": to("sim.cluster.main", "/version")}));
    let with_issuer: Vec<Desired> = platform().into_iter().chain([issuer]).collect();
    let world = World::with(with_issuer);
    // Its deletion never ends, and the cluster's does.
    world.cloud.lock().unwrap().things.values_mut().filter(|t| t.kind == "sim.issuer").for_each(|issuer| {
        issuer.phase = crate::cloud::Phase::Deleting;
        issuer.done_at = std::time::Duration::MAX;
    });
    let ran = world.destroy();
    assert!(!ran.complete());
    let left: Vec<String> = world.disk.state().unwrap().records.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["sim.issuer.main"]);
}
