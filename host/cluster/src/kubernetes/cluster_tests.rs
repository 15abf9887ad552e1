//! The provider against a real API server, the one that `KUBECONFIG` names:
//!
//! ```text
//! KUBECONFIG=... cargo test --release -p nic --lib -- --ignored kubernetes::cluster_tests
//! ```

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::discovery::ApiResource;
use nic_authority::HostAuthority;
use nic_core::diff::{Truths, differences};
use nic_core::ports::{BackendError, Context};
use nic_core::resource::Record;
use nic_gate::{Gate, GateOptions, HostGate, SecretString};

use super::*;
use crate::{ClusterSource, Generation};

struct Chosen(ClusterSource);

#[async_trait]
impl ClusterResolver for Chosen {
    async fn connect(&self, _: &Call) -> Result<Option<Connected>, ProviderError> {
        let locator = Locator { kind: "kubeconfig".to_owned(), parameters: json!({}) };
        self.0.connect(&locator, Generation::default()).await
    }
}

struct Ignored;

#[async_trait]
impl CreatedSink for Ignored {
    async fn created(&self, _: &str) -> Result<(), BackendError> {
        Ok(())
    }
}

struct Platform {
    provider: KubernetesProvider,
    client: kube::Client,
}

impl Platform {
    async fn new() -> Self {
        let gate = Gate::new(GateOptions::default());
        let source = ClusterSource::new(HostGate::new(gate, &HostAuthority::claim()));
        let secrets = SecretResolver::new(|name| (name == "db").then(|| SecretString::new("hunter2")));
        nic_gate::install_crypto_provider();
        let client = kube::Client::try_default().await.unwrap();
        Self { provider: KubernetesProvider::new(Arc::new(Chosen(source)), secrets, Arc::new(|_, _| true)), client }
    }

    async fn read(&self, document: &Value, baseline: &Value) -> Observed {
        let target = Target {
            address: "test.object.x".parse().unwrap(),
            kind: "kubernetes.object".to_owned(),
            remote_id: None,
            document: document.clone(),
            baseline: baseline.clone(),
        };
        self.provider.read(&call(&Value::Null), vec![target]).await.unwrap().remove(0)
    }

    /// Pointers of what deploy would act on.
    async fn differences(&self, desired: &Value, baseline: &Value) -> Vec<String> {
        let observed = self.read(desired, baseline).await;
        assert_eq!(observed.status, Status::Present, "{observed:?}");
        let schema = &self.provider.description().kinds[0].schema;
        let truths = Truths { desired, baseline, observed: &observed.document };
        differences(schema, truths).into_iter().map(|change| change.pointer).collect()
    }

    async fn settle(&self, change: &Change, first: Result<Progress, ChangeFailure>) -> Observed {
        let mut progress = first.unwrap();
        loop {
            match progress {
                Progress::Done(observed) => return observed,
                Progress::Pending(waiting) => {
                    tokio::time::sleep(waiting.poll_after).await;
                    progress = self.provider.poll(&call(&Value::Null), change, &waiting.operation).await.unwrap();
                }
            }
        }
    }

    async fn create(&self, document: &Value) -> Observed {
        let change = change(document, &[]);
        let first = self.provider.create(&call(&Value::Null), &change, Arc::new(Ignored)).await;
        self.settle(&change, first).await
    }

    async fn delete(&self, document: &Value) -> Observed {
        let change = change(document, &[]);
        let first = self.provider.delete(&call(&Value::Null), &change).await;
        self.settle(&change, first).await
    }

    /// Someone else edits a config map.
    async fn edit(&self, namespace: &str, patch: &Value) {
        let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        api.patch("settings", &PatchParams::apply("kubectl-edit"), &Patch::Merge(patch)).await.unwrap();
    }
}

fn call(baseline: &Value) -> Call {
    let record = Record {
        baseline: baseline.clone(),
        ..Record::unmade("test.object.x".parse().unwrap(), "kubernetes.object".to_owned())
    };
    Call { context: Context::default(), records: Arc::new(vec![record]), cluster: None }
}

fn change(document: &Value, paths: &[&str]) -> Change {
    Change {
        address: "test.object.x".parse().unwrap(),
        kind: "kubernetes.object".to_owned(),
        remote_id: None,
        document: document.clone(),
        prior: Value::Null,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        token: String::new(),
        deadline: Duration::from_mins(1),
    }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"managed-by": "nic"}}})
}

fn settings(namespace: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": namespace}, "data": data})
}

#[tokio::test]
#[ignore = "needs a cluster (makes and deletes a namespace)"]
async fn what_was_applied_shows_no_difference_however_it_is_spelled() {
    let platform = Platform::new().await;
    let documents = [
        namespace("nic-test-spelling"),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "nic-test-spelling"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "x", "ports": [{"containerPort": 80}],
                    "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}}}]}}}}),
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "nic-test-gp3",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "false"}},
            "provisioner": "ebs.csi.aws.com", "parameters": {"type": "gp3", "encrypted": "true"},
            "allowVolumeExpansion": true, "volumeBindingMode": "WaitForFirstConsumer"}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "nic-test:reader"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "readers", "namespace": "nic-test-spelling"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nic-test:reader"},
            "subjects": [{"kind": "Group", "name": "dev", "apiGroup": "rbac.authorization.k8s.io"}]}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nic", "namespace": "nic-test-spelling"}}),
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "nic-test-spelling"},
            "spec": {"hard": {"cpu": "2000m", "memory": "1024Mi"}}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "nic-test-spelling"},
            "stringData": {"password": {"$secret": "db"}, "user": "me"}, "data": {"raw": "YQ=="}}),
    ];
    // What an earlier run left.
    for document in documents.iter().rev() {
        platform.delete(document).await;
    }
    for document in &documents {
        assert_eq!(platform.read(document, &Value::Null).await.status, Status::Absent, "{document}");
        let made = platform.create(document).await;
        assert_eq!((&made.status, &made.document), (&Status::Present, document));
        for baseline in [document, &Value::Null] {
            assert_eq!(platform.differences(document, baseline).await, [""; 0], "{document}");
        }
        let shown = platform.read(document, document).await;
        assert!(shown.attributes.unwrap()["uid"].is_string());
    }
    for document in documents.iter().rev() {
        assert_eq!(platform.delete(document).await.status, Status::Absent);
    }
    assert_eq!(platform.read(&documents[0], &Value::Null).await.status, Status::Absent);
}

#[tokio::test]
#[ignore = "needs a cluster (makes and deletes a namespace)"]
async fn edits_drift_removals_and_other_owners() {
    let platform = Platform::new().await;
    let space = namespace("nic-test-drift");
    platform.delete(&space).await;
    platform.create(&space).await;
    let first = settings("nic-test-drift", &json!({"a": "1", "b": "1", "c": "1"}));
    platform.create(&first).await;

    // Of others' fields nothing shows; drift of ours does and is taken back because the plan showed it.
    platform.edit("nic-test-drift", &json!({"data": {"a": "2", "theirs": "1"}})).await;
    assert_eq!(platform.differences(&first, &first).await, ["/data/a"]);
    let hidden = platform.provider.update(&call(&first), &change(&first, &["/data/b"])).await.unwrap_err().error;
    assert_eq!(hidden.code(), "FIELD_MANAGER_CONFLICT");
    assert!(hidden.to_string().contains("`.data.a` belongs to `kubectl-edit`"), "{hidden}");
    platform.provider.update(&call(&first), &change(&first, &["/data/a"])).await.unwrap();
    assert_eq!(platform.differences(&first, &first).await, [""; 0]);

    // An edit and a removal.
    let second = settings("nic-test-drift", &json!({"a": "1", "b": "2"}));
    assert_eq!(platform.differences(&second, &first).await, ["/data/b", "/data/c"]);
    platform.provider.update(&call(&first), &change(&second, &["/data/b", "/data/c"])).await.unwrap();
    assert_eq!(platform.differences(&second, &second).await, [""; 0]);
    let theirs = platform.read(&settings("nic-test-drift", &json!({"theirs": "1"})), &Value::Null).await;
    assert_eq!(theirs.document["data"], json!({"theirs": "1"}));

    // What someone else made is found as it is, and not taken when it is wished otherwise.
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(platform.client.clone(), "nic-test-drift", &resource);
    let mut theirs = settings("nic-test-drift", &json!({"a": "1"}));
    theirs["metadata"]["name"] = "theirs".into();
    api.patch("theirs", &PatchParams::apply("helm"), &Patch::Apply(&theirs)).await.unwrap();
    assert_eq!(platform.differences(&theirs, &Value::Null).await, [""; 0]);
    theirs["data"]["a"] = "2".into();
    assert_eq!(platform.differences(&theirs, &Value::Null).await, ["/data/a"]);
    let refused =
        platform.provider.update(&call(&Value::Null), &change(&theirs, &["/data/a"])).await.unwrap_err().error;
    assert!(refused.to_string().contains("`.data.a` belongs to `helm`"), "{refused}");

    assert_eq!(platform.delete(&space).await.status, Status::Absent);
}

#[tokio::test]
#[ignore = "needs a cluster (makes and deletes a definition)"]
async fn objects_of_a_new_kind_follow_its_definition() {
    let platform = Platform::new().await;
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.nic-test.example.com"},
        "spec": {"group": "nic-test.example.com", "scope": "Cluster", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object",
                "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]}});
    let thing = json!({"apiVersion": "nic-test.example.com/v1", "kind": "Thing", "metadata": {"name": "one"},
        "spec": {"size": 3}});
    assert_eq!(platform.read(&thing, &Value::Null).await.status, Status::Absent);
    platform.create(&definition).await;
    assert_eq!(platform.differences(&definition, &definition).await, [""; 0]);
    platform.create(&thing).await;
    assert_eq!(platform.differences(&thing, &thing).await, [""; 0]);
    assert_eq!(platform.delete(&thing).await.status, Status::Absent);
    assert_eq!(platform.delete(&definition).await.status, Status::Absent);
    assert_eq!(platform.read(&thing, &Value::Null).await.status, Status::Absent);
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn built_in_namespaces_are_adopted_and_left_in_place() {
    let platform = Platform::new().await;
    let default = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
    assert_eq!(platform.differences(&default, &Value::Null).await, [""; 0]);
    platform.delete(&default).await;
    assert_eq!(platform.read(&default, &Value::Null).await.status, Status::Present);
}
