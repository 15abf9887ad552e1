//! Whoever else works on the cluster, with a client of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

/// What NIC marks its objects with.
pub(super) const MARK: &str = "nic.nebari.dev/owner";

/// The kind of definitions.
pub(super) const DEFINITION: &str = "CustomResourceDefinition";

/// Group, version, kind, and whether it stands in the namespace `dev`.
const SORTS: [(&str, &str, &str, bool); 5] = [
    ("", "v1", "Namespace", false),
    ("", "v1", "ResourceQuota", true),
    ("", "v1", "LimitRange", true),
    ("scheduling.k8s.io", "v1", "PriorityClass", false),
    ("apiextensions.k8s.io", "v1", DEFINITION, false),
];

/// How long something may take to be gone.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Others(Client);

impl Others {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    fn api(&self, sort: &str) -> Result<Api<DynamicObject>> {
        let found = SORTS.iter().find(|(_, _, kind, _)| *kind == sort);
        let (group, version, kind, namespaced) = found.with_context(|| format!("what a {sort} is"))?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Ok(match namespaced {
            true => Api::namespaced_with(self.0.clone(), "dev", &resource),
            false => Api::all_with(self.0.clone(), &resource),
        })
    }

    pub(super) async fn get(&self, sort: &str, name: &str) -> Result<Option<Value>> {
        let found = self.api(sort)?.get_opt(name).await?;
        found.map(|object| serde_json::to_value(object).context("an object")).transpose()
    }

    /// Makes an object, as a tool of that name does.
    pub(super) async fn make(&self, sort: &str, manager: &str, mut object: Value) -> Result<()> {
        let api = self.api(sort)?;
        object["apiVersion"] = api.resource_url().into();
        let how = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
        if let Some(members) = object.as_object_mut() {
            members.remove("apiVersion");
            members.remove("kind");
        }
        let object: DynamicObject = serde_json::from_value(object)?;
        api.create(&how, &object).await.with_context(|| format!("make a {sort}"))?;
        Ok(())
    }

    /// Deletes an object and makes one just like it, mark and all.
    pub(super) async fn make_anew(&self, sort: &str, name: &str) -> Result<()> {
        let mut object = self.get(sort, name).await?.with_context(|| format!("the {sort}"))?;
        self.delete(sort, name).await?;
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.retain(|key, _| ["name", "labels", "annotations"].contains(&key.as_str()));
        }
        self.make(sort, "kubectl-replace", object).await
    }

    /// Deletes an object, and waits until it is gone.
    pub(super) async fn delete(&self, sort: &str, name: &str) -> Result<()> {
        let api = self.api(sort)?;
        api.delete(name, &DeleteParams::background()).await?;
        let started = Instant::now();
        while api.get_opt(name).await?.is_some() {
            ensure!(started.elapsed() < PATIENCE, "the {sort} `{name}` is not gone");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    pub(super) async fn edit(&self, sort: &str, name: &str, patch: &Value) -> Result<()> {
        self.api(sort)?.patch(name, &PatchParams::apply("kubectl-edit"), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Objects without what changes whenever something about them is looked after.
    pub(super) async fn bare(&self, objects: &[(&str, &str)]) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        for (sort, name) in objects {
            let mut object = self.get(sort, name).await?.with_context(|| format!("the {sort} `{name}`"))?;
            for members in [&mut object].into_iter().filter_map(|object| object.as_object_mut()) {
                members.remove("status");
                if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata
                        .retain(|key, _| !["managedFields", "resourceVersion", "generation"].contains(&key.as_str()));
                }
            }
            found.push(object);
        }
        Ok(found)
    }

    async fn list(&self, sort: &str) -> Result<Vec<DynamicObject>> {
        // Namespaces and priority classes come with the cluster too.
        let own = |object: &DynamicObject| {
            let name = object.metadata.name.as_deref().unwrap_or_default();
            !["default", "kube-node-lease", "kube-public", "kube-system"].contains(&name)
                && !name.starts_with("system-")
        };
        Ok(self.api(sort)?.list(&ListParams::default()).await?.items.into_iter().filter(own).collect())
    }

    pub(super) async fn names(&self, sort: &str) -> Result<Vec<String>> {
        Ok(self.list(sort).await?.into_iter().filter_map(|object| object.metadata.name).collect())
    }

    /// Annotations by name.
    pub(super) async fn annotations(&self, sort: &str) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let told =
            |object: DynamicObject| Some((object.metadata.name?, object.metadata.annotations.unwrap_or_default()));
        Ok(self.list(sort).await?.into_iter().filter_map(told).collect())
    }

    /// All that does not come with the cluster.
    pub(super) async fn everything(&self) -> Result<Vec<(&'static str, String)>> {
        let mut found = Vec::new();
        for (_, _, sort, _) in SORTS {
            found.extend(self.names(sort).await?.into_iter().map(|name| (sort, name)));
        }
        Ok(found)
    }

    /// Which objects they are, whatever is written to them.
    pub(super) async fn uids(&self) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for (_, _, sort, _) in SORTS {
            found.extend(self.list(sort).await?.into_iter().filter_map(|object| object.metadata.uid));
        }
        Ok(found)
    }

    /// What every write to an object changes.
    pub(super) async fn versions(&self) -> Result<BTreeMap<String, Option<String>>> {
        let mut found = BTreeMap::new();
        for (_, _, sort, _) in SORTS {
            for object in self.list(sort).await? {
                let name = format!("{sort} {}", object.metadata.name.unwrap_or_default());
                found.insert(name, object.metadata.resource_version);
            }
        }
        Ok(found)
    }
}
