//! A share of the points, so that several machines strike all of them together.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result};
use sha2::{Digest, Sha256};

use super::Point;

/// The first, second, ... of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

impl Shard {
    /// All points.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether a point is in it. A point's number comes from its name, since machines that count for themselves need not count the
    /// same: so each point is in one shard, whoever counts.
    pub fn has(self, point: &Point) -> bool {
        let digest: [u8; 32] = Sha256::digest(point.to_string()).into();
        let number = digest[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        number % self.of == self.number - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = || {
            let (number, of) = text.split_once('/')?;
            let (number, of) = (number.parse().ok()?, of.parse().ok()?);
            (1 <= number && number <= of).then_some(Self { number, of })
        };
        parts().with_context(|| format!("`{text}` is no shard, as `2/8` is the second of eight"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_is_in_one_shard_and_no_shard_is_empty() {
        let points: Vec<Point> = (1..=400).map(|n| format!("deploy write {n} after").parse().unwrap()).collect();
        let shards: Vec<Shard> = (1..=4).map(|n| format!("{n}/4").parse().unwrap()).collect();
        for point in &points {
            assert_eq!(shards.iter().filter(|shard| shard.has(point)).count(), 1, "{point}");
            assert!(Shard::WHOLE.has(point));
        }
        for shard in shards {
            let count = points.iter().filter(|point| shard.has(point)).count();
            assert!((60..=140).contains(&count), "{count} of 400 in {shard}");
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        assert_eq!("1/1".parse::<Shard>().unwrap(), Shard::WHOLE);
        for bad in ["", "0/4", "5/4", "1", "1/0", "a/b"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
