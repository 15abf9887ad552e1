//! Objects of others on a real control plane: used, told by name, never deleted; and those of NIC, known by mark and uid. What is there
//! is read by a client of its own.

mod login;
mod others;
mod race;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use nic_kubernetes_initialize::classic::{self, Site};
use nic_tests::configs::EXISTING;
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::nic::{Ran, Workspace, unwrapped};
use serde_json::{Value, json};

use self::others::{DEFINITION, MARK, Others};

/// A namespace, four objects that the section asks for, and Traefik's nine definitions.
const KUBERNETES: &str = "\
kubernetes:
  priority_classes:
    batch: {value: 1000}
  namespaces:
    dev:
      quota: {pods: 100}
      limits: {default: {cpu: 1}}
";

fn config() -> String {
    format!("{EXISTING}{KUBERNETES}")
}

/// A namespace of its own, and what every platform on the cluster calls the same: the definitions, and a priority class.
fn of(project: &str, namespace: &str) -> String {
    let class = "kubernetes: {priority_classes: {batch: {value: 1000}}}";
    format!("{}namespace: {namespace}\n{class}\n", EXISTING.replace("my-nebari", project))
}

async fn start() -> Result<(ControlPlane, Others)> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let others = Others::new(cluster.client());
    Ok((cluster, others))
}

fn workspace(cluster: &ControlPlane, config: &str) -> Result<Workspace> {
    let mut workspace = Workspace::new()?;
    workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    workspace.config(config)?;
    Ok(workspace)
}

/// What is asked with `--format json` and refused: the codes, and everything that was said.
async fn refused(workspace: &Workspace, arguments: &[&str]) -> Result<(BTreeSet<String>, String)> {
    let ran = workspace.run(&[arguments, &["--format", "json"]].concat()).await?;
    ensure!(ran.code == 1, "`{}` ended with {}: {}", arguments.join(" "), ran.code, ran.said());
    let error = ran.json()?["error"].clone();
    let several = error["details"]["diagnostics"].as_array().cloned().unwrap_or_default();
    let codes = several.iter().map(|one| &one["code"]).chain([&error["code"]]);
    let codes = codes.filter_map(|code| code.as_str().map(str::to_owned)).collect();
    Ok((codes, error.to_string()))
}

fn codes(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|&code| code.to_owned()).collect()
}

/// The addresses that a plan says are shared.
fn shared(plan: &Ran) -> Result<BTreeSet<String>> {
    let plan = plan.json()?;
    let changes = plan.pointer("/plan/changes").and_then(Value::as_array).context("changes")?;
    let shared = changes.iter().filter(|change| change["shared"] == true);
    Ok(shared.filter_map(|change| change["address"].as_str().map(str::to_owned)).collect())
}

fn nothing_recorded(workspace: &Workspace) -> Result<()> {
    let state = workspace.state()?;
    ensure!(!state.to_string().contains("\"_nic\""), "still recorded: {state:#}");
    Ok(())
}

/// One of the definitions as NIC would make it.
fn definition(plural: &str) -> Result<Value> {
    let site = Site { provider: "existing", namespace: "dev", cluster: &[], nodes: &[] };
    let name = format!("{plural}.traefik.containo.us");
    let all = classic::traefik_definitions(&site);
    let found = all.into_iter().find(|one| one.document["metadata"]["name"] == name.as_str());
    Ok(found.context("a definition of that name")?.document)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_before_is_used_and_left_as_it_was() -> Result<()> {
    let (cluster, others) = start().await?;
    let marks = json!({ "labels": { "team": "data" }, "annotations": { "contact": "ops@example.com" } });
    let with_marks = |mut object: Value| {
        object["metadata"]["labels"] = marks["labels"].clone();
        object["metadata"]["annotations"] = marks["annotations"].clone();
        object
    };
    others.make("Namespace", "kubectl-create", with_marks(json!({ "metadata": { "name": "dev" } }))).await?;
    others.make(DEFINITION, "traefik-chart", with_marks(definition("tlsstores")?)).await?;
    let mut own = definition("middlewares")?;
    own["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    others.make(DEFINITION, "traefik-chart", with_marks(own)).await?;
    let theirs = [
        ("Namespace", "dev"),
        (DEFINITION, "tlsstores.traefik.containo.us"),
        (DEFINITION, "middlewares.traefik.containo.us"),
    ];
    let before = others.bare(&theirs).await?;

    let workspace = workspace(&cluster, &config())?;
    let plan = workspace.ok(&["plan", "--format", "json"]).await?;
    let told = ["namespace.dev", "custom-resource-definition.middlewares", "custom-resource-definition.tlsstores"];
    ensure!(shared(&plan)? == told.iter().map(|name| format!("existing.{name}")).collect(), "{}", plan.said());
    let notes = plan.json()?["plan"]["notes"].to_string();
    ensure!(notes.contains("`.spec.versions` is decided by `traefik-chart`"), "{notes}");
    let plan = workspace.ok(&["plan"]).await?;
    let unwrapped = unwrapped(&plan.stdout);
    for line in
        ["~ Namespace dev (", "= CustomResourceDefinition middlewares (", "= CustomResourceDefinition tlsstores ("]
    {
        let line = format!("{line}exists already and is shared: used, never deleted)");
        ensure!(unwrapped.contains(&line), "`{line}` is missing: {}", plan.said());
    }

    let deployed = workspace.ok(&["deploy"]).await?;
    ensure!(deployed.stdout.contains("Done. (11 changes)"), "{}", deployed.said());
    let namespace = others.get("Namespace", "dev").await?.context("the namespace")?;
    let labels = &namespace["metadata"]["labels"];
    ensure!(labels["team"] == "data" && labels["project"] == "my-nebari", "{labels}");
    let state = workspace.state()?;
    let lineage = state["lineage"].as_str().context("a lineage")?;
    let manager = format!("nic-{}-shared", &lineage[..8]);
    ensure!(namespace["metadata"]["managedFields"].to_string().contains(&manager), "{namespace:#}");
    ensure!(state.pointer("/kubernetes/namespaces/0/_nic/shared") == Some(&json!(true)), "{state:#}");
    for object in others.bare(&theirs).await? {
        ensure!(object["metadata"]["annotations"].get(MARK).is_none(), "it bears our mark: {object:#}");
    }
    // What NIC made says for whom, and neither state nor plan shows it.
    for (sort, name, address) in [
        (DEFINITION, "ingressroutes.traefik.containo.us", "custom-resource-definition.ingressroutes"),
        ("ResourceQuota", "quota", "resource-quota.dev.quota"),
        ("PriorityClass", "batch", "priority-class.batch"),
    ] {
        let object = others.get(sort, name).await?.with_context(|| format!("the {sort}"))?;
        let mark = object["metadata"]["annotations"][MARK].as_str().unwrap_or_default();
        ensure!(mark == format!("{lineage}/my-nebari/dev/existing.{address}"), "{mark}");
        // The uid that an update names is nobody's field.
        ensure!(!object["metadata"]["managedFields"].to_string().contains("f:uid"), "{object:#}");
    }
    ensure!(!state.to_string().contains(MARK), "{state:#}");
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    let drift = workspace.run(&["drift", "detect"]).await?;
    ensure!(drift.stdout.contains("No drift"), "{}", drift.said());
    let list = workspace.ok(&["state", "list"]).await?;
    ensure!(list.stdout.matches("(shared)").count() == 3, "{}", list.stdout);

    let destroyed = workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(
        destroyed.stdout.contains("= Namespace dev (stays: it is shared, NIC did not make it)"),
        "{}",
        destroyed.said()
    );
    ensure!(destroyed.stdout.contains("Done. (10 changes)"), "{}", destroyed.said());
    let after = others.bare(&theirs).await?;
    ensure!(after == before, "before\n{before:#?}\nafter\n{after:#?}");
    for (sort, name) in [("ResourceQuota", "quota"), ("LimitRange", "limits"), ("PriorityClass", "batch")] {
        ensure!(others.get(sort, name).await?.is_none(), "the {sort} is left");
    }
    ensure!(others.names(DEFINITION).await? == ["middlewares.traefik.containo.us", "tlsstores.traefik.containo.us"]);
    nothing_recorded(&workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_anew_by_somebody_else_is_refused_by_name() -> Result<()> {
    let (cluster, others) = start().await?;
    let workspace = workspace(&cluster, &config())?;
    workspace.ok(&["deploy"]).await?;
    // The mark is copied too: the uid tells.
    others.make_anew("PriorityClass", "batch").await?;
    others.make_anew("LimitRange", "limits").await?;
    let versions = others.versions().await?;
    let commands: [&[&str]; 4] = [&["plan"], &["deploy"], &["destroy", "--yes"], &["drift", "fix", "--yes"]];
    for command in commands {
        let (found, said) = refused(&workspace, command).await?;
        ensure!(found == codes(&["RESOURCE_FOREIGN"]), "{said}");
        ensure!(said.contains("PriorityClass `batch`") && said.contains("LimitRange `dev.limits`"), "{said}");
        ensure!(said.contains("made anew by somebody else at 20") && said.contains("nic drift accept"), "{said}");
    }
    ensure!(others.versions().await? == versions, "something was changed");

    // Two ways out: it is deleted, or it is accepted.
    others.delete("LimitRange", "limits").await?;
    let drift = workspace.run(&["drift", "detect", "--detailed-exitcode"]).await?;
    ensure!(drift.code == 3 && drift.stdout.contains("PriorityClass batch is not ours any more"), "{}", drift.said());
    workspace.ok(&["drift", "accept", "--yes"]).await?;
    let deployed = workspace.ok(&["deploy"]).await?;
    ensure!(deployed.stdout.contains("Done. (1 change)"), "{}", deployed.said());
    let class = others.bare(&[("PriorityClass", "batch")]).await?;
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(others.bare(&[("PriorityClass", "batch")]).await? == class, "it was touched");
    ensure!(others.get("Namespace", "dev").await?.is_none() && others.names(DEFINITION).await?.is_empty());
    nothing_recorded(&workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_decide_is_told_by_name_and_never_taken() -> Result<()> {
    let (cluster, others) = start().await?;
    let namespace = json!({ "metadata": { "name": "dev", "labels": { "managed-by": "helm" } } });
    others.make("Namespace", "helm", namespace).await?;
    let quota = json!({ "metadata": { "name": "quota" }, "spec": { "hard": { "pods": "50" } } });
    others.make("ResourceQuota", "platform-team", quota).await?;
    others.make("PriorityClass", "platform-team", json!({ "metadata": { "name": "batch" }, "value": 5 })).await?;
    let versions = others.versions().await?;
    let workspace = workspace(&cluster, &config())?;
    for command in [&["plan"], &["deploy"]] {
        let (found, said) = refused(&workspace, command).await?;
        ensure!(found == codes(&["FIELD_MANAGER_CONFLICT", "SHARED_OBJECT_DIFFERS"]), "{said}");
        for words in [
            "ResourceQuota `dev.quota`: `.spec.hard.pods` is decided by `platform-team`",
            "PriorityClass `batch` stood before NIC came",
            "`/value` cannot be changed in place",
        ] {
            ensure!(said.contains(words), "`{words}` is not said: {said}");
        }
    }
    ensure!(others.versions().await? == versions, "something was changed");

    others.delete("ResourceQuota", "quota").await?;
    others.delete("PriorityClass", "batch").await?;
    // A namespace serves whatever its labels say.
    let deployed = workspace.ok(&["deploy"]).await?;
    let said = unwrapped(&deployed.said());
    ensure!(said.contains("warning[FIELD_MANAGER_CONFLICT]"), "{said}");
    ensure!(said.contains("Namespace `dev`: `.metadata.labels.managed-by` is decided by `helm`"), "{said}");
    let labels = others.get("Namespace", "dev").await?.context("the namespace")?["metadata"]["labels"].clone();
    ensure!(labels["managed-by"] == "helm" && labels["project"] == "my-nebari", "{labels}");
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());

    // A field that they take later is told as well, and stays theirs.
    others.edit("Namespace", "dev", &json!({ "metadata": { "labels": { "project": "other" } } })).await?;
    let drift = workspace.ok(&["drift", "fix", "--yes"]).await?;
    ensure!(drift.stdout.contains("Done. (0 changes)"), "{}", drift.said());
    workspace.ok(&["deploy"]).await?;
    workspace.ok(&["destroy", "--yes"]).await?;
    let labels = others.get("Namespace", "dev").await?.context("the namespace")?["metadata"]["labels"].clone();
    ensure!(labels["managed-by"] == "helm" && labels["project"] == "other", "{labels}");
    nothing_recorded(&workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_put_back_or_is_older_keeps_what_is_ours_ours() -> Result<()> {
    let (cluster, others) = start().await?;
    let workspace = workspace(&cluster, &config())?;
    workspace.ok(&["deploy"]).await?;
    let (state, elsewhere) = (workspace.stage().join("nic-state.json"), workspace.path().join("elsewhere.json"));
    let versions = others.versions().await?;
    std::fs::rename(&state, &elsewhere)?;
    let (found, said) = refused(&workspace, &["deploy"]).await?;
    let lineage = serde_json::from_slice::<Value>(&std::fs::read(&elsewhere)?)?["lineage"].clone();
    ensure!(found == codes(&["PLATFORM_OF_ANOTHER_STATE"]), "{said}");
    ensure!(said.contains(lineage.as_str().context("a lineage")?), "{said}");
    ensure!(others.versions().await? == versions, "something was changed");
    let taken = workspace.ok(&["deploy", "--take-over"]).await?;
    ensure!(taken.stdout.contains("Done. (0 changes)"), "{}", taken.said());
    ensure!(workspace.state()?["lineage"] == lineage && others.versions().await? == versions, "something was changed");
    std::fs::rename(&elsewhere, &state)?;
    let found = workspace.ok(&["deploy"]).await?;
    ensure!(found.stdout.contains("Done. (0 changes)"), "{}", found.said());

    // Versions before this one put no mark on anything.
    for (sort, name) in others.everything().await? {
        let unmarked = json!({ "metadata": { "annotations": { MARK: null } } });
        others.edit(sort, &name, &unmarked).await?;
    }
    let before = others.versions().await?;
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)") && others.versions().await? == before, "{}", again.said());
    workspace.config(&config().replace("pods: 100", "pods: 50"))?;
    workspace.ok(&["deploy"]).await?;
    let quota = others.get("ResourceQuota", "quota").await?.context("the quota")?;
    ensure!(quota["metadata"]["annotations"].get(MARK).is_some(), "a change puts the mark on it: {quota:#}");
    let destroyed = workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(destroyed.stdout.contains("Done. (13 changes)"), "{}", destroyed.said());
    ensure!(others.everything().await?.is_empty(), "{:?}", others.everything().await?);
    nothing_recorded(&workspace)
}

/// Definitions are the cluster's, so two platforms on it meet in them.
#[tokio::test(flavor = "multi_thread")]
async fn two_platforms_on_one_cluster_do_not_take_each_others_definitions() -> Result<()> {
    let (cluster, others) = start().await?;
    let first = workspace(&cluster, &of("first", "dev"))?;
    first.ok(&["deploy"]).await?;
    let marks = others.annotations(DEFINITION).await?;
    let second = workspace(&cluster, &of("second", "prod"))?;
    let plan = second.ok(&["plan", "--format", "json"]).await?;
    ensure!(shared(&plan)?.len() == 10, "{}", plan.said());
    let deployed = second.ok(&["deploy"]).await?;
    ensure!(deployed.stdout.contains("Done. (1 change)"), "{}", deployed.said());

    // Each says that it uses what the other made; neither is drift to the other.
    let said = others.annotations(DEFINITION).await?;
    ensure!(said.len() == 9, "{said:?}");
    for (name, annotations) in &said {
        ensure!(annotations.get(MARK) == marks[name].get(MARK), "{annotations:?}");
        ensure!(annotations.values().any(|value| value == "second/prod"), "{annotations:?}");
    }
    for workspace in [&first, &second] {
        let again = workspace.ok(&["deploy"]).await?;
        ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    }
    ensure!(others.annotations(DEFINITION).await? == said);

    // Who goes takes back what it said.
    second.ok(&["destroy", "--yes"]).await?;
    ensure!(others.annotations(DEFINITION).await? == marks);
    second.ok(&["deploy"]).await?;

    // Who made them leaves them to who uses them.
    let destroyed = first.ok(&["destroy", "--yes"]).await?;
    let line = "= CustomResourceDefinition middlewares (stays: used by second/prod)";
    ensure!(destroyed.stdout.contains(line), "{}", destroyed.said());
    ensure!(destroyed.stdout.contains("Done. (1 change)"), "{}", destroyed.said());
    nothing_recorded(&first)?;
    for (_, annotations) in others.annotations(DEFINITION).await? {
        ensure!(!annotations.contains_key(MARK), "{annotations:?}");
    }
    let again = second.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    second.ok(&["destroy", "--yes"]).await?;
    ensure!(others.names(DEFINITION).await?.len() == 9);
    ensure!(others.annotations(DEFINITION).await?.values().all(BTreeMap::is_empty));
    Ok(())
}
