//! Only a part of the platform.

use serde_json::json;

use crate::platform::{at, edited, platform, without};
use crate::world::{How, World};

fn only(target: &'static str) -> How {
    How { targets: vec![target], ..How::default() }
}

#[test]
fn a_target_brings_what_it_needs_and_the_rest_comes_later() {
    let world = World::new();
    let ran = world.go(world.provider(platform()), &only("sim.subnet.a"));
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    let recorded: Vec<_> = world.disk.state().unwrap().records.into_keys().collect();
    assert_eq!(recorded, [at("sim.subnet.a"), at("sim.vpc.main")]);
    assert!(world.deploy(platform()).complete());
    world.assert_nothing_doubled();
    world.assert_settled(platform());
}

#[test]
fn edits_and_removals_elsewhere_are_left_alone() {
    let world = World::with(platform());
    let wanted = without(platform(), &["sim.node-group.worker"]);
    let wanted = edited(wanted, "sim.vpc.main", |d| d["tags"]["env"] = json!("prod"));
    let wanted = edited(wanted, "sim.role.cluster", |d| d["policy"]["Action"] = json!(["ec2"]));
    let ran = world.go(world.provider(wanted.clone()), &only("sim.role.cluster"));
    assert!(ran.complete() && ran.plan.change_count() == 1, "{:?}", ran.plan.changes);
    let ran = world.go(world.provider(wanted.clone()), &only("sim.node-group.worker"));
    assert!(ran.complete() && ran.plan.change_count() == 1, "{:?}", ran.plan.changes);
    assert_eq!(world.deploy(wanted.clone()).plan.change_count(), 1);
    world.assert_settled(wanted);
}

#[test]
fn destroying_a_target_takes_what_stands_on_it() {
    let world = World::with(platform());
    let ran = world.go(world.provider(Vec::new()), &How { destroy: true, ..only("sim.cluster.main") });
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    let left: Vec<_> = world.disk.state().unwrap().records.into_keys().map(|a| a.to_string()).collect();
    assert_eq!(left, ["sim.address.nat", "sim.role.cluster", "sim.subnet.a", "sim.subnet.b", "sim.vpc.main"]);
    assert_eq!(world.deploy(platform()).report.changes_done(), 4);
}

#[test]
fn an_unknown_target_is_refused() {
    let world = World::with(platform());
    let ran = world.go(world.provider(platform()), &only("sim.vpc.other"));
    assert_eq!(ran.codes().into_iter().collect::<Vec<_>>(), ["TARGET_UNKNOWN"]);
}
