//! What `retain` lists outlives the platform.

use std::time::Duration;

use nic_core::plan::{Action, Reason};

use crate::platform::{at, platform};
use crate::world::{How, World};

fn keeping(name: &'static str) -> How {
    How { destroy: true, retain: vec![name], ..How::default() }
}

#[test]
fn what_is_retained_stays_with_what_it_stands_on_and_goes_later() {
    for name in ["sim.subnet.a", "subnet"] {
        let world = World::with(platform());
        let ran = world.go(world.provider(Vec::new()), &keeping(name));
        assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        let kept: Vec<_> = ran.plan.changes.iter().filter(|c| c.reason == Reason::Retained).collect();
        assert!(kept.iter().all(|c| c.action == Action::NoOp));
        let state = world.disk.state().unwrap();
        let mut expected = vec![at("sim.subnet.a"), at("sim.vpc.main")];
        if name == "subnet" {
            expected.insert(1, at("sim.subnet.b"));
        }
        assert_eq!(state.records.keys().cloned().collect::<Vec<_>>(), expected);
        assert_eq!(world.cloud.lock().unwrap().things.len(), expected.len());

        // It is built upon again, and without the wish it goes.
        assert!(world.deploy(platform()).complete());
        world.assert_settled(platform());
        assert!(world.destroy().complete());
        assert!(world.cloud.lock().unwrap().things.is_empty());
    }
}

#[test]
fn what_is_retained_and_read_too_early_is_not_deleted_when_it_shows() {
    let world = World::with(platform());
    let id = world.disk.state().unwrap().records[&at("sim.subnet.a")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&id).unwrap().visible_at = world.time.now() + Duration::from_secs(5);
    let ran = world.go(world.provider(Vec::new()), &keeping("sim.subnet.a"));
    assert_eq!(ran.action("sim.subnet.a"), Action::Forget);
    let causes: Vec<_> = ran.report.failures().map(|failure| failure.details["cause"].clone()).collect();
    assert_eq!(causes, ["RESOURCE_FOUND_AGAIN"]);
    let ran = world.go(world.provider(Vec::new()), &keeping("sim.subnet.a"));
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!(world.cloud.lock().unwrap().things.len(), 2);
}

#[test]
fn the_first_word_stands_for_protected_kinds_only() {
    let world = World::with(platform());
    let ran = world.go(world.provider(Vec::new()), &keeping("node"));
    assert_eq!(ran.codes(), ["RETAIN_UNKNOWN"].into());
    assert_eq!(world.mutations(), 9);
}

#[test]
fn a_misspelt_name_destroys_nothing() {
    for name in ["sim.subnet.z", "subnets", "Sim.Subnet", ""] {
        let world = World::with(platform());
        let ran = world.go(world.provider(Vec::new()), &keeping(name));
        assert_eq!(ran.codes(), ["RETAIN_UNKNOWN"].into(), "{name}");
        assert_eq!(world.cloud.lock().unwrap().things.len(), 9);
    }
}
