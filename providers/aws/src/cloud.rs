//! The clients of one call, and what is known about whom they act for.

use std::cell::OnceCell;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use nic_sdk::aws::{SdkSetup, partition_of};
use nic_sdk::aws_client;
use nic_sdk::error::Error;
use nic_sdk::kit::{LabelEdits, Marks, Selection};
use nic_sdk::types::Context;

pub use nic_sdk::aws::error as from_aws;

use crate::tags::{self, OWNER_KEY, Tags};

/// AWS, in the region of the context.
#[derive(Debug)]
pub struct Cloud {
    /// Networks.
    pub ec2: aws_sdk_ec2::Client,
    /// Clusters.
    pub eks: aws_sdk_eks::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
    /// How NIC knows its own.
    pub marks: Marks,
    /// The region all of it is in.
    pub region: String,
    // Made when they are first needed: most calls need one of them, or none.
    autoscaling: OnceCell<aws_sdk_autoscaling::Client>,
    ecr: OnceCell<aws_sdk_ecr::Client>,
    efs: OnceCell<aws_sdk_efs::Client>,
    load_balancing: OnceCell<aws_sdk_elasticloadbalancingv2::Client>,
    classic_load_balancing: OnceCell<aws_sdk_elasticloadbalancing::Client>,
    resource_groups: OnceCell<aws_sdk_resourcegroups::Client>,
}

impl nic_sdk::kit::Cloud for Cloud {
    const NAME: &'static str = "AWS";
    const LABELS: &'static str = "tags";

    fn marks(&self) -> &Marks {
        &self.marks
    }
}

impl Cloud {
    /// The clients for the context's region.
    pub fn new(context: &Context) -> Result<Self, Error> {
        let Some(region) = &context.region else {
            return Err(Error::other("REGION_REQUIRED", "no region is configured: write `region` in the config"));
        };
        Ok(Self {
            ec2: aws_client!(aws_sdk_ec2, SdkSetup::new("EC2", "ec2", region)),
            eks: aws_client!(aws_sdk_eks, SdkSetup::new("EKS", "eks", region)),
            iam: aws_client!(aws_sdk_iam, SdkSetup::global("IAM", "iam", region)),
            marks: tags::marks(context),
            region: region.clone(),
            autoscaling: OnceCell::new(),
            ecr: OnceCell::new(),
            efs: OnceCell::new(),
            load_balancing: OnceCell::new(),
            classic_load_balancing: OnceCell::new(),
            resource_groups: OnceCell::new(),
        })
    }

    /// Auto Scaling groups.
    pub fn autoscaling(&self) -> &aws_sdk_autoscaling::Client {
        let setup = || SdkSetup::new("Auto Scaling", "autoscaling", &self.region);
        self.autoscaling.get_or_init(|| aws_client!(aws_sdk_autoscaling, setup()))
    }

    /// Container registries.
    pub fn ecr(&self) -> &aws_sdk_ecr::Client {
        self.ecr.get_or_init(|| aws_client!(aws_sdk_ecr, SdkSetup::new("ECR", "ecr", &self.region)))
    }

    /// File systems.
    pub fn efs(&self) -> &aws_sdk_efs::Client {
        self.efs.get_or_init(|| aws_client!(aws_sdk_efs, SdkSetup::new("EFS", "elasticfilesystem", &self.region)))
    }

    /// Load balancers.
    pub fn load_balancing(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        let setup = || SdkSetup::new("Elastic Load Balancing v2", "elasticloadbalancing", &self.region);
        self.load_balancing.get_or_init(|| aws_client!(aws_sdk_elasticloadbalancingv2, setup()))
    }

    /// Load balancers of the first generation: what a Service becomes without a controller of AWS's.
    pub fn classic_load_balancing(&self) -> &aws_sdk_elasticloadbalancing::Client {
        let setup = || SdkSetup::new("Elastic Load Balancing", "elasticloadbalancing", &self.region);
        self.classic_load_balancing.get_or_init(|| aws_client!(aws_sdk_elasticloadbalancing, setup()))
    }

    pub fn resource_groups(&self) -> &aws_sdk_resourcegroups::Client {
        let setup = || SdkSetup::new("Resource Groups", "resource-groups", &self.region);
        self.resource_groups.get_or_init(|| aws_client!(aws_sdk_resourcegroups, setup()))
    }

    /// What the host names of the region end with.
    pub fn dns_suffix(&self) -> &'static str {
        partition_of(&self.region).dns_suffix
    }

    /// Writes and takes away tags of an EC2 thing.
    pub async fn edit_ec2_tags(&self, id: &str, edits: &LabelEdits) -> Result<(), Error> {
        if !edits.set.is_empty() {
            self.ec2.create_tags().resources(id).set_tags(Some(to_ec2(&edits.set))).send().await.map_err(from_aws)?;
        }
        if !edits.remove.is_empty() {
            let keys = edits.remove.iter().map(|key| Tag::builder().key(key).build()).collect();
            self.ec2.delete_tags().resources(id).set_tags(Some(keys)).send().await.map_err(from_aws)?;
        }
        Ok(())
    }
}

/// A member that AWS always answers.
pub fn answered<T>(member: Option<T>, what: &str) -> Result<T, Error> {
    member.ok_or_else(|| Error::other("ANSWER_INCOMPLETE", format!("AWS gave no {what}")))
}

/// The filter of an EC2 list that selects things; `id` is the filter's name for the id. Asking for an id outright would fail the
/// whole request when one of them does not exist.
pub fn filtered(selection: Selection<'_>, id: &str) -> Filter {
    match selection {
        Selection::Ids(ids) => filter(id, ids),
        Selection::Marked => filter("tag-key", [OWNER_KEY]),
    }
}

/// A filter of an EC2 list.
pub fn filter<T: Into<String>>(name: &str, values: impl IntoIterator<Item = T>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// The tags a new EC2 thing is made with.
pub fn tag_specification(of: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(of).set_tags(Some(to_ec2(tags))).build()
}

fn to_ec2(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The tags EC2 shows.
pub fn from_ec2(tags: &[Tag]) -> Tags {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    tags.iter().filter_map(pair).collect()
}
