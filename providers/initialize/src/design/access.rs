//! Who may do what: service accounts, roles, and whom they are given to.

use std::collections::BTreeMap;

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::{DesignInput, Namespace};
use crate::object::{RBAC, object, texts};

/// The annotation by which EKS gives the pods of a service account an IAM role.
const IRSA_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// A service account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceAccount {
    pub name: String,
    /// Annotations; a value may be a reference to another resource.
    pub annotations: BTreeMap<String, Value>,
}

impl ServiceAccount {
    /// One without annotations.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), annotations: BTreeMap::new() }
    }

    /// Gives its pods an IAM role (EKS): the ARN, or a reference to it.
    pub fn assume(&mut self, role_arn: impl Into<Value>) {
        self.annotations.insert(IRSA_ANNOTATION.to_owned(), role_arn.into());
    }
}

/// What is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// API groups, `""` for the core.
    pub api_groups: Vec<String>,
    /// Resources, such as `pods`.
    pub resources: Vec<String>,
    /// Verbs, such as `get`.
    pub verbs: Vec<String>,
}

impl Rule {
    /// These verbs on these resources of these groups.
    pub fn new(api_groups: &[&str], resources: &[&str], verbs: &[&str]) -> Self {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Self { api_groups: owned(api_groups), resources: owned(resources), verbs: owned(verbs) }
    }

    fn document(&self) -> Value {
        json!({ "apiGroups": self.api_groups, "resources": self.resources, "verbs": self.verbs })
    }
}

/// Whom a role is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A group, as the cluster's login names it.
    Group(String),
    User(String),
    ServiceAccount {
        namespace: String,
        name: String,
    },
}

impl Subject {
    fn document(&self) -> Value {
        match self {
            Self::Group(name) => json!({ "kind": "Group", "apiGroup": RBAC, "name": name }),
            Self::User(name) => json!({ "kind": "User", "apiGroup": RBAC, "name": name }),
            Self::ServiceAccount { namespace, name } => {
                json!({ "kind": "ServiceAccount", "namespace": namespace, "name": name })
            }
        }
    }
}

/// A role in a namespace, with a binding of the same name when it is given to anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    /// What it allows.
    pub rules: Vec<Rule>,
    /// Whom it is given to.
    pub given_to: Vec<Subject>,
}

/// A role in the whole cluster, with a binding of the same name when it is given to anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterRole {
    pub name: String,
    /// What it allows.
    pub rules: Vec<Rule>,
    /// Whom it is given to.
    pub given_to: Vec<Subject>,
}

impl Role {
    /// `admin`, everything in its namespace, and `viewer`, which sees all but Secrets.
    pub fn documented(project: &str) -> Vec<Self> {
        let group = |name: &str| vec![Subject::Group(format!("{project}:{name}"))];
        let look = &["get", "list", "watch"];
        let core = &[
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "persistentvolumeclaims",
            "pods",
            "pods/log",
            "replicationcontrollers",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ];
        let others = &["apps", "autoscaling", "batch", "discovery.k8s.io", "networking.k8s.io", "policy"];
        vec![
            Self { name: "admin".into(), rules: vec![Rule::new(&["*"], &["*"], &["*"])], given_to: group("admin") },
            Self {
                name: "viewer".into(),
                rules: vec![Rule::new(&[""], core, look), Rule::new(others, &["*"], look)],
                given_to: group("viewer"),
            },
        ]
    }
}

/// Service accounts, roles and bindings of a namespace.
pub(super) fn within(input: &DesignInput, namespace: &Namespace) -> Vec<Resource> {
    let mut resources = Vec::new();
    for account in &namespace.service_accounts {
        let mut rest = json!({});
        if !account.annotations.is_empty() {
            rest["metadata"]["annotations"] = texts(&account.annotations);
        }
        let address = input.address_in(&namespace.name, "service-account", &account.name);
        resources.push(object(address, "v1", "ServiceAccount", (Some(&namespace.name), &account.name), rest));
    }
    for role in &namespace.roles {
        let (name, namespace) = (role.name.as_str(), namespace.name.as_str());
        let addresses = ["role", "role-binding"].map(|kind| input.address_in(namespace, kind, name));
        resources.extend(granted("Role", (Some(namespace), name), (&role.rules, &role.given_to), addresses));
    }
    resources
}

/// Roles and bindings of the whole cluster.
pub(super) fn of_cluster(input: &DesignInput) -> Vec<Resource> {
    let roles = input.cluster_roles.iter().flat_map(|role| {
        let addresses = ["cluster-role", "cluster-role-binding"].map(|kind| input.address(kind, &role.name));
        granted("ClusterRole", (None, role.name.as_str()), (&role.rules, &role.given_to), addresses)
    });
    roles.collect()
}

/// A role and, when it is given to anybody, its binding.
fn granted(
    kind: &str,
    named: (Option<&str>, &str),
    (rules, given_to): (&[Rule], &[Subject]),
    [role, binding]: [String; 2],
) -> Vec<Resource> {
    let version = format!("{RBAC}/v1");
    let rules: Vec<Value> = rules.iter().map(Rule::document).collect();
    let mut resources = vec![object(role.clone(), &version, kind, named, json!({ "rules": rules }))];
    if !given_to.is_empty() {
        let bound = json!({
            "roleRef": { "apiGroup": RBAC, "kind": kind, "name": named.1 },
            "subjects": given_to.iter().map(Subject::document).collect::<Vec<_>>(),
        });
        resources.push(object(binding, &version, &format!("{kind}Binding"), named, bound).after(role));
    }
    resources
}
