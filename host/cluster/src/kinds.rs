//! The table of kinds of clusters, by what locators call them.

use nic_core::error::ProviderError;
use nic_core::ports::Locator;
use nic_gate::HostGate;

use super::kind::ClusterKind;
use super::{aws, kubeconfig};

/// What leads from a locator to a cluster.
type Lead = fn(&HostGate, &Locator) -> Result<Box<dyn ClusterKind>, ProviderError>;

const KINDS: &[(&str, Lead)] = &[(aws::KIND, aws::lead), (kubeconfig::KIND, kubeconfig::lead)];

/// The cluster that a locator leads to.
pub(crate) fn of(gate: &HostGate, locator: &Locator) -> Result<Box<dyn ClusterKind>, ProviderError> {
    match KINDS.iter().find(|(kind, _)| *kind == locator.kind) {
        Some((_, lead)) => lead(gate, locator),
        None => Err(ProviderError::other(
            "CLUSTER_KIND_NOT_IMPLEMENTED",
            format!("clusters of kind `{}` cannot be reached yet", locator.kind),
        )),
    }
}
