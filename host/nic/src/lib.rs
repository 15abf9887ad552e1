//! NIC: reconcile a Nebari platform from one nebari-config.yaml.
