//! Which names Kubernetes takes.

use nic_sdk::findings::Findings;
use nic_sdk::kit::label_syntax::{fault_of_key, fault_of_value};

/// Whether it is a DNS label: a namespace, and whatever else this section names.
pub(super) fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// The same, and a finding when it is none.
pub(super) fn label(name: &str, at: &str, found: &mut Findings) -> bool {
    let fits = is_label(name);
    if !fits {
        let detail = format!("`{name}`: 1 to 63 small letters, digits and `-`, a letter or digit first and last");
        found.error("KUBERNETES_NAME_INVALID", "A name is not allowed", detail, at);
    }
    fits
}

/// Whether it is the name of a resource or the key of a label: `team`, `example.com/team`.
pub(super) fn is_qualified(key: &str) -> bool {
    fault_of_key(key).is_none()
}

/// Whether it may be the value of a label.
pub(super) fn is_label_value(value: &str) -> bool {
    fault_of_value(value).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "dev", "team-2", "0"] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "Dev", "a_b", "a.b", "-a", "a-", "é", &"a".repeat(64)] {
            assert!(!is_label(bad), "{bad}");
        }
    }

    #[test]
    fn keys_may_have_a_prefix_and_values_may_be_empty() {
        for good in ["team", "Team_1.x", "pod-security.kubernetes.io/enforce"] {
            assert!(is_qualified(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a/b/c", "A.io/b", "a b", "_a", &"a".repeat(64)] {
            assert!(!is_qualified(bad), "{bad}");
        }
        assert!(is_label_value("") && is_label_value("v1.2") && !is_label_value("a b") && !is_label_value("a-"));
    }
}
