//! Whether the add-ons are to be had for the Kubernetes version that is asked for.

use futures::future::join_all;
use futures::join;
use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::kit::{Minor, Topology};
use nic_sdk::types::Diagnostic;

use super::at;
use crate::addon_versions::{Offered, choose, on_offer};
use crate::classic::addons::ADDONS;
use crate::classic::kubernetes::MAIN_CLUSTER;
use crate::cloud::Cloud;
use crate::config::Config;
use crate::design::kubernetes::CSI_DRIVER;
use crate::kinds::addon_version;
use crate::names::Names;

/// The check of this file, before a control plane is made or moves: add-ons come after it, and it never goes back.
pub async fn check(cloud: &Cloud, config: &Config, names: &Names, summary: Summary<'_>) -> Vec<Diagnostic> {
    let moved = summary.changes(MAIN_CLUSTER, "/version");
    let wanted = config.kubernetes_version.as_deref().and_then(Minor::parse);
    let Some(wanted) = wanted.filter(|_| moved || summary.makes(MAIN_CLUSTER)) else { return Vec::new() };
    let addons: &[&str] = match names.topology {
        Topology::Classic => &ADDONS,
        Topology::Design => std::slice::from_ref(&CSI_DRIVER),
    };
    let found = addons.iter().map(|addon| async move {
        let running = async { if moved { addon_version(cloud, &names.cluster, addon).await } else { Ok(None) } };
        match join!(on_offer(cloud, addon, wanted), running) {
            (Ok(versions), Ok(running)) => fits(&config.region, addon, wanted, &versions, running.as_deref()),
            (Err(error), _) | (_, Err(error)) => {
                Some(unchecked(&format!("whether EKS has the add-on `{addon}` for version {wanted}"), &error))
            }
        }
    });
    join_all(found).await.into_iter().flatten().collect()
}

fn fits(region: &str, addon: &str, wanted: Minor, offered: &[Offered], running: Option<&str>) -> Option<Diagnostic> {
    if offered.is_empty() {
        let detail = format!("EKS offers no version of the add-on `{addon}` for Kubernetes {wanted} in `{region}`");
        let told = Diagnostic::error("ADDON_NOT_OFFERED", "An add-on is not on offer", detail);
        let hint = "write a `kubernetes_version` for which it is offered: `aws eks describe-addon-versions` tells";
        return Some(told.at(at("kubernetes_version")).hint(hint));
    }
    // What it becomes stands in the plan.
    let is_kept = |running: &&str| choose(offered, running).is_none();
    let running =
        running.filter(|running| offered.iter().all(|offered| offered.version != *running)).filter(is_kept)?;
    let detail =
        format!("`{addon}` runs as {running}, which is newer than all that EKS offers for Kubernetes {wanted}");
    let told = Diagnostic::warning("ADDON_VERSION_OLD", "An add-on is not made for the new version", detail);
    let hint =
        format!("it stays as it is: `aws eks describe-addon-versions --addon-name {addon}` tells when there is one");
    Some(told.at(at("kubernetes_version")).hint(hint))
}
