//! What Kubernetes takes as keys and values of labels and taints.

/// Characters of a value, and of the name in a key.
const LONGEST: usize = 63;

/// Characters of the domain before the name in a key.
const LONGEST_DOMAIN: usize = 253;

/// Domains of Kubernetes' own.
const KUBERNETES: [&str; 2] = ["kubernetes.io", "k8s.io"];

/// Those of them that are left to whoever starts a kubelet.
const LEFT_TO_KUBELETS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// Labels that a kubelet sets itself, and may be given too.
const SET_BY_KUBELETS: [&str; 12] = [
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.kubernetes.io/region",
    "failure-domain.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Why this is no key; none when it is one, such as `team` and `example.com/team`.
pub fn fault_of_key(key: &str) -> Option<String> {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let why = if name.contains('/') {
        "has more than one `/`".to_owned()
    } else if domain.is_some_and(|domain| !is_domain(domain)) {
        format!("has something else before its `/` than a domain in small letters, of {LONGEST_DOMAIN} at most")
    } else {
        fault_of_word(name)?
    };
    Some(format!("the key `{key}` {why}"))
}

/// Why this is no value; none when it is one. An empty one is.
pub fn fault_of_value(value: &str) -> Option<String> {
    let why = fault_of_word(value).filter(|_| !value.is_empty())?;
    Some(format!("the value `{value}` {why}"))
}

/// Whether a key is in a domain of Kubernetes' own, or below one.
pub fn is_of_kubernetes(key: &str) -> bool {
    KUBERNETES.iter().any(|domain| is_within(key, domain))
}

/// Whether a kubelet takes a label with this key when it starts. One that does not never joins its cluster.
pub fn is_taken_by_kubelets(key: &str) -> bool {
    let left = || LEFT_TO_KUBELETS.iter().any(|domain| is_within(key, domain));
    !is_of_kubernetes(key) || SET_BY_KUBELETS.contains(&key) || left()
}

fn is_within(key: &str, domain: &str) -> bool {
    let of_key = key.split_once('/').map_or("", |(domain, _)| domain);
    of_key.strip_suffix(domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn is_domain(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = |label: &str| {
        let length = (1..=LONGEST).contains(&label.len());
        length && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= LONGEST_DOMAIN && text.split('.').all(is_label)
}

fn fault_of_word(word: &str) -> Option<String> {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| ends(c) || matches!(c, '-' | '_' | '.');
    let length = word.chars().count();
    if length == 0 {
        Some("has no name".to_owned())
    } else if let Some(other) = word.chars().find(|c| !inner(*c)) {
        Some(format!("has `{other}` in it: letters, digits, `-`, `_` and `.` are taken"))
    } else if !word.starts_with(ends) || !word.ends_with(ends) {
        Some("does not begin and end with a letter or digit".to_owned())
    } else {
        (length > LONGEST).then(|| format!("has {length} characters, and {LONGEST} are the most"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_have_a_domain_and_values_may_be_empty() {
        for good in ["team", "Team_1.x", "example.com/team", "nvidia.com/gpu", &"a".repeat(63)] {
            assert_eq!(fault_of_key(good), None, "{good}");
        }
        let why = |key: &str| fault_of_key(key).unwrap_or_else(|| panic!("`{key}` is taken"));
        assert!(why("cost/centre/x").ends_with("has more than one `/`"));
        assert!(why("-lead").ends_with("does not begin and end with a letter or digit"));
        assert!(why("a b").contains("has ` ` in it"));
        assert!(why(&"a".repeat(64)).ends_with("has 64 characters, and 63 are the most"));
        for bad in ["", "/a", "a/", "A.io/b", "é", &format!("{}/a", "a.".repeat(127))] {
            assert!(fault_of_key(bad).is_some(), "{bad}");
        }
        assert_eq!((fault_of_value(""), fault_of_value("v1.2")), (None, None));
        assert!(fault_of_value("a b").is_some() && fault_of_value("trail-").is_some());
    }

    #[test]
    fn what_is_kubernetes_own_is_told_from_what_ends_alike() {
        for own in ["kubernetes.io/arch", "node-role.kubernetes.io/user", "k8s.io/x", "a.k8s.io/x"] {
            assert!(is_of_kubernetes(own), "{own}");
        }
        for other in ["team", "mykubernetes.io/x", "kubernetes.io.example.com/x", "nebari.dev/x"] {
            assert!(!is_of_kubernetes(other) && is_taken_by_kubelets(other), "{other}");
        }
        for taken in ["node.kubernetes.io/lifecycle", "a.node.kubernetes.io/b", "topology.kubernetes.io/zone"] {
            assert!(is_taken_by_kubelets(taken), "{taken}");
        }
        assert!(!is_taken_by_kubelets("node-role.kubernetes.io/user") && !is_taken_by_kubelets("kubernetes.io/team"));
    }
}
