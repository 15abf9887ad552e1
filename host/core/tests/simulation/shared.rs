//! What stood before, or is somebody else's: used, never deleted, never forced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nic_core::address::Address;
use nic_core::diagnostic::Severity;
use nic_core::engine::RunError;
use nic_core::plan::{Action, Reason};
use nic_core::resource::{Desired, FieldConflict, Observed, Status};
use serde_json::{Value, json};

use crate::cloud::{Phase, Thing};
use crate::faults::{Crash, Side};
use crate::platform::{at, platform, resource};
use crate::world::{How, Ran, World};

/// How a provider deals with what others made.
#[derive(Clone, Default)]
pub struct Others(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    /// Things of others are used.
    shared: bool,
    conflicts: BTreeMap<Address, Vec<FieldConflict>>,
    /// Another one stands in its place.
    remade: BTreeSet<Address>,
    released: Vec<Address>,
}

impl Others {
    pub fn are_shared(&self) -> bool {
        self.0.lock().unwrap().shared
    }

    /// What is told of a thing.
    pub fn tell(&self, theirs: bool, seen: Observed) -> Observed {
        let told = self.0.lock().unwrap();
        let conflicts = told.conflicts.get(&seen.address).cloned().unwrap_or_default();
        if told.remade.contains(&seen.address) {
            return Observed { status: Status::Foreign("another one".to_owned()), shared: true, ..seen };
        }
        if theirs && told.shared { Observed { shared: true, conflicts, ..seen } } else { seen }
    }

    pub fn release(&self, address: &Address) {
        self.0.lock().unwrap().released.push(address.clone());
    }

    fn released(&self) -> Vec<Address> {
        std::mem::take(&mut self.0.lock().unwrap().released)
    }
}

const ROLE: &str = "sim.role.cluster";

/// A world in which somebody made the role before, with this policy.
fn world_with_role(effect: &str) -> World {
    let world = World::new();
    world.others.0.lock().unwrap().shared = true;
    let document = json!({"id": "role-x", "name": "sim-cluster", "policy": {"Effect": effect, "Action": "eks"}});
    put(&world, "role-x", "sim.role", document);
    world
}

fn put(world: &World, id: &str, kind: &str, document: Value) {
    let thing = Thing {
        kind: kind.to_owned(),
        owner: None,
        document,
        phase: Phase::Active,
        done_at: Duration::ZERO,
        visible_at: Duration::ZERO,
    };
    world.cloud.lock().unwrap().things.insert(id.to_owned(), thing);
}

fn role() -> Vec<Desired> {
    platform().into_iter().filter(|desired| desired.address == at(ROLE)).collect()
}

fn ids(world: &World) -> Vec<String> {
    world.cloud.lock().unwrap().things.keys().cloned().collect()
}

#[test]
fn what_stood_before_is_used_and_stays_when_everything_else_goes() {
    for (effect, action) in [("Allow", Action::NoOp), ("Deny", Action::Update)] {
        let world = world_with_role(effect);
        let ran = world.deploy(platform());
        assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        let change = ran.plan.changes.iter().find(|change| change.address == at(ROLE)).unwrap();
        assert_eq!((change.action, change.reason, change.shared), (action, Reason::Found, true));
        assert!(ran.plan.changes.iter().all(|change| change.shared == (change.address == at(ROLE))));
        let state = world.disk.state().unwrap();
        assert!(state.records.values().all(|record| record.shared == (record.address == at(ROLE))));
        assert_eq!((world.count("create"), world.count("update")), (8, usize::from(action == Action::Update)));
        world.assert_settled(platform());

        let ran = world.destroy();
        assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        let change = ran.plan.changes.iter().find(|change| change.address == at(ROLE)).unwrap();
        assert_eq!((change.action, change.reason), (Action::Forget, Reason::Shared));
        assert_eq!((ran.report.changes_done(), world.count("delete")), (8, 8));
        assert_eq!((ids(&world), world.others.released()), (vec!["role-x".to_owned()], vec![at(ROLE)]));
        assert!(world.disk.state().unwrap().records.is_empty());
    }
}

#[test]
fn what_is_taken_out_of_the_config_or_retained_is_not_deleted_either() {
    let world = world_with_role("Allow");
    assert!(world.deploy(role()).complete());
    let how = How { destroy: true, retain: vec!["sim.role"], ..How::default() };
    let ran = world.go(world.provider(Vec::new()), &how);
    assert!(ran.complete() && world.others.released().is_empty(), "{:?}", ran.refused);
    assert!(world.disk.state().unwrap().records[&at(ROLE)].shared);
    let ran = world.deploy(Vec::new());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!((ran.action(ROLE), world.count("delete")), (Action::Forget, 0));
    assert_eq!((ids(&world), world.others.released()), (vec!["role-x".to_owned()], vec![at(ROLE)]));
}

/// The second run may meet what the first one has begun.
fn until_complete(run: impl Fn() -> Ran) -> Ran {
    let first = run();
    if first.complete() { first } else { run() }
}

#[test]
fn a_kill_at_any_moment_neither_deletes_it_nor_makes_it_ours() {
    for side in [Side::Before, Side::After] {
        for number in 0..40 {
            let crashes = [Crash::Call(number, side), Crash::Write(number, side)];
            for crash in crashes {
                let world = world_with_role("Deny");
                let killed = |destroy| How { destroy, crash: Some(crash), ..How::default() };
                world.go(world.provider(platform()), &killed(false));
                let ran = until_complete(|| world.deploy(platform()));
                assert!(ran.complete(), "{crash:?}: {:?} {:?}", ran.refused, ran.report);
                assert!(world.disk.state().unwrap().records[&at(ROLE)].shared, "{crash:?}");
                world.go(world.provider(Vec::new()), &killed(true));
                let ran = until_complete(|| world.destroy());
                assert!(ran.complete(), "{crash:?}: {:?} {:?}", ran.refused, ran.report);
                assert_eq!(ids(&world), ["role-x"], "{crash:?}");
                assert!(world.others.released().contains(&at(ROLE)), "{crash:?}");
            }
        }
    }
}

#[test]
fn what_others_decide_is_told_by_name_and_keeps_from_going_on_unless_it_serves() {
    let conflict = |left| FieldConflict { field: ".policy".to_owned(), manager: "helm".to_owned(), left };
    let world = world_with_role("Deny");
    let hold = |left| world.others.0.lock().unwrap().conflicts.insert(at(ROLE), vec![conflict(left)]);
    hold(false);
    let ran = world.deploy(platform());
    assert_eq!(ran.codes(), BTreeSet::from(["FIELD_MANAGER_CONFLICT"]));
    assert_eq!(ran.refused[0].detail, "role `cluster`: `.policy` is decided by `helm`");
    assert_eq!(ran.refused[0].details["resources"][0]["fields"][0]["manager"], "helm");
    assert!(ran.refused[0].hints.len() == 2 && world.mutations() == 0, "{:?}", ran.refused);
    hold(true);
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    let told: Vec<_> = ran.plan.notes.iter().map(|note| (note.severity, note.code.as_str())).collect();
    assert_eq!(told, [(Severity::Warning, "FIELD_MANAGER_CONFLICT")]);
    // Nobody is asked when it goes.
    hold(false);
    assert!(world.destroy().complete());
}

#[test]
fn what_would_have_to_be_made_anew_is_refused_by_name() {
    let world = World::new();
    world.others.0.lock().unwrap().shared = true;
    put(&world, "pool-x", "sim.pool", json!({"id": "pool-x", "name": "p", "size": "large"}));
    let wanted = vec![resource("sim.pool.p", json!({"name": "p", "size": "small"}))];
    let ran = world.deploy(wanted);
    assert_eq!(ran.codes(), BTreeSet::from(["SHARED_OBJECT_DIFFERS"]));
    assert!(
        ran.refused[0].detail.contains("pool `p`") && ran.refused[0].detail.contains("`/size`"),
        "{:?}",
        ran.refused
    );
    assert_eq!(ran.refused[0].details["differences"][0]["old"], "large");
    assert_eq!((world.mutations(), ids(&world)), (0, vec!["pool-x".to_owned()]));
}

#[test]
fn what_somebody_made_anew_is_refused_until_it_is_accepted_and_then_shared() {
    let world = World::with(role());
    world.others.0.lock().unwrap().remade.insert(at(ROLE));
    let mutations = world.mutations();
    for ran in [world.deploy(role()), world.destroy()] {
        assert_eq!(ran.codes(), BTreeSet::from(["RESOURCE_FOREIGN"]));
        assert!(ran.refused[0].hints.iter().any(|hint| hint.contains("nic drift accept")), "{:?}", ran.refused);
    }
    let Err(RunError::Refused(refused)) = world.fix() else { panic!("it was planned") };
    assert_eq!(refused[0].code, "RESOURCE_FOREIGN");
    assert_eq!(world.drifted(), [(ROLE.to_owned(), "Foreign(\"another one\")".to_owned())]);
    assert_eq!(world.mutations(), mutations);

    let accepted = world.session(Vec::new(), async |run| {
        let drift = run.drift().await.unwrap();
        assert!(drift.report.has_drift());
        run.accept_drift(&drift).await.unwrap()
    });
    assert_eq!((accepted, world.disk.state().unwrap().records[&at(ROLE)].shared), (1, true));
    // From then on it is what state says.
    world.others.0.lock().unwrap().remade.clear();
    world.others.0.lock().unwrap().shared = true;
    let id = world.disk.state().unwrap().records[&at(ROLE)].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&id).unwrap().owner = None;
    world.assert_settled(role());
    assert!(world.destroy().complete());
    assert_eq!(ids(&world), [id]);
}

#[test]
fn what_others_deleted_is_not_brought_back_and_deploy_makes_one_of_ours() {
    let world = world_with_role("Allow");
    assert!(world.deploy(role()).complete());
    world.cloud.lock().unwrap().things.clear();
    let Err(RunError::Refused(refused)) = world.fix() else { panic!("it was planned") };
    assert_eq!((refused.len(), refused[0].code.as_str()), (1, "DRIFT_NEEDS_DEPLOY"));
    assert_eq!(world.mutations(), 0);
    assert!(world.deploy(role()).complete());
    assert!(!world.disk.state().unwrap().records[&at(ROLE)].shared);
    assert!(world.destroy().complete());
    assert_eq!((world.count("create"), world.count("delete"), ids(&world).len()), (1, 1, 0));
}

#[test]
fn drift_of_ours_on_it_is_brought_back_without_force() {
    let world = world_with_role("Allow");
    assert!(world.deploy(role()).complete());
    world.meddle(ROLE, "/policy", json!({"Effect": "Deny"}));
    assert_eq!(world.drifted(), [(ROLE.to_owned(), "/policy".to_owned())]);
    assert_eq!(world.fix().unwrap(), 1);
    assert!(world.disk.state().unwrap().records[&at(ROLE)].shared);
}
