//! The user stops it, something fails, the disk is full: what was begun is known, what was not begun is not.

use std::time::Duration;

use nic_core::engine::StepOutcome;
use nic_core::resource::PendingAction;

use crate::platform::{at, platform};
use crate::provider::Lie;
use crate::world::{How, World};

#[test]
fn an_interrupt_in_a_wait_leaves_an_operation_that_the_next_run_resumes() {
    let world = World::new();
    world.time.interrupt_after(Some(Duration::from_mins(2)));
    let ran = world.deploy(platform());
    assert!(ran.report.was_interrupted());
    assert_eq!(ran.outcome("sim.cluster.main"), Some(&StepOutcome::Interrupted));
    assert_eq!(ran.outcome("sim.node-group.user"), Some(&StepOutcome::Interrupted));
    // It stops at once, not when the cluster is there.
    assert!(ran.took < Duration::from_secs(122), "{:?}", ran.took);
    let record = world.disk.state().unwrap().records[&at("sim.cluster.main")].clone();
    let pending = record.pending.unwrap();
    assert_eq!(pending.action, PendingAction::Create);
    assert!(pending.operation.is_some() && record.remote_id.is_some());

    world.time.interrupt_after(None);
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?}", ran.report);
    assert!(ran.took < Duration::from_secs(480 + 200), "it waits for what is left only: {:?}", ran.took);
    assert_eq!(world.count("create"), 9);
    world.assert_settled(platform());
}

#[test]
fn an_interrupt_before_the_first_step_begins_nothing() {
    let world = World::new();
    world.time.interrupt_after(Some(Duration::ZERO));
    let ran = world.deploy(platform());
    assert_eq!(ran.report.outcomes.len(), 9);
    assert!(ran.report.outcomes.values().all(|(_, outcome)| *outcome == StepOutcome::Interrupted));
    assert_eq!(world.mutations(), 0);
}

#[test]
fn a_failure_skips_what_stands_on_it_and_nothing_else() {
    let world = World::new();
    let mut provider = world.provider(platform());
    provider.lie = Some((at("sim.role.cluster"), Lie::Denied));
    let ran = world.go(provider, &How::default());
    let Some(StepOutcome::Failed(diagnostic)) = ran.outcome("sim.role.cluster") else { panic!("{:?}", ran.report) };
    assert_eq!((diagnostic.code.as_str(), &diagnostic.details["cause"]), ("ROLE_CREATE_FAILED", &"DENIED".into()));
    for skipped in ["sim.cluster.main", "sim.node-group.user", "sim.node-group.general"] {
        assert_eq!(ran.outcome(skipped), Some(&StepOutcome::Skipped(at("sim.role.cluster"))), "{skipped}");
    }
    for done in ["sim.vpc.main", "sim.subnet.a", "sim.subnet.b", "sim.address.nat"] {
        assert!(matches!(ran.outcome(done), Some(StepOutcome::Done(_))), "{done}");
    }
    // Refused outright: nothing exists, so nothing is recorded.
    assert!(!world.disk.state().unwrap().records.contains_key(&at("sim.role.cluster")));
    let ran = world.deploy(platform());
    assert!(ran.complete(), "{:?}", ran.report);
    assert_eq!((ran.report.changes_done(), world.count("create")), (5, 9));
}

#[test]
fn a_state_that_cannot_be_written_stops_the_run_and_loses_nothing() {
    // From the first write on, then from the second, ...; and only the first, only the second, ...
    for from in 0.. {
        let mut failed = false;
        for writes in [from..usize::MAX, from..from + 1] {
            let world = World::new();
            *world.disk.full.lock().unwrap() = writes;
            let ran = world.deploy(platform());
            failed |= !ran.complete();
            // A provider that cannot tell the name of what it made fails its change; everything else stops the run.
            let told = ran.report.failures().all(|failure| failure.details["cause"] == "STATE_NOT_WRITTEN");
            assert!(ran.backend.is_none_or(|error| error.code == "DISK_FULL") && told);
            assert!(from > 1 || world.mutations() == 0, "nothing is begun that is not journalled");
            *world.disk.full.lock().unwrap() = 0..0;
            let ran = world.deploy(platform());
            assert!(ran.complete(), "{from}: {:?} {:?}", ran.refused, ran.report);
            world.assert_nothing_doubled();
            world.assert_settled(platform());
        }
        if !failed {
            break;
        }
    }
}

#[test]
fn what_takes_longer_than_its_time_limit_is_picked_up_by_the_next_run() {
    let world = World::new();
    let mut provider = world.provider(platform());
    for kind in provider.description.kinds.iter_mut().filter(|k| k.kind == "sim.cluster") {
        kind.time_limits.create = 300;
    }
    let ran = world.go(provider, &How::default());
    let Some(StepOutcome::Failed(diagnostic)) = ran.outcome("sim.cluster.main") else { panic!("{:?}", ran.report) };
    assert_eq!(diagnostic.details["cause"], "TIMED_OUT");
    assert!(world.deploy(platform()).complete());
    assert_eq!(world.count("create"), 9);
}
