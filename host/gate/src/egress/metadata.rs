//! Where clouds hand out the credentials of a machine: every cloud's, whatever cloud the platform is on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Services on the way of every machine of a cloud that hand out its credentials, and what else of it is nobody's business. Nothing but
/// the user's own endpoint settings may lead there. Sources: the clouds' own documentation. What is link-local counts as one without being
/// listed: so are Tencent's (169.254.0.23) and Scaleway's (169.254.42.42).
pub(super) const METADATA: [(&str, IpAddr); 11] = [
    ("AWS, GCP, Azure, Oracle and others", IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254))),
    ("AWS, over IPv6", IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))),
    ("AWS ECS", IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2))),
    ("AWS EKS pod identity", IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23))),
    ("AWS EKS pod identity, over IPv6", IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23))),
    ("GCP, over IPv6", IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254))),
    ("Scaleway, over IPv6", IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42))),
    ("Linode, over IPv6", IpAddr::V6(Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1))),
    ("Azure's wire server", IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16))),
    ("Oracle", IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192))),
    ("Alibaba", IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200))),
];

/// Names of such services. Whatever a resolver makes of them, nobody else is meant.
pub(super) const METADATA_NAMES: [&str; 6] = [
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
];
