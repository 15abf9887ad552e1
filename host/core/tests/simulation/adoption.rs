//! The state is lost, or was imported.

use nic_core::plan::{Action, Reason};
use nic_core::state::format_v1;
use serde_json::json;

use crate::faults::LATENCY;
use crate::platform::{at, changed_platform, edited, platform};
use crate::world::{How, World};

#[test]
fn a_lost_state_is_found_again_by_names_and_marks() {
    let world = World::with(platform());
    let before = world.picture();
    world.disk.lose();
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!((ran.plan.change_count(), world.mutations()), (0, 9));
    assert!(ran.plan.changes.iter().all(|c| c.reason == Reason::Found));
    assert_eq!(world.picture(), before);
    world.assert_settled(platform());
}

#[test]
fn what_is_found_by_its_own_name_or_mark_waits_for_no_other() {
    let world = World::with(platform());
    world.disk.lose();
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    // One way for the network, the role and the cluster, one for what is found by what it references.
    assert_eq!(ran.took, 2 * LATENCY);
}

#[test]
fn a_lost_state_and_an_edited_config_make_no_second_thing() {
    let world = World::with(platform());
    world.disk.lose();
    let wanted = edited(platform(), "sim.node-group.worker", |d| d["instance_type"] = json!("m5.2xlarge"));
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!(ran.action("sim.node-group.worker"), Action::Replace);
    assert_eq!(world.cloud.lock().unwrap().things.len(), 9);
    world.assert_nothing_doubled();
    world.assert_settled(wanted);
}

#[test]
fn a_lost_state_in_the_middle_of_a_first_deploy_is_no_loss() {
    for at in 1..30 {
        let world = World::new();
        let how = How { crash: Some(crate::faults::Crash::Call(at, crate::faults::Side::After)), ..How::default() };
        world.go(world.provider(platform()), &how);
        world.disk.lose();
        assert!(world.deploy(platform()).complete());
        assert_eq!(world.cloud.lock().unwrap().things.len(), 9);
        world.assert_nothing_doubled();
        world.assert_settled(platform());
    }
}

fn import(world: &World) {
    let mut state = world.disk.state().unwrap();
    state.records.values_mut().for_each(|record| record.imported = true);
    *world.disk.bytes.lock().unwrap() = Some(format_v1::encode(&state).unwrap());
}

#[test]
fn the_drift_of_an_imported_resource_is_told_and_left() {
    let world = World::with(platform());
    import(&world);
    let vpc = world.disk.state().unwrap().records[&at("sim.vpc.main")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&vpc).unwrap().document["tags"]["env"] = json!("theirs");
    let ran = world.deploy(platform());
    assert_eq!((ran.plan.change_count(), world.mutations()), (0, 9));
    assert_eq!(ran.plan.notes.iter().map(|n| n.code.as_str()).collect::<Vec<_>>(), ["IMPORTED_DIFFERS"]);

    // An edit beside the drift touches what was edited, and nothing else.
    let wanted = edited(platform(), "sim.vpc.main", |d| d["tags"]["team"] = json!("x"));
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete(), "{:?}", ran.report);
    assert_eq!((ran.plan.change_count(), world.count("update")), (1, 1));
    assert_eq!(world.cloud.lock().unwrap().things[&vpc].document["tags"], json!({"env": "theirs", "team": "x"}));
    assert!(world.disk.state().unwrap().records[&at("sim.vpc.main")].imported);
    let ran = world.deploy(wanted);
    assert_eq!((ran.plan.change_count(), ran.plan.notes.len()), (0, 1));
}

#[test]
fn an_imported_resource_is_lost_only_by_name() {
    let world = World::with(platform());
    import(&world);
    let ran = world.deploy(changed_platform());
    assert_eq!(ran.codes().into_iter().collect::<Vec<_>>(), ["PROTECTED_NEEDS_CONFIRMATION"]);
    assert_eq!(world.mutations(), 9);
    let confirmed = vec!["sim.subnet.b", "sim.node-group.general", "sim.node-group.user", "sim.node-group.worker"];
    let ran = world.go(world.provider(changed_platform()), &How { confirmed, ..How::default() });
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
}
