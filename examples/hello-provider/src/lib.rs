//! The smallest NIC provider.
