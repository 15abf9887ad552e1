//! What is there before its create is done.

use std::time::Duration;

use nic_core::engine::StepOutcome;
use serde_json::json;

use crate::faults::Fault;
use crate::platform::{at, platform, resource, to};
use crate::world::World;

/// When a resource was made in the cloud.
fn made_at(world: &World, kind: &str) -> Duration {
    let cloud = world.cloud.lock().unwrap();
    let thing = cloud.things.values().find(|thing| thing.kind == kind).expect("it was made");
    thing.visible_at
}

#[test]
fn whoever_needs_only_the_id_begins_when_the_create_has_told_it() {
    // A queue tells its id at once and takes 15 minutes.
    let queue = resource("sim.queue.main", json!({"tags": {"tier": "one"}}));
    let address = |tag| resource("sim.address.main", json!({"size": "small", "tags": {"near": tag}}));
    let mut strict = address(to("sim.queue.main", "/id"));
    strict.depends_on.insert(at("sim.queue.main"));
    for (dependent, waits) in [
        (address(to("sim.queue.main", "/id")), false),
        // What is asked for is known as well.
        (address(to("sim.queue.main", "/tags/tier")), false),
        (strict, true),
    ] {
        let wanted = vec![queue.clone(), dependent];
        let world = World::with(wanted.clone());
        assert_eq!(made_at(&world, "sim.address") >= Duration::from_mins(15), waits, "{wanted:?}");
        world.assert_settled(wanted);
    }
}

#[test]
fn what_most_waits_for_is_begun_first() {
    let mut wanted = platform();
    wanted.push(resource("sim.address.alone", json!({"size": "small", "tags": {}})));
    let world = World::with(wanted);
    let log = world.cloud.lock().unwrap().log.clone();
    let begun = |name: &str| log.iter().position(|entry| *entry == ("create", format!("lineage-1/{name}"))).unwrap();
    assert!(begun("sim.vpc.main") < begun("sim.address.alone"), "{log:?}");
}

#[test]
fn a_create_that_breaks_stops_what_has_not_begun() {
    let queue = resource("sim.queue.main", json!({"tags": {}}));
    let early = resource("sim.address.early", json!({"size": "small", "tags": {"near": to("sim.queue.main", "/id")}}));
    let mut late = resource("sim.address.late", json!({"size": "small", "tags": {}}));
    late.depends_on.insert(at("sim.queue.main"));
    let wanted = vec![queue, early, late];
    let world = World::new();
    world.cloud.lock().unwrap().breaks = Some("lineage-1/sim.queue.main".to_owned());
    let ran = world.deploy(wanted.clone());
    assert!(!ran.complete());
    for address in ["sim.address.early", "sim.address.late"] {
        assert!(matches!(ran.outcome(address), Some(StepOutcome::Skipped(_))), "{address}: {:?}", ran.outcome(address));
    }
}

#[test]
fn what_was_just_made_may_not_be_found_by_who_refers_to_it() {
    for seconds in [1, 20, 60] {
        let world = World::new();
        world.faults.schedule(vec![Fault::Invisible(seconds); 40]);
        let ran = world.deploy(platform());
        assert!(ran.complete(), "{seconds}: {:?} {:?}", ran.refused, ran.report);
        world.assert_nothing_doubled();
        world.assert_settled(platform());
    }
}

#[test]
fn what_is_not_found_for_long_is_an_error() {
    let world = World::new();
    world.faults.schedule(vec![Fault::Invisible(600); 40]);
    assert!(!world.deploy(platform()).complete());
    world.faults.schedule([]);
    world.time.pass(Duration::from_mins(10));
    assert!(world.deploy(platform()).complete());
    world.assert_nothing_doubled();
    world.assert_settled(platform());
}

#[test]
fn what_is_deleted_before_something_is_made_without_it() {
    let mut early = resource("sim.queue.early", json!({"tags": {}}));
    early.deleted_before.insert(at("sim.cluster.main"));
    let mut wanted = platform();
    wanted.push(early);
    let world = World::with(wanted.clone());
    assert!(made_at(&world, "sim.queue") < made_at(&world, "sim.cluster"));
    world.assert_settled(wanted);
    assert!(world.destroy().complete());
    let log = world.cloud.lock().unwrap().log.clone();
    let deleted = |name: &str| log.iter().position(|entry| *entry == ("delete", format!("lineage-1/{name}"))).unwrap();
    assert!(deleted("sim.queue.early") < deleted("sim.cluster.main"));
}

#[test]
fn what_only_deletes_waits_for_nothing_and_goes_first() {
    let mut guard = resource("sim.guard.main", json!({"name": "guard"}));
    guard.depends_on.insert(at("sim.queue.main"));
    let wanted = vec![resource("sim.queue.main", json!({"tags": {}})), guard];
    let world = World::with(wanted.clone());
    assert!(made_at(&world, "sim.guard") < Duration::from_mins(1));
    world.assert_settled(wanted);
    assert!(world.destroy().complete());
    let log = world.cloud.lock().unwrap().log.clone();
    let deleted = |name: &str| log.iter().position(|entry| *entry == ("delete", format!("lineage-1/{name}"))).unwrap();
    assert!(deleted("sim.guard.main") < deleted("sim.queue.main"));
}
