//! Versions of Kubernetes.

use std::fmt;

/// A minor version; ordered by its numbers, not by its letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(u32, u32);

impl Minor {
    /// The version of these two numbers.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self(major, minor)
    }

    /// From `1.34`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |text: &str| text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        Some(Self(number(major)?, number(minor)?))
    }

    /// The first number.
    pub fn major(self) -> u32 {
        self.0
    }

    /// The second number.
    pub fn minor(self) -> u32 {
        self.1
    }

    /// How many minor versions it is above another.
    pub fn above(self, other: Self) -> u32 {
        self.1.saturating_sub(other.1)
    }

    /// So many minor versions above it.
    #[must_use]
    pub fn plus(self, minors: u32) -> Self {
        Self(self.0, self.1 + minors)
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_and_not_texts() {
        let minor = |text: &str| Minor::parse(text).unwrap();
        assert!(minor("1.9") < minor("1.10"));
        assert_eq!(minor("1.34").above(minor("1.31")), 3);
        assert_eq!(minor("1.31").plus(3).to_string(), "1.34");
        for bad in ["", "1", "1.", ".1", "1.34.2", "v1.34", "1.x"] {
            assert_eq!(Minor::parse(bad), None, "{bad}");
        }
    }
}
