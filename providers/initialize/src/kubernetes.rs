//! The config section `kubernetes`: namespaces, quotas, limits, network policies and priority classes of one's own. The design
//! document names none of them, and Nebari Classic has none.
//!
//! ```
//! use nic_kubernetes_initialize::design::{DesignInput, objects};
//! use nic_kubernetes_initialize::kubernetes;
//! use serde_json::json;
//!
//! let (asked, found) = kubernetes::read(&json!({ "kubernetes": { "namespaces": { "dev": { "quota": { "pods": 100 } } } } }));
//! assert!(found.is_empty());
//! let mut input = DesignInput::documented("aws", "my-nebari", "dev");
//! asked.add_to(&mut input);
//! assert!(objects(&input).iter().any(|resource| resource.address == "aws.resource-quota.dev.quota"));
//! ```

mod amounts;
mod findings;
mod names;
mod namespace;
mod network;
mod priority;
mod quantity;
mod schema;

use nic_sdk::findings::Findings;
use nic_sdk::kit::{Topology, unread_keys};
use nic_sdk::types::Diagnostic;
use serde_json::Value;

use self::findings::map;
pub use self::schema::schema;
use crate::design::{DesignInput, Namespace, PriorityClass};

/// The section.
pub const SECTION: &str = "kubernetes";

const KEYS: [&str; 2] = ["namespaces", "priority_classes"];

/// What the section asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kubernetes {
    namespaces: Vec<Namespace>,
    priority_classes: Vec<PriorityClass>,
}

/// What the section says, and everything that is wrong with it. What is wrong is left out.
pub fn read(config: &Value) -> (Kubernetes, Vec<Diagnostic>) {
    let mut found = Findings::default();
    let at = format!("/{SECTION}");
    let Some(section) = map(config.get(SECTION), &at, &mut found) else {
        return (Kubernetes::default(), found.into_inner());
    };
    unread_keys(section.keys(), &at, &KEYS, &mut found);
    let asked = Kubernetes {
        namespaces: namespace::read(section.get("namespaces"), &format!("{at}/namespaces"), &mut found),
        priority_classes: priority::read(
            section.get("priority_classes"),
            &format!("{at}/priority_classes"),
            &mut found,
        ),
    };
    (asked, found.into_inner())
}

/// What there is to say about the section in the Classic topology: a warning when it is there, because nothing of it is made.
pub fn not_in_classic(config: &Value) -> Vec<Diagnostic> {
    if config.get(SECTION).is_none_or(Value::is_null) {
        return Vec::new();
    }
    let detail = "this platform is Classic, which has no quotas, limits, network policies, priority classes and further namespaces; \
                  the section has no effect";
    vec![Topology::not_in(detail, format!("/{SECTION}"))]
}

impl Kubernetes {
    /// The names of the namespaces that it says something about.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(|namespace| namespace.name.as_str())
    }

    /// Adds what is asked for. A namespace that is not there is made like the first one, the platform's own: with its roles.
    pub fn add_to(&self, input: &mut DesignInput) {
        let roles = input.namespaces.first().map(|own| own.roles.clone()).unwrap_or_default();
        for asked in &self.namespaces {
            let mut asked = asked.clone();
            if let Some(known) = input.namespaces.iter_mut().find(|known| known.name == asked.name) {
                known.labels.append(&mut asked.labels);
                known.quota = asked.quota;
                known.limits = asked.limits;
                known.network_policies = asked.network_policies;
            } else {
                input.namespaces.push(Namespace { roles: roles.clone(), ..asked });
            }
        }
        input.priority_classes.extend(self.priority_classes.iter().cloned());
    }
}
