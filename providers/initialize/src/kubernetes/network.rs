//! `network_policies`.

use std::net::IpAddr;

use nic_sdk::findings::Findings;
use nic_sdk::kit::{child, unread_keys, wrong_type};
use serde_json::{Map, Value};

use super::findings::map;
use super::names;
use crate::design::{NetworkPolicy, Peer};

const KEYS: [&str; 1] = ["from"];

/// The peer that is a word.
pub(super) const SAME_NAMESPACE: &str = "same_namespace";

/// The policies, by their names.
pub(super) fn read(value: Option<&Value>, at: &str, found: &mut Findings) -> Vec<NetworkPolicy> {
    let Some(policies) = map(value, at, found) else { return Vec::new() };
    policies.iter().filter_map(|(name, value)| policy(name, value, &child(at, name), found)).collect()
}

fn policy(name: &str, value: &Value, at: &str, found: &mut Findings) -> Option<NetworkPolicy> {
    if !names::label(name, at, found) {
        return None;
    }
    let empty = Map::new();
    let policy = if value.is_null() { &empty } else { map(Some(value), at, found)? };
    unread_keys(policy.keys(), at, &KEYS, found);
    let from_at = child(at, "from");
    let peers = match policy.get("from") {
        // A policy that lets nobody in cuts a namespace off: it has to be said, and not follow from a slip.
        None | Some(Value::Null) => {
            let detail = format!("`{name}` does not say `from` where it lets traffic in");
            let finding = found.error("NETWORK_POLICY_INCOMPLETE", "A network policy is not complete", detail, at);
            finding.hints.push("write `from: []` if nobody may come in".to_owned());
            return None;
        }
        Some(Value::Array(peers)) => peers,
        Some(_) => {
            wrong_type(&from_at, "a list", found);
            return None;
        }
    };
    let from = peers.iter().enumerate();
    let from = from.filter_map(|(index, value)| peer(value, &format!("{from_at}/{index}"), found)).collect();
    Some(NetworkPolicy { name: name.to_owned(), from })
}

fn peer(value: &Value, at: &str, found: &mut Findings) -> Option<Peer> {
    let one = value.as_object().filter(|peer| peer.len() == 1).and_then(|peer| peer.iter().next());
    match (value, one.map(|(key, value)| (key.as_str(), value))) {
        (Value::String(word), _) if word.trim() == SAME_NAMESPACE => return Some(Peer::SameNamespace),
        (_, Some(("namespace", Value::String(name)))) => {
            let name = name.trim();
            return names::label(name, &child(at, "namespace"), found).then(|| Peer::Namespace(name.to_owned()));
        }
        (_, Some(("cidr", Value::String(text)))) => {
            return cidr(text.trim(), &child(at, "cidr"), found).map(Peer::Cidr);
        }
        _ => {}
    }
    let detail = format!("`{at}` does not say where traffic comes from");
    let finding = found.error("PEER_INVALID", "A network policy is malformed", detail, at);
    finding.hints.push(format!("write `{SAME_NAMESPACE}`, `{{namespace: <name>}}` or `{{cidr: <network>}}`"));
    None
}

/// A network, as Kubernetes has it: of either version, without host bits.
fn cidr(text: &str, at: &str, found: &mut Findings) -> Option<String> {
    let parsed = network(text);
    if parsed.as_deref() == Some(text) {
        return parsed;
    }
    let detail = match &parsed {
        None => format!("`{text}`: expected a network such as `10.10.0.0/16`"),
        Some(network) => format!("`{text}`: the network of that size is written `{network}`"),
    };
    let finding = found.error("CIDR_INVALID", "A network is malformed", detail, at);
    finding.hints.extend(parsed.map(|network| format!("write `{network}`")));
    None
}

/// The network that an address and a prefix length are in, in its usual spelling.
fn network(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/')?;
    let prefix: u32 = prefix.parse().ok().filter(|_| prefix.bytes().all(|b| b.is_ascii_digit()))?;
    let network: IpAddr = match address.parse().ok()? {
        IpAddr::V4(address) => {
            let host_bits = 32_u32.checked_sub(prefix)?;
            IpAddr::V4((address.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0)).into())
        }
        IpAddr::V6(address) => {
            let host_bits = 128_u32.checked_sub(prefix)?;
            IpAddr::V6((address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0)).into())
        }
    };
    Some(format!("{network}/{prefix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_both_versions_are_known_by_their_usual_spelling() {
        for usual in ["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "fd00::/8", "::/0", "fd00::1/128"] {
            assert_eq!(network(usual).as_deref(), Some(usual));
        }
        assert_eq!(network("10.1.2.3/16").as_deref(), Some("10.1.0.0/16"));
        assert_eq!(network("FD00:0::1/64").as_deref(), Some("fd00::/64"));
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/16", "x/8", "10.0.0.0/-1", "10.0.0.0/+8", "fd00::/129"] {
            assert_eq!(network(bad), None, "{bad}");
        }
    }
}
