//! The rest of what the boundary says of calls: what every one is told, and what becomes of what an older component recorded.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::site::Site;

/// The output that says what the settings of that call were.
async fn told(site: &Site) -> Result<Value> {
    let state = site.workspace.stage().join("nic-state.json").display().to_string();
    let ran = site.workspace.ok(&["outputs", "--state", &state, "--format", "json"]).await?;
    Ok(ran.json()?["scripted"]["settings"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_reach_every_call_with_and_without_a_config() -> Result<()> {
    let site = Site::new("settings")?;
    let section = |place: Value| json!({ "place": place, "resources": [{ "name": "one" }] });
    site.config(section(json!("here")))?;
    let deployed = site.workspace.ok(&["deploy", "--format", "json"]).await?.json()?;
    ensure!(deployed["scripted"]["settings"] == json!({ "place": "here" }), "{deployed:#}");
    ensure!(site.workspace.state()?["settings"] == json!({ "scripted": { "place": "here" } }));
    site.records()?;
    std::fs::remove_file(site.workspace.path().join("nebari-config.yaml")).context("take the config away")?;
    ensure!(told(&site).await? == json!({ "place": "here" }), "{}", told(&site).await?);
    // An edit would have all of it looked for elsewhere: nothing is read so, and nothing forgotten.
    site.config(section(json!("there")))?;
    for arguments in [&["plan"][..], &["deploy"], &["destroy", "--yes"]] {
        site.refused(arguments, 1, "CONFIG_KEY_IMMUTABLE").await?;
    }
    ensure!(told(&site).await? == json!({ "place": "here" }), "{}", told(&site).await?);
    site.agrees(&[])?;
    ensure!(site.workspace.state()?["settings"]["scripted"]["place"] == "here" && site.records()?.len() == 1);
    // Once nothing stands it may be anywhere.
    site.config(section(json!("here")))?;
    site.workspace.ok(&["destroy", "--yes"]).await?;
    site.config(section(json!("there")))?;
    site.workspace.ok(&["deploy"]).await?;
    ensure!(site.workspace.state()?["settings"]["scripted"]["place"] == "there");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_recorded_with_the_first_thing_that_is_made() -> Result<()> {
    let site = Site::new("settings-first")?;
    let section = |place: &str| {
        let failing = json!({ "name": "two", "depends_on": ["one"], "on": { "create": "trap" } });
        json!({ "place": place, "resources": [{ "name": "one" }, failing] })
    };
    site.config(section("here"))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 2 && site.things.all()?.len() == 1, "{}", ran.said());
    std::fs::remove_file(site.workspace.path().join("nebari-config.yaml")).context("take the config away")?;
    ensure!(told(&site).await? == json!({ "place": "here" }), "{}", told(&site).await?);
    site.config(section("there"))?;
    site.refused(&["destroy", "--yes"], 1, "CONFIG_KEY_IMMUTABLE").await?;
    site.agrees(&["scripted.thing.two"])
}

/// Writes the state as an older, or a newer, version of the component would have.
fn recorded_by_version(site: &Site, version: u32, rename: Option<(&str, &str)>) -> Result<()> {
    let path = site.workspace.stage().join("nic-state.json");
    let mut state = site.workspace.state()?;
    let record = &mut state["cloud"]["named_things"][0];
    record["_nic"]["schema_version"] = json!(version);
    if let Some((from, to)) = rename {
        for pointer in ["", "/_nic/baseline"] {
            let document = record.pointer_mut(pointer).and_then(Value::as_object_mut).context("a document")?;
            if let Some(value) = document.remove(from) {
                document.insert(to.to_owned(), value);
            }
        }
    }
    std::fs::write(&path, format!("{state:#}\n")).with_context(|| format!("write {}", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_component_recorded_is_brought_up_and_kept() -> Result<()> {
    let site = Site::new("upgrade")?;
    site.config(json!({ "resources": [{ "name": "one", "kind": "named", "value": "a" }] }))?;
    site.workspace.ok(&["deploy"]).await?;
    ensure!(site.record("scripted.named.one")?["_nic"]["schema_version"] == 2);

    // In its first version the attribute had another name. A look changes nothing; a deploy has nothing to change in the cloud.
    recorded_by_version(&site, 1, Some(("value", "text")))?;
    let older = site.state_bytes().context("a state")?;
    site.workspace.ok(&["plan"]).await?;
    ensure!(site.state_bytes().as_ref() == Some(&older), "a plan has written the state");
    site.things.forget_requests()?;
    let serial = site.workspace.state()?["serial"].clone();
    let ran = site.workspace.ok(&["deploy", "--format", "json"]).await?.json()?;
    ensure!(ran["changes"] == 0 && site.things.mutations()?.is_empty(), "{ran:#}");
    let record = site.record("scripted.named.one")?;
    ensure!(record["_nic"]["schema_version"] == 2 && record["_nic"]["baseline"]["value"] == "a", "{record:#}");
    ensure!(record["value"] == "a" && record.get("text").is_none(), "{record:#}");
    let kept = std::fs::read(site.workspace.stage().join(format!("nic-state.json.serial-{serial}")));
    ensure!(kept.context("the state as it was")? == older);

    // What it makes of a record holds values and no references.
    recorded_by_version(&site, 1, Some(("value", "text")))?;
    let state = String::from_utf8(site.state_bytes().context("a state")?)?;
    site.workspace.write("platform.json", &state.replace("\"text\": \"a\"", "\"text\": \"refer\""))?;
    let edited = site.workspace.path().join("platform.json").display().to_string();
    let ran = site.refused(&["plan", "--state", &edited], 2, "PROVIDER_LIED").await?;
    ensure!(ran.said().contains("scripted.named.one"), "{}", ran.said());

    // What the component does not know is not guessed, and nothing is written.
    recorded_by_version(&site, 3, None)?;
    let newer = site.state_bytes();
    for command in ["plan", "deploy"] {
        site.refused(&[command], 2, "SCHEMA_NOT_KNOWN").await?;
    }
    let ran = site.nic(&["status"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("SCHEMA_NOT_KNOWN"), "{}", ran.said());
    ensure!(site.state_bytes() == newer);
    Ok(())
}
