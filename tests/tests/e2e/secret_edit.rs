//! A secret of the config in a Secret of a real cluster: edited, changed by someone else, taken out, cut short, without its key. What it
//! is, is told nowhere.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use nic_core::document::hex;
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::nic::{Ran, Workspace};
use nic_tests::things::use_scripted;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const CONFIG: &str = "\
project_name: my-nebari
provider: scripted
scripted:
  endpoint: http://127.0.0.1:9
  cluster: {kind: kubeconfig, parameters: {}}
  objects:
    login:
      apiVersion: v1
      kind: Secret
      metadata: {name: login, namespace: default}
      stringData: {user: ann}
";

const PASSWORD: &str = "NEBARI_SECRET__scripted__objects__login__stringData__password";
const EVERY: [&str; 4] = ["PLANTED-first", "PLANTED-second", "PLANTED-theirs", "PLANTED-third"];
const TOLD: &str = "stringData.password: (secret value changed)";

struct Site {
    cluster: ControlPlane,
    workspace: Workspace,
    said: BTreeMap<String, String>,
}

impl Site {
    async fn start() -> Result<Self> {
        let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
        let mut workspace = Workspace::new()?;
        workspace.config(CONFIG)?;
        use_scripted(&mut workspace)?;
        workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string()).env("NIC_LOG", "trace");
        Ok(Self { cluster, workspace, said: BTreeMap::new() })
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.cluster.client(), "default")
    }

    async fn password(&self) -> Result<Option<String>> {
        let data = self.secrets().get("login").await?.data.unwrap_or_default();
        data.get("password").map(|bytes| Ok(String::from_utf8(bytes.0.clone())?)).transpose()
    }

    /// Someone else edits the Secret.
    async fn meddle(&self, patch: Value) -> Result<()> {
        let parameters = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        self.secrets().patch("login", &parameters, &Patch::Merge(patch)).await?;
        Ok(())
    }

    fn is_now(&mut self, value: &str) {
        self.workspace.env(PASSWORD, value);
    }

    async fn run(&mut self, arguments: &[&str]) -> Result<Ran> {
        let ran = self.workspace.run(arguments).await?;
        self.said.insert(format!("{} nic {}", self.said.len(), arguments.join(" ")), ran.said());
        if let Ok(state) = self.workspace.state() {
            self.said.insert(format!("{} the state", self.said.len()), state.to_string());
        }
        Ok(ran)
    }

    /// Deploys, and the next plan has nothing to do.
    async fn deploy(&mut self, changes: usize, password: &str) -> Result<Ran> {
        let ran = self.run(&["deploy", "-v"]).await?;
        let done = format!("Done. ({changes} {})", if changes == 1 { "change" } else { "changes" });
        ensure!(ran.code == 0 && ran.stdout.contains(&done), "{}", ran.said());
        let now = self.password().await?;
        ensure!(now.as_deref() == Some(password), "the Secret holds {now:?}");
        self.plan_is(0).await?;
        Ok(ran)
    }

    async fn plan_is(&mut self, code: i32) -> Result<Ran> {
        let ran = self.run(&["plan", "--detailed-exitcode"]).await?;
        ensure!(ran.code == code, "{}", ran.said());
        Ok(ran)
    }

    fn fingerprint(&self) -> Result<Value> {
        let state = self.workspace.state()?;
        let object = state.pointer("/kubernetes/secrets/0/_nic/secrets/scripted~1objects~1login~1stringData~1password");
        object.cloned().with_context(|| format!("no fingerprint in {state:#}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_seen_applied_and_never_shown() -> Result<()> {
    let mut site = Site::start().await?;
    site.is_now(EVERY[0]);
    site.deploy(1, EVERY[0]).await?;
    let first = site.fingerprint()?;

    // An edit, in text and in JSON.
    site.is_now(EVERY[1]);
    let plan = site.plan_is(3).await?;
    ensure!(plan.stdout.contains(TOLD) && !plan.stdout.contains("→"), "{}", plan.said());
    let plan = site.run(&["plan", "--format", "json"]).await?.json()?;
    let changes = plan.pointer("/plan/changes").and_then(Value::as_array).context("changes")?;
    ensure!(changes.len() == 1 && changes[0]["action"] == "update" && changes[0]["reason"] == "edited", "{plan:#}");
    let told = json!([{"pointer": "/stringData/password", "origin": "edited", "old": null,
        "new": {"$hidden": "secret value changed"}, "forces_replace": false, "sensitive": true}]);
    ensure!(changes[0]["differences"] == told, "{plan:#}");
    ensure!(site.fingerprint()? == first, "a plan writes nothing");
    let ran = site.deploy(1, EVERY[1]).await?;
    ensure!(ran.stdout.contains(TOLD), "{}", ran.said());
    ensure!(site.fingerprint()? != first);

    // Someone else's value, and a value that was taken out.
    let encoded = base64::engine::general_purpose::STANDARD.encode(EVERY[2]);
    for patch in [json!({"data": {"password": encoded}}), json!({"data": {"password": null}})] {
        site.meddle(patch).await?;
        let plan = site.plan_is(3).await?;
        ensure!(plan.stdout.contains(TOLD) && plan.stdout.contains("changed outside NIC"), "{}", plan.said());
        site.deploy(1, EVERY[1]).await?;
    }
    // What is theirs is left alone.
    site.meddle(json!({"data": {"theirs": encoded}})).await?;
    site.deploy(0, EVERY[1]).await?;

    // Without the key, and without fingerprints: here the host can compare by itself.
    let (before, private) = (site.fingerprint()?, site.workspace.stage().join("nic-state.json.private"));
    std::fs::remove_dir_all(&private)?;
    site.plan_is(0).await?;
    ensure!(!private.exists(), "a plan writes nothing");
    site.deploy(0, EVERY[1]).await?;
    ensure!(private.join("fingerprint-key").is_file() && site.fingerprint()? != before);
    let path = site.workspace.stage().join("nic-state.json");
    let mut older = site.workspace.state()?;
    older
        .pointer_mut("/kubernetes/secrets/0/_nic")
        .and_then(Value::as_object_mut)
        .context("a record")?
        .remove("secrets");
    std::fs::write(&path, older.to_string())?;
    site.plan_is(0).await?;
    site.deploy(0, EVERY[1]).await?;
    site.fingerprint()?;

    told_nowhere(&site)
}

/// Ends a deploy of a new value at every write of the journal; then the edit is gone on with, or taken back.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_was_cut_short_is_gone_on_with_or_taken_back() -> Result<()> {
    let mut site = Site::start().await?;
    site.is_now(EVERY[0]);
    site.deploy(1, EVERY[0]).await?;
    let mut ended = 0;
    for last in [EVERY[3], EVERY[0]] {
        for number in 1..=9 {
            for moment in ["before", "after"] {
                site.is_now(EVERY[1]);
                site.workspace.env("NIC_FAULT", format!("journal-write:{number}:{moment}"));
                let ran = site.run(&["deploy"]).await?;
                site.workspace.env("NIC_FAULT", "none");
                ended += usize::from(ran.code == 134);
                ensure!(ran.code == 134 || ran.code == 0, "{}", ran.said());
                site.is_now(last);
                let ran = site.run(&["deploy"]).await?;
                ensure!(ran.code == 0, "{}", ran.said());
                let now = site.password().await?;
                ensure!(now.as_deref() == Some(last), "write {number}, {moment}: the Secret holds {now:?}");
                site.plan_is(0).await?;
            }
        }
    }
    ensure!(ended >= 8, "it was ended {ended} times only");
    told_nowhere(&site)
}

/// Neither a value nor what can be made of it without the key.
fn told_nowhere(site: &Site) -> Result<()> {
    let state = site.workspace.state()?;
    let schema = include_str!("../../../docs/schemas/state-v1.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema)?)?;
    let problems: Vec<String> = schema.iter_errors(&state).map(|error| error.to_string()).collect();
    ensure!(problems.is_empty(), "{problems:?}\n{state:#}");
    let lineage = state["lineage"].as_str().context("a lineage")?;
    let mut guesses = Vec::new();
    for value in EVERY {
        guesses.push(value.to_owned());
        let encoded = base64::engine::general_purpose::STANDARD.encode(value);
        // The last characters of an encoding depend on what follows.
        guesses.push(encoded.trim_end_matches('=')[..14].to_owned());
        guesses.push(hex(&Sha256::digest(value)));
        for known in ["", lineage] {
            let mut mac = Hmac::<Sha256>::new_from_slice(known.as_bytes())?;
            mac.update(value.as_bytes());
            guesses.push(hex(&mac.finalize().into_bytes()));
        }
    }
    ensure!(site.said.len() > 10, "{} places were searched", site.said.len());
    for (place, text) in &site.said {
        for guess in &guesses {
            ensure!(!text.contains(guess.as_str()), "`{guess}` is in {place}:\n{text}");
        }
    }
    Ok(())
}
