//! Write NIC providers in Rust.
