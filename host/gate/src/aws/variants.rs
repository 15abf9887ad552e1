//! The other hosts that AWS has of its services: with cryptography by FIPS 140, and with IPv6 addresses.

use std::sync::LazyLock;

/// Which of a service's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// FIPS 140.
    Fips,
    /// IPv4 and IPv6.
    DualStack,
    /// Both.
    FipsDualStack,
}

impl Variant {
    /// The one that is asked for; none for the ordinary host.
    pub fn of(fips: bool, dual_stack: bool) -> Option<Self> {
        match (fips, dual_stack) {
            (true, true) => Some(Self::FipsDualStack),
            (true, false) => Some(Self::Fips),
            (false, true) => Some(Self::DualStack),
            (false, false) => None,
        }
    }

    fn named(text: &str) -> Option<Self> {
        match text {
            "fips" => Some(Self::Fips),
            "dualstack" => Some(Self::DualStack),
            "fips+dualstack" => Some(Self::FipsDualStack),
            _ => None,
        }
    }
}

/// Made by `tests/fixtures/variants.py` from the rules by which AWS's own tools find hosts; a test of the harness compares.
const TABLE: &str = include_str!("variants.tsv");

static HOSTS: LazyLock<Vec<(&str, &str, Variant, &str)>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.next()?, Variant::named(columns.next()?)?, columns.next()?))
    };
    TABLE.lines().filter_map(row).collect()
});

/// The host of a service in a partition, with `{region}` for its region.
pub fn host(service_id: &str, partition: &str, variant: Variant) -> Option<&'static str> {
    let wanted = (service_id, partition, variant);
    HOSTS.iter().find(|(service, of, sort, _)| (*service, *of, *sort) == wanted).map(|(.., host)| *host)
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    #[test]
    fn every_service_has_its_hosts() {
        for service_id in catalogue::service_ids() {
            for variant in [Variant::Fips, Variant::DualStack, Variant::FipsDualStack] {
                assert!(host(service_id, "aws", variant).is_some(), "{service_id} {variant:?}");
            }
        }
        assert_eq!(host("EKS", "aws", Variant::Fips), Some("fips.eks.{region}.amazonaws.com"));
        assert_eq!(host("EKS", "aws-us-gov", Variant::Fips), Some("eks.{region}.amazonaws.com"));
        assert_eq!(host("STS", "aws-us-gov", Variant::Fips), Some("sts.{region}.amazonaws.com"));
        assert_eq!(host("IAM", "aws", Variant::Fips), Some("iam-fips.amazonaws.com"));
        assert_eq!(host("EFS", "aws", Variant::DualStack), Some("efs.{region}.api.aws"));
        // AWS's rules make up names there that no zone has.
        assert_eq!(host("EC2", "aws-cn", Variant::Fips), None);
    }
}
