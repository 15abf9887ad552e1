//! NIC provider for a cluster that already exists.
