//! What is called otherwise in other partitions. Of those that moto has; AWS's documentation says it, and NIC's own table is none of this
//! file's business.

/// A partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partition {
    /// `aws`, as ARNs say it.
    pub id: &'static str,
    /// Where its hosts are.
    pub suffix: &'static str,
    /// As whom machines assume roles.
    pub machines: &'static str,
}

impl Partition {
    /// That of a region.
    pub fn of(region: &str) -> Self {
        let (id, suffix, machines) = match region {
            china if china.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn", "ec2.amazonaws.com.cn"),
            government if government.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com", "ec2.amazonaws.com"),
            _ => ("aws", "amazonaws.com", "ec2.amazonaws.com"),
        };
        Self { id, suffix, machines }
    }
}
