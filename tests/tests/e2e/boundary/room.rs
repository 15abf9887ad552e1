//! What requests and answers take of the host's memory is bounded, over all calls together.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, ensure};
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::site::Site;

const MIB: usize = 1024 * 1024;

/// A site that may also ask, and change, what is at this origin.
fn beside(name: &'static str, origin: &str) -> Result<Site> {
    Site::granted(name, |manifest| {
        let hosts =
            json!({"capability": "hosts", "hosts": [origin], "scheme": "none", "private": [origin], "reason": "test"});
        for grant in manifest["grants"].as_array_mut().into_iter().flatten().filter(|one| one["capability"] == "kinds")
        {
            let kinds = grant["kinds"].as_object_mut().into_iter().flat_map(|kinds| kinds.values_mut());
            kinds.filter_map(Value::as_array_mut).for_each(|actions| actions.push(json!(format!("POST {origin}/*"))));
        }
        manifest["grants"].as_array_mut().into_iter().for_each(|grants| grants.push(hosts.clone()));
    })
}

/// Deploys things of these names that all do this; the most memory that `nic` held, in MiB, and what each found out.
async fn peak(site: &Site, names: &[String], step: &Value) -> Result<(u64, Vec<String>)> {
    // What is compiled is in the cache by then: compiling takes more memory than anything here.
    site.config(json!({ "resources": [] }))?;
    ensure!(site.nic(&["plan"]).await?.code == 0);
    let resources: Vec<Value> = names.iter().map(|name| json!({ "name": name, "on": { "create": step } })).collect();
    site.config(json!({ "resources": resources }))?;
    let (ran, peak) = site.workspace.run_measured(&["deploy", "--format", "json"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    let records = site.records()?;
    let found = |name: &String| {
        let record = records.get(&format!("scripted.thing.{name}")).with_context(|| format!("{name} is not there"))?;
        Ok(record["findings"][0].as_str().unwrap_or_default().to_owned())
    };
    Ok((peak, names.iter().map(found).collect::<Result<_>>()?))
}

/// Of what this server answers 32 times at once, what has no room is refused; what was found out.
async fn large_answers(name: &'static str, server: &Attacker) -> Result<String> {
    let site = beside(name, &format!("http://{}", server.address()))?;
    let step = json!({ "do": "ask", "url": server.url(), "at_once": 32 });
    let (peak, findings) = peak(&site, &["one".to_owned()], &step).await?;
    let finding = findings.into_iter().next().context("a finding")?;
    ensure!(finding.contains("fill the room that there is for them"), "{finding}");
    ensure!(peak < 32 * 20 / 2, "{peak} MiB were held at once, of {} that were answered", 32 * 20);
    Ok(finding)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_answers_at_once_find_room_or_are_refused() -> Result<()> {
    let length = 20 * MIB;
    let server = Attacker::start("200 OK", |_| " ".repeat(length)).await?;
    let finding = large_answers("room-answers", &server).await?;
    ensure!(finding.contains(&format!("HTTP 200 with {length} bytes")), "{finding}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_answers_of_no_told_length_hold_no_more_than_there_is_room_for() -> Result<()> {
    // Just above a step in which a buffer grows. Where all of them grow at once, it may be that there is room for none.
    let server = Attacker::chunked("200 OK", &" ".repeat(17 * MIB)).await?;
    large_answers("room-chunks", &server).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_requests_at_once_find_room_or_are_refused() -> Result<()> {
    // It takes nobody's request.
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let site = beside("room-requests", &format!("http://{}", deaf.local_addr()?))?;
    let names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
    let step =
        json!({ "do": "overgrow", "what": "bodies", "times": 4, "to": format!("http://{}/a", deaf.local_addr()?) });
    let (peak, findings) = peak(&site, &names, &step).await?;
    for finding in &findings {
        let refused = finding.contains("REQUEST_TOO_LARGE") || finding.contains("NO_ROOM_LEFT");
        ensure!(!finding.contains("took 32,") && refused, "{finding}");
    }
    ensure!(peak < 10 * 32 * 4 / 2, "{peak} MiB were held at once, of {} that were to be sent", 10 * 32 * 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_a_million_pairs_is_refused_by_name() -> Result<()> {
    let aws = Attacker::start("200 OK", |_| "{}".to_owned()).await?;
    let mut site = Site::new("room-pairs")?;
    site.workspace
        .env("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
        .env("AWS_SECRET_ACCESS_KEY", "PLANTED-secret")
        .env("AWS_ENDPOINT_URL", format!("http://{}", aws.address()));
    let step = json!({ "do": "overgrow", "what": "pairs", "times": 1000 });
    let (peak, findings) = peak(&site, &["one".to_owned()], &step).await?;
    let finding = &findings[0];
    ensure!(finding.contains("more than 10000 parameters") && finding.contains("[REQUEST_MALFORMED]"), "{finding}");
    ensure!(aws.connections() == 0 && peak < 200, "{peak} MiB");
    Ok(())
}
