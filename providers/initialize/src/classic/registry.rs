//! The external container registry: a key in a Secret, and jobs that turn it into a login for the namespace's pods.

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::Site;
use crate::object::{RBAC, object};
use crate::registry::ExternalRegistry;

/// The Secret with the key.
const KEY: &str = "customer-extcr-key";
/// Everything else.
const UPDATER: &str = "extcr-cred-updater";

/// Logs in to ECR and leaves the login as a pull secret of the namespace's default service account. The old login stays until there
/// is a new one. `DOMAIN` is where the hosts of the registry's partition are.
const SCRIPT: &str = r#"set -e
registry="https://${AWS_ACCOUNT}.dkr.ecr.${AWS_REGION}.DOMAIN"
password="$(aws ecr get-login --region "${AWS_REGION}" --registry-ids "${AWS_ACCOUNT}" | cut -d ' ' -f 6)"
test -n "${password}"
kubectl delete secret extcrcreds || true
kubectl create secret docker-registry extcrcreds \
  --docker-server="${registry}" --docker-username=AWS --docker-password="${password}" --docker-email=no@email.local
kubectl patch serviceaccount default -p '{"imagePullSecrets":[{"name":"extcrcreds"}]}'
"#;

/// The Secret, what may use it, the job that runs now and the one that runs every eight hours.
///
/// A job's template cannot be changed: another one replaces it, and so logs in anew. The registry's region is a secret, so `domain`, where
/// AWS's hosts are in its partition, is the platform's own: keys are of one partition.
pub fn external_registry(site: &Site<'_>, registry: &ExternalRegistry, domain: &str) -> Vec<Resource> {
    let make = |kind: &str, segment: &str, api_version: &str, rest: Value| {
        let address = site.address(segment, UPDATER);
        object(address, api_version, kind, (Some(site.namespace), UPDATER), rest).after(site.namespace_address())
    };
    let key = json!({ "type": "Opaque", "stringData": {
        "access-key-id": registry.access_key_id,
        "secret-access-key": registry.secret_access_key,
        "extcr-account": registry.account,
        "extcr-region": registry.region,
    } });
    let secret = site.address("secret", KEY);
    let rbac = &format!("{RBAC}/v1");
    let rules = json!({ "rules": [
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "delete"] },
        { "apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "patch"] },
    ] });
    // Without a namespace the subject is of the binding's own.
    let bound = json!({
        "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": UPDATER },
        "subjects": [{ "kind": "ServiceAccount", "name": UPDATER }],
    });
    let every = json!({ "spec": {
        "schedule": "* */8 * * *",
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": { "spec": job(domain) },
    } });
    let (role, account, binding) = (
        site.address("role", UPDATER),
        site.address("service-account", UPDATER),
        site.address("role-binding", UPDATER),
    );
    let runs = |resource: Resource| resource.after(&secret).after(&binding);
    vec![
        object(secret.clone(), "v1", "Secret", (Some(site.namespace), KEY), key).after(site.namespace_address()),
        make("Role", "role", rbac, rules),
        make("ServiceAccount", "service-account", "v1", json!({})),
        make("RoleBinding", "role-binding", rbac, bound).after(&role).after(&account),
        runs(make("Job", "job", "batch/v1", json!({ "spec": job(domain) }))),
        runs(make("CronJob", "cron-job", "batch/v1", every)),
    ]
}

fn job(domain: &str) -> Value {
    let script = SCRIPT.replace("DOMAIN", domain);
    let from_key =
        |name: &str, key: &str| json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": KEY, "key": key } } });
    json!({
        "backoffLimit": 4,
        "template": { "spec": {
            "containers": [{
                "name": "kubectl",
                "image": "xynova/aws-kubectl",
                "command": ["/bin/sh", "-c", script],
                "env": [
                    from_key("AWS_ACCESS_KEY_ID", "access-key-id"),
                    from_key("AWS_SECRET_ACCESS_KEY", "secret-access-key"),
                    from_key("AWS_ACCOUNT", "extcr-account"),
                    from_key("AWS_REGION", "extcr-region"),
                ],
            }],
            "restartPolicy": "Never",
            "serviceAccountName": UPDATER,
            "terminationGracePeriodSeconds": 0,
        } },
    })
}
