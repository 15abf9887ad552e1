//! What a plan refuses, before anything is changed.

use std::collections::BTreeSet;
use std::time::Duration;

use nic_core::engine::StepOutcome;
use nic_core::plan::{Action, Plan, Reason};
use nic_core::ports::Event;
use serde_json::json;

use crate::cloud::{Phase, Thing};
use crate::platform::{at, edited, platform, without};
use crate::provider::Lie;
use crate::world::{How, Ran, World};

#[test]
fn unreadable_is_never_absent() {
    let world = World::with(platform());
    for unreadable in ["sim.vpc.main", "sim.cluster.main", "sim.node-group.user"] {
        let mut provider = world.provider(platform());
        provider.unreadable = BTreeSet::from([at(unreadable)]);
        let ran = world.go(provider, &How::default());
        assert_eq!(ran.codes(), BTreeSet::from(["RESOURCE_UNREADABLE"]));
        let mut provider = world.provider(Vec::new());
        provider.unreadable = BTreeSet::from([at(unreadable)]);
        let ran = world.go(provider, &How { destroy: true, ..How::default() });
        assert_eq!(ran.codes(), BTreeSet::from(["RESOURCE_UNREADABLE"]));
    }
    assert_eq!(world.mutations(), 9);
    world.assert_settled(platform());
}

#[test]
fn an_observation_that_is_missing_is_unreadable() {
    let world = World::with(platform());
    let mut provider = world.provider(platform());
    provider.lie = Some((at("sim.subnet.a"), Lie::OmitsObservation));
    let ran = world.go(provider, &How::default());
    assert_eq!(ran.codes(), BTreeSet::from(["RESOURCE_UNREADABLE"]));
    assert_eq!(ran.refused[0].details["cause"], "PROVIDER_LIED");
    assert_eq!(world.mutations(), 9);
}

fn role(owner: Option<&str>) -> Thing {
    Thing {
        kind: "sim.role".to_owned(),
        owner: owner.map(str::to_owned),
        document: json!({"id": "role-x", "name": "sim-cluster", "policy": {"Effect": "Deny"}}),
        phase: Phase::Active,
        done_at: std::time::Duration::ZERO,
        visible_at: std::time::Duration::ZERO,
    }
}

#[test]
fn what_is_not_ours_is_never_touched() {
    let world = World::new();
    world.cloud.lock().unwrap().things.insert("role-x".to_owned(), role(None));
    let ran = world.deploy(platform());
    assert_eq!(ran.codes(), BTreeSet::from(["RESOURCE_FOREIGN"]));
    assert_eq!(world.mutations(), 0);
}

#[test]
fn somebody_elses_thing_that_comes_between_plan_and_apply_is_neither_taken_nor_in_the_way_for_ever() {
    let world = World::new();
    // The create is refused by the name, and by then it is there.
    let provider = world.provider(platform());
    let cloud = world.cloud.clone();
    provider.time.interrupt_after(None);
    let mut desired = platform();
    desired.retain(|d| d.address == at("sim.role.cluster"));
    let how = How { crash: Some(crate::faults::Crash::Call(2, crate::faults::Side::Before)), ..How::default() };
    assert!(world.go(world.provider(desired), &how).crashed);
    cloud.lock().unwrap().things.insert("role-x".to_owned(), role(None));
    let ran = world.go(provider, &How::default());
    assert_eq!(ran.codes(), BTreeSet::from(["RESOURCE_FOREIGN"]));
    // Ours was never made: destroying forgets it and leaves theirs alone.
    let ran = world.destroy();
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!((world.mutations(), cloud.lock().unwrap().things.len()), (0, 1));
    assert!(world.disk.state().unwrap().records.is_empty());
}

#[test]
fn two_things_with_our_marks_are_told_and_not_guessed() {
    let world = World::with(platform());
    world.disk.lose();
    {
        let mut cloud = world.cloud.lock().unwrap();
        let (_, vpc) = cloud.things.iter().find(|(_, t)| t.kind == "sim.vpc").unwrap();
        let twin = vpc.clone();
        cloud.things.insert("vpc-twin".to_owned(), twin);
    }
    let ran = world.deploy(platform());
    assert!(ran.codes().contains("RESOURCE_AMBIGUOUS"), "{:?}", ran.refused);
    assert_eq!(world.mutations(), 9);
}

fn planned(ran: &Ran) -> &Plan {
    let mut plans =
        ran.events.iter().filter_map(|event| if let Event::Planned(plan) = event { Some(plan) } else { None });
    plans.next_back().expect("a plan")
}

/// A cluster that somebody upgrades by hand: their update is waited for, and what the config asks for is not hidden by it.
#[test]
fn what_somebody_else_is_changing_is_told_as_that_and_what_differs_is_shown() {
    let world = World::with(platform());
    let until = world.time.now() + Duration::from_mins(1);
    world.cloud.lock().unwrap().by_hand("sim.cluster", until, |document| document["version"] = json!("1.31"));
    let wanted = edited(platform(), "sim.cluster.main", |d| d["version"] = json!("1.33"));
    let ran = world.deploy(wanted.clone());
    let cluster = planned(&ran).changes.iter().find(|c| c.address == at("sim.cluster.main")).unwrap();
    assert_eq!((cluster.reason, cluster.in_progress), (Reason::ChangedByOthers, true));
    let found: Vec<_> = cluster.differences.iter().map(|d| (d.pointer.as_str(), &d.new)).collect();
    assert!(found.contains(&("/version", &json!("1.33"))), "{found:?}");
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    world.assert_settled(wanted);
}

#[test]
fn a_protected_resource_goes_only_by_name_or_with_everything() {
    let world = World::with(platform());
    let renamed = edited(platform(), "sim.cluster.main", |d| d["name"] = json!("other"));
    let ran = world.deploy(renamed.clone());
    let refused = &ran.refused;
    assert_eq!(refused[0].code, "PROTECTED_NEEDS_CONFIRMATION");
    // Who is asked for a confirmation is told what it is about.
    assert!(refused[0].detail.contains("(`/name` cannot be changed in place)"), "{}", refused[0].detail);
    assert_eq!(refused[0].details["differences"]["sim.cluster.main"][0]["new"], "other");
    // The plan is there to be looked at, and says what it lacks; what stands on it is part of it.
    let plan = planned(&ran);
    assert!(plan.needs_confirmation.contains(&at("sim.cluster.main")), "{:?}", plan.needs_confirmation);
    let cluster = plan.changes.iter().find(|c| c.address == at("sim.cluster.main")).unwrap();
    assert!(cluster.confirmation.as_deref().is_some_and(|why| why.ends_with("its kind is protected")), "{cluster:?}");
    let user = plan.changes.iter().find(|c| c.address == at("sim.node-group.user")).unwrap();
    assert_eq!((cluster.action, user.action), (Action::Replace, Action::Replace));

    let groups = ["sim.node-group.user", "sim.node-group.general", "sim.node-group.worker", "sim.cluster.main"];
    let gone = without(platform(), &groups);
    let ran = world.deploy(gone);
    // One refusal for all of it, and one command that confirms all of it.
    assert_eq!(ran.refused.iter().map(|d| d.code.as_str()).collect::<Vec<_>>(), ["PROTECTED_NEEDS_CONFIRMATION"]);
    let named = planned(&ran).needs_confirmation.iter().map(|address| format!("--confirm {address}"));
    let named = named.collect::<Vec<_>>().join(" ");
    assert!(named.contains("sim.cluster.main") && ran.refused[0].hints[0].contains(&named), "{:?}", ran.refused);
    assert_eq!(world.mutations(), 9);

    let ran = world.go(world.provider(renamed.clone()), &How { confirmed: vec!["sim.cluster.main"], ..How::default() });
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    // The node groups refer to its name, which cannot be changed in place.
    assert_eq!((ran.action("sim.cluster.main"), ran.action("sim.node-group.user")), (Action::Replace, Action::Replace));
    world.assert_nothing_doubled();
    world.assert_settled(renamed);
    assert!(world.destroy().complete());
}

#[test]
fn an_external_resource_is_read_and_referenced_and_never_written() {
    let world = World::with(platform());
    let vpc = world.disk.state().unwrap().records[&at("sim.vpc.main")].clone();
    let mut wanted = vec![crate::platform::resource("sim.vpc.main", json!({"cidr": "10.0.0.0/16"}))];
    wanted[0].external = true;
    let address = json!({"size": "small", "tags": {"for": crate::platform::to("sim.vpc.main", "/id")}});
    wanted.push(crate::platform::resource("sim.address.extra", address));
    world.disk.lose();
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!(world.mutations(), 10);
    let state = world.disk.state().unwrap();
    assert_eq!(state.records[&at("sim.address.extra")].attributes["tags"]["for"], json!(vpc.remote_id));
    assert!(world.destroy().complete());
    assert_eq!((world.count("delete"), world.cloud.lock().unwrap().things.len()), (1, 9));
    // It must be there.
    world.cloud.lock().unwrap().things.clear();
    assert_eq!(world.deploy(wanted).codes(), BTreeSet::from(["EXTERNAL_NOT_FOUND"]));
}

#[test]
fn a_failed_delete_keeps_what_it_stands_on() {
    let world = World::with(platform());
    let mut provider = world.provider(Vec::new());
    provider.lie = Some((at("sim.subnet.b"), Lie::DeletesNothing));
    let ran = world.go(provider, &How { destroy: true, ..How::default() });
    let Some(StepOutcome::Failed(diagnostic)) = ran.outcome("sim.subnet.b") else { panic!("{:?}", ran.report) };
    assert_eq!(
        (diagnostic.code.as_str(), &diagnostic.details["cause"]),
        ("SUBNET_DELETE_FAILED", &json!("PROVIDER_LIED"))
    );
    assert_eq!(ran.outcome("sim.vpc.main"), Some(&StepOutcome::Skipped(at("sim.subnet.b"))));
    assert_eq!(world.disk.state().unwrap().records.len(), 2);
    assert!(world.destroy().complete());
    assert!(world.cloud.lock().unwrap().things.is_empty());
}
