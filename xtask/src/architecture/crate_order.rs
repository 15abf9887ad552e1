//! The host's crates stand in one order: `core` <- `system` <- `gate` <- `sandbox` beside `cluster` <- `nic`; and `engine` <- `sandbox`. What
//! may act in the host's own name has `authority`, and the sandbox does not.

use super::source::HostCrate;

/// Each crate, and those that it may depend on.
const BELOW: [(&str, &[&str]); 8] = [
    ("core", &[]),
    ("system", &["core"]),
    ("authority", &[]),
    ("gate", &["core", "system", "authority"]),
    ("engine", &[]),
    ("sandbox", &["core", "system", "gate", "engine"]),
    ("cluster", &["core", "system", "gate", "authority"]),
    ("nic", &["core", "system", "gate", "sandbox", "cluster", "authority"]),
];

/// What is against the order, for people.
pub fn check(crates: &[HostCrate]) -> Vec<String> {
    crates.iter().flat_map(|one| broken(&one.name, &one.manifest)).collect()
}

fn broken(name: &str, manifest: &str) -> Vec<String> {
    let Some((_, below)) = BELOW.iter().find(|(known, _)| *known == name) else {
        return vec![format!(
            "host/{name}: has no place in the order of crates; give it one in the table of this check"
        )];
    };
    let mut section = "";
    let mut broken = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        section = line.trim().strip_prefix('[').unwrap_or(section);
        if !section.contains("dependencies") {
            continue;
        }
        // By key, as a section of its own, or under another name.
        let words = line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        let packages = words.filter_map(|word| if word == "nic" { Some(word) } else { word.strip_prefix("nic-") });
        for other in packages {
            let is_host = BELOW.iter().any(|(known, _)| *known == other);
            if is_host && !below.contains(&other) {
                broken.push(format!("host/{name}/Cargo.toml:{}: `{name}` must not depend on `{other}`", index + 1));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn a_crate_depends_on_those_below_it_alone() {
        let on = |name: &str, other: &str| {
            broken(name, &format!("[package]\n\n[dependencies]\nserde = \"1\"\n{other}.workspace = true\n"))
        };
        assert_eq!(broken("sandbox", "[dependencies.nic-cluster]\nworkspace = true\n").len(), 1);
        assert_eq!(
            broken("gate", "[dependencies]\nx = { package = \"nic-cluster\", path = \"../cluster\" }\n").len(),
            1
        );
        assert_eq!(on("gate", "nic-core"), [""; 0]);
        assert_eq!(on("nic", "nic-sandbox"), [""; 0]);
        assert_eq!(on("sandbox", "nic-cluster"), ["host/sandbox/Cargo.toml:5: `sandbox` must not depend on `cluster`"]);
        for (name, other) in
            [("cluster", "nic-sandbox"), ("core", "nic-system"), ("system", "nic-gate"), ("gate", "nic")]
        {
            assert_eq!(on(name, other).len(), 1, "{name} on {other}");
        }
        assert_eq!(broken("sandbox", "[dev-dependencies]\nnic-authority.workspace = true\n").len(), 1);
        assert_eq!(broken("core", "[dev-dependencies]\nnic-gate = { path = \"../gate\" }\n").len(), 1);
        assert!(broken("new", "")[0].contains("no place"));
    }
}
