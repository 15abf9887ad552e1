//! IPv4 networks.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 network without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: u32,
    prefix: u8,
}

impl Cidr {
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
    fn a_vpc_is_cut_into_four() {
        let subnets: Vec<String> = (0..4).map(|i| cidr("10.10.0.0/16").subnet(2, i).unwrap().to_string()).collect();
        assert_eq!(subnets, ["10.10.0.0/18", "10.10.64.0/18", "10.10.128.0/18", "10.10.192.0/18"]);
        assert_eq!(cidr("10.10.0.0/16").subnet(2, 4), None);
        assert_eq!(cidr("0.0.0.0/0").subnet(2, 3).unwrap().to_string(), "192.0.0.0/2");
        assert_eq!(cidr("10.0.0.0/31").subnet(2, 0), None);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/16", "x/8", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<Cidr>(), Err(CidrError::Malformed), "{bad}");
        }
        assert_eq!("10.0.0.1/16".parse::<Cidr>(), Err(CidrError::HostBits(cidr("10.0.0.0/16"))));
    }
}
