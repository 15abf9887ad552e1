//! Zones in which EKS places no control plane.

/// By id: a name means another zone in another account.
const WITHOUT_CONTROL_PLANE: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// Whether EKS places no control plane in the zone of this id.
pub fn hosts_no_control_plane(id: &str) -> bool {
    WITHOUT_CONTROL_PLANE.contains(&id)
}

/// Whether the zone is a local one, or a carrier's, by its name: `us-west-2-lax-1a` stands beside `us-west-2a`. EKS places no control plane
/// there.
pub fn is_beyond_the_region(name: &str) -> bool {
    // A region has one number.
    name.split('-').filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_zones_are_known_by_their_names() {
        for local in ["us-west-2-lax-1a", "us-east-1-wl1-bos-wlz-1", "us-east-1-atl-2a"] {
            assert!(is_beyond_the_region(local), "{local}");
        }
        for of_region in ["us-west-2a", "us-gov-west-1b", "eusc-de-east-1a", "ap-southeast-5c"] {
            assert!(!is_beyond_the_region(of_region), "{of_region}");
        }
    }
}
