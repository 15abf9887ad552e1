//! NIC: reconcile a Nebari platform from one nebari-config.yaml.

pub mod cluster;
pub mod egress;
pub mod kubernetes;
pub mod signing;
