//! A provider that breaks its contract fails its own change, with a code, and nothing else.

use nic_core::engine::StepOutcome;
use nic_core::resource::Desired;
use serde_json::{Value, json};

use crate::platform::{at, edited, platform};
use crate::provider::Lie;
use crate::world::{How, Ran, World};

fn lied(world: &World, wanted: Vec<Desired>, address: &str, lie: Lie) -> Ran {
    let mut provider = world.provider(wanted);
    provider.lie = Some((at(address), lie));
    world.go(provider, &How::default())
}

fn failed<'a>(ran: &'a Ran, address: &str) -> (&'a str, &'a Value) {
    let Some(StepOutcome::Failed(diagnostic)) = ran.outcome(address) else {
        panic!("{:?} {:?}", ran.refused, ran.report)
    };
    (&diagnostic.code, &diagnostic.details["cause"])
}

#[test]
fn an_update_that_does_nothing_is_called_once() {
    let world = World::with(platform());
    let wanted = edited(platform(), "sim.vpc.main", |d| d["tags"]["env"] = json!("prod"));
    let wanted = edited(wanted, "sim.subnet.a", |d| d["tags"]["tier"] = json!("private"));
    let ran = lied(&world, wanted.clone(), "sim.vpc.main", Lie::UpdateDoesNothing);
    assert_eq!(failed(&ran, "sim.vpc.main"), ("VPC_UPDATE_FAILED", &json!("CHANGE_NOT_CONVERGING")));
    assert!(world.deploy(wanted.clone()).complete());
    world.assert_settled(wanted);
}

#[test]
fn an_update_that_removes_nothing_is_noticed() {
    let world = World::with(platform());
    let wanted = edited(platform(), "sim.vpc.main", |d| d["tags"] = json!({}));
    let ran = lied(&world, wanted.clone(), "sim.vpc.main", Lie::UpdateDoesNothing);
    assert_eq!(failed(&ran, "sim.vpc.main"), ("VPC_UPDATE_FAILED", &json!("CHANGE_NOT_CONVERGING")));
    assert!(world.deploy(wanted.clone()).complete());
    world.assert_settled(wanted);
}

#[test]
fn a_created_thing_that_is_not_what_was_asked_for_is_told_and_replaced() {
    let world = World::new();
    let ran = lied(&world, platform(), "sim.subnet.a", Lie::OtherCidr);
    assert_eq!(failed(&ran, "sim.subnet.a"), ("SUBNET_UPDATE_FAILED", &json!("CHANGE_NOT_POSSIBLE")));
    // What is there, what was asked for, and where to see what that takes.
    let Some(StepOutcome::Failed(diagnostic)) = ran.outcome("sim.subnet.a") else { unreachable!() };
    let said = &diagnostic.detail;
    assert!(said.contains("`/cidr` is `") && said.contains("and should be `10."), "{said}");
    assert!(diagnostic.hints[0].contains("`nic plan`"), "{:?}", diagnostic.hints);
    assert!(matches!(ran.outcome("sim.subnet.b"), Some(StepOutcome::Done(_))));
    assert_eq!(ran.outcome("sim.cluster.main"), Some(&StepOutcome::Skipped(at("sim.subnet.a"))));
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    world.assert_nothing_doubled();
    world.assert_settled(platform());
}

#[test]
fn a_creation_that_shows_nothing_or_something_else_is_no_creation() {
    for lie in [Lie::ShowsNothing, Lie::OtherAddress, Lie::ForgesRecord] {
        let world = World::new();
        let ran = lied(&world, platform(), "sim.subnet.a", lie);
        assert_eq!(failed(&ran, "sim.subnet.a"), ("SUBNET_CREATE_FAILED", &json!("PROVIDER_LIED")));
        // It exists, and its name is known.
        assert!(world.disk.state().unwrap().records[&at("sim.subnet.a")].remote_id.is_some());
        assert!(world.deploy(platform()).complete());
        world.assert_nothing_doubled();
        world.assert_settled(platform());
    }
}

#[test]
fn a_creation_that_ends_without_an_answer_stays_begun_and_is_found() {
    let (trapped, withheld) = ((Lie::Traps, "PROVIDER_TRAPPED"), (Lie::Withheld, "RESPONSE_HOLDS_SECRET"));
    for (address, (lie, cause)) in
        ["sim.vpc.main", "sim.subnet.a"].into_iter().flat_map(|address| [(address, trapped), (address, withheld)])
    {
        let world = World::new();
        let ran = lied(&world, platform(), address, lie);
        assert_eq!(failed(&ran, address).1, &json!(cause));
        let state = world.disk.state().unwrap();
        assert!(state.records[&at(address)].pending.is_some(), "{address} was forgotten");
        assert!(world.deploy(platform()).complete());
        world.assert_nothing_doubled();
        world.assert_settled(platform());
    }
}

#[test]
fn polling_for_ever_ends_at_the_time_limit_and_does_not_hurry() {
    let world = World::new();
    let ran = lied(&world, platform(), "sim.cluster.main", Lie::PollsForever);
    assert_eq!(failed(&ran, "sim.cluster.main"), ("CLUSTER_CREATE_FAILED", &json!("TIMED_OUT")));
    assert!(world.deploy(platform()).complete());
    assert_eq!(world.count("create"), 9);
}
