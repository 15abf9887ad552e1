//! Whose platform it is: nothing that reads as absent is acted on in the wrong place, and what another state made is left to it.

use nic_core::engine::{ApplyReport, RunError};
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use nic_core::plan::Action;
use nic_core::resource::Desired;
use nic_core::state::format_v1;
use serde_json::json;

use crate::faults::{Crash, Side};
use crate::platform::{at, edited, platform};
use crate::world::{How, Ran, World};

fn account(id: &str) -> Identity {
    Identity { kind: "account".to_owned(), id: Some(id.to_owned()), ca_sha256: None, name: format!("account {id}") }
}

/// Deployed in account `1`.
fn deployed() -> World {
    let world = World::new();
    world.login.is(Ok(Some(account("1"))));
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    world
}

fn recorded(world: &World) -> Option<Identity> {
    world.disk.state().unwrap().identity
}

/// As if it had been deployed before identities were recorded.
fn forget_whose(world: &World) {
    let mut state = world.disk.state().unwrap();
    state.identity = None;
    *world.disk.bytes.lock().unwrap() = Some(format_v1::encode(&state).unwrap());
}

fn nothing_is_there(world: &World) {
    world.cloud.lock().unwrap().things.clear();
}

fn accepting_loss(world: &World, destroy: bool) -> Ran {
    let wanted = if destroy { Vec::new() } else { platform() };
    world.go(world.provider(wanted), &How { destroy, accept_loss: true, ..How::default() })
}

/// Deploy, destroy and drift are refused with this code, and leave state and cloud as they were.
fn refuses_everything(world: &World, code: &str) {
    let (before, mutations) = (world.disk.bytes.lock().unwrap().clone(), world.mutations());
    for ran in [world.deploy(platform()), world.destroy()] {
        assert_eq!(ran.codes().into_iter().collect::<Vec<_>>(), [code], "{:?}", ran.refused);
    }
    let fixed = world.session(Vec::new(), async |run| {
        let drift = run.drift().await?;
        run.accept_drift(&drift).await
    });
    let Err(RunError::Refused(refused) | RunError::Broke(refused)) = &fixed else { panic!("{fixed:?}") };
    assert_eq!(refused[0].code, code);
    assert_eq!((&before, mutations), (&*world.disk.bytes.lock().unwrap(), world.mutations()));
}

#[test]
fn another_account_is_another_platform_whatever_is_there() {
    let world = deployed();
    world.login.is(Ok(Some(account("2"))));
    // Things of the same ids there would be somebody else's.
    refuses_everything(&world, "STATE_OF_ANOTHER_PLATFORM");
    nothing_is_there(&world);
    refuses_everything(&world, "STATE_OF_ANOTHER_PLATFORM");
    let ran = accepting_loss(&world, true);
    assert!(ran.codes().contains("STATE_OF_ANOTHER_PLATFORM"), "{:?}", ran.refused);
    let detail = &ran.refused[0].detail;
    assert!(detail.contains("account 1") && detail.contains("account 2"), "{detail}");
}

#[test]
fn whose_it_is_is_recorded_before_the_first_change() {
    let world = World::new();
    world.login.is(Ok(Some(account("1"))));
    let mut killed = 0;
    for call in 1..6 {
        world.go(world.provider(platform()), &How { crash: Some(Crash::Call(call, Side::After)), ..How::default() });
        let Some(state) = world.disk.state() else { continue };
        assert!(state.records.is_empty() || state.identity == Some(account("1")), "{state:?}");
        killed += usize::from(!state.records.is_empty());
    }
    assert!(killed > 0);
    assert!(world.deploy(platform()).complete());
    assert_eq!(recorded(&world), Some(account("1")));
    world.assert_settled(platform());
}

#[test]
fn while_nobody_can_say_whose_it_is_nothing_absent_is_acted_on() {
    let world = deployed();
    world.login.is(Err(ProviderError::other("CREDENTIALS_MISSING", "none found")));
    let ran = world.deploy(platform());
    assert!(ran.complete() && ran.plan.change_count() == 0, "{:?}", ran.refused);
    let thing = world.disk.state().unwrap().records[&at("sim.node-group.user")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.remove(&thing);
    refuses_everything(&world, "IDENTITY_UNKNOWN");
    let ran = accepting_loss(&world, false);
    assert!(ran.codes().contains("IDENTITY_UNKNOWN"), "{:?}", ran.refused);
    world.login.is(Ok(Some(account("1"))));
    assert!(world.deploy(platform()).complete());
    world.assert_settled(platform());
}

#[test]
fn a_state_of_before_takes_on_the_account_in_which_something_of_it_is_found() {
    let world = deployed();
    forget_whose(&world);
    assert!(world.deploy(platform()).complete());
    assert_eq!(recorded(&world), Some(account("1")));

    forget_whose(&world);
    nothing_is_there(&world);
    world.login.is(Ok(Some(account("2"))));
    refuses_everything(&world, "IDENTITY_UNKNOWN");
    let ran = accepting_loss(&world, false);
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!(recorded(&world), Some(account("2")));
}

#[test]
fn a_platform_of_which_nothing_is_left_is_not_forgotten_or_made_again_by_itself() {
    let world = deployed();
    nothing_is_there(&world);
    refuses_everything(&world, "PLATFORM_VANISHED");
    let ran = accepting_loss(&world, true);
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert!(ran.plan.changes.iter().all(|change| change.action == Action::Forget));
    assert!(world.disk.state().unwrap().records.is_empty());

    let world = deployed();
    nothing_is_there(&world);
    assert!(accepting_loss(&world, false).complete());
    world.assert_settled(platform());
}

#[test]
fn what_is_missed_of_a_platform_that_stands_is_mended_and_destroyed_as_ever() {
    let gone = |world: &World, address: &str| {
        let thing = world.disk.state().unwrap().records[&at(address)].remote_id.clone().unwrap();
        world.cloud.lock().unwrap().things.remove(&thing);
    };
    let world = deployed();
    gone(&world, "sim.cluster.main");
    assert!(world.deploy(platform()).complete());
    world.assert_settled(platform());
    gone(&world, "sim.cluster.main");
    assert!(world.destroy().complete());
    assert!(world.cloud.lock().unwrap().things.is_empty());
}

#[test]
fn a_destroy_that_was_killed_anywhere_goes_on() {
    for call in 1..40 {
        let world = deployed();
        let how = How { destroy: true, crash: Some(Crash::Call(call, Side::After)), ..How::default() };
        let ran = world.go(world.provider(Vec::new()), &how);
        let again = world.destroy();
        assert!(again.complete(), "after a kill at call {call}: {:?} {:?}", again.refused, again.report);
        assert!(world.cloud.lock().unwrap().things.is_empty());
        if !ran.crashed {
            assert!(call > 20, "only {call} calls");
            return;
        }
    }
}

#[test]
fn what_records_nothing_becomes_the_state_of_any_platform() {
    let world = deployed();
    assert!(world.destroy().complete());
    world.login.is(Ok(Some(account("2"))));
    assert!(world.deploy(platform()).complete());
    assert_eq!(recorded(&world), Some(account("2")));
}

/// The platform, whose role is the first thing that is made.
fn claimed() -> Vec<Desired> {
    let mut wanted = platform();
    wanted.iter_mut().find(|desired| desired.address == at("sim.role.cluster")).unwrap().claim = true;
    wanted
}

#[test]
fn what_another_state_made_is_told_at_once_and_taken_over_only_as_that_state() {
    let world = World::with(platform());
    let other = world.beside();
    let how = How { lineage: "lineage-2", ..How::default() };
    let (before, mutations) = (world.picture(), world.mutations());
    let ran = other.go(other.provider(platform()), &how);
    assert_eq!(ran.codes().into_iter().collect::<Vec<_>>(), ["PLATFORM_OF_ANOTHER_STATE"], "{:?}", ran.refused);
    assert_eq!(ran.refused.len(), 1);
    let told = &ran.refused[0];
    assert!(told.detail.contains("lineage-1 (since 2026-01-01T00:00:00Z)"), "{}", told.detail);
    assert_eq!(told.details["lineages"][0]["lineage"], "lineage-1");
    assert_eq!(told.details["resources"].as_array().map(Vec::len), Some(9));
    assert!(other.disk.state().is_none());

    let ran = other.go(other.provider(platform()), &How { lineage: "lineage-1", ..How::default() });
    assert!(ran.complete() && ran.plan.change_count() == 0, "{:?} {:?}", ran.refused, ran.report);
    assert_eq!((world.mutations(), other.picture()), (mutations, before));
}

#[test]
fn of_two_first_deploys_at_the_same_moment_one_makes_nothing() {
    let world = World::new();
    let other = world.beside();
    let [one, two] = world.race(&other, &claimed());
    let (won, lost) = if one.as_ref().is_ok_and(ApplyReport::is_complete) { (one, two) } else { (two, one) };
    assert!(won.unwrap().is_complete());
    let lost = lost.unwrap();
    let failures: Vec<_> = lost.failures().map(|failure| failure.code.as_str()).collect();
    assert_eq!((failures, lost.changes_done()), (vec!["PLATFORM_OF_ANOTHER_STATE"], 0));
    let creates = world.count("create");
    assert_eq!((world.cloud.lock().unwrap().things.len(), creates), (9, 9));
    world.assert_nothing_doubled();
}

#[test]
fn a_first_deploy_of_a_part_claims_the_platform_too() {
    let world = World::new();
    let only = How { targets: vec!["sim.subnet.a"], ..How::default() };
    let ran = world.go(world.provider(claimed()), &only);
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    let recorded: Vec<_> = world.disk.state().unwrap().records.into_keys().collect();
    assert_eq!(recorded, [at("sim.role.cluster"), at("sim.subnet.a"), at("sim.vpc.main")]);
    // What claims it is as the plan of a part finds it from then on.
    let edited = edited(claimed(), "sim.role.cluster", |role| role["policy"]["Action"] = json!(["ec2"]));
    assert_eq!(world.go(world.provider(edited), &only).plan.change_count(), 0);
}

#[test]
fn a_first_deploy_that_was_killed_after_its_claim_goes_on() {
    for call in 1..12 {
        let world = World::new();
        let crash = Some(Crash::Call(call, Side::After));
        world.go(world.provider(claimed()), &How { crash, ..How::default() });
        assert!(world.deploy(claimed()).complete(), "after a kill at call {call}");
        assert_eq!(world.cloud.lock().unwrap().things.len(), 9);
        world.assert_settled(claimed());
    }
}
