//! What a provider says that is not so.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::site::{Site, failures};

fn lie(how: &str) -> Value {
    json!({ "do": "lie", "how": how })
}

/// Deploys honest things of these names, with a member that the test changes later.
async fn deployed(site: &Site, names: &[&str]) -> Result<()> {
    let resources: Vec<Value> = names.iter().map(|name| json!({ "name": name, "value": 1, "list": ["x"] })).collect();
    site.config(json!({ "resources": resources }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    site.agrees(&[])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_what_was_created_fails_alone() -> Result<()> {
    let site = Site::new("lie-create")?;
    let lies = [
        ("unknown-address", "answered about `scripted.thing.nobody-asked`"),
        ("bad-document", "does not fit its schema at `/list`"),
        ("changed-immutable", "`/name` of `scripted.thing.changed-immutable` cannot be changed"),
        ("other-remote-id", "became another one"),
        ("absent", "is not there"),
    ];
    let mut resources = vec![json!({ "name": "honest" })];
    resources.extend(lies.iter().map(|(how, _)| json!({ "name": how, "on": { "create": lie(how) } })));
    // The one lie that is none: the id was told to the journal. And the one that is refused where it is told.
    resources.push(json!({ "name": "no-remote-id", "on": { "create": lie("no-remote-id") } }));
    resources.push(json!({ "name": "told-twice", "on": { "create": lie("told-twice") } }));
    resources.push(json!({ "name": "never-told", "on": { "create": ["keep-quiet", lie("no-remote-id")] } }));
    site.config(json!({ "resources": resources }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 2, "{}", ran.said());
    let mut failures = failures(&ran)?;
    for (how, word) in lies.into_iter().chain([("never-told", "without a remote id")]) {
        let failure = failures.remove(&format!("scripted.thing.{how}"));
        let failure = failure.ok_or_else(|| anyhow::anyhow!("{how} was believed: {}", ran.said()))?;
        ensure!(failure.code == "THING_CREATE_FAILED" && failure.cause == "PROVIDER_LIED", "{how}: {failure:?}");
        ensure!(failure.detail.contains(word), "{how}: {failure:?}");
    }
    ensure!(failures.is_empty(), "these failed too: {failures:?}");
    site.agrees(&["scripted.thing.never-told"])?;
    let untold = site.record("scripted.thing.never-told")?;
    ensure!(untold["_nic"]["pending"]["action"] == "create", "{untold:#}");
    let plain: Vec<Value> = resources.iter().map(|one| json!({ "name": one["name"] })).collect();
    site.converges(json!({ "resources": plain })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_what_was_updated_fails_alone() -> Result<()> {
    let site = Site::new("lie-update")?;
    let lies = ["unknown-address", "bad-document", "changed-immutable", "other-remote-id", "absent"];
    let names: Vec<&str> = lies.into_iter().chain(["honest"]).collect();
    deployed(&site, &names).await?;
    let edited = |name: &&str| json!({ "name": name, "value": 2, "list": ["x"] });
    let mut resources: Vec<Value> = names.iter().map(edited).collect();
    for (resource, how) in resources.iter_mut().zip(lies) {
        resource["on"] = json!({ "update": lie(how) });
    }
    site.config(json!({ "resources": resources }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 2, "{}", ran.said());
    let failures = failures(&ran)?;
    ensure!(failures.len() == lies.len(), "{failures:#?}");
    for how in lies {
        let failure = &failures[&format!("scripted.thing.{how}")];
        ensure!(failure.code == "THING_UPDATE_FAILED" && failure.cause == "PROVIDER_LIED", "{how}: {failure:?}");
    }
    ensure!(site.record("scripted.thing.honest")?["value"] == 2);
    // The ids that are recorded are still the things' own.
    site.agrees(&[])?;
    site.converges(json!({ "resources": names.iter().map(edited).collect::<Vec<_>>() })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_what_was_deleted_fails_alone() -> Result<()> {
    let site = Site::new("lie-delete")?;
    let lies = ["present", "unknown-address"];
    let mut resources = vec![json!({ "name": "honest" })];
    resources.extend(lies.iter().map(|how| json!({ "name": how, "on": { "delete": lie(how) } })));
    site.config(json!({ "resources": resources }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    let ran = site.nic(&["destroy", "--yes"]).await?;
    ensure!(ran.code == 2, "{}", ran.said());
    let failures = failures(&ran)?;
    ensure!(failures.len() == lies.len(), "{failures:#?}");
    for (address, failure) in &failures {
        ensure!(failure.code == "THING_DELETE_FAILED" && failure.cause == "PROVIDER_LIED", "{address}: {failure:?}");
    }
    let left: Vec<String> = site.records()?.into_keys().collect();
    ensure!(left == ["scripted.thing.present", "scripted.thing.unknown-address"], "{left:?}");
    // They are gone in truth, as the next look shows.
    let ran = site.nic(&["destroy", "--yes"]).await?;
    ensure!(ran.code == 0 && site.records()?.is_empty() && site.things.all()?.is_empty(), "{}", ran.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_that_does_not_hold_is_refused_before_anything_is_asked() -> Result<()> {
    let site = Site::new("lie-desired")?;
    for (how, code, word) in [
        ("duplicate-address", "PROVIDER_LIED", "twice"),
        ("unknown-kind", "PROVIDER_LIED", "scripted.nothing"),
        ("bad-document", "PROVIDER_LIED", "does not fit its own schema"),
        ("foreign-address", "PROVIDER_LIED", "aws.vpc.main"),
        ("dangling-reference", "GRAPH_DANGLING_REFERENCE", "scripted.thing.nowhere"),
        ("cycle", "GRAPH_CYCLE", "scripted.thing.lie-"),
    ] {
        site.config(json!({ "resources": [{ "name": "honest" }], "in": { "desired": lie(how) } }))?;
        for command in ["plan", "deploy"] {
            let ran = site.refused(&[command], 2, code).await?;
            ensure!(ran.stdout.contains(word), "{how}: {}", ran.said());
        }
    }
    let section =
        json!({ "facts": ["zone"], "resources": [{ "name": "honest" }], "in": { "desired": lie("ask-again") } });
    site.things.fact("zone", json!("a"))?;
    site.config(section)?;
    site.refused(&["deploy"], 2, "PROVIDER_LIED").await?;
    let asked = site.things.requests()?;
    ensure!(asked.iter().all(|request| request.contains("/facts/")), "{asked:?}");
    ensure!(site.state_bytes().is_none(), "something was recorded");
    Ok(())
}

/// Nothing can be planned on a read that breaks the contract, so nothing is changed, and the state stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_breaks_the_contract_stops_the_plan() -> Result<()> {
    let site = Site::new("lie-read")?;
    deployed(&site, &["one", "two"]).await?;
    let before = site.state_bytes();
    let document = json!([{ "name": "one", "value": 1, "list": ["x"] }, { "name": "two", "value": 2, "list": ["x"] }]);
    for (how, cause) in [
        ("unknown-address", "PROVIDER_LIED"),
        ("duplicate-address", "PROVIDER_LIED"),
        ("missing", "PROVIDER_LIED"),
        ("other-remote-id", "PROVIDER_LIED"),
        ("bad-document", "PROVIDER_LIED"),
        ("unreadable", "TIMED_OUT"),
    ] {
        let mut resources = document.clone();
        resources[0]["on"] = json!({ "read": lie(how) });
        site.config(json!({ "resources": resources }))?;
        site.things.forget_requests()?;
        for command in ["plan", "deploy"] {
            let ran = site.refused(&[command], 2, "RESOURCE_UNREADABLE").await.map_err(|why| why.context(how))?;
            let failures = failures(&ran)?;
            let failure = failures.get("scripted.thing.one").ok_or_else(|| anyhow::anyhow!("{failures:?}"))?;
            ensure!(failure.cause == cause, "{how}: {failure:?}");
        }
        ensure!(site.things.mutations()?.is_empty(), "{how}: {:?}", site.things.mutations()?);
        ensure!(site.state_bytes() == before, "{how}: the state was written");
    }
    site.converges(json!({ "resources": document })).await
}

/// A provider can say that something is gone, and only the cloud knows better: where a name is unique it refuses a second one. What the
/// next look finds is the first.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_gone_is_not_made_twice_where_its_name_is_its_own() -> Result<()> {
    let site = Site::new("lie-absent")?;
    let plain = json!([{ "name": "one", "kind": "named" }, { "name": "two" }]);
    site.config(json!({ "resources": plain }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    let mut lying = plain.clone();
    lying[0]["on"] = json!({ "read": lie("absent") });
    site.config(json!({ "resources": lying }))?;
    // What is recorded is looked for once more by what it was, before another is made; so the first lie is caught.
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    site.agrees(&[])?;
    // From now on the lie is in what it was.
    lying[1]["value"] = json!(2);
    site.config(json!({ "resources": lying }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 2, "{}", ran.said());
    let failures = failures(&ran)?;
    ensure!(failures.len() == 1 && failures["scripted.named.one"].cause == "CONFLICT", "{failures:?}");
    ensure!(site.record("scripted.thing.two")?["value"] == 2);
    let mut plain = plain;
    plain[1]["value"] = json!(2);
    site.converges(json!({ "resources": plain })).await
}
