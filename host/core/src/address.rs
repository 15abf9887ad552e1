//! The stable name of a resource inside NIC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest address that is accepted, in bytes. Addresses go into cloud tags, whose values end at 256 characters.
pub const MAX_ADDRESS_BYTES: usize = 180;

/// `<provider>.<kind>.<name>`, such as `hello.node-group.general`.
///
/// At least three segments of letters, digits, `-` and `_`, joined by dots. The first segment names the provider that declared it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: {why}")]
pub struct AddressError {
    text: String,
    why: &'static str,
}

impl Address {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment: the name of the provider that declared it.
    pub fn provider(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// Where what stood here is recorded until it is gone; see [`Address::leaves_room`].
    #[must_use]
    pub fn deposed(&self, suffix: &str) -> Self {
        Self(format!("{}.deposed-{suffix}", self.0))
    }

    /// Whether [`Address::deposed`] is an address too: none may be longer than [`MAX_ADDRESS_BYTES`].
    pub fn leaves_room(&self) -> bool {
        self.0.len() + ".deposed-012345".len() <= MAX_ADDRESS_BYTES
    }

    /// What comes after provider and kind: the name people know.
    pub fn name(&self) -> &str {
        self.0.splitn(3, '.').nth(2).unwrap_or_default()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fail = |why| Err(AddressError { text: text.chars().take(80).collect(), why });
        if text.len() > MAX_ADDRESS_BYTES {
            return fail("it is longer than 180 bytes");
        }
        if text.split('.').count() < 3 {
            return fail("expected `<provider>.<kind>.<name>`");
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.split('.').any(|segment| segment.is_empty() || !segment.chars().all(legal)) {
            return fail("segments hold letters, digits, `-` and `_`, at least one");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_providers_write_and_refuses_the_rest() {
        let address: Address = "aws.node-group.general".parse().unwrap();
        assert_eq!(address.provider(), "aws");
        assert_eq!(address.name(), "general");
        for bad in
            ["", "aws", "aws.vpc", "aws..x", "aws.vpc.a b", "aws.vpc.a/b", &format!("aws.vpc.{}", "x".repeat(200))]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
