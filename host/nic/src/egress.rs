//! Addresses that requests may be sent to.
