//! Somebody whom AWS knows and the cluster does not: who that is, and how he gets in.

use nic_core::error::ProviderError;
use serde_json::json;

use nic_gate::HostGate;
use nic_gate::aws::{caller_arn, partition};

/// The policy that lets its holder do everything.
const ADMINISTRATOR: &str = "cluster-access-policy/AmazonEKSClusterAdminPolicy";

/// A cluster that refused a login.
#[derive(Debug)]
pub(super) struct Refusing {
    pub(super) region: String,
    pub(super) name: String,
    /// It looks for people in its config map `aws-auth` and nowhere else.
    pub(super) config_map_alone: bool,
}

/// Who may be given access: an IAM user or role. None for what no access entry can be for.
struct Principal {
    arn: String,
    /// The role of a session, whose path the session's ARN does not tell.
    role: Option<String>,
}

fn principal(arn: &str) -> Option<Principal> {
    let [_, partition, service, _, account, resource] = *arn.splitn(6, ':').collect::<Vec<_>>().as_slice() else {
        return None;
    };
    let (sort, name) = resource.split_once('/')?;
    match (service, sort) {
        ("iam", "user" | "role") => Some(Principal { arn: arn.to_owned(), role: None }),
        ("sts", "assumed-role") => {
            let role = name.split('/').next().filter(|role| !role.is_empty())?;
            let arn = format!("arn:{partition}:iam::{account}:role/{role}");
            Some(Principal { arn, role: Some(role.to_owned()) })
        }
        _ => None,
    }
}

impl Refusing {
    /// The error, once AWS has said who asks.
    pub(super) async fn error(&self, gate: &HostGate) -> ProviderError {
        match caller_arn(gate, &self.region).await {
            Ok(arn) => self.unknown(&arn),
            Err(error) => ProviderError::Other {
                code: "CLUSTER_LOGIN_FAILED".to_owned(),
                message: format!(
                    "the cluster `{}` does not accept the login, and AWS does not say whose it is: {error}",
                    self.name
                ),
                detail: json!({ "hints": error.hints() }),
            },
        }
    }

    fn unknown(&self, arn: &str) -> ProviderError {
        let message = format!(
            "the cluster `{}` does not know `{arn}`, which is the login in use: AWS accepts it, and no access entry of the cluster is for it",
            self.name
        );
        let detail = json!({ "identity": arn, "cluster": self.name, "hints": self.ways_in(arn) });
        ProviderError::Other { code: "CLUSTER_LOGIN_FAILED".to_owned(), message, detail }
    }

    fn ways_in(&self, arn: &str) -> Vec<String> {
        let Self { region, name, config_map_alone } = self;
        let Some(Principal { arn, role }) = principal(arn) else {
            return vec!["only users and roles of IAM can be given access: log in as one of them".to_owned()];
        };
        let of = format!("--region {region} --cluster-name {name} --principal-arn {arn}");
        let partition = partition(region).map_or("aws", |partition| partition.id);
        let mut ways = Vec::new();
        if *config_map_alone {
            ways.push(format!(
                "the cluster looks into its config map aws-auth alone; to have access entries: `aws eks update-cluster-config --region {region} --name {name} --access-config authenticationMode=API_AND_CONFIG_MAP`"
            ));
        }
        ways.push(format!("whoever administers the account gives access: `aws eks create-access-entry {of}`"));
        ways.push(format!(
            "and then: `aws eks associate-access-policy {of} --policy-arn arn:{partition}:eks::aws:{ADMINISTRATOR} --access-scope type=cluster`"
        ));
        ways.extend(role.map(|role| {
            format!("a session does not tell the path of its role: if `aws iam get-role --role-name {role}` shows one, give access to that ARN")
        }));
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(arn: &str, region: &str, config_map_alone: bool) -> String {
        let refusing = Refusing { region: region.to_owned(), name: "nebari-dev".to_owned(), config_map_alone };
        let error = refusing.unknown(arn);
        assert!(error.to_string().contains(arn) && error.code() == "CLUSTER_LOGIN_FAILED", "{error}");
        error.hints().join("\n")
    }

    #[test]
    fn a_session_gets_in_by_its_role_in_its_own_partition() {
        let told = ways("arn:aws-cn:sts::123456789012:assumed-role/ci/run-7", "cn-north-1", false);
        let of = "--region cn-north-1 --cluster-name nebari-dev --principal-arn arn:aws-cn:iam::123456789012:role/ci";
        assert!(told.contains(&format!("`aws eks create-access-entry {of}`")), "{told}");
        let policy = "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
        let associate =
            format!("`aws eks associate-access-policy {of} --policy-arn {policy} --access-scope type=cluster`");
        assert!(told.contains(&associate), "{told}");
        assert!(told.contains("aws iam get-role --role-name ci`") && !told.contains("run-7"), "{told}");
    }

    #[test]
    fn users_and_roles_get_in_as_they_are_and_others_do_not() {
        for arn in ["arn:aws:iam::123456789012:user/team/ann", "arn:aws:iam::123456789012:role/x"] {
            let told = ways(arn, "us-west-2", true);
            assert!(told.contains(&format!("--principal-arn {arn}`")) && !told.contains("get-role"), "{told}");
            assert!(told.starts_with("the cluster looks into its config map") && told.contains("API_AND_CONFIG_MAP"));
        }
        for arn in ["arn:aws:sts::123456789012:federated-user/ann", "arn:aws:iam::123456789012:root", "nothing"] {
            assert_eq!(ways(arn, "us-west-2", false).lines().count(), 1, "{arn}");
        }
    }
}
