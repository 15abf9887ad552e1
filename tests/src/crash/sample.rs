//! The points that CI strikes: each way in which something may go wrong, of the ways that have many points a few, and a few of all the
//! others. The same ones each time; the sweep has the rest.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::{Moment, Place, Point, Run, points};
use crate::namespaces::SERVICE;

/// What a point is in the sample for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The first write of the state.
    FirstWrite,
    /// The last one.
    LastWrite,
    /// The first change of the account: at a deploy the claim.
    FirstChange,
    /// The first change of its kind, with the answer lost: nobody knows the id.
    Unrecorded,
    /// The same on the cluster.
    UnrecordedObject,
    /// A look at something that takes its time.
    Waiting,
    /// One of many.
    Strewn,
}

/// Of what has many points, how few are struck.
#[derive(Debug, Clone, Copy)]
pub struct Thinned {
    /// One in so many first changes of a kind whose answer is lost.
    pub unrecorded: usize,
    /// One in so many of all points.
    pub strewn: usize,
    /// Whose turn it is, 0 or 1: one begins half way from the other, so that two emulators strike twice as many points.
    pub turn: usize,
}

impl Thinned {
    /// One in `every`; at least one, where there is any.
    fn of<T>(self, all: Vec<T>, every: usize) -> impl Iterator<Item = T> {
        let start = (self.turn * every / 2) % all.len().max(1);
        all.into_iter().skip(start).step_by(every)
    }
}

/// The sample of a run: what has to be in it, and what is left of the rest.
pub fn sample(run: &Run, thinned: Thinned) -> Result<BTreeMap<Point, Reason>> {
    let strewn = thinned.of(points(run)?, thinned.strewn);
    let mut sample: BTreeMap<Point, Reason> = strewn.map(|point| (point, Reason::Strewn)).collect();
    for moment in Moment::ALL {
        sample.insert(run.point(Place::Write, 1, moment), Reason::FirstWrite);
        sample.insert(run.point(Place::LastWrite, 1, moment), Reason::LastWrite);
    }
    let first = run.requests.iter().position(|(service, _, changes)| *changes && service != SERVICE);
    let first = run.after(first.context("nothing was changed in the account")?)?;
    let (mut actions, objects) = first_changes(run);
    // It is in the sample as what it is.
    actions.retain(|(service, action)| first.place != Place::Request(service.clone(), action.clone()));
    for (reason, changes) in [(Reason::Unrecorded, actions), (Reason::UnrecordedObject, objects)] {
        for (service, action) in thinned.of(changes, thinned.unrecorded) {
            sample.insert(run.point(Place::Request(service, action), 1, Moment::After), reason);
        }
    }
    sample.insert(Point { moment: Moment::Before, ..first.clone() }, Reason::FirstChange);
    sample.insert(first, Reason::FirstChange);
    let look = run.requests.iter().enumerate().position(|(index, _)| is_look(run, index));
    sample.insert(run.after(look.context("nothing was waited for")?)?, Reason::Waiting);
    Ok(sample)
}

/// The service and what was asked of it.
type Action = (String, String);

/// Each action that changes the account, and of each sort of object the change of the first by name.
fn first_changes(run: &Run) -> (Vec<Action>, Vec<Action>) {
    let changes = run.requests.iter().filter(|(_, _, changes)| *changes);
    let (objects, actions): (BTreeSet<_>, BTreeSet<_>) = changes
        .map(|(service, action, _)| (service.clone(), action.clone()))
        .partition(|(service, _)| service == SERVICE);
    let mut sorts = BTreeMap::new();
    for object in objects {
        let sort = |action: &str| {
            let (method, path) = action.split_once(' ')?;
            Some((method.to_owned(), path.rsplit('/').nth(1)?.to_owned()))
        };
        sorts.entry(sort(&object.1)).or_insert(object);
    }
    (actions.into_iter().collect(), sorts.into_values().collect())
}

/// Whether a request looks at what EKS was told to make or to delete before.
fn is_look(run: &Run, index: usize) -> bool {
    let (service, action, _) = &run.requests[index];
    let Some(what) = action.strip_prefix("Describe").filter(|_| service == "eks") else { return false };
    run.requests[..index].iter().any(|(service, action, _)| {
        service == "eks" && ["Create", "Delete"].iter().any(|verb| action.strip_prefix(verb) == Some(what))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::Command;

    fn run() -> Run {
        let lines = [
            "sts GetCallerIdentity -",
            "eks DescribeCluster -",
            "iam CreateRole +",
            "ec2 CreateVpc +",
            "eks CreateCluster +",
            "iam CreateRole +",
            "ec2 DescribeVpcs -",
            "eks DescribeCluster -",
            "eks DescribeCluster -",
            "kubernetes GET_/api/v1/namespaces/dev -",
            "kubernetes PATCH_/api/v1/namespaces/dev +",
            "kubernetes PATCH_/api/v1/namespaces/data +",
            "kubernetes PATCH_/apis/apps/v1/namespaces/dev/deployments/web +",
        ];
        let requests = lines.map(|line| {
            let parts: Vec<&str> = line.split(' ').collect();
            (parts[0].to_owned(), parts[1].replace('_', " "), parts[2] == "+")
        });
        Run { command: Command::Deploy, requests: requests.into(), writes: 9 }
    }

    /// Every kind of change, and one in so many of the rest.
    fn one_in(strewn: usize) -> Thinned {
        Thinned { unrecorded: 1, strewn, turn: 0 }
    }

    fn of(sample: &BTreeMap<Point, Reason>, reason: Reason) -> Vec<String> {
        sample.iter().filter(|(_, one)| **one == reason).map(|(point, _)| point.to_string()).collect()
    }

    #[test]
    fn what_may_go_wrong_in_its_own_way_is_in_every_sample() {
        let sample = sample(&run(), one_in(1000)).unwrap();
        assert_eq!(of(&sample, Reason::FirstWrite), ["deploy write 1 before", "deploy write 1 after"]);
        assert_eq!(of(&sample, Reason::LastWrite), ["deploy last-write 1 before", "deploy last-write 1 after"]);
        assert_eq!(
            of(&sample, Reason::FirstChange),
            ["deploy iam:CreateRole 1 before", "deploy iam:CreateRole 1 after"]
        );
        assert_eq!(
            of(&sample, Reason::Unrecorded),
            ["deploy ec2:CreateVpc 1 after", "deploy eks:CreateCluster 1 after"]
        );
        let objects = [
            "deploy kubernetes:PATCH /api/v1/namespaces/data 1 after",
            "deploy kubernetes:PATCH /apis/apps/v1/namespaces/dev/deployments/web 1 after",
        ];
        assert_eq!(of(&sample, Reason::UnrecordedObject), objects);
        // The second look: the first one was before the cluster was asked for.
        assert_eq!(of(&sample, Reason::Waiting), ["deploy eks:DescribeCluster 2 after"]);
        assert_eq!(of(&sample, Reason::Strewn), Vec::<String>::new());
    }

    #[test]
    fn a_denser_sample_has_more_of_the_others_and_the_same_each_time() {
        let all = points(&run()).unwrap().len();
        let dense = sample(&run(), one_in(3)).unwrap();
        assert!(dense.len() > sample(&run(), one_in(1000)).unwrap().len() && dense.len() < all);
        assert_eq!(sample(&run(), one_in(1)).unwrap().len(), all);
        let mut other_order = run();
        other_order.requests.swap(3, 6);
        assert_eq!(sample(&other_order, one_in(3)).unwrap(), dense);
    }

    #[test]
    fn a_thin_sample_has_every_reason_on_either_emulator_and_other_points_on_each() {
        let thin = |turn| sample(&run(), Thinned { unrecorded: 2, strewn: 8, turn }).unwrap();
        let (one, other) = (thin(0), thin(1));
        for reason in [
            Reason::FirstWrite,
            Reason::LastWrite,
            Reason::FirstChange,
            Reason::Unrecorded,
            Reason::UnrecordedObject,
            Reason::Waiting,
            Reason::Strewn,
        ] {
            assert!(!of(&one, reason).is_empty() && !of(&other, reason).is_empty(), "{reason:?}: {one:#?} {other:#?}");
        }
        for reason in [Reason::UnrecordedObject, Reason::Strewn] {
            assert!(of(&one, reason).iter().all(|point| !of(&other, reason).contains(point)), "{reason:?}");
        }
        // However few there are to choose from.
        let thin = sample(&run(), Thinned { unrecorded: 1000, strewn: 1000, turn: 1 }).unwrap();
        assert_eq!((of(&thin, Reason::Unrecorded).len(), of(&thin, Reason::UnrecordedObject).len()), (1, 1));
    }
}
