//! The process is killed at every write and at every call, before and after it: the next runs come to the same end.

use std::collections::BTreeMap;

use nic_core::resource::Desired;
use proptest::prelude::*;
use serde_json::Value;

use crate::faults::{Crash, Fault, Side};
use crate::platform::{changed_platform, platform};
use crate::world::{How, Ran, World};

/// What is done, and from where.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scenario {
    Deploy,
    Change,
    Destroy,
    /// The first deploy was cut short at this call; then everything is destroyed.
    DestroyAfterCrash(usize),
    /// The change was cut short at this call; then it is taken back.
    ChangeBack(usize),
}

impl Scenario {
    fn begin(self) -> World {
        match self {
            Self::Deploy => World::new(),
            Self::Change | Self::Destroy => World::with(platform()),
            Self::DestroyAfterCrash(at) => {
                let world = World::new();
                let how = How { crash: Some(Crash::Call(at, Side::After)), ..How::default() };
                world.go(world.provider(platform()), &how);
                world
            }
            Self::ChangeBack(at) => {
                let world = World::with(platform());
                let how = How { crash: Some(Crash::Call(at, Side::After)), ..How::default() };
                world.go(world.provider(changed_platform()), &how);
                world
            }
        }
    }

    fn wanted(self) -> Vec<Desired> {
        match self {
            Self::Deploy | Self::ChangeBack(_) => platform(),
            Self::Change => changed_platform(),
            Self::Destroy | Self::DestroyAfterCrash(_) => Vec::new(),
        }
    }

    fn run(self, world: &World, crash: Option<Crash>) -> Ran {
        let destroy = matches!(self, Self::Destroy | Self::DestroyAfterCrash(_));
        world.go(world.provider(self.wanted()), &How { destroy, crash, ..How::default() })
    }

    fn end(self) -> BTreeMap<String, Value> {
        let world = self.begin();
        let ran = self.run(&world, None);
        assert!(ran.complete(), "{self:?}: {:?} {:?}", ran.refused, ran.report);
        world.picture()
    }

    /// Runs until it is done, at most so often, and compares.
    fn goes_on(self, world: &World, runs: usize, end: &BTreeMap<String, Value>, what: &str) {
        for run in 1..=runs {
            let ran = self.run(world, None);
            if ran.complete() {
                break;
            }
            assert!(run < runs, "{self:?} {what}: {:#?} {:#?}", ran.refused, ran.report);
        }
        world.assert_nothing_doubled();
        let picture = world.picture();
        for (name, shown) in end {
            assert_eq!(picture.get(name), Some(shown), "{self:?} {what}: {name}");
        }
        assert!(picture.keys().eq(end.keys()), "{self:?} {what}: {:?}", picture.keys());
        if !matches!(self, Self::Destroy | Self::DestroyAfterCrash(_)) {
            world.assert_settled(self.wanted());
        }
    }

    /// Kills it everywhere.
    fn crash_everywhere(self) {
        let end = self.end();
        let mut crashes = 0;
        for crash in [Crash::Write as fn(usize, Side) -> Crash, Crash::Call] {
            for side in [Side::Before, Side::After] {
                for at in 1.. {
                    let world = self.begin();
                    let crash = crash(at, side);
                    if !self.run(&world, Some(crash)).crashed {
                        break;
                    }
                    crashes += 1;
                    self.goes_on(&world, 2, &end, &format!("{crash:?}"));
                }
            }
        }
        assert!(crashes >= 40, "only {crashes} crashes");
    }
}

#[test]
fn at_every_point_of_a_first_deploy() {
    Scenario::Deploy.crash_everywhere();
}

#[test]
fn at_every_point_of_a_change() {
    Scenario::Change.crash_everywhere();
}

#[test]
fn at_every_point_of_a_destroy() {
    Scenario::Destroy.crash_everywhere();
}

#[test]
fn everything_is_destroyed_wherever_the_first_deploy_was_cut_short() {
    for at in 1.. {
        let scenario = Scenario::DestroyAfterCrash(at);
        let world = scenario.begin();
        let finished =
            world.disk.state().is_some_and(|s| s.records.len() == 9 && s.records.values().all(|r| r.pending.is_none()));
        scenario.goes_on(&world, 2, &BTreeMap::new(), "");
        if finished {
            break;
        }
    }
}

#[test]
fn a_change_is_taken_back_wherever_it_was_cut_short() {
    let end = Scenario::Deploy.end();
    for at in 1.. {
        let scenario = Scenario::ChangeBack(at);
        let world = scenario.begin();
        let finished =
            world.disk.state().unwrap().records.values().all(|r| r.pending.is_none()) && world.count("update") >= 5;
        scenario.goes_on(&world, 2, &end, "");
        if finished {
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Killed again and again, while what is created stays invisible for a while.
    #[test]
    fn several_times_in_a_row_with_reads_that_lag(
        scenario in prop::sample::select(vec![Scenario::Deploy, Scenario::Change, Scenario::Destroy]),
        points in prop::collection::vec((any::<bool>(), 1..30_usize, any::<bool>()), 1..4),
        lags in prop::collection::vec(prop_oneof![Just(Fault::Fine), (1..28_u64).prop_map(Fault::Invisible)], 0..40),
    ) {
        let end = scenario.end();
        let world = scenario.begin();
        world.faults.schedule(lags);
        for (write, at, after) in &points {
            let side = if *after { Side::After } else { Side::Before };
            scenario.run(&world, Some(if *write { Crash::Write(*at, side) } else { Crash::Call(*at, side) }));
        }
        scenario.goes_on(&world, 3, &end, &format!("{points:?}"));
    }
}
