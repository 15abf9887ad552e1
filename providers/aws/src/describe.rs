//! What the provider says about itself.

use nic_kubernetes_initialize::{kubernetes, registry};
use nic_sdk::description::Description;

use crate::{config, kinds};

/// The answer of `describe`.
pub fn description() -> Description {
    Description::new("aws", env!("CARGO_PKG_VERSION"))
        .section(config::SECTION, config::schema::section())
        .section(kubernetes::SECTION, kubernetes::schema())
        .section(registry::SECTION, registry::schema())
        .section(config::storage::SECTION, config::storage::schema())
        .kinds(kinds::describe())
}
