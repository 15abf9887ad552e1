//! The Kubernetes objects of Nebari's stage 03 (Kubernetes initialization), for every provider.
//!
//! Functions of values: what is wanted goes in, resources of the host's kind `kubernetes.object` come out. The host applies them.
//!
//! | module | holds |
//! |---|---|
//! | [`classic`] | what Nebari's templates create, name for name |
//! | [`design`] | what the design document draws: namespaces, RBAC, storage classes, quotas, policies |
//! | [`kubernetes`] | the config section `kubernetes` |
//! | [`registry`] | the config section `external_container_reg` |
//!
//! Addresses are `<provider>.<kind>.<name>`, and `<provider>.<kind>.<namespace>.<name>` where several namespaces may hold the same name.

pub mod classic;
pub mod design;
pub mod kubernetes;
mod object;
pub mod registry;
