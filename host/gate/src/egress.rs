//! Addresses that requests may be sent to.
//!
//! A granted name may point anywhere: at the machine itself, into the user's network, at the metadata service that hands out the
//! machine's credentials. So the address is checked too, when it is dialled, and the addresses that were checked are the
//! ones that are used.

mod authorities;
mod lookup;
mod metadata;
mod proxies;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

pub use self::authorities::{Authorities, SSL_CERT_FILE, check_machine, tls_error};
pub use self::lookup::Lookup;
pub use self::proxies::{Proxies, Proxy, refusal_of, stopped_at};

use self::metadata::{METADATA, METADATA_NAMES};

/// Longest look at a name that a proxy is to dial. Where only proxies know the names of others, a resolver may take long to say so.
const LOOK_AHEAD: Duration = Duration::from_secs(2);

/// Why a request does not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{host}` is at {address}, {why}; only public addresses are dialled, hosts that you open (`nic provider add --private`), and endpoints of your own settings"
)]
pub struct EgressRefused {
    /// The name that was resolved.
    pub host: String,
    /// What it resolved to.
    pub address: IpAddr,
    /// What kind of address that is.
    pub why: &'static str,
}

impl EgressRefused {
    /// Its stable name.
    pub const CODE: &str = "ADDRESS_NOT_ALLOWED";
}

/// What is said of the addresses in [`METADATA`].
const A_METADATA_SERVICE: &str = "a metadata service";

/// What is said of addresses on the machine's own wire, where clouds have what serves the machine: no cluster and no API of a user.
const LINK_LOCAL: &str = "link-local, where metadata services are";

/// What keeps an address from being dialled, or none for a public one.
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => not_public_v4(v4),
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    if METADATA.iter().any(|(_, known)| *known == address) {
        return Some(A_METADATA_SERVICE);
    }
    match address.octets() {
        [0, ..] => Some("this network"),
        [127, ..] => Some("the machine itself"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private network"),
        [100, 64..=127, ..] => Some("a carrier's or a cluster's network"),
        [169, 254, ..] => Some(LINK_LOCAL),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("for documentation"),
        [224..=239, ..] => Some("multicast"),
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..] => Some("reserved"),
        _ => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| not_public_v4(v4_of(high, low));
    match segments {
        _ if METADATA.iter().any(|(_, known)| *known == address) => Some(A_METADATA_SERVICE),
        // However it is wrapped: tunnels and translators of a network have prefixes of their own.
        [.., high, low] if METADATA.iter().any(|(_, known)| *known == v4_of(high, low)) => Some(A_METADATA_SERVICE),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("no address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("the machine itself"),
        // Other spellings of IPv4 addresses: mapped, compatible, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            embedded(high, low)
        }
        // NAT64 of a network's own, and what is translated.
        [0x64, 0xff9b, 1, .., high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            embedded(high, low).or(Some("reserved"))
        }
        [0xfc00..=0xfdff, ..] => Some("a private network"),
        [0xfe80..=0xfebf, ..] => Some(LINK_LOCAL),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("for documentation"),
        // Teredo and the other protocol assignments tunnel to places that cannot be seen from here.
        [0x2001, 0..=0x1ff, ..] => Some("reserved"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("reserved"),
    }
}

/// The IPv4 address in the last bits of an IPv6 address.
fn v4_of(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

/// Whether an address is that of a metadata service, or where others of them are, however it is written.
pub fn is_metadata(address: IpAddr) -> bool {
    not_public(address).is_some_and(|why| [A_METADATA_SERVICE, LINK_LOCAL].contains(&why))
}

/// Whether a host name is that of a metadata service.
pub fn is_metadata_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    METADATA_NAMES.contains(&host.as_str())
}

/// Who may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Public addresses: hosts that a manifest names.
    Public,
    /// Every address but those of metadata services: a cloud's own, whose certificate proves it, and hosts that the user lets be private.
    NotMetadata,
    /// What the user's own settings lead to.
    Anywhere,
}

impl Reach {
    fn refuses(self, address: IpAddr) -> Option<&'static str> {
        match self {
            Self::Public => not_public(address),
            Self::NotMetadata => not_public(address).filter(|_| is_metadata(address)),
            Self::Anywhere => None,
        }
    }

    /// Checks what a name resolved to. One bad address spoils all: the connector would try each in turn.
    fn check(self, host: &str, addresses: &[IpAddr]) -> Result<(), EgressRefused> {
        let refused = addresses.iter().find_map(|address| self.refuses(*address).map(|why| (*address, why)));
        refused.map_or(Ok(()), |(address, why)| Err(EgressRefused { host: host.to_owned(), address, why }))
    }
}

/// A resolver that answers only addresses that may be dialled. It asks once for each connection: what was checked is what is dialled.
#[derive(Debug, Clone)]
pub struct Guarded {
    reach: Reach,
    lookup: Lookup,
}

impl Guarded {
    /// A resolver for what may be within this reach.
    pub fn new(reach: Reach, lookup: Lookup) -> Self {
        Self { reach, lookup }
    }

    /// Checks where a name is that a proxy is to dial. What cannot be found out here in time only the proxy knows, and passes.
    pub async fn look_ahead(&self, host: &str) -> Result<(), EgressRefused> {
        match tokio::time::timeout(LOOK_AHEAD, self.lookup.addresses(host)).await {
            Ok(Ok(found)) => self.reach.check(host, &found),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, host) = (self.reach, name.as_str().to_ascii_lowercase());
        let looking = self.lookup.addresses(&host);
        Box::pin(async move {
            let found = looking.await?;
            reach.check(&host, &found)?;
            // The connector puts in the port.
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        for bad in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(not_public(IpAddr::from_str(bad).unwrap()).is_some(), "{bad}");
        }
        for good in [
            "1.1.1.1",
            "52.94.76.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "::ffff:52.94.76.1",
            "64:ff9b::345e:4c01",
            "2600:1f14::1",
            "2a05:d014::1",
        ] {
            assert_eq!(not_public(IpAddr::from_str(good).unwrap()), None, "{good}");
        }
    }

    #[test]
    fn metadata_is_metadata_in_every_spelling() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "169.254.170.2",
            "169.254.170.23",
            "fd00:ec2::23",
            "fd20:ce::254",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "192.0.0.192",
            "100.100.100.200",
            "64:ff9b:1::a9fe:a9fe",
            "::ffff:0:a9fe:a9fe",
            "169.254.0.23",
            "169.254.42.42",
            "::ffff:169.254.0.23",
            "64:ff9b::a9fe:17",
            "64:ff9b:1::a9fe:17",
            "::ffff:0:a9fe:17",
            "2002:a9fe:17::1",
            "fe80::a9fe:a9fe",
            "fe80::1",
            "fd00:42::42",
            "fd00:a9fe:a9fe::1",
        ] {
            assert!(is_metadata(address.parse().unwrap()), "{address}");
        }
        for name in ["metadata.google.internal", "METADATA.google.internal.", "instance-data"] {
            assert!(is_metadata_name(name), "{name}");
        }
        assert!(!is_metadata_name("metadata.example.com"));
        for address in ["127.0.0.1", "10.0.0.1", "fd00::1", "64:ff9b:1::a00:1", "2600:1f14::a9fe:17"] {
            assert!(!is_metadata(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn one_bad_address_spoils_the_answer() {
        let addresses = ["52.94.76.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let refused = Reach::Public.check("rebind.example", &addresses).unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with("`rebind.example` is at 10.0.0.1, a private network;"), "{text}");
        // A cloud's own name may lead to a private endpoint or through a VPN, and never to a metadata service.
        let private = ["10.0.0.1".parse().unwrap(), "198.18.0.7".parse().unwrap()];
        assert_eq!(Reach::NotMetadata.check("ec2.us-west-2.amazonaws.com", &private), Ok(()));
        assert!(Reach::NotMetadata.check("rebind.example", &["169.254.170.2".parse().unwrap()]).is_err());
    }

    #[tokio::test]
    async fn the_resolver_refuses_what_is_out_of_reach() {
        let guard = |reach| Guarded::new(reach, Lookup::default());
        let refused = guard(Reach::Public).resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(refused.downcast_ref::<EgressRefused>().is_some(), "{refused}");
        assert!(guard(Reach::Anywhere).resolve("localhost".parse().unwrap()).await.is_ok());
    }

    #[tokio::test]
    async fn what_a_proxy_is_to_dial_is_looked_at_where_it_can_be() {
        let guard = |reach, answers| Guarded::new(reach, Lookup::answering(answers));
        let at = |address: &str| vec![vec![address.parse().unwrap()]];
        assert!(guard(Reach::Public, at("10.0.0.1")).look_ahead("a.example").await.is_err());
        assert!(guard(Reach::NotMetadata, at("10.0.0.1")).look_ahead("a.example").await.is_ok());
        assert!(guard(Reach::NotMetadata, at("169.254.169.254")).look_ahead("a.example").await.is_err());
        assert!(guard(Reach::Public, at("52.94.76.1")).look_ahead("a.example").await.is_ok());
        // Nobody here knows it.
        assert!(guard(Reach::Public, Vec::new()).look_ahead("a.example").await.is_ok());
    }

    #[tokio::test]
    async fn a_name_is_looked_at_again_each_time_it_is_dialled() {
        let (public, private) = ("52.94.76.1".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let guard =
            Guarded::new(Reach::Public, Lookup::answering(vec![vec![public], vec![private], vec![public, private]]));
        let dialled = guard.resolve("rebind.example".parse().unwrap()).await.unwrap();
        assert_eq!(dialled.map(|address| address.ip()).collect::<Vec<_>>(), [public]);
        for _ in 0..2 {
            let refused = guard.resolve("rebind.example".parse().unwrap()).await.err().unwrap();
            let refused = refused.downcast_ref::<EgressRefused>().expect("an address that is refused");
            assert_eq!((refused.address, refused.why), (private, "a private network"));
        }
    }
}
