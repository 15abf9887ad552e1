//! The cloud is changed behind NIC's back: told, accepted, or brought back.

use nic_core::drift::Condition;
use nic_core::engine::{Run, RunError};
use nic_core::identity::Identity;
use nic_core::plan::Purpose;
use serde_json::{Value, json};

use crate::platform::{at, platform};
use crate::world::{How, World};

impl World {
    /// Somebody changes a thing in the cloud.
    pub fn meddle(&self, address: &str, pointer: &str, value: Value) {
        let id = self.disk.state().unwrap().records[&at(address)].remote_id.clone().unwrap();
        let mut cloud = self.cloud.lock().unwrap();
        *cloud.things.get_mut(&id).unwrap().document.pointer_mut(pointer).unwrap() = value;
    }

    /// Somebody deletes a thing in the cloud.
    fn lose(&self, address: &str) {
        let id = self.disk.state().unwrap().records[&at(address)].remote_id.clone().unwrap();
        self.cloud.lock().unwrap().things.remove(&id).unwrap();
    }

    pub fn drifted(&self) -> Vec<(String, String)> {
        let drift = self.session(Vec::new(), async |run| run.drift().await.unwrap());
        let told = drift.report.resources.iter().filter_map(|resource| match &resource.condition {
            Condition::InSync => None,
            Condition::Differs(changes) => {
                let paths: Vec<&str> = changes.iter().map(|change| change.pointer.as_str()).collect();
                Some((resource.address.to_string(), paths.join(" ")))
            }
            other => Some((resource.address.to_string(), format!("{other:?}"))),
        });
        told.collect()
    }

    pub fn fix(&self) -> Result<usize, RunError> {
        self.session(Vec::new(), async |run| {
            let planned = run.plan(Purpose::Restore).await?;
            let report = run.apply(&planned).await?;
            assert!(report.is_complete(), "{report:?}");
            Ok(report.changes_done())
        })
    }
}

#[test]
fn what_the_cloud_changes_by_itself_is_no_drift() {
    let world = World::with(platform());
    world.meddle("sim.node-group.user", "/scaling/desired", json!(4));
    assert_eq!(world.drifted(), []);
    assert_eq!(world.fix().unwrap(), 0);
}

#[test]
fn drift_is_told_and_fixed_without_the_config() {
    let world = World::with(platform());
    let before = world.picture();
    world.meddle("sim.node-group.user", "/scaling/max", json!(10));
    world.meddle("sim.vpc.main", "/tags/env", json!("theirs"));
    let expected = [("sim.node-group.user", "/scaling/max"), ("sim.vpc.main", "/tags/env")];
    assert_eq!(world.drifted(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let bytes = world.disk.bytes.lock().unwrap().clone();
    assert_eq!(world.fix().unwrap(), 2);
    assert_eq!(world.drifted(), []);
    assert_eq!(world.picture(), before);
    assert_ne!(*world.disk.bytes.lock().unwrap(), bytes, "the changes were journalled");
    world.assert_settled(platform());
}

#[test]
fn telling_drift_writes_and_changes_nothing() {
    let world = World::with(platform());
    world.meddle("sim.vpc.main", "/tags/env", json!("theirs"));
    let (bytes, mutations) = (world.disk.bytes.lock().unwrap().clone(), world.mutations());
    world.drifted();
    assert_eq!((world.disk.bytes.lock().unwrap().clone(), world.mutations()), (bytes, mutations));
}

#[test]
fn accepted_drift_is_no_drift_any_more_and_the_config_still_decides() {
    let world = World::with(platform());
    world.meddle("sim.node-group.user", "/scaling/max", json!(10));
    let mutations = world.mutations();
    let accepted = world.session(Vec::new(), async |run| {
        let drift = run.drift().await.unwrap();
        run.accept_drift(&drift).await.unwrap()
    });
    assert_eq!((accepted, world.mutations()), (1, mutations));
    assert_eq!(world.drifted(), []);
    assert_eq!(world.disk.state().unwrap().records[&at("sim.node-group.user")].attributes["scaling"]["max"], 10);
    let ran = world.deploy(platform());
    assert_eq!(ran.plan.change_count(), 1, "the config asks for 5 all the same");
}

#[test]
fn of_named_drift_nothing_else_is_accepted_or_fixed() {
    let world = World::new();
    world.login.is(Ok(None));
    assert!(world.deploy(platform()).complete());
    world.meddle("sim.node-group.user", "/scaling/max", json!(10));
    world.meddle("sim.vpc.main", "/tags/env", json!("theirs"));
    let named = |target| How { targets: vec![target], ..How::default() };
    let accept = async |run: Run| {
        let drift = run.drift().await?;
        run.accept_drift(&drift).await
    };
    let identity = Identity { kind: "account".to_owned(), id: None, ca_sha256: None, name: "one".to_owned() };
    world.login.is(Ok(Some(identity.clone())));
    assert_eq!(world.session_told(Vec::new(), &named("sim.vpc.main"), accept).unwrap(), 1);
    assert_eq!(world.drifted(), [("sim.node-group.user".to_owned(), "/scaling/max".to_owned())]);
    assert_eq!(world.disk.state().unwrap().identity, Some(identity), "where it was accepted is recorded");
    let unknown = world.session_told(Vec::new(), &named("sim.vpc.other"), accept);
    let Err(RunError::Refused(refused)) = unknown else { panic!("{unknown:?}") };
    assert_eq!(refused[0].code, "TARGET_UNKNOWN");
}

#[test]
fn what_is_gone_is_made_again_unless_others_stand_on_it() {
    let world = World::with(platform());
    world.lose("sim.node-group.worker");
    assert_eq!(world.drifted(), [("sim.node-group.worker".to_owned(), "Gone".to_owned())]);
    assert_eq!(world.fix().unwrap(), 1);
    world.assert_settled(platform());
    world.assert_nothing_doubled();

    world.lose("sim.vpc.main");
    let Err(RunError::Refused(refused)) = world.fix() else { panic!("it was planned") };
    assert_eq!(refused[0].code, "DRIFT_NEEDS_DEPLOY");
}

#[test]
fn an_imported_resource_is_fixed_when_that_is_asked_for() {
    let world = World::with(platform());
    let mut state = world.disk.state().unwrap();
    state.records.values_mut().for_each(|record| record.imported = true);
    *world.disk.bytes.lock().unwrap() = Some(nic_core::state::format_v1::encode(&state).unwrap());
    world.meddle("sim.vpc.main", "/tags/env", json!("theirs"));
    assert_eq!(world.fix().unwrap(), 1);
    assert_eq!(world.drifted(), []);
}
