//! The host-native kind `kubernetes.object`.
