//! Checks between the plan and the first change.

use std::collections::BTreeSet;

use nic_core::diagnostic::Diagnostic;
use nic_core::error::ProviderError;

use crate::platform::platform;
use crate::world::{How, World};

fn unanswered() -> Vec<Diagnostic> {
    vec![Diagnostic::warning("PREFLIGHT_UNANSWERED", "A check got no answer", "throttled")]
}

/// A deploy whose checks find this, one look after the other; and how many looks were left over.
fn looked(world: &World, checks: Vec<Vec<Diagnostic>>) -> (crate::world::Ran, usize) {
    let provider = world.provider(platform());
    provider.checks.lock().unwrap().extend(checks);
    let left = provider.checks.clone();
    let ran = world.go(provider, &How::default());
    let left = left.lock().unwrap().len();
    (ran, left)
}

#[test]
fn a_check_that_got_no_answer_is_made_again() {
    let wrong = || vec![Diagnostic::error("QUOTA_TOO_SMALL", "No room", "")];
    let world = World::new();
    let (ran, left) = looked(&world, vec![unanswered(), unanswered(), wrong()]);
    assert_eq!((ran.codes(), left), (BTreeSet::from(["QUOTA_TOO_SMALL"]), 0));
    assert_eq!(world.mutations(), 0);
    // What stops the deploy is told at once.
    let (ran, left) = looked(&world, vec![[unanswered(), wrong()].concat(), unanswered()]);
    assert_eq!((ran.refused.len(), left), (2, 1));
    // Once answered, no more is asked; and what cannot be checked at all stops nothing.
    let (ran, left) = looked(&world, vec![unanswered(), Vec::new(), wrong()]);
    assert!(ran.complete(), "{:?}", ran.refused);
    assert_eq!(left, 1);
    let world = World::new();
    let (ran, left) = looked(&world, vec![unanswered(); 7]);
    assert!(ran.complete(), "{:?}", ran.refused);
    assert_eq!(left, 2);
    world.assert_settled(platform());
}

/// Whoever only looks may not be let check everything; whoever deploys has to be.
#[test]
fn a_check_that_a_reader_may_not_make_is_no_failure_of_the_plan() {
    let looked = |error: ProviderError, plan: bool| {
        let world = World::new();
        let mut provider = world.provider(platform());
        provider.unchecked = Some(error);
        let ran = world.go(provider, &How { plan, ..How::default() });
        assert!(world.mutations() == 0 || ran.refused.is_empty());
        ran.refused.into_iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    let denied = |code: &str| ProviderError::denied(code, "no");
    for error in [denied("AccessDenied"), denied("UnauthorizedOperation"), denied("CLUSTER_FORBIDS")] {
        assert_eq!(looked(error.clone(), true), [""; 0]);
        assert_eq!(looked(error.clone(), false), [error.code()]);
    }
    for error in [denied("SignatureDoesNotMatch"), denied("ACTION_NOT_GRANTED"), ProviderError::other("BROKEN", "it")] {
        assert_eq!(looked(error.clone(), true), [error.code()]);
        assert_eq!(looked(error.clone(), false), [error.code()]);
    }
}
