//! IPv4 networks.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::findings::Findings;

/// An IPv4 network without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: u32,
    prefix: u8,
}

impl Cidr {
    /// The network that the config names at `pointer`, or a finding and none.
    pub fn read(text: &str, pointer: &str, findings: &mut Findings) -> Option<Self> {
        match text.parse::<Self>() {
            Ok(cidr) => Some(cidr),
            Err(error) => {
                let finding =
                    findings.error("CIDR_INVALID", "A network is malformed", format!("`{text}`: {error}"), pointer);
                if let CidrError::HostBits(network) = error {
                    finding.hints.push(format!("write `{network}`"));
                }
                None
            }
        }
    }

    /// The length of the network part.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The `index`-th of the networks that are `new_bits` longer; none when there is no such network.
    pub fn subnet(self, new_bits: u8, index: u32) -> Option<Self> {
        let prefix = self.prefix.checked_add(new_bits).filter(|&p| p <= 32)?;
        if u64::from(index) >= 1_u64 << new_bits {
            return None;
        }
        let shifted = index.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        Some(Self { network: self.network | shifted, prefix })
    }

    /// Whether the other lies within it.
    pub fn contains(self, other: Self) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
        other.prefix >= self.prefix && other.network & mask == self.network
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not of the form `a.b.c.d/n`.
    #[error("expected an IPv4 network such as `10.10.0.0/16`")]
    Malformed,
    /// Bits beyond the prefix are set.
    #[error("the network of that size is written `{0}`")]
    HostBits(Cidr),
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = text.split_once('/').ok_or(CidrError::Malformed)?;
        let address: Ipv4Addr = address.parse().map_err(|_| CidrError::Malformed)?;
        let prefix: u8 = prefix.parse().ok().filter(|&p| p <= 32).ok_or(CidrError::Malformed)?;
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        let network = Self { network: u32::from(address) & mask, prefix };
        if network.network == u32::from(address) { Ok(network) } else { Err(CidrError::HostBits(network)) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.network), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_cut_into_four() {
        let subnets: Vec<String> = (0..4).map(|i| cidr("10.10.0.0/16").subnet(2, i).unwrap().to_string()).collect();
        assert_eq!(subnets, ["10.10.0.0/18", "10.10.64.0/18", "10.10.128.0/18", "10.10.192.0/18"]);
        assert_eq!(cidr("10.10.0.0/16").subnet(2, 4), None);
        assert_eq!(cidr("0.0.0.0/0").subnet(2, 3).unwrap().to_string(), "192.0.0.0/2");
        assert_eq!(cidr("10.0.0.0/31").subnet(2, 0), None);
    }

    #[test]
    fn networks_overlap_when_one_lies_in_the_other() {
        let (whole, part, next) = (cidr("10.10.0.0/16"), cidr("10.10.128.0/18"), cidr("10.11.0.0/16"));
        assert!(whole.contains(part) && whole.contains(whole) && !part.contains(whole));
        assert!(part.overlaps(whole) && !next.overlaps(whole));
        assert!(cidr("0.0.0.0/0").contains(next) && !next.contains(cidr("0.0.0.0/0")));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/16", "x/8", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<Cidr>(), Err(CidrError::Malformed), "{bad}");
        }
        assert_eq!("10.0.0.1/16".parse::<Cidr>(), Err(CidrError::HostBits(cidr("10.0.0.0/16"))));
    }
}
