//! A plan changes nothing, whatever the provider does.

use anyhow::{Result, ensure};
use nic_tests::things::Attacker;
use serde_json::{Value, json};

use super::site::Site;

const MUTATE: &str = "mutate-in-plan";

/// A section in which the provider tries to make a thing during `call`, and shows nothing of the refusal.
fn mutating(call: &str) -> Value {
    trying(call, &json!(MUTATE))
}

/// A section in which the provider does this during `call`.
fn trying(call: &str, step: &Value) -> Value {
    let mut section = json!({ "facts": ["zone"], "resources": [{ "name": "one", "value_from_fact": "zone" }] });
    if call == "read" {
        section["resources"][0]["on"] = json!({ "read": step });
    } else {
        section["in"] = json!({ call: step });
    }
    if call == "cluster" {
        section["cluster"] = json!({ "kind": "kubeconfig", "parameters": { "context": "test" } });
        section["objects"] = json!({ "one": { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "one", "namespace": "default" } } });
    }
    section
}

/// The refusal names method and URL.
fn named(site: &Site, code: &str) -> String {
    let told = if code == "ACTION_IS_A_MUTATION" {
        " is a mutation; only reads are allowed"
    } else {
        ": no request may be made"
    };
    format!("POST {}/things{told}", site.things.endpoint())
}

/// The calls of a plan, the code that each ends with, and how a mutation in it is refused.
const CALLS: [(&str, &str, &str); 5] = [
    ("validate", "NO_REQUEST_IN_THIS_PHASE", "NO_REQUEST_IN_THIS_PHASE"),
    ("desired", "NO_REQUEST_IN_THIS_PHASE", "NO_REQUEST_IN_THIS_PHASE"),
    ("lookup", "ACTION_IS_A_MUTATION", "ACTION_IS_A_MUTATION"),
    ("read", "RESOURCE_UNREADABLE", "ACTION_IS_A_MUTATION"),
    ("cluster", "RESOURCE_UNREADABLE", "NO_REQUEST_IN_THIS_PHASE"),
];

async fn refuses_mutations(site: &Site, command: &[&str]) -> Result<()> {
    site.things.fact("zone", json!("a"))?;
    let before = site.state_bytes();
    for (call, code, refusal) in CALLS {
        site.config(mutating(call))?;
        site.things.forget_requests()?;
        let ran = site.refused(command, 2, code).await.map_err(|why| why.context(call))?;
        let message = ran.json()?["error"]["message"].as_str().unwrap_or_default().to_owned();
        ensure!(message.contains(&named(site, refusal)) && message.contains(refusal), "{call}: {message}");
        ensure!(site.things.mutations()?.is_empty(), "{call}: {:?}", site.things.mutations()?);
        ensure!(site.state_bytes() == before, "{call}: the state was written");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_in_which_a_provider_tries_to_mutate_is_refused_by_name() -> Result<()> {
    let mut site = Site::new("mutate")?;
    site.workspace.write("kubeconfig", "{}")?;
    let kubeconfig = site.workspace.path().join("kubeconfig").display().to_string();
    site.workspace.env("KUBECONFIG", kubeconfig);
    refuses_mutations(&site, &["plan"]).await?;
    ensure!(site.state_bytes().is_none(), "a plan made a state");

    // The same with a state, which stays as it is to the byte. Facts are recorded by then: `lookup` is not called again.
    site.config(json!({ "facts": ["zone"], "resources": [{ "name": "one", "value_from_fact": "zone" }] }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    let before = site.state_bytes();
    for (call, code, refusal) in CALLS.into_iter().filter(|(call, ..)| *call != "lookup") {
        site.config(mutating(call))?;
        site.things.forget_requests()?;
        for command in [&["plan"][..], &["deploy"]] {
            let ran = site.refused(command, 2, code).await.map_err(|why| why.context(call))?;
            ensure!(ran.stdout.contains(&named(&site, refusal)), "{call}: {}", ran.said());
        }
        ensure!(site.things.mutations()?.is_empty(), "{call}: {:?}", site.things.mutations()?);
        ensure!(site.state_bytes() == before, "{call}: the state was written");
    }
    Ok(())
}

/// A request that is dropped before anybody can have sent it was made all the same: who tries it in a plan has no plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_that_is_dropped_at_once_is_refused_by_name_too() -> Result<()> {
    let mut site = Site::new("mutate-forgotten")?;
    site.workspace.write("kubeconfig", "{}")?;
    let kubeconfig = site.workspace.path().join("kubeconfig").display().to_string();
    site.workspace.env("KUBECONFIG", kubeconfig);
    site.things.fact("zone", json!("a"))?;
    let forgotten = json!({ "do": MUTATE, "forget": true });
    for (call, code, refusal) in CALLS {
        site.config(trying(call, &forgotten))?;
        let ran = site.refused(&["plan"], 2, code).await.map_err(|why| why.context(call))?;
        ensure!(ran.stdout.contains(&named(&site, refusal)), "{call}: {}", ran.said());
    }
    site.config(json!({ "resources": [{ "name": "one" }], "in": { "preflight": forgotten } }))?;
    let ran = site.refused(&["deploy"], 2, "ACTION_IS_A_MUTATION").await?;
    ensure!(ran.stdout.contains(&named(&site, "ACTION_IS_A_MUTATION")), "{}", ran.said());
    ensure!(site.things.mutations()?.is_empty() && site.state_bytes().is_none());
    Ok(())
}

/// The checks of a deploy before its first change, and the outputs after its last, are reads too.
#[tokio::test(flavor = "multi_thread")]
async fn neither_preflight_nor_outputs_nor_polls_may_mutate() -> Result<()> {
    let site = Site::new("mutate-deploy")?;
    let section = |call: &str| json!({ "resources": [{ "name": "one" }], "in": { call: MUTATE } });
    site.config(section("preflight"))?;
    let ran = site.refused(&["deploy"], 2, "ACTION_IS_A_MUTATION").await?;
    ensure!(ran.stdout.contains(&named(&site, "ACTION_IS_A_MUTATION")), "{}", ran.said());
    ensure!(site.things.mutations()?.is_empty() && site.state_bytes().is_none());

    let polled = json!({ "create": { "do": "pend", "polls": 2 }, "poll": MUTATE });
    site.config(json!({ "resources": [{ "name": "one", "on": polled }, { "name": "two" }] }))?;
    let ran = site.refused(&["deploy"], 2, "THING_CREATE_FAILED").await?;
    ensure!(ran.stdout.contains(&named(&site, "ACTION_IS_A_MUTATION")), "{}", ran.said());
    site.agrees(&[])?;

    // What was made before the outputs failed is recorded.
    let mut last = section("outputs");
    last["resources"] = json!([{ "name": "one" }, { "name": "two" }]);
    site.config(last)?;
    let ran = site.refused(&["deploy"], 2, "NO_REQUEST_IN_THIS_PHASE").await?;
    ensure!(ran.stdout.contains(&named(&site, "NO_REQUEST_IN_THIS_PHASE")), "{}", ran.said());
    site.converges(json!({ "resources": [{ "name": "one" }, { "name": "two" }] })).await?;
    ensure!(site.things.all()?.iter().all(|thing| thing["owner"] != "planted"));
    Ok(())
}

/// An action of AWS is named as IAM names it, whatever the grant allows.
#[tokio::test(flavor = "multi_thread")]
async fn an_aws_mutation_in_a_plan_is_refused_by_its_name() -> Result<()> {
    let aws = Attacker::start("200 OK", |_| "{}".to_owned()).await?;
    let mut site = Site::granted("mutate-aws", |manifest| {
        let clouds =
            manifest["grants"].as_array_mut().into_iter().flatten().filter(|grant| grant["capability"] == "cloud-http");
        clouds.for_each(|grant| drop(grant.as_object_mut().map(|members| members.remove("reads"))));
    })?;
    site.workspace
        .env("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
        .env("AWS_SECRET_ACCESS_KEY", "PLANTED-secret")
        .env("AWS_ENDPOINT_URL", format!("http://{}", aws.address()));
    let deny = json!({ "do": "deny", "how": "undeclared-action", "go_on": true });
    site.config(json!({ "resources": [{ "name": "one", "on": { "read": deny } }] }))?;
    let ran = site.refused(&["plan"], 2, "RESOURCE_UNREADABLE").await?;
    let refusal = "ec2:DeleteVpc is a mutation; only reads are allowed while planning [ACTION_IS_A_MUTATION]";
    ensure!(ran.stdout.contains(refusal), "{}", ran.said());
    ensure!(aws.connections() == 0 && site.state_bytes().is_none());
    Ok(())
}

/// A provider that traps, or never ends its graph, stops the plan and leaves no trace.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_made_leaves_no_trace() -> Result<()> {
    let site = Site::new("no-plan")?;
    let grow = |what: &str, times: u32| json!({ "do": "overgrow", "what": what, "times": times });
    for (call, step, code) in [
        ("validate", json!("trap"), "PROVIDER_TRAPPED"),
        ("validate", grow("diagnostics", 2), "TOO_MANY_DIAGNOSTICS"),
        ("desired", json!({ "do": "trap", "how": "stack" }), "PROVIDER_TRAPPED"),
        ("desired", grow("resources", 60), "PROVIDER_LIED"),
        ("desired", grow("document", 2), "PROVIDER_BAD_ANSWER"),
        ("desired", json!({ "do": "overgrow", "what": "memory" }), "PROVIDER_OUT_OF_MEMORY"),
    ] {
        site.config(json!({ "resources": [{ "name": "one" }], "in": { call: step } }))?;
        // Too much to say about a config is still an answer.
        let exit = if code == "TOO_MANY_DIAGNOSTICS" { 1 } else { 2 };
        site.refused(&["deploy"], exit, code).await.map_err(|why| why.context(step.to_string()))?;
    }
    let many = json!({ "read": grow("observations", 50) });
    site.config(json!({ "resources": [{ "name": "one", "on": many }] }))?;
    site.refused(&["deploy"], 2, "RESOURCE_UNREADABLE").await?;
    ensure!(site.things.mutations()?.is_empty() && site.state_bytes().is_none());
    Ok(())
}
