//! `quota` and `limits`: quantities by resource. What the API server would refuse in the middle of a deploy is told here.

use std::collections::BTreeMap;

use nic_sdk::findings::Findings;
use nic_sdk::kit::{child, unread_keys, wrong_type};
use serde_json::Value;

use super::findings::map;
use super::names;
use super::quantity::{ONE, billionths};
use crate::design::{Limits, Quota};

/// What a quota knows without a domain before it, and is measured.
const MEASURED: [&str; 10] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// The same, counted.
const COUNTED: [&str; 9] = [
    "pods",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "replicationcontrollers",
    "resourcequotas",
];

/// What a container may use.
const OF_CONTAINERS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

const LIMITS_KEYS: [&str; 3] = ["default_request", "default", "max"];

/// A quantity as it was written, and in billionths.
type Quantities = BTreeMap<String, (String, u128)>;

/// The quota; none when it names nothing.
pub(super) fn quota(value: Option<&Value>, at: &str, found: &mut Findings) -> Option<Quota> {
    let known: Vec<&str> = MEASURED.into_iter().chain(COUNTED).collect();
    let hard = quantities(value, &known, &["hugepages-", "requests.hugepages-"], at, found);
    for (resource, (text, _)) in
        hard.iter().filter(|(name, (_, amount))| COUNTED.contains(&name.as_str()) && amount % ONE != 0)
    {
        let detail = format!("`{text}` of `{resource}` is not a whole number, and they are counted");
        found.error("QUANTITY_INVALID", "A value is malformed", detail, &child(at, resource));
    }
    (!hard.is_empty()).then(|| Quota { hard: texts(hard) })
}

/// The limits; none when they name nothing.
pub(super) fn limits(value: Option<&Value>, at: &str, found: &mut Findings) -> Option<Limits> {
    let limits = map(value, at, found)?;
    unread_keys(limits.keys(), at, &LIMITS_KEYS, found);
    let [default_request, default, max] =
        LIMITS_KEYS.map(|key| quantities(limits.get(key), &OF_CONTAINERS, &["hugepages-"], &child(at, key), found));
    let pairs = [
        (("default_request", &default_request), ("default", &default)),
        (("default_request", &default_request), ("max", &max)),
        (("default", &default), ("max", &max)),
    ];
    for ((lower, low), (upper, high)) in pairs {
        for (resource, (text, amount)) in low {
            let Some((most, _)) = high.get(resource).filter(|(_, most)| amount > most) else { continue };
            let detail = format!("`{resource}`: {lower} is `{text}`, above {upper}, which is `{most}`");
            let at = child(&child(at, lower), resource);
            found.error("LIMITS_CONTRADICT", "Limits contradict each other", detail, &at);
        }
    }
    let whole = Limits { default_request: texts(default_request), default: texts(default), max: texts(max) };
    (whole != Limits::default()).then_some(whole)
}

/// What is right of a map of quantities. A name that is not `known` has one of the prefixes, or a domain.
fn quantities(value: Option<&Value>, known: &[&str], prefixes: &[&str], at: &str, found: &mut Findings) -> Quantities {
    let Some(members) = map(value, at, found) else { return Quantities::new() };
    let mut read = Quantities::new();
    for (resource, value) in members {
        let at = child(at, resource);
        let with_prefix = prefixes.iter().any(|prefix| resource.starts_with(prefix));
        let listed = known.contains(&resource.as_str());
        if !listed && !((with_prefix || resource.contains('/')) && names::is_qualified(resource)) {
            let detail = format!("`{resource}` is no resource that Kubernetes knows here");
            let finding = found.error("RESOURCE_NAME_INVALID", "A resource is unknown", detail, &at);
            finding.hints.push(format!(
                "resources known here: `{}`, and those with a domain, such as `nvidia.com/gpu`",
                known.join("`, `")
            ));
            continue;
        }
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                wrong_type(&at, "a quantity", found);
                continue;
            }
        };
        if let Some(amount) = billionths(&text) {
            read.insert(resource.clone(), (text, amount));
        } else {
            let detail = format!("`{text}` of `{resource}` is not a quantity");
            let finding = found.error("QUANTITY_INVALID", "A value is malformed", detail, &at);
            finding.hints.push(
                "write a number that is not negative, with a suffix if need be: n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei"
                    .to_owned(),
            );
        }
    }
    read
}

fn texts(quantities: Quantities) -> BTreeMap<String, String> {
    quantities.into_iter().map(|(resource, (text, _))| (resource, text)).collect()
}
