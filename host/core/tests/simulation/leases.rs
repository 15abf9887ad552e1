//! Two who would write one state, leases that are lost, and a store that fails.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nic_core::engine::{ApplyReport, RunError};
use nic_core::lease::LEASE_LOST;
use nic_core::plan::Plan;
use nic_core::ports::BackendError;
use nic_core::resource::{Desired, Record};

use crate::bucket::{Bucket, Leased, Request, TERM};
use crate::platform::platform;
use crate::world::{How, World};

type Came = Result<(Plan, ApplyReport), RunError>;

/// A platform's creations, all of them.
const CREATED: usize = 9;

async fn deploy(world: &World, leased: Leased, wanted: Vec<Desired>) -> Came {
    let provider = Arc::new(world.provider(wanted));
    world.process_on(Arc::new(leased), &provider, &Arc::default(), &How::default()).await
}

/// A run by itself, to its end.
fn alone(world: &World, bucket: &Arc<Bucket>, who: &str) -> Came {
    let leased = bucket.lock(who).unwrap();
    world.time.run(deploy(world, leased, platform()), || false).unwrap()
}

fn error(came: &Came) -> Option<&BackendError> {
    match came {
        Err(RunError::Backend(error)) => Some(error),
        _ => None,
    }
}

/// Everything is there once, and recorded.
fn whole(world: &World, bucket: &Bucket) {
    world.assert_nothing_doubled();
    let state = bucket.state().unwrap();
    assert!(state.records.len() == CREATED && state.records.values().all(|record| record.pending.is_none()));
    assert_eq!((world.count("create"), world.cloud.lock().unwrap().things.len()), (CREATED, CREATED));
}

#[test]
fn a_run_keeps_its_lease_for_as_long_as_it_lasts_and_then_lets_go_of_it() {
    let world = World::new();
    let bucket = Bucket::new(world.time.clone());
    let leased = bucket.lock("ada").unwrap();
    let both = async {
        let (came, ()) = futures::future::join(deploy(&world, leased, platform()), async {
            for _ in 0..12 {
                nic_core::ports::Clock::sleep(&*world.time, Duration::from_mins(1)).await;
                let refused = bucket.lock("bob").err().expect("it is ada's");
                assert!(refused.code == "STATE_LOCKED" && refused.message.contains("ada"), "{refused:?}");
            }
        })
        .await;
        came
    };
    let (_, report) = world.time.run(both, || false).unwrap().unwrap();
    assert!(report.is_complete() && bucket.renewed() > 3);
    assert!(!bucket.is_leased(), "nobody has to wait until it has run out");
    whole(&world, &bucket);
}

#[test]
fn who_lost_the_lease_neither_writes_nor_changes_anything_more() {
    // After every renewal that may be the last: those of the first minutes, and those beside the long waits.
    for kept in 1..8 {
        let world = World::new();
        let bucket = Bucket::new(world.time.clone());
        bucket.renewals_come_to((0..200).map(|n| if n < kept { Request::Fine } else { Request::Fails }));
        let first = deploy(&world, bucket.lock("ada").unwrap(), platform());
        let second = async {
            // It takes the first moment at which that is allowed.
            let leased = loop {
                match bucket.lock("bob") {
                    Ok(leased) => break leased,
                    Err(refused) => assert_eq!(refused.code, "STATE_LOCKED"),
                }
                nic_core::ports::Clock::sleep(&*world.time, Duration::from_secs(1)).await;
            };
            let before = (world.mutations(), bucket.written_by().len());
            bucket.renewals_come_to([]);
            (before, deploy(&world, leased, platform()).await)
        };
        let (first, ((_, written), second)) =
            world.time.run(futures::future::join(first, second), || false).expect("no crash");
        if let Some(error) = error(&first) {
            assert_eq!(error.code, LEASE_LOST, "{error:?}");
            assert!(error.message.contains("bob") || error.message.contains("run out"), "{error:?}");
            assert!(error.hints.iter().any(|hint| hint.contains("the same command again")), "{error:?}");
            assert!(bucket.written_by()[written..].iter().all(|who| who == "bob"), "{:?}", bucket.written_by());
        } else {
            assert!(first.unwrap().1.is_complete());
        }
        assert!(second.unwrap().1.is_complete(), "{kept}");
        whole(&world, &bucket);
    }
}

#[test]
fn a_lease_that_is_lost_at_any_write_stops_the_run_and_loses_nothing() {
    for at in 0.. {
        let world = World::new();
        let bucket = Bucket::new(world.time.clone());
        let leased = bucket.lock("ada").unwrap();
        let begun = Mutex::default();
        // Somebody else has it from that write on, however that came: it is found out by writing.
        let thief = async {
            while bucket.written_by().len() < at {
                nic_core::ports::Clock::sleep(&*world.time, Duration::from_millis(10)).await;
            }
            bucket.steal("bob");
            let recorded = bucket.state().map(|state| state.records).unwrap_or_default();
            *begun.lock().unwrap() = (world.mutations(), recorded);
        };
        let run = futures::future::select(
            Box::pin(deploy(&world, leased, platform())),
            Box::pin(async {
                thief.await;
                std::future::pending::<()>().await;
            }),
        );
        let futures::future::Either::Left((came, _)) = world.time.run(run, || false).unwrap() else { unreachable!() };
        let (before, recorded) = begun.into_inner().unwrap();
        for (_, owner) in world.cloud.lock().unwrap().log.iter().skip(before) {
            let of_it = |record: &&Record| owner.ends_with(record.address.as_str()) && record.pending.is_some();
            assert!(recorded.values().any(|record| of_it(&record)), "{owner} was not begun when the lease was lost");
        }
        let written = bucket.written_by().len();
        if let Some(error) = error(&came) {
            assert_eq!((error.code, written), (LEASE_LOST, at), "{error:?}");
            assert!(error.message.contains("bob") && error.details["holder"]["who"] == "bob", "{error:?}");
        } else {
            // A provider that is told that its name was not recorded fails its change.
            let (_, report) = came.unwrap();
            if report.is_complete() {
                assert!(at > 10, "only {at} writes");
                break;
            }
        }
        world.time.pass(TERM);
        let (_, report) = alone(&world, &bucket, "carol").unwrap();
        assert!(report.is_complete(), "{at}: {report:?}");
        whole(&world, &bucket);
    }
}

#[test]
fn a_renewal_that_fails_is_tried_again_and_nobody_notices() {
    let world = World::new();
    let bucket = Bucket::new(world.time.clone());
    bucket.renewals_come_to([Request::Fails, Request::Fine, Request::Fails, Request::Fails, Request::Fine]);
    let (_, report) = alone(&world, &bucket, "ada").unwrap();
    assert!(report.is_complete());
    whole(&world, &bucket);
}

#[test]
fn a_store_that_is_never_heard_of_again_stops_the_run_before_the_next_call() {
    let world = World::new();
    let bucket = Bucket::new(world.time.clone());
    bucket.renewals_come_to([Request::Fails; 500]);
    let came = alone(&world, &bucket, "ada");
    let error = error(&came).expect("no lease, no call");
    assert!(error.code == LEASE_LOST && error.message.contains("does not answer"), "{error:?}");
    assert_eq!(world.mutations(), 0);
    // What was begun is recorded as that.
    assert!(bucket.state().unwrap().records.values().all(|record| record.pending.is_some()));
    bucket.renewals_come_to([]);
    world.time.pass(TERM);
    assert!(alone(&world, &bucket, "ada").unwrap().1.is_complete());
    whole(&world, &bucket);
}

#[test]
fn one_write_or_two_in_a_row_that_fail_lose_no_record_and_make_nothing_twice() {
    for failing in [1, 2] {
        for from in 0.. {
            let world = World::new();
            let bucket = Bucket::new(world.time.clone());
            let fails = |n| if (from..from + failing).contains(&n) { Request::Fails } else { Request::Fine };
            bucket.writes_come_to((0..from + failing).map(fails));
            let came = alone(&world, &bucket, "ada");
            let unharmed = bucket.written_by().len() <= from && error(&came).is_none();
            match &came {
                Err(RunError::Backend(error)) => assert_eq!(error.code, "STATE_NOT_WRITABLE"),
                Err(other) => panic!("{other:?}"),
                Ok((_, report)) if report.is_complete() => {}
                Ok((_, report)) => {
                    let told = |d: &nic_core::diagnostic::Diagnostic| d.details["cause"] == "STATE_NOT_WRITTEN";
                    assert!(report.failures().all(told), "{report:?}");
                }
            }
            bucket.writes_come_to([]);
            assert!(alone(&world, &bucket, "ada").unwrap().1.is_complete());
            whole(&world, &bucket);
            if unharmed {
                assert!(from > 10, "only {from} writes");
                break;
            }
        }
    }
}
