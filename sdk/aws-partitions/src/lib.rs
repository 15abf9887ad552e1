//! The partitions of AWS: groups of regions with accounts and host names of their own.
//!
//! The table is the only place where they are known. It has no dependency, so that components and the host can both have it: what a
//! provider names, and what the gate lets through, is the same. A test of the harness compares it with botocore's.
//!
//! ```
//! use nic_aws_partitions::Partition;
//!
//! let china = Partition::of_region("cn-north-1").unwrap();
//! assert_eq!((china.id, china.dns_suffix), ("aws-cn", "amazonaws.com.cn"));
//! assert_eq!(china.host("ec2", "cn-north-1"), "ec2.cn-north-1.amazonaws.com.cn");
//! assert_eq!(Partition::of_region("us-gov-west-1").unwrap().iam_host, "iam.us-gov.amazonaws.com");
//! assert_eq!(china.managed_policy("AmazonEKSClusterPolicy"), "arn:aws-cn:iam::aws:policy/AmazonEKSClusterPolicy");
//! // No region that AWS has, or has a pattern for.
//! assert_eq!(Partition::of_region("moon-north-1"), None);
//! ```

#![warn(missing_docs)]

/// A group of regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partition {
    /// `aws`, as ARNs say it.
    pub id: &'static str,
    /// What its regions begin with, before a word and a number: `us` of `us-west-2`.
    pub areas: &'static [&'static str],
    /// The last labels of its host names: `amazonaws.com`.
    pub dns_suffix: &'static str,
    /// The last labels of the names that lead to IPv6 addresses too: `api.aws`.
    pub dual_stack_dns_suffix: &'static str,
    /// Where it keeps what it has once, IAM above all: the region in the signature of such requests.
    pub global_region: &'static str,
    /// The one host of IAM.
    pub iam_host: &'static str,
    /// As whom its machines assume roles. It follows no rule: eksctl, which is AWS's own, has the same table
    /// (`pkg/apis/eksctl.io/v1alpha5/partitions.go`), and of `aws-eusc` IAM itself says that `ec2.amazonaws.eu` is nobody
    /// (pulumi/pulumi-eks#2341).
    pub ec2_principal: &'static str,
}

/// As whom EKS assumes roles, in every partition: in China too `eks.amazonaws.com.cn` is nobody (terraform-aws-eks#1904).
pub const EKS_PRINCIPAL: &str = "eks.amazonaws.com";

/// Whom the tokens of a cluster's service accounts are made for, in every partition. It is a word and no host: EKS's webhook puts it into
/// every pod (`--token-audience` of amazon-eks-pod-identity-webhook), and what names the partition's suffix instead finds "Incorrect
/// token audience" (eksctl#1910, terraform-aws-eks#1704 and #2700). Nebari's templates give the issuer `sts.<suffix>` and the roles
/// this, so that in China no service account of theirs can assume one.
pub const SERVICE_ACCOUNT_AUDIENCE: &str = "sts.amazonaws.com";

/// All of them; the first is what most people have.
pub const PARTITIONS: [Partition; 8] = [
    Partition {
        id: "aws",
        areas: &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"],
        dns_suffix: "amazonaws.com",
        dual_stack_dns_suffix: "api.aws",
        global_region: "us-east-1",
        iam_host: "iam.amazonaws.com",
        ec2_principal: "ec2.amazonaws.com",
    },
    Partition {
        id: "aws-cn",
        areas: &["cn"],
        dns_suffix: "amazonaws.com.cn",
        dual_stack_dns_suffix: "api.amazonwebservices.com.cn",
        global_region: "cn-north-1",
        iam_host: "iam.cn-north-1.amazonaws.com.cn",
        ec2_principal: "ec2.amazonaws.com.cn",
    },
    Partition {
        id: "aws-us-gov",
        areas: &["us-gov"],
        dns_suffix: "amazonaws.com",
        dual_stack_dns_suffix: "api.aws",
        global_region: "us-gov-west-1",
        iam_host: "iam.us-gov.amazonaws.com",
        ec2_principal: "ec2.amazonaws.com",
    },
    Partition {
        id: "aws-iso",
        areas: &["us-iso"],
        dns_suffix: "c2s.ic.gov",
        dual_stack_dns_suffix: "api.aws.ic.gov",
        global_region: "us-iso-east-1",
        iam_host: "iam.us-iso-east-1.c2s.ic.gov",
        ec2_principal: "ec2.c2s.ic.gov",
    },
    Partition {
        id: "aws-iso-b",
        areas: &["us-isob"],
        dns_suffix: "sc2s.sgov.gov",
        dual_stack_dns_suffix: "api.aws.scloud",
        global_region: "us-isob-east-1",
        iam_host: "iam.us-isob-east-1.sc2s.sgov.gov",
        ec2_principal: "ec2.sc2s.sgov.gov",
    },
    Partition {
        id: "aws-iso-e",
        areas: &["eu-isoe"],
        dns_suffix: "cloud.adc-e.uk",
        dual_stack_dns_suffix: "api.cloud-aws.adc-e.uk",
        global_region: "eu-isoe-west-1",
        iam_host: "iam.eu-isoe-west-1.cloud.adc-e.uk",
        ec2_principal: "ec2.amazonaws.com",
    },
    Partition {
        id: "aws-iso-f",
        areas: &["us-isof"],
        dns_suffix: "csp.hci.ic.gov",
        dual_stack_dns_suffix: "api.aws.hci.ic.gov",
        global_region: "us-isof-south-1",
        iam_host: "iam.us-isof-south-1.csp.hci.ic.gov",
        ec2_principal: "ec2.amazonaws.com",
    },
    Partition {
        id: "aws-eusc",
        areas: &["eusc-de"],
        dns_suffix: "amazonaws.eu",
        dual_stack_dns_suffix: "api.amazonwebservices.eu",
        global_region: "eusc-de-east-1",
        iam_host: "iam.eusc-de-east-1.amazonaws.eu",
        ec2_principal: "ec2.amazonaws.com",
    },
];

/// The longest name of a region that is looked at. Real ones have at most 15 characters.
const LONGEST_REGION: usize = 32;

impl Partition {
    /// The partition that has, or may come to have, a region of this name: an area, a word in small letters, and a number. What is
    /// found is fit to be a part of a host name.
    pub fn of_region(region: &str) -> Option<&'static Self> {
        if region.len() > LONGEST_REGION {
            return None;
        }
        let (rest, number) = region.rsplit_once('-')?;
        let (area, word) = rest.rsplit_once('-')?;
        let numbered = matches!(number.len(), 1 | 2) && number.bytes().all(|b| b.is_ascii_digit());
        let named = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        PARTITIONS.iter().find(|partition| numbered && named && partition.areas.contains(&area))
    }

    /// The partition whose ARNs say so.
    pub fn of_id(id: &str) -> Option<&'static Self> {
        PARTITIONS.iter().find(|partition| partition.id == id)
    }

    /// Whether it is the region where the partition keeps what it has once.
    pub fn is_home(&self, region: &str) -> bool {
        self.global_region == region
    }

    /// The host of a service in a region, by what its host names begin with.
    pub fn host(&self, prefix: &str, region: &str) -> String {
        format!("{prefix}.{region}.{}", self.dns_suffix)
    }

    /// The ARN of a policy that AWS manages; `path` may hold `service-role/`.
    pub fn managed_policy(&self, path: &str) -> String {
        format!("arn:{}:iam::aws:policy/{path}", self.id)
    }
}
