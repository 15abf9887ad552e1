//! What goes with the thing it is a part of, and what outlives the thing it needs.

use nic_core::resource::Desired;
use serde_json::{Value, json};

use crate::faults::{Crash, Side};
use crate::platform::{at, platform, resource, to};
use crate::world::{How, Ran, World};

/// The platform with an add-on on its cluster, which comes after the node groups, and something that needs the add-on.
fn with_add_on() -> Vec<Desired> {
    let document = json!({"name": "dns", "cluster": to("sim.cluster.main", "/name")});
    let mut add_on = resource("sim.add-on.dns", document);
    add_on.depends_on = ["general", "user", "worker"].map(|group| at(&format!("sim.node-group.{group}"))).into();
    let mut user = resource("sim.address.dns", json!({"size": "small", "tags": {}}));
    user.depends_on.insert(at("sim.add-on.dns"));
    platform().into_iter().chain([add_on, user]).collect()
}

fn deleted(world: &World, address: &str) -> bool {
    world.cloud.lock().unwrap().log.contains(&("delete", format!("lineage-1/{address}")))
}

#[test]
fn a_part_is_not_deleted_one_by_one_when_the_whole_goes() {
    let world = World::with(with_add_on());
    assert!(world.destroy().complete());
    assert!(world.cloud.lock().unwrap().things.is_empty());
    assert!(deleted(&world, "sim.cluster.main") && !deleted(&world, "sim.add-on.dns"));
    assert_eq!(world.disk.state().unwrap().records.len(), 0);
}

#[test]
fn a_part_is_deleted_while_the_whole_stays() {
    let world = World::with(with_add_on());
    assert!(world.deploy(platform()).complete());
    assert!(deleted(&world, "sim.add-on.dns"));
    world.assert_settled(platform());

    let world = World::with(with_add_on());
    let kept = How { destroy: true, retain: vec!["sim.cluster.main"], ..How::default() };
    assert!(world.go(world.provider(Vec::new()), &kept).complete());
    assert!(deleted(&world, "sim.add-on.dns") && !deleted(&world, "sim.cluster.main"));
}

#[test]
fn a_part_stays_recorded_while_the_whole_cannot_be_deleted() {
    let world = World::with(with_add_on());
    world.cloud.lock().unwrap().things.values_mut().filter(|t| t.kind == "sim.cluster").for_each(|cluster| {
        cluster.phase = crate::cloud::Phase::Deleting;
        cluster.done_at = std::time::Duration::MAX;
    });
    let ran = world.destroy();
    assert!(!ran.complete());
    assert!(world.disk.state().unwrap().records.contains_key(&at("sim.add-on.dns")));
}

#[test]
fn what_may_outlive_something_does_not_hold_up_its_deletion() {
    let issuer = resource("sim.issuer.main", json!({"name": "issuer", "of": to("sim.cluster.main", "/version")}));
    let with_issuer: Vec<Desired> = platform().into_iter().chain([issuer]).collect();
    let world = World::with(with_issuer);
    // Its deletion never ends, and the cluster's does.
    world.cloud.lock().unwrap().things.values_mut().filter(|t| t.kind == "sim.issuer").for_each(|issuer| {
        issuer.phase = crate::cloud::Phase::Deleting;
        issuer.done_at = std::time::Duration::MAX;
    });
    let ran = world.destroy();
    assert!(!ran.complete());
    let left: Vec<String> = world.disk.state().unwrap().records.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["sim.issuer.main"]);
}

/// The platform with objects in its cluster: one that stands on the last node group, one in that, and one beside.
fn with_objects() -> Vec<Desired> {
    let object = |name: &str, cluster: Value, on: &str| {
        let document = json!({"name": name, "cluster": cluster});
        let mut object = resource(&format!("sim.object.{name}"), document);
        object.depends_on.insert(at(on));
        object
    };
    let cluster = || to("sim.cluster.main", "/name");
    let objects = [
        object("namespace", cluster(), "sim.node-group.general"),
        // Only by what it stands in does it lead to the cluster.
        object("account", json!("sim-dev"), "sim.object.namespace"),
        object("definition", cluster(), "sim.cluster.main"),
    ];
    platform().into_iter().chain(objects).collect()
}

fn unread(world: &World, names: &[&str], how: &How) -> Ran {
    let mut provider = world.provider(with_objects());
    provider.unreadable = names.iter().map(|name| at(&format!("sim.object.{name}"))).collect();
    world.go(provider, how)
}

const ALL: &[&str] = &["account", "definition", "namespace"];

#[test]
fn what_cannot_be_read_goes_with_the_cluster_it_stands_in() {
    let world = World::with(with_objects());
    let ran = unread(&world, ALL, &How { destroy: true, ..How::default() });
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert!(world.cloud.lock().unwrap().things.is_empty());
    assert!(ALL.iter().all(|name| !deleted(&world, &format!("sim.object.{name}"))));
    assert_eq!(world.disk.state().unwrap().records.len(), 0);
    // One note for one cause, and the plan says with what each goes.
    let notes: Vec<_> = ran.plan.notes.iter().map(|note| (note.code.as_str(), note.detail.as_str())).collect();
    let detail = "object `sim.object.account` and 2 more: denied: AccessDenied: no; not deleted one by one, but with cluster `sim.cluster.main`";
    assert_eq!(notes, [("GOES_UNREAD", detail)]);
    assert_eq!(ran.plan.notes[0].hints.last().unwrap(), "check that the credentials in use may do this");
    let with: Vec<_> = ran.plan.changes.iter().filter(|c| c.goes_with == Some(at("sim.cluster.main"))).collect();
    assert_eq!(with.len(), 3);
}

#[test]
fn what_can_be_read_goes_before_the_cluster_all_the_same() {
    let world = World::with(with_objects());
    let ran = unread(&world, &["namespace"], &How { destroy: true, ..How::default() });
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    let cloud = world.cloud.lock().unwrap();
    let gone: Vec<&str> = cloud.log.iter().filter(|(verb, _)| *verb == "delete").map(|(_, of)| of.as_str()).collect();
    let place = |address: &str| gone.iter().position(|of| *of == format!("lineage-1/{address}"));
    // It stands on what goes with the cluster, so on the cluster.
    assert!(place("sim.object.account").unwrap() < place("sim.cluster.main").unwrap(), "{gone:?}");
    assert_eq!(place("sim.object.namespace"), None);
}

#[test]
fn what_cannot_be_read_is_not_lost_while_its_cluster_stays() {
    let refused = |how: &How| {
        let world = World::with(with_objects());
        let before = world.mutations();
        let ran = unread(&world, ALL, how);
        assert_eq!(ran.codes(), ["RESOURCE_UNREADABLE"].into(), "{:?}", ran.plan);
        assert_eq!((ran.refused.len(), world.mutations()), (1, before));
    };
    refused(&How::default());
    refused(&How { destroy: true, retain: vec!["sim.cluster.main"], ..How::default() });
    refused(&How { destroy: true, retain: vec!["sim.object.definition"], ..How::default() });
    refused(&How { destroy: true, targets: vec!["sim.object.namespace"], ..How::default() });
}

#[test]
fn what_went_unread_stays_recorded_until_the_cluster_is_gone() {
    for write in 0..60 {
        let world = World::with(with_objects());
        let crash = Some(Crash::Write(write, Side::After));
        let ran = unread(&world, ALL, &How { destroy: true, crash, ..How::default() });
        let state = world.disk.state().unwrap();
        let cluster_is_there = world.cloud.lock().unwrap().things.values().any(|thing| thing.kind == "sim.cluster");
        let recorded = ALL.iter().filter(|name| state.records.contains_key(&at(&format!("sim.object.{name}")))).count();
        assert!(!cluster_is_there || recorded == ALL.len(), "after write {write}: {recorded}");
        // Who is asked again where the cluster was finds nothing.
        assert!(world.destroy().complete());
        assert!(world.cloud.lock().unwrap().things.is_empty());
        if !ran.crashed {
            return;
        }
    }
    panic!("a destroy with more than 60 writes");
}
