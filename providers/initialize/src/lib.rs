//! The Kubernetes objects of Nebari's stage 03 (Kubernetes initialization), for every provider.
//!
//! Functions of values: what is wanted goes in, resources of the host's kind `kubernetes.object` come out. The host applies them.
//!
//! | module | holds |
//! |---|---|
//! | [`design`] | what the design document draws: namespaces, RBAC, storage classes, quotas, policies |
//!
//! Addresses are `<provider>.<kind>.<name>`, and `<provider>.<kind>.<namespace>.<name>` where several namespaces may hold the same name.

pub mod design;
mod object;
