//! NIC provider for AWS: network, IAM, EKS.
