//! The names things have on AWS: Nebari Classic's, and the design document's.
//!
//! Later stages find the cluster by its name, so these are a contract, not a taste. docs/adr/0007 says why the cluster has
//! Classic's name in both topologies.

use nic_sdk::kit::Topology;
use nic_sdk::types::Context;

/// Names of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Whose names they are.
    pub topology: Topology,
    /// The project as Nebari's templates spell it.
    pub project: String,
    /// The Nebari environment.
    pub environment: String,
    /// `<project>-<environment>`: the cluster, and whatever has no other name.
    pub cluster: String,
}

impl Names {
    /// The names for the project and namespace of the context.
    pub fn new(context: &Context) -> Self {
        let project = escape_project(&context.project);
        let cluster = format!("{project}-{}", context.namespace);
        Self { topology: Topology::of(context), project, environment: context.namespace.clone(), cluster }
    }

    /// The role the control plane assumes.
    pub fn cluster_role(&self) -> String {
        match self.topology {
            Topology::Classic => format!("{}-eks-cluster-role", self.cluster),
            Topology::Design => format!("{}-cluster-role", self.project),
        }
    }

    /// The role the nodes assume.
    pub fn node_role(&self) -> String {
        match self.topology {
            Topology::Classic => format!("{}-eks-node-group-role", self.cluster),
            Topology::Design => format!("{}-node-role", self.project),
        }
    }

    /// The role of the service account that the design document draws in a namespace.
    pub fn service_account_role(&self, namespace: &str) -> String {
        format!("{}-sa-{namespace}", self.project)
    }

    /// The role of the EBS CSI driver's service account.
    pub fn ebs_csi_role(&self) -> String {
        format!("{}-ebs-csi-driver", self.cluster)
    }

    /// The role of the cluster autoscaler's service account.
    pub fn autoscaler_role(&self) -> String {
        format!("{}-cluster-autoscaler", self.cluster)
    }

    /// What the name of the autoscaler's policy begins with.
    pub fn autoscaling_policy_prefix(&self) -> String {
        format!("eks-worker-autoscaling-{}", self.cluster)
    }

    /// The policy that lets the control plane use the key of `eks_kms_arn`.
    pub fn encryption_policy(&self) -> String {
        format!("{}-eks-encryption-policy", self.cluster)
    }

    /// The `Name` tag of the cluster's identity provider.
    pub fn identity_provider(&self) -> String {
        format!("{}-eks-irsa", self.cluster)
    }

    /// The repository of users' own images.
    pub fn registry(&self) -> String {
        format!("{}-jupyterlab", self.cluster)
    }

    /// The file system of all users, and its creation token.
    pub fn shared_storage(&self) -> String {
        format!("{}-jupyterhub-shared", self.cluster)
    }

    /// The description of the resource group, which is named after the project alone.
    pub fn accounting(&self) -> String {
        format!("project {} - environment {}", self.project, self.environment)
    }

    /// The `Name` tag of the subnet with this index.
    pub fn subnet(&self, index: usize) -> String {
        format!("{}-subnet-{index}", self.cluster)
    }

    /// The tag key by which Kubernetes finds the things of this cluster.
    pub fn cluster_tag(&self) -> String {
        format!("kubernetes.io/cluster/{}", self.cluster)
    }
}

/// AWS reserves names that begin with `aws`; Nebari puts one more `a` before them.
fn escape_project(project: &str) -> String {
    if project.starts_with("aws") { format!("a{project}") } else { project.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(project: &str) -> Context {
        Context::new(project, "dev")
    }

    fn names(project: &str) -> Names {
        Names::new(&context(project))
    }

    #[test]
    fn the_cluster_is_named_after_project_and_namespace() {
        let names = names("my-nebari");
        assert_eq!(names.cluster, "my-nebari-dev");
        assert_eq!(names.cluster_role(), "my-nebari-dev-eks-cluster-role");
        assert_eq!(names.node_role(), "my-nebari-dev-eks-node-group-role");
        assert_eq!(names.subnet(1), "my-nebari-dev-subnet-1");
        assert_eq!(names.registry(), "my-nebari-dev-jupyterlab");
        assert_eq!(names.shared_storage(), "my-nebari-dev-jupyterhub-shared");
        assert_eq!(names.accounting(), "project my-nebari - environment dev");
        assert_eq!(names.cluster_tag(), "kubernetes.io/cluster/my-nebari-dev");
    }

    #[test]
    fn the_roles_of_the_design_are_the_documents_and_the_cluster_keeps_its_name() {
        let context = context("my-nebari").topology("design");
        let names = Names::new(&context);
        assert_eq!(
            (names.cluster_role(), names.node_role()),
            ("my-nebari-cluster-role".into(), "my-nebari-node-role".into())
        );
        assert_eq!(names.cluster, "my-nebari-dev");
    }

    #[test]
    fn a_project_that_begins_with_aws_gets_another_a() {
        assert_eq!(names("awsome").cluster, "aawsome-dev");
        assert_eq!(names("my_aws").cluster, "my_aws-dev");
        assert_eq!(names("Aws1").cluster, "Aws1-dev");
    }
}
