//! What a guest must not have, and where it must not get.

use anyhow::{Result, ensure};
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::site::Site;

/// Planted where a guest, or what it can make the host do, could find them.
const PLANTED: [&str; 4] = ["PLANTED-aws-secret", "PLANTED-by-environment", "PLANTED-file", "PLANTED-keycloak"];

/// What to look for, and what is found out about it.
fn thefts(attacker: &Attacker) -> Vec<(&'static str, Value, &'static [&'static str])> {
    let steal = |what: &str| json!({ "do": "exfiltrate", "what": what, "to": attacker.url() });
    vec![
        ("environment", steal("environment"), &["0 variables [], 0 arguments"]),
        ("files", steal("files"), &["0 preopened, 0 opened [], 0 listed, written: false"]),
        ("sockets", steal("sockets"), &["tcp refused", "listen refused", "udp refused"]),
        // A name, this time, that would have to be looked up.
        ("names", json!({ "do": "exfiltrate", "what": "sockets" }), &["names refused", "tcp refused"]),
        ("wasi-http", steal("wasi-http"), &["HttpRequestDenied"]),
        ("secrets", steal("secrets"), &["exfiltrate secrets: denied"]),
        ("config", steal("config"), &["exfiltrate config: denied", "[HOST_NOT_ALLOWED]"]),
    ]
}

/// A platform with secrets around it, and a tap on everything that is given to the guest.
fn guarded(name: &'static str) -> Result<Site> {
    let mut site = Site::new(name)?;
    let tap = site.workspace.path().join("tap").display().to_string();
    site.workspace
        .env("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
        .env("AWS_SECRET_ACCESS_KEY", PLANTED[0])
        .env("NEBARI_SECRET__jupyterhub__token", PLANTED[1])
        .env("NIC_TAP", tap)
        .env("NIC_LOG", "trace");
    std::fs::create_dir_all(site.workspace.path().join(".aws"))?;
    site.workspace.write(".aws/credentials", PLANTED[2])?;
    Ok(site)
}

fn config(site: &Site, section: Value) -> Result<()> {
    site.config_beside(json!({ "security": { "keycloak": { "initial_root_password": PLANTED[3] } } }), section)
}

/// Nothing that was planted is in what was said, given to the guest, or recorded; nobody came to the attacker.
fn nothing_got_out(site: &Site, attacker: &Attacker, said: &str) -> Result<()> {
    let tap = site.workspace.read("tap")?;
    ensure!(tap.contains("exfiltrate"), "the tap saw nothing");
    let state = String::from_utf8(site.state_bytes().unwrap_or_default())?;
    for planted in PLANTED {
        for (place, text) in [("the words", said), ("the guest", &tap), ("the state", &state)] {
            ensure!(!text.contains(planted), "{planted} is in {place}");
        }
    }
    ensure!(attacker.connections() == 0, "somebody came: {}", attacker.seen());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_finds_nothing_and_reaches_nobody() -> Result<()> {
    let attacker = Attacker::start("200 OK", |_| "{}".to_owned()).await?;
    let site = guarded("theft")?;
    let thefts = thefts(&attacker);
    let mut resources = vec![json!({ "name": "honest" })];
    resources.extend(thefts.iter().map(|(name, step, _)| json!({ "name": name, "on": { "create": step } })));
    config(&site, json!({ "resources": resources }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    for (name, _, expected) in thefts {
        let record = site.record(&format!("scripted.thing.{name}"))?;
        let finding = record["findings"][0].as_str().unwrap_or_default();
        for word in expected {
            ensure!(finding.contains(word), "{name}: `{word}` is not in `{finding}`");
        }
        ensure!(!finding.contains("HTTP 2"), "{name}: {finding}");
    }
    nothing_got_out(&site, &attacker, &ran.said())?;
    let plain: Vec<Value> = resources.iter().map(|one| json!({ "name": one["name"] })).collect();
    site.converges(json!({ "resources": plain })).await
}

/// `nic validate` needs no network, and gives none: to the provider's own cloud as little as to anyone else.
#[tokio::test(flavor = "multi_thread")]
async fn validate_reaches_nobody() -> Result<()> {
    let attacker = Attacker::start("200 OK", |_| "{}".to_owned()).await?;
    let site = guarded("validate")?;
    let mut steps: Vec<(Value, i32, &str)> = thefts(&attacker)
        .into_iter()
        // A request is refused by name, even one whose refusal the provider swallows; the rest finds nothing, and goes on.
        .map(|(what, step, _)| if what == "config" { (step, 2, "NO_REQUEST_IN_THIS_PHASE") } else { (step, 0, "") })
        .collect();
    steps.extend([
        (json!("mutate-in-plan"), 2, "NO_REQUEST_IN_THIS_PHASE"),
        (json!({ "do": "deny" }), 2, "NO_REQUEST_IN_THIS_PHASE"),
        (json!({ "do": "deny", "how": "undeclared-action", "go_on": true }), 2, "NO_REQUEST_IN_THIS_PHASE"),
        (json!("trap"), 2, "PROVIDER_TRAPPED"),
        (json!({ "do": "overgrow", "what": "in-flight", "times": 3 }), 2, "NO_REQUEST_IN_THIS_PHASE"),
    ]);
    for (step, exit, code) in steps {
        config(&site, json!({ "resources": [{ "name": "one" }], "in": { "validate": step } }))?;
        let ran = site.nic(&["validate"]).await?;
        ensure!(ran.code == exit, "{step}: {}", ran.said());
        let answer = ran.json()?;
        ensure!(answer["valid"] == (exit == 0), "{step}: {answer:#}");
        ensure!(code.is_empty() || answer["error"]["code"] == code, "{step}: {answer:#}");
        nothing_got_out(&site, &attacker, &ran.said())?;
    }
    ensure!(attacker.connections() == 0, "somebody came: {}", attacker.seen());
    ensure!(site.things.requests()?.is_empty(), "{:?}", site.things.requests()?);
    ensure!(!site.workspace.stage().exists(), "validating left something behind");
    Ok(())
}
