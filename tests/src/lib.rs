//! End-to-end tests of NIC on real parts, and the harness that starts them.
