//! Where a run is killed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// `nic deploy`
    Deploy,
    /// `nic destroy`
    Destroy,
}

impl Command {
    /// Both, in the order of a platform's life.
    pub const ALL: [Self; 2] = [Self::Deploy, Self::Destroy];

    /// What `nic` is called with.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Deploy => &["deploy"],
            Self::Destroy => &["destroy", "--yes"],
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.arguments()[0])
    }
}

/// On which side of what happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Nothing has happened yet.
    Before,
    /// It has happened; of a request the answer is lost.
    After,
}

impl Moment {
    /// Both, in their order.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A write of the state.
    Write,
    /// The one that ends the run: it was a success, or nothing is recorded any more. Which number it has differs from run to run.
    LastWrite,
    /// A request, by its service and action.
    Request(String, String),
}

/// A kill: in a command, at the n-th of something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// What is killed.
    pub command: Command,
    /// At which of what.
    pub place: Place,
    /// Counted from 1.
    pub nth: u64,
    /// On which side of it.
    pub moment: Moment,
}

/// `deploy ec2:CreateVpc 1 after`, `destroy write 17 before`.
impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, place, nth, moment } = self;
        match place {
            Place::Write => write!(formatter, "{command} write {nth} {moment}"),
            Place::LastWrite => write!(formatter, "{command} last-write {nth} {moment}"),
            Place::Request(service, action) => write!(formatter, "{command} {service}:{action} {nth} {moment}"),
        }
    }
}

impl FromStr for Point {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = || {
            let (command, rest) = text.split_once(' ')?;
            let (rest, moment) = rest.rsplit_once(' ')?;
            let (place, nth) = rest.rsplit_once(' ')?;
            let command = Command::ALL.into_iter().find(|one| one.to_string() == command)?;
            let moment = Moment::ALL.into_iter().find(|one| one.to_string() == moment)?;
            let place = match place.split_once(':') {
                None if place == "write" => Place::Write,
                None if place == "last-write" => Place::LastWrite,
                Some((service, action)) if !action.is_empty() => Place::Request(service.to_owned(), action.to_owned()),
                _ => return None,
            };
            Some(Self { command, place, nth: nth.parse().ok().filter(|nth| *nth > 0)?, moment })
        };
        parts().with_context(|| format!("`{text}` is no point, as `deploy ec2:CreateVpc 1 after` is one"))
    }
}

/// What a command did that nobody killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Which it was.
    pub command: Command,
    /// Its requests, those to each service in the order they came: service, action, and whether it changes something.
    pub requests: Vec<(String, String, bool)>,
    /// How often it wrote the state.
    pub writes: u64,
}

impl Run {
    /// A point of this run.
    pub fn point(&self, place: Place, nth: u64, moment: Moment) -> Point {
        Point { command: self.command, place, nth, moment }
    }

    /// The point after the request at this index, whose answer is lost.
    pub fn after(&self, index: usize) -> Result<Point> {
        let (service, action, _) = self.requests.get(index).context("no such request")?;
        let same = self.requests[..=index].iter().filter(|(s, a, _)| s == service && a == action).count();
        Ok(self.point(Place::Request(service.clone(), action.clone()), same as u64, Moment::After))
    }
}

/// Every point of a run, in an order that does not depend on what came first.
pub fn points(run: &Run) -> Result<Vec<Point>> {
    ensure!(run.writes > 0 && !run.requests.is_empty(), "`nic {}` did nothing", run.command);
    let mut counts: BTreeMap<Place, u64> = BTreeMap::from([(Place::Write, run.writes), (Place::LastWrite, 1)]);
    for (service, action, _) in &run.requests {
        *counts.entry(Place::Request(service.clone(), action.clone())).or_default() += 1;
    }
    let all = counts.into_iter().flat_map(|(place, count)| (1..=count).map(move |nth| (place.clone(), nth)));
    Ok(all.flat_map(|(place, nth)| Moment::ALL.map(|moment| run.point(place.clone(), nth, moment))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let request = |service: &str, action: &str, mutating| (service.to_owned(), action.to_owned(), mutating);
        Run {
            command: Command::Deploy,
            requests: vec![
                request("ec2", "DescribeVpcs", false),
                request("ec2", "CreateVpc", true),
                request("kubernetes", "PATCH /api/v1/namespaces/dev", true),
                request("ec2", "DescribeVpcs", false),
            ],
            writes: 2,
        }
    }

    #[test]
    fn every_request_and_every_write_is_struck_before_and_after() {
        let points: Vec<String> = points(&run()).unwrap().iter().map(ToString::to_string).collect();
        let expected = [
            "deploy write 1 before",
            "deploy write 1 after",
            "deploy write 2 before",
            "deploy write 2 after",
            "deploy last-write 1 before",
            "deploy last-write 1 after",
            "deploy ec2:CreateVpc 1 before",
            "deploy ec2:CreateVpc 1 after",
            "deploy ec2:DescribeVpcs 1 before",
            "deploy ec2:DescribeVpcs 1 after",
            "deploy ec2:DescribeVpcs 2 before",
            "deploy ec2:DescribeVpcs 2 after",
            "deploy kubernetes:PATCH /api/v1/namespaces/dev 1 before",
            "deploy kubernetes:PATCH /api/v1/namespaces/dev 1 after",
        ];
        assert_eq!(points, expected);
        let mut other_order = run();
        other_order.requests.reverse();
        assert_eq!(super::points(&other_order).unwrap(), super::points(&run()).unwrap());
        assert!(super::points(&Run { writes: 0, ..run() }).is_err());
    }

    #[test]
    fn a_point_is_found_again_by_its_name() {
        for point in points(&run()).unwrap() {
            assert_eq!(point.to_string().parse::<Point>().unwrap(), point);
        }
        for bad in [
            "",
            "deploy",
            "deploy write 0 after",
            "plan write 1 after",
            "deploy ec2 1 after",
            "deploy write 1",
            "deploy write x after",
        ] {
            assert!(bad.parse::<Point>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_is_counted_among_its_like() {
        assert_eq!(run().after(3).unwrap().to_string(), "deploy ec2:DescribeVpcs 2 after");
        assert!(run().after(4).is_err());
    }
}
