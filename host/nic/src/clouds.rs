//! The one table of what a config can name as its `provider`. Whatever the host does alike for all of them reads here what differs; a
//! further cloud, or a further way to have a cluster, is a row. Nothing else in this crate names a cloud, but files that are one's own.

use crate::doctor::{self, LoginCheck};

/// A provider as configs know it.
#[derive(Debug)]
pub struct Cloud {
    /// The value of `provider`.
    pub provider: &'static str,
    /// The top-level section of its own.
    pub section: &'static str,
    /// Whether it can be deployed to.
    pub support: Support,
    /// The component that serves it. Two that have one component share their sections.
    pub component: &'static str,
    /// The key of the section that says where the platform is, in clouds. A cluster that is there needs none, and no section either.
    pub place: Option<&'static str>,
    /// Keys that tell the dialects apart, beside those of every cloud.
    pub spellings: Spellings,
    /// What `storage.type` can be, where no component says it.
    pub shared_storage: &'static [&'static str],
    /// What variables begin with that put other endpoints in the place of the cloud's own.
    pub endpoint_variables: Option<&'static str>,
    /// How `nic doctor` asks who is logged in.
    pub login_check: Option<LoginCheck>,
    /// What help and hints show.
    pub examples: Examples,
}

/// Whether NIC can deploy to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It can.
    Built,
    /// Nebari can, and NIC will.
    NotBuilt,
    /// Nebari could once.
    Removed {
        /// What it is called.
        title: &'static str,
        /// When it went.
        when: &'static str,
        /// The last Nebari that manages what runs there.
        last: &'static str,
    },
}

/// Keys that only one dialect has: of the section, and of a node group.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spellings {
    /// Those of the design document's.
    pub design: (&'static [&'static str], &'static [&'static str]),
    /// Those of Classic.
    pub classic: (&'static [&'static str], &'static [&'static str]),
}

/// What a reader can try.
#[derive(Debug, Clone, Copy, Default)]
pub struct Examples {
    pub address: &'static str,
    /// Two first words of protected kinds.
    pub protected: [&'static str; 2],
    /// The address of what Kubernetes leaves in the account.
    pub leftovers: &'static str,
    /// What its managed Kubernetes is called.
    pub kubernetes: &'static str,
}

/// Keys that tell the dialects apart whatever the cloud is.
pub const COMMON_SPELLINGS: Spellings = Spellings {
    design: (
        &["node_pools", "storage"],
        &["min_size", "max_size", "min", "max", "min_count", "max_count", "desired_size", "disk_size"],
    ),
    classic: (&[], &["instance", "min_nodes", "max_nodes"]),
};

/// What rows need not say.
const NOTHING: Cloud = Cloud {
    provider: "",
    section: "",
    support: Support::NotBuilt,
    component: "",
    place: Some("region"),
    spellings: Spellings { design: (&[], &[]), classic: (&[], &[]) },
    shared_storage: &["nfs", "cephfs"],
    endpoint_variables: None,
    login_check: None,
    examples: Examples { address: "", protected: ["", ""], leftovers: "", kubernetes: "" },
};

/// Every row; messages list them in this order, and show what the first one has as examples.
pub const CLOUDS: [Cloud; 6] = [
    Cloud {
        provider: "aws",
        section: "amazon_web_services",
        support: Support::Built,
        component: "aws",
        spellings: Spellings { design: (&["vpc_cidr"], &["instance_type"]), classic: (&["vpc_cidr_block"], &[]) },
        shared_storage: &[],
        endpoint_variables: Some("AWS_ENDPOINT_URL"),
        login_check: Some(doctor::aws::login_check),
        examples: Examples {
            address: "aws.vpc.main",
            protected: ["efs", "ecr"],
            leftovers: "aws.kubernetes-leftovers.main",
            kubernetes: "EKS",
        },
        ..NOTHING
    },
    Cloud {
        provider: "gcp",
        section: "google_cloud_platform",
        component: "gcp",
        spellings: Spellings { design: (&["project_id"], &["machine_type"]), classic: (&["project"], &[]) },
        ..NOTHING
    },
    Cloud {
        provider: "azure",
        section: "azure",
        component: "azure",
        spellings: Spellings { design: (&["resource_group"], &["vm_size"]), classic: (&["resource_group_name"], &[]) },
        ..NOTHING
    },
    Cloud {
        provider: "existing",
        section: "existing",
        support: Support::Built,
        component: "existing",
        place: None,
        ..NOTHING
    },
    Cloud {
        provider: "local",
        section: "local",
        support: Support::Built,
        component: "existing",
        place: None,
        shared_storage: &["nfs"],
        ..NOTHING
    },
    Cloud {
        provider: "do",
        section: "digital_ocean",
        support: Support::Removed {
            title: "Digital Ocean",
            when: "was deprecated in Nebari 2024.7.1 and removed in 2024.12.1",
            last: "2024.11.1",
        },
        component: "do",
        ..NOTHING
    },
];

/// The provider when the config has neither `provider` nor a section of one.
pub const DEFAULT: &str = "local";

/// The row whose examples are shown.
pub const EXAMPLE: &Cloud = &CLOUDS[0];

/// The row of a provider; none of one that is somebody else's.
pub fn of(provider: &str) -> Option<&'static Cloud> {
    CLOUDS.iter().find(|cloud| cloud.provider == provider)
}

/// The row that a section belongs to.
pub fn of_section(section: &str) -> Option<&'static Cloud> {
    CLOUDS.iter().find(|cloud| cloud.section == section)
}

/// What can be deployed to today.
pub fn providers() -> impl Iterator<Item = &'static str> {
    CLOUDS.iter().filter(|cloud| cloud.support == Support::Built).map(|cloud| cloud.provider)
}

/// The section of a provider. That of somebody else's is called as the provider is.
pub fn section_of(provider: &str) -> &str {
    of(provider).map_or(provider, |cloud| cloud.section)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_and_a_section_belong_to_one_row() {
        let names: BTreeSet<_> = CLOUDS.iter().map(|cloud| cloud.provider).collect();
        let sections: BTreeSet<_> = CLOUDS.iter().map(|cloud| cloud.section).collect();
        assert_eq!((names.len(), sections.len()), (CLOUDS.len(), CLOUDS.len()));
        // A name that is a section is the name of that very row.
        for cloud in CLOUDS.iter().filter(|cloud| sections.contains(cloud.provider)) {
            assert_eq!(cloud.provider, cloud.section);
        }
        assert!(of(DEFAULT).is_some_and(|cloud| cloud.place.is_none() && cloud.support == Support::Built));
    }

    #[test]
    fn no_key_is_of_both_dialects() {
        for cloud in &CLOUDS {
            let both = [cloud.spellings, COMMON_SPELLINGS];
            let design =
                both.iter().flat_map(|s| s.design.0.iter().map(|k| (0, k)).chain(s.design.1.iter().map(|k| (1, k))));
            let classic =
                both.iter().flat_map(|s| s.classic.0.iter().map(|k| (0, k)).chain(s.classic.1.iter().map(|k| (1, k))));
            let (design, classic): (BTreeSet<_>, BTreeSet<_>) = (design.collect(), classic.collect());
            assert!(design.is_disjoint(&classic), "{}", cloud.provider);
        }
    }
}
