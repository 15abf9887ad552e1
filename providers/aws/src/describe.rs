//! What the provider says about itself.

use std::collections::BTreeMap;

use nic_kubernetes_initialize::{kubernetes, registry};
use nic_sdk::description::Description;

use crate::{config, kinds};

/// The answer of `describe`.
pub fn description() -> Description {
    Description {
        name: "aws".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sections: BTreeMap::from([
            (config::SECTION.to_owned(), config::schema::section()),
            (kubernetes::SECTION.to_owned(), kubernetes::schema()),
            (registry::SECTION.to_owned(), registry::schema()),
            (config::storage::SECTION.to_owned(), config::storage::schema()),
        ]),
        kinds: kinds::describe(),
        ..Description::default()
    }
}
