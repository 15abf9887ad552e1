//! Where a component's requests may get, and with what: one host's credential to that host, and to no address of the user's.

use anyhow::{Context, Result, ensure};
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::site::Site;

const TOKEN: &str = "PLANTED-token-of-one-host";

fn grant(manifest: &mut Value, grant: &Value) {
    manifest["grants"].as_array_mut().into_iter().for_each(|grants| grants.push(grant.clone()));
}

/// Deploys one thing that asks all this while it is made, and gives what came of each.
async fn asked(site: &Site, asks: &[Value]) -> Result<Vec<String>> {
    let asks: Vec<Value> = asks
        .iter()
        .map(|ask| {
            let mut ask = ask.clone();
            ask["do"] = json!("ask");
            ask
        })
        .collect();
    site.config(json!({ "resources": [{ "name": "one", "on": { "create": asks } }] }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0 && !ran.said().contains(TOKEN), "{}", ran.said());
    let state = String::from_utf8(site.state_bytes().unwrap_or_default())?;
    ensure!(!state.contains(TOKEN), "the state holds the token");
    let record = site.record("scripted.thing.one")?;
    let findings = record["findings"].as_array().context("findings")?;
    ensure!(findings.len() == asks.len(), "{record:#}");
    Ok(findings.iter().map(|finding| finding.as_str().unwrap_or_default().to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_to_its_own_host_and_to_no_other() -> Result<()> {
    let other = Attacker::start("200 OK", |_| "{}".to_owned()).await?;
    // Its own host wishes that the host went on to the other.
    let own = Attacker::start(&format!("302 Found\r\nlocation: {}", other.url()), |_| "{}".to_owned()).await?;
    let (to_own, to_other) = (format!("http://{}", own.address()), format!("http://{}", other.address()));
    let mut site = Site::granted("hosts-token", |manifest| {
        let own = json!({"capability": "hosts", "hosts": [to_own], "scheme": "bearer", "credential": "own",
            "from": "env:OWN_TOKEN", "private": [to_own], "reason": "test"});
        let other = json!({"capability": "hosts", "hosts": [to_other], "scheme": "none", "private": [to_other], "reason": "test"});
        grant(manifest, &own);
        grant(manifest, &other);
    })?;
    site.workspace.env("OWN_TOKEN", TOKEN);
    let ask = |url: String, scheme: &str| json!({ "url": url, "scheme": scheme, "credential": "own" });
    let refused = "[HOST_NOT_ALLOWED]";
    let cases = [
        (ask(own.url(), "bearer"), "once HTTP 302"),
        (ask(other.url(), "bearer"), refused),
        (ask(own.url(), "basic"), "[SCHEME_NOT_GRANTED]"),
        (ask(format!("http://own@{}/loot", other.address()), "bearer"), "[REQUEST_MALFORMED]"),
        (ask(format!("{to_own}@{}/loot", other.address()), "bearer"), "[REQUEST_MALFORMED]"),
        (ask(other.url().replace("127.0.0.1", "localhost"), "bearer"), refused),
        // What needs no token gets none.
        (ask(other.url(), "none"), "once HTTP 200"),
    ];
    let asks: Vec<Value> = cases.iter().map(|(ask, _)| ask.clone()).collect();
    for ((ask, word), finding) in cases.iter().zip(asked(&site, &asks).await?) {
        ensure!(finding.contains(word), "{ask}: {finding}");
    }
    ensure!(own.seen().contains(&format!("uthorization: Bearer {TOKEN}")), "its own host got no token: {}", own.seen());
    ensure!(other.connections() == 1, "{}", other.seen());
    ensure!(!other.seen().contains(TOKEN) && !other.seen().contains("uthorization"), "{}", other.seen());
    Ok(())
}

/// However an address is written, it is the same one, and what a grant names is no leave to go there.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_an_address_leads_to_the_users_network() -> Result<()> {
    let attacker = Attacker::start("200 OK", |_| "{}".to_owned()).await?;
    let (_, port) = attacker.address().rsplit_once(':').context("a port")?;
    let here = |host: &str| format!("http://{host}:{port}");
    let named = [
        here("127.0.0.1"),
        here("[::1]"),
        here("[::ffff:7f00:1]"),
        here("localhost"),
        here("localhost."),
        here("a.localhost"),
        "http://10.1.2.3".to_owned(),
        "http://192.168.1.1".to_owned(),
        "http://100.64.0.1".to_owned(),
    ];
    let metadata = [
        "http://169.254.169.254",
        "http://[::ffff:a9fe:a9fe]",
        "http://[fd00:ec2::254]",
        "http://168.63.129.16",
        "http://metadata.google.internal",
        "http://metadata.google.internal.",
        "http://instance-data",
    ];
    let site = Site::granted("hosts-addresses", |manifest| {
        grant(manifest, &json!({"capability": "hosts", "hosts": named, "scheme": "none", "reason": "test"}));
        let opened =
            json!({"capability": "hosts", "hosts": metadata, "scheme": "none", "private": metadata, "reason": "test"});
        grant(manifest, &opened);
    })?;
    let mut cases: Vec<(String, &str)> = named.into_iter().map(|url| (url, "only you can open that")).collect();
    for other in ["2130706433", "0177.0.0.1", "0x7f.0.0.1", "127.1", "[::ffff:127.0.0.1]", "LOCALHOST"] {
        cases.push((here(other), "only you can open that"));
    }
    // A metadata service nobody opens, the user as little as anybody.
    cases.extend(metadata.iter().map(|url| ((*url).to_owned(), "it is a metadata service")));
    for other in ["2852039166", "0251.0376.0251.0376", "0xa9fea9fe", "[::ffff:169.254.169.254]"] {
        cases.push((format!("http://{other}"), "it is a metadata service"));
    }
    let asks: Vec<Value> = cases.iter().map(|(url, _)| json!({ "url": format!("{url}/a") })).collect();
    for ((url, word), finding) in cases.iter().zip(asked(&site, &asks).await?) {
        ensure!(finding.contains(word) && finding.contains("[HOST_NOT_ALLOWED]"), "{url}: {finding}");
    }
    ensure!(attacker.connections() == 0, "somebody came: {}", attacker.seen());
    Ok(())
}
