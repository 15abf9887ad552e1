//! Who reaches the cluster's endpoint.

use nic_sdk::findings::Findings;
use nic_sdk::kit::{Cidr, Reader};

/// Networks that EKS takes for a public endpoint.
const MOST: usize = 40;

/// Networks from which nobody comes over the internet. EKS refuses them.
const PRIVATE: [&str; 7] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/// Networks that stand in texts only. EKS refuses them, too; where one was written, a real one was to follow.
const EXAMPLES: [&str; 3] = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];

/// What to write instead of a network that EKS refuses.
const OWN_ADDRESS: &str =
    "write the public address that you come from (`curl https://checkip.amazonaws.com`) with `/32`";

/// Whether the endpoint is reached from outside, and from the VPC.
pub fn access(section: &Reader<'_>, findings: &mut Findings) -> (bool, bool) {
    match section.text("eks_endpoint_access", findings).as_deref() {
        None | Some("public") => (true, false),
        Some("private") => (false, true),
        Some("public_and_private") => (true, true),
        Some(other) => {
            findings.error(
                "ENDPOINT_ACCESS_INVALID",
                "A value is not one of those allowed",
                format!("`{other}` is none of `public`, `private`, `public_and_private`"),
                &section.at("eks_endpoint_access"),
            );
            (true, false)
        }
    }
}

/// From where it is reached when it is public.
pub fn public_cidrs(section: &Reader<'_>, is_public: bool, findings: &mut Findings) -> Vec<String> {
    let Some(cidrs) = section.texts("eks_public_access_cidrs", findings) else { return vec!["0.0.0.0/0".to_owned()] };
    let pointer = section.at("eks_public_access_cidrs");
    for (index, text) in cidrs.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        let Some(cidr) = Cidr::read(text, &pointer, findings) else { continue };
        if is_public {
            from_outside(text, cidr, &pointer, findings);
        }
    }
    if is_public && cidrs.len() > MOST {
        let detail = format!("{} networks are listed, and EKS takes {MOST}", cidrs.len());
        findings.error("CIDR_REFUSED", "There are too many networks", detail, &pointer);
    }
    cidrs
}

/// The range that is nobody's network, of which this one has addresses.
pub fn unroutable(block: Cidr) -> Option<&'static str> {
    let overlaps = |range: &&str| range.parse::<Cidr>().is_ok_and(|range| range.overlaps(block));
    ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"].into_iter().find(|range| overlaps(range))
}

fn from_outside(text: &str, cidr: Cidr, pointer: &str, findings: &mut Findings) {
    let within = |ranges: &[&'static str]| {
        ranges.iter().find(|range| range.parse::<Cidr>().is_ok_and(|range| range.contains(cidr))).copied()
    };
    if let Some(range) = within(&PRIVATE) {
        let detail = format!(
            "`{text}` is of the private or reserved range {range}: EKS takes public networks only, since nobody reaches the \
             public endpoint from another one"
        );
        let told = findings.error("CIDR_REFUSED", "EKS refuses the network", detail, pointer);
        let inside = "from the VPC, `eks_endpoint_access: public_and_private` reaches the cluster";
        told.hints.push(format!("{OWN_ADDRESS}; {inside}"));
    } else if let Some(range) = within(&EXAMPLES) {
        let detail = format!("`{text}` is of {range}, which stands for a network in documents, and EKS refuses it");
        let told = findings.warning("CIDR_REFUSED", "A network is an example", detail, pointer);
        told.hints.push(OWN_ADDRESS.to_owned());
    }
}
