//! Many at a time, and many.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::platform::{resource, to};
use crate::world::{Ran, World};

#[test]
fn two_hundred_long_creations_wait_at_the_same_time_without_a_call() {
    let wanted: Vec<_> =
        (0..200).map(|n| resource(&format!("sim.queue.n{n}"), json!({"tags": {"n": n.to_string()}}))).collect();
    let world = World::new();
    let ran = world.deploy(wanted.clone());
    assert!(ran.complete());
    assert!((900..960).contains(&ran.took.as_secs()), "15 minutes, not 200 times 15: {:?}", ran.took);
    assert!(ran.busy < Duration::from_secs(10), "no call is in progress while it waits: {:?}", ran.busy);
    assert_eq!(world.count("create"), 200);
    world.assert_settled(wanted);
}

#[test]
fn ten_thousand_steps_do_not_take_minutes() {
    let wanted: Vec<_> = (0..10_000)
        .map(|n| {
            let tags =
                if n < 100 { json!({}) } else { json!({"near": to(&format!("sim.address.n{}", n / 100), "/id")}) };
            resource(&format!("sim.address.n{n}"), json!({"size": "small", "tags": tags}))
        })
        .collect();
    let world = World::new();
    let timed = |run: &dyn Fn() -> Ran| {
        let started = Instant::now();
        assert!(run().complete());
        started.elapsed()
    };
    let took =
        [timed(&|| world.deploy(wanted.clone())), timed(&|| world.deploy(wanted.clone())), timed(&|| world.destroy())];
    let writes = world.disk.writes.load(Ordering::Relaxed);
    assert!(writes < 100, "changes at the same time share a write: {writes}");
    assert!(took.iter().sum::<Duration>() < Duration::from_mins(1), "{took:?}");
    report(&format!("deploy, deploy again, destroy: {took:?}, {writes} writes"));
}

#[expect(clippy::print_stdout, reason = "measured times, shown with --nocapture")]
fn report(line: &str) {
    println!("{line}");
}
