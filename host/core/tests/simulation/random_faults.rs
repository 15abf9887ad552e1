//! The cloud fails calls as it likes: the runs converge all the same, and nothing is made twice.

use std::time::Duration;

use proptest::prelude::*;

use crate::faults::Fault;
use crate::platform::{changed_platform, platform};
use crate::world::{Ran, World};

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        3 => Just(Fault::Fine),
        1 => Just(Fault::Throttled),
        1 => Just(Fault::Unavailable),
        1 => Just(Fault::ActedUnavailable),
        1 => Just(Fault::NeverArrived),
        1 => Just(Fault::LostAnswer),
        1 => (1..28_u64).prop_map(Fault::Invisible),
    ];
    prop::collection::vec(fault, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_deploy_a_change_and_a_destroy_converge(deploy in faults(), change in faults(), destroy in faults()) {
        let end = {
            let world = World::with(platform());
            world.deploy(changed_platform());
            world.picture()
        };
        let world = World::new();
        world.faults.schedule(deploy);
        // Errors that pass by themselves are waited out, whatever their order: one run is enough.
        let ran = world.deploy(platform());
        prop_assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        world.faults.schedule(change);
        let ran = world.deploy(changed_platform());
        prop_assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        world.assert_nothing_doubled();
        world.time.pass(Duration::from_mins(1));
        prop_assert_eq!(world.picture(), end);
        world.assert_settled(changed_platform());
        world.faults.schedule(destroy);
        let ran = world.destroy();
        prop_assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        prop_assert!(world.cloud.lock().unwrap().things.is_empty());
    }

    /// When reads fail too, a run may be refused or end early; then the next one goes on.
    #[test]
    fn reads_that_fail_never_make_a_second_thing(
        mutations in prop::collection::vec(faults(), 3),
        reads in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.6), 0..80), 3),
    ) {
        let world = World::new();
        let steps: [&dyn Fn() -> Ran; 3] =
            [&|| world.deploy(platform()), &|| world.deploy(changed_platform()), &|| world.destroy()];
        for (step, (mutations, reads)) in steps.into_iter().zip(mutations.into_iter().zip(reads)) {
            world.faults.schedule(mutations);
            world.faults.schedule_reads(reads);
            let complete = (0..25).any(|_| step().complete());
            prop_assert!(complete);
            world.assert_nothing_doubled();
        }
        prop_assert!(world.cloud.lock().unwrap().things.is_empty());
        prop_assert!(world.disk.state().unwrap().records.is_empty());
    }

    /// No pause between the runs: what was just made may not show yet.
    #[test]
    fn a_destroy_right_after_a_deploy_leaves_nothing(deploy in faults()) {
        let world = World::new();
        world.faults.schedule(deploy);
        world.deploy(platform());
        world.faults.schedule([]);
        let ran = world.destroy();
        prop_assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
        prop_assert!(world.cloud.lock().unwrap().things.is_empty());
        prop_assert!(world.disk.state().unwrap().records.is_empty());
    }
}
