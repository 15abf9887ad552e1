//! Deploy, deploy again, edit, remove, destroy.

use nic_core::engine::StepOutcome;
use nic_core::plan::{Action, Reason};
use nic_core::state::State;
use serde_json::json;

use crate::platform::{at, changed_platform, edited, platform, resource, to, without};
use crate::world::World;

#[test]
fn a_fresh_deploy_converges_and_a_second_one_changes_nothing() {
    let world = World::new();
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?}", ran.report);
    assert_eq!(ran.report.changes_done(), 9);
    assert_eq!((world.count("create"), world.mutations()), (9, 9));
    let state: State = world.disk.state().unwrap();
    assert_eq!(state.records[&at("sim.cluster.main")].attributes["endpoint"], "https://cluster");
    assert!(state.records.values().all(|r| r.pending.is_none() && r.remote_id.is_some()));
    assert_eq!(state.facts["sim"]["zones"], json!(["a", "b"]));
    world.assert_settled(platform());
}

#[test]
fn an_edit_is_exactly_one_update() {
    let world = World::with(platform());
    let wanted = edited(platform(), "sim.vpc.main", |d| d["tags"]["env"] = json!("prod"));
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete());
    assert_eq!((ran.plan.change_count(), world.count("update"), world.mutations()), (1, 1, 10));
    world.assert_settled(wanted);
}

#[test]
fn an_attribute_that_is_no_longer_asked_for_is_removed_and_others_are_left_alone() {
    let world = World::with(platform());
    let vpc = world.disk.state().unwrap().records[&at("sim.vpc.main")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&vpc).unwrap().document["tags"]["theirs"] = json!("kept");
    let wanted = edited(platform(), "sim.vpc.main", |d| d["tags"] = json!({}));
    assert!(world.deploy(wanted.clone()).complete());
    assert_eq!(world.cloud.lock().unwrap().things[&vpc].document["tags"], json!({"theirs": "kept"}));
    world.assert_settled(wanted);
}

#[test]
fn look_alikes_and_what_is_left_to_the_cloud_are_no_change() {
    let world = World::with(platform());
    let group = world.disk.state().unwrap().records[&at("sim.node-group.user")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&group).unwrap().document["scaling"]["desired"] = json!(4);
    let wanted = edited(platform(), "sim.cluster.main", |d| d["log_types"] = json!(["audit", "api"]));
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete());
    assert_eq!((ran.plan.change_count(), world.mutations()), (0, 9));
    assert_eq!(world.disk.state().unwrap().records[&at("sim.node-group.user")].attributes["scaling"]["desired"], 4);
    world.assert_settled(wanted);
}

#[test]
fn what_the_cloud_writes_in_its_own_way_is_no_change_for_those_who_refer_to_it() {
    let wanted = edited(platform(), "sim.vpc.main", |d| d["cidr"] = json!("10.0.3.7/16"));
    let wanted = edited(wanted, "sim.address.nat", |d| d["tags"]["cidr"] = to("sim.vpc.main", "/cidr"));
    let world = World::with(wanted.clone());
    world.assert_settled(wanted);
}

#[test]
fn drift_is_repaired() {
    let world = World::with(platform());
    let before = world.picture();
    let vpc = world.disk.state().unwrap().records[&at("sim.vpc.main")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&vpc).unwrap().document["tags"]["env"] = json!("hacked");
    let ran = world.deploy(platform());
    assert!(ran.complete());
    assert_eq!(ran.plan.changes.iter().find(|c| c.action == Action::Update).unwrap().reason, Reason::Drift);
    assert_eq!(world.picture(), before);
}

#[test]
fn what_was_deleted_by_hand_is_made_again() {
    let world = World::with(platform());
    let before = world.picture();
    world.cloud.lock().unwrap().things.retain(|_, t| t.kind != "sim.address" && t.document["labels"]["pool"] != "user");
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!((ran.action("sim.address.nat"), ran.action("sim.node-group.user")), (Action::Create, Action::Create));
    assert_eq!((ran.plan.change_count(), world.count("create")), (2, 11));
    assert_eq!(world.picture(), before);
}

#[test]
fn an_immutable_edit_replaces_it_and_what_stands_on_it() {
    let world = World::with(platform());
    let wanted = edited(platform(), "sim.subnet.b", |d| d["cidr"] = json!("10.0.9.0/24"));
    let ran = world.deploy(wanted.clone());
    // The cluster lets go of the old subnet only when the new one is there, and the new one comes after the old one is gone:
    // the cloud refuses, and the cluster's subnets have to be changed first.
    assert_eq!(ran.action("sim.subnet.b"), Action::Replace);
    assert_eq!(ran.action("sim.node-group.worker"), Action::Replace);
    assert_eq!(ran.action("sim.node-group.user"), Action::NoOp);
    assert!(matches!(ran.outcome("sim.subnet.b"), Some(StepOutcome::Failed(_))));
    assert!(
        matches!(ran.outcome("sim.cluster.main"), Some(StepOutcome::Skipped(because)) if because.as_str() == "sim.subnet.b")
    );

    let world = World::with(platform());
    let wanted = edited(wanted, "sim.cluster.main", |d| d["subnet_ids"] = json!([to("sim.subnet.a", "/id")]));
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete(), "{:?}", ran.report);
    assert_eq!(ran.action("sim.subnet.b"), Action::Replace);
    assert_eq!(ran.action("sim.node-group.worker"), Action::Replace);
    assert_eq!(ran.action("sim.node-group.general"), Action::Replace);
    world.assert_nothing_doubled();
    world.assert_settled(wanted);
}

#[test]
fn a_version_moves_one_step_at_a_time_and_everything_else_goes_its_way() {
    let world = World::with(platform());
    let ran = world.deploy(changed_platform());
    assert!(ran.complete(), "{:?}", ran.report);
    let state = world.disk.state().unwrap();
    assert_eq!(state.records[&at("sim.cluster.main")].attributes["version"], "1.33");
    assert_eq!(
        world.cloud.lock().unwrap().log.iter().filter(|(v, o)| *v == "update" && o.ends_with("cluster.main")).count(),
        3
    );
    world.assert_nothing_doubled();
    world.assert_settled(changed_platform());
}

#[test]
fn what_is_removed_from_the_config_is_deleted_after_what_stands_on_it() {
    let world = World::with(platform());
    let wanted = without(platform(), &["sim.node-group.worker", "sim.node-group.general", "sim.subnet.b"]);
    let wanted = edited(wanted, "sim.cluster.main", |d| d["subnet_ids"] = json!([to("sim.subnet.a", "/id")]));
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete(), "{:?}", ran.report);
    let log = world.cloud.lock().unwrap().log.clone();
    let place = |verb: &str, address: &str| log.iter().position(|(v, o)| *v == verb && o.ends_with(address)).unwrap();
    assert!(place("delete", "node-group.worker") < place("delete", "subnet.b"));
    assert!(place("update", "cluster.main") < place("delete", "subnet.b"));
    // In order, not by trying: nothing was refused on the way.
    assert!(!ran.events.iter().any(|event| matches!(event, nic_core::ports::Event::Retrying { .. })));
    world.assert_settled(wanted);
}

#[test]
fn destroy_leaves_nothing() {
    let world = World::with(platform());
    let ran = world.destroy();
    assert!(ran.complete(), "{:?}", ran.report);
    assert!(world.cloud.lock().unwrap().things.is_empty());
    assert!(world.disk.state().unwrap().records.is_empty());
    assert!(!ran.events.iter().any(|event| matches!(event, nic_core::ports::Event::Retrying { .. })));
    assert!(world.destroy().complete());
}

#[test]
fn an_edit_that_the_cloud_already_shows_is_recorded() {
    let world = World::with(platform());
    let vpc = world.disk.state().unwrap().records[&at("sim.vpc.main")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&vpc).unwrap().document["tags"]["team"] = json!("x");
    let wanted = edited(platform(), "sim.vpc.main", |d| d["tags"]["team"] = json!("x"));
    let ran = world.deploy(wanted.clone());
    assert_eq!((ran.plan.change_count(), world.mutations()), (0, 9));
    world.assert_settled(wanted);
    // It is ours now: taken out of the config, it goes.
    assert!(world.deploy(platform()).complete());
    assert_eq!(world.cloud.lock().unwrap().things[&vpc].document["tags"], json!({"env": "dev"}));
}

#[test]
fn a_new_dependency_is_recorded_though_nothing_else_changed() {
    let world = World::with(platform());
    let mut wanted = platform();
    wanted.iter_mut().find(|d| d.address == at("sim.address.nat")).unwrap().depends_on.insert(at("sim.role.cluster"));
    let ran = world.deploy(wanted.clone());
    assert_eq!((ran.plan.change_count(), world.mutations()), (0, 9));
    assert!(world.disk.state().unwrap().records[&at("sim.address.nat")].dependencies.contains(&at("sim.role.cluster")));
    world.assert_settled(wanted);
}

#[test]
fn who_moves_in_at_a_single_place_of_the_state_comes_after_who_moves_out() {
    let world = World::with(vec![resource("sim.vpc.old", json!({"cidr": "10.0.0.0/16"}))]);
    let wanted = vec![resource("sim.vpc.new", json!({"cidr": "10.0.0.0/16"}))];
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete(), "{:?} {:?}", ran.backend, ran.report);
    assert_eq!(world.cloud.lock().unwrap().things.len(), 1);
    world.assert_settled(wanted);
}

#[test]
fn a_circle_of_letting_go_ends_with_what_the_cloud_says() {
    // The cluster lets go of the old subnet only for a new one, that one waits for the new network, the new network for the end
    // of the old one, and the old one for the end of the old subnet.
    let small = |vpc: &str, subnet: &str| {
        let wanted: Vec<_> = platform()
            .into_iter()
            .filter(|d| ["sim.vpc", "sim.role", "sim.subnet", "sim.cluster"].contains(&d.kind.as_str()))
            .collect();
        let wanted = without(wanted, &[if subnet == "a" { "sim.subnet.b" } else { "sim.subnet.a" }]);
        let wanted = edited(wanted, "sim.vpc.main", |d| d["cidr"] = json!(vpc));
        edited(wanted, "sim.cluster.main", |d| d["subnet_ids"] = json!([to(&format!("sim.subnet.{subnet}"), "/id")]))
    };
    let world = World::with(small("10.0.0.0/16", "a"));
    let ran = world.deploy(small("10.1.0.0/16", "b"));
    assert!(
        matches!(ran.outcome("sim.subnet.a"), Some(StepOutcome::Failed(d)) if d.details["cause"] == "CONFLICT"),
        "{:?}",
        ran.report
    );
    for skipped in ["sim.vpc.main", "sim.subnet.b", "sim.cluster.main"] {
        assert_eq!(ran.outcome(skipped), Some(&StepOutcome::Skipped(at("sim.subnet.a"))), "{skipped}");
    }
    assert!(world.deploy(small("10.0.0.0/16", "a")).complete());
    assert_eq!(world.mutations(), 4);
    world.assert_settled(small("10.0.0.0/16", "a"));
}

#[test]
fn a_failed_creation_is_replaced() {
    let world = World::new();
    world.cloud.lock().unwrap().breaks = Some("lineage-1/sim.node-group.user".to_owned());
    let ran = world.deploy(platform());
    let Some(StepOutcome::Failed(diagnostic)) = ran.outcome("sim.node-group.user") else { panic!("{:?}", ran.report) };
    assert_eq!(
        (diagnostic.code.as_str(), &diagnostic.details["cause"]),
        ("NODE_GROUP_CREATE_FAILED", &json!("RESOURCE_FAILED"))
    );
    world.cloud.lock().unwrap().breaks = None;
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?}", ran.report);
    assert_eq!(ran.action("sim.node-group.user"), Action::Replace);
    world.assert_nothing_doubled();
    world.assert_settled(platform());
}
