//! The host's own list of AWS actions: what each is called in a request, and whether it reads, changes or gives a secret.
//!
//! Neither HTTP methods nor a provider's word is enough: EKS and resource groups have reads that are POSTs, and some reads
//! answer secrets. `catalogue/generate.py` makes the table; what is not in it is refused.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::action::{Action, Class};
use crate::refusal::Refusal;

const TABLE: &str = include_str!("catalogue/aws.tsv");

/// How a service says which action is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Form parameters `Action` and `Version`.
    Query,
    /// The header `x-amz-target`.
    Json,
    /// Method and path.
    Rest,
}

/// One service of one API version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What signatures and policies call it.
    pub signing_name: &'static str,
    /// What SDKs call it.
    pub service_id: &'static str,
    /// First labels of its host name.
    pub endpoint_prefix: &'static str,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Its API version.
    pub version: &'static str,
}

#[derive(Debug)]
struct Template {
    segments: Vec<&'static str>,
    action: Action,
}

#[derive(Debug, Default)]
struct Catalogue {
    /// By signing name; a name can stand for several API versions.
    services: HashMap<&'static str, Vec<Service>>,
    /// By signing name, then by what names the action.
    by_key: HashMap<&'static str, HashMap<&'static str, Action>>,
    /// By signing name, then by method.
    by_path: HashMap<&'static str, HashMap<&'static str, Vec<Template>>>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| parse(TABLE));

fn parse(table: &'static str) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&'static str> = line.split('\t').collect();
        match columns[..] {
            ["@", signing_name, service_id, endpoint_prefix, protocol, version] => {
                let protocol = match protocol {
                    "query" => Protocol::Query,
                    "json" => Protocol::Json,
                    _ => Protocol::Rest,
                };
                let service = Service { signing_name, service_id, endpoint_prefix, protocol, version };
                catalogue.services.entry(signing_name).or_default().push(service);
            }
            [service, key, name, class, ref why @ ..] => {
                let class = match class {
                    "read" => Class::Read,
                    "mutate" => Class::Mutate,
                    _ => Class::Secret,
                };
                let action = Action { service, name, class, why: why.first().copied().unwrap_or_default() };
                if let Some((method, path)) = key.split_once(' ') {
                    let segments = path.split('/').skip(1).collect();
                    let paths = catalogue.by_path.entry(service).or_default();
                    paths.entry(method).or_default().push(Template { segments, action });
                } else {
                    catalogue.by_key.entry(service).or_default().insert(key, action);
                }
            }
            // A test holds the table to these two shapes.
            _ => {}
        }
    }
    catalogue
}

/// Every action, in no order.
pub fn actions() -> impl Iterator<Item = &'static Action> {
    let by_path = CATALOGUE.by_path.values().flat_map(HashMap::values).flatten().map(|template| &template.action);
    CATALOGUE.by_key.values().flat_map(HashMap::values).chain(by_path)
}

/// What SDKs call the services.
pub fn service_ids() -> impl Iterator<Item = &'static str> {
    CATALOGUE.services.values().flatten().map(|service| service.service_id)
}

/// The service that has this signing name and this SDK service id.
pub fn service(signing_name: &str, service_id: &str) -> Result<&'static Service, Refusal> {
    let named = CATALOGUE.services.get(signing_name).into_iter().flatten();
    named.into_iter().find(|service| service.service_id == service_id).ok_or_else(|| Refusal::UnknownService {
        signing_name: signing_name.to_owned(),
        service_id: service_id.to_owned(),
    })
}

/// The action of a query service, by its parameters `Version` and `Action`.
pub fn by_parameters(service: &Service, version: &str, action: &str) -> Result<&'static Action, Refusal> {
    // Another API version may belong to another service id: its endpoint override would be the wrong one.
    let known = by_key(service, &format!("{version}/{action}")).filter(|_| version == service.version);
    known.ok_or_else(|| unknown(service, format!("{action} ({version})")))
}

/// The action of a JSON service, by its header `x-amz-target`.
pub fn by_target(service: &Service, target: &str) -> Result<&'static Action, Refusal> {
    by_key(service, target).ok_or_else(|| unknown(service, target))
}

fn by_key(service: &Service, key: &str) -> Option<&'static Action> {
    CATALOGUE.by_key.get(service.signing_name)?.get(key)
}

/// The action of a REST service, by method and decoded path segments. Where several templates fit, the one that is
/// literal where the others are not is meant.
pub fn by_path(service: &Service, method: &str, segments: &[String]) -> Result<&'static Action, Refusal> {
    let templates = CATALOGUE.by_path.get(service.signing_name).and_then(|methods| methods.get(method));
    let fitting = templates.into_iter().flatten().filter(|template| template.fits(segments));
    let best = fitting.max_by_key(|template| template.segments.iter().map(|s| !is_label(s)).collect::<Vec<_>>());
    best.map_or_else(|| Err(unknown(service, format!("{method} /{}", segments.join("/")))), |best| Ok(&best.action))
}

fn is_label(segment: &str) -> bool {
    segment.starts_with('{')
}

impl Template {
    fn fits(&self, segments: &[String]) -> bool {
        self.segments.len() == segments.len()
            && self
                .segments
                .iter()
                .zip(segments)
                .all(|(template, segment)| if is_label(template) { fills_label(segment) } else { template == segment })
    }
}

/// A front end that decodes before it routes would see more segments than we do. Only ARNs need slashes in a label.
fn fills_label(segment: &str) -> bool {
    !segment.is_empty() && (!segment.contains('/') || segment.starts_with("arn:"))
}

fn unknown(service: &Service, what: impl Into<String>) -> Refusal {
    Refusal::UnknownAction { service: service.signing_name.to_owned(), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(signing_name: &str, service_id: &str, action: &str) -> Class {
        let service = service(signing_name, service_id).unwrap();
        by_parameters(service, service.version, action).unwrap().class
    }

    fn rest(service_name: &str, service_id: &str, method: &str, path: &str) -> Option<&'static str> {
        let segments: Vec<String> = path.split('/').skip(1).map(|segment| segment.replace("%2F", "/")).collect();
        by_path(service(service_name, service_id).unwrap(), method, &segments).ok().map(|action| action.name)
    }

    #[test]
    fn every_line_of_the_table_has_a_known_shape_and_no_action_hides_another() {
        let mut actions = 0;
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            if columns[0] == "@" {
                assert_eq!(columns.len(), 6, "{line}");
                assert!(["query", "json", "rest"].contains(&columns[4]), "{line}");
            } else {
                assert!([4, 5].contains(&columns.len()), "{line}");
                assert!(["read", "mutate", "secret"].contains(&columns[3]), "{line}");
                actions += 1;
            }
        }
        let by_path = CATALOGUE.by_path.values().flat_map(HashMap::values).map(Vec::len).sum::<usize>();
        let parsed = CATALOGUE.by_key.values().map(HashMap::len).sum::<usize>() + by_path;
        assert_eq!(parsed, actions);
        assert!(actions > 1500);
    }

    #[test]
    fn names_that_mislead_have_the_class_of_what_they_do() {
        for (service, id, action, class) in [
            ("ec2", "EC2", "DescribeVpcs", Class::Read),
            ("ec2", "EC2", "GetInstanceTypesFromInstanceRequirements", Class::Read),
            ("ec2", "EC2", "SearchTransitGatewayRoutes", Class::Read),
            ("ec2", "EC2", "CreateVpc", Class::Mutate),
            ("ec2", "EC2", "ExportImage", Class::Mutate),
            ("ec2", "EC2", "GetFlowLogsIntegrationTemplate", Class::Mutate),
            ("ec2", "EC2", "GetPasswordData", Class::Secret),
            ("ec2", "EC2", "GetConsoleOutput", Class::Secret),
            ("ec2", "EC2", "GetConsoleScreenshot", Class::Secret),
            ("ec2", "EC2", "GetLaunchTemplateData", Class::Secret),
            ("ec2", "EC2", "DescribeLaunchTemplateVersions", Class::Secret),
            ("ec2", "EC2", "DescribeInstanceAttribute", Class::Secret),
            ("ec2", "EC2", "DescribeVpnConnections", Class::Secret),
            ("ec2", "EC2", "CreateKeyPair", Class::Secret),
            ("iam", "IAM", "SimulatePrincipalPolicy", Class::Read),
            ("iam", "IAM", "GenerateCredentialReport", Class::Mutate),
            ("iam", "IAM", "GenerateServiceLastAccessedDetails", Class::Mutate),
            ("iam", "IAM", "CreateAccessKey", Class::Secret),
            ("iam", "IAM", "CreateServiceSpecificCredential", Class::Secret),
            ("sts", "STS", "GetCallerIdentity", Class::Read),
            ("sts", "STS", "AssumeRole", Class::Secret),
            ("sts", "STS", "GetSessionToken", Class::Secret),
            ("sts", "STS", "GetFederationToken", Class::Secret),
            ("autoscaling", "Auto Scaling", "DescribeLaunchConfigurations", Class::Secret),
            ("autoscaling", "Auto Scaling", "SetDesiredCapacity", Class::Mutate),
            ("autoscaling", "Auto Scaling", "DescribeTags", Class::Read),
            ("autoscaling", "Auto Scaling", "CreateOrUpdateTags", Class::Mutate),
            ("autoscaling", "Auto Scaling", "DeleteTags", Class::Mutate),
            ("elasticloadbalancing", "Elastic Load Balancing v2", "DescribeTargetGroups", Class::Read),
            ("elasticloadbalancing", "Elastic Load Balancing", "DescribeLoadBalancers", Class::Read),
        ] {
            assert_eq!(query(service, id, action), class, "{service}:{action}");
        }
        for (service_name, id, target, class) in [
            ("ecr", "ECR", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", Class::Read),
            ("ecr", "ECR", "AmazonEC2ContainerRegistry_V20150921.ListTagsForResource", Class::Read),
            ("ecr", "ECR", "AmazonEC2ContainerRegistry_V20150921.PutImageScanningConfiguration", Class::Mutate),
            ("ecr", "ECR", "AmazonEC2ContainerRegistry_V20150921.BatchGetImage", Class::Mutate),
            ("ecr", "ECR", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", Class::Secret),
            ("kms", "KMS", "TrentService.DescribeKey", Class::Read),
            ("kms", "KMS", "TrentService.Encrypt", Class::Mutate),
            ("kms", "KMS", "TrentService.Decrypt", Class::Secret),
            ("kms", "KMS", "TrentService.GenerateDataKey", Class::Secret),
            ("ssm", "SSM", "AmazonSSM.DescribeParameters", Class::Read),
            ("ssm", "SSM", "AmazonSSM.GetParameter", Class::Secret),
            ("ssm", "SSM", "AmazonSSM.GetParametersByPath", Class::Secret),
            ("servicequotas", "Service Quotas", "ServiceQuotasV20190624.GetServiceQuota", Class::Read),
            ("tagging", "Resource Groups Tagging API", "ResourceGroupsTaggingAPI_20170126.GetResources", Class::Read),
            ("tagging", "Resource Groups Tagging API", "ResourceGroupsTaggingAPI_20170126.TagResources", Class::Mutate),
        ] {
            assert_eq!(by_target(service(service_name, id).unwrap(), target).unwrap().class, class, "{target}");
        }
    }

    #[test]
    fn paths_lead_to_the_most_literal_template() {
        let eks = |method, path| rest("eks", "EKS", method, path);
        assert_eq!(eks("GET", "/clusters"), Some("ListClusters"));
        assert_eq!(eks("GET", "/clusters/a"), Some("DescribeCluster"));
        assert_eq!(eks("POST", "/clusters/a/insights"), Some("ListInsights"));
        assert_eq!(eks("POST", "/clusters/a/updates"), Some("UpdateClusterVersion"));
        assert_eq!(
            eks("POST", "/clusters/a/identity-provider-configs/describe"),
            Some("DescribeIdentityProviderConfig")
        );
        assert_eq!(eks("GET", "/tags/arn:aws:eks:us-west-2:1:cluster%2Fa"), Some("ListTagsForResource"));
        let efs = |path| rest("elasticfilesystem", "EFS", "GET", path);
        assert_eq!(
            efs("/2015-02-01/file-systems/replication-configurations"),
            Some("DescribeReplicationConfigurations")
        );
        assert_eq!(efs("/2015-02-01/tags/fs-1/"), Some("DescribeTags"));
        assert_eq!(
            rest("elasticfilesystem", "EFS", "PUT", "/2015-02-01/mount-targets/fsmt-1/security-groups"),
            Some("ModifyMountTargetSecurityGroups")
        );
        let tags = "/resources/arn:aws:resource-groups:us-west-2:1:group%2Fdemo/tags";
        for (method, action) in [("GET", "GetTags"), ("PUT", "Tag"), ("PATCH", "Untag")] {
            assert_eq!(rest("resource-groups", "Resource Groups", method, tags), Some(action));
        }
        assert_eq!(rest("resource-groups", "Resource Groups", "POST", "/get-group"), Some("GetGroup"));
        for (method, path) in [
            ("PUT", "/clusters/a"),
            ("GET", "/clusters/"),
            ("GET", "/clusters/a/"),
            ("GET", "//clusters"),
            ("GET", "/nothing"),
            ("get", "/clusters"),
        ] {
            assert_eq!(eks(method, path), None, "{method} {path}");
        }
        let hidden = ["clusters".to_owned(), "a/updates".to_owned(), "insights".to_owned()];
        assert!(by_path(service("eks", "EKS").unwrap(), "POST", &hidden).is_err());
    }

    #[test]
    fn what_the_catalogue_does_not_know_is_refused_by_name() {
        let ec2 = service("ec2", "EC2").unwrap();
        let refused = by_parameters(ec2, "2016-11-15", "MakeCoffee").unwrap_err();
        assert_eq!(refused.code(), "ACTION_NOT_IN_CATALOGUE");
        assert!(refused.to_string().contains("ec2:MakeCoffee"), "{refused}");
        assert!(by_parameters(ec2, "2014-05-01", "DescribeVpcs").is_err());
        let classic = service("elasticloadbalancing", "Elastic Load Balancing").unwrap();
        assert!(by_parameters(classic, "2015-12-01", "DescribeLoadBalancers").is_err());
        assert!(service("s3", "S3").is_err());
        assert!(service("ec2", "EKS").is_err());
    }
}
