//! A change that misbehaves fails alone.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::site::{Site, failures};

/// A resource, what it does in `create`, and how that fails: its cause, and a word of the message. None when it is done all the same.
struct Case {
    name: &'static str,
    kind: &'static str,
    create: Value,
    fails: Option<(&'static str, &'static str)>,
}

fn case(name: &'static str, create: Value, fails: Option<(&'static str, &'static str)>) -> Case {
    Case { name, kind: "thing", create, fails }
}

fn fails(name: &'static str, create: Value, cause: &'static str, word: &'static str) -> Case {
    case(name, create, Some((cause, word)))
}

/// Two honest resources, one on the other, beside all cases.
fn honest() -> Vec<Value> {
    vec![
        json!({ "name": "honest", "value": 1 }),
        json!({ "name": "dependent", "kind": "named", "value_from": { "resource": "honest", "path": "/id" } }),
    ]
}

/// Deploys all cases at once, looks at what came of each, and deploys once more without the script.
async fn alone(site: &Site, cases: &[Case], not_recorded: &[&str]) -> Result<()> {
    let mut scripted = honest();
    let mut plain = honest();
    for one in cases {
        scripted.push(json!({ "name": one.name, "kind": one.kind, "on": { "create": one.create } }));
        plain.push(json!({ "name": one.name, "kind": one.kind }));
    }
    // What needs a resource that fails is not begun.
    let failing = cases.iter().find(|one| one.fails.is_some()).context("a case that fails")?;
    let waiting = json!({ "name": "waits", "depends_on": [failing.name] });
    scripted.push(waiting.clone());
    plain.push(waiting);

    site.config(json!({ "resources": scripted }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 2, "{}", ran.said());
    let mut failures = failures(&ran)?;
    for Case { name, kind, fails, .. } in cases {
        let address = format!("scripted.{kind}.{name}");
        match (fails, failures.remove(&address)) {
            (Some((cause, word)), Some(failure)) => {
                // Several of one cause are one error, of several kinds too.
                let own = failure.code == format!("{}_CREATE_FAILED", kind.to_uppercase());
                ensure!(own || failure.code == "CHANGES_FAILED", "{address}: {failure:?}");
                ensure!(failure.cause == *cause && failure.detail.contains(word), "{address}: {failure:?}");
                ensure!(failure.detail.len() < 2_000, "{address} says too much: {} bytes", failure.detail.len());
            }
            (None, None) => {
                let record = site.record(&address)?;
                ensure!(record["_nic"].get("pending").is_none(), "{address}: {record:#}");
            }
            (expected, found) => anyhow::bail!("{address} should {expected:?}, and did {found:?}\n{}", ran.said()),
        }
    }
    ensure!(failures.is_empty(), "these failed too: {failures:?}");

    // The others were made and are recorded.
    let made = site.things.made()?;
    ensure!(!made.contains_key("scripted.thing.waits"), "{made:?}");
    let honest = site.record("scripted.thing.honest")?;
    let dependent = site.record("scripted.named.dependent")?;
    ensure!(dependent["value"] == honest["id"] && dependent["_nic"].get("pending").is_none(), "{dependent:#}");
    site.agrees(not_recorded)?;
    for address in not_recorded {
        // A call that ended without an answer may have had its effect: the journal remembers that it was begun.
        let broke = cases.iter().any(|one| {
            address.ends_with(&format!(".{}", one.name))
                && one.fails.is_some_and(|(cause, _)| cause.starts_with("PROVIDER_"))
        });
        let record = site.records()?.remove(*address);
        let begun = record.is_some_and(|record| record["_nic"]["pending"]["action"] == "create");
        ensure!(broke == begun, "{address} is {}", if begun { "pending" } else { "forgotten" });
    }

    site.converges(json!({ "resources": plain })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_fails_alone() -> Result<()> {
    let deny = |how: &str| json!({ "do": "deny", "how": how });
    let denied = |name, how: &str, code, word| fails(name, deny(how), code, word);
    let cases = [
        denied("other-host", "other-host", "HOST_NOT_ALLOWED", "[HOST_NOT_ALLOWED]"),
        denied("metadata", "metadata", "HOST_NOT_ALLOWED", "[HOST_NOT_ALLOWED]"),
        denied("other-scheme", "other-scheme", "SCHEME_NOT_GRANTED", "[SCHEME_NOT_GRANTED]"),
        denied("other-service", "other-service", "SERVICE_NOT_IN_CATALOGUE", "service `s3`"),
        denied(
            "action",
            "undeclared-action",
            "ACTION_NOT_GRANTED",
            "ec2:DeleteVpc is not granted for a change of `scripted.thing` [ACTION_NOT_GRANTED]",
        ),
        denied("elsewhere", "signed-elsewhere", "HOST_NOT_ALLOWED", "[HOST_NOT_ALLOWED]"),
        denied("own-header", "own-authorization", "REQUEST_MALFORMED", "[REQUEST_MALFORMED]"),
        denied("other-kind", "other-kind", "KIND_NOT_GRANTED", "`list v1/Node` is not granted [KIND_NOT_GRANTED]"),
        // It goes on, and makes its thing.
        case("goes-on", json!({ "do": "deny", "go_on": true }), None),
    ];
    alone(&Site::new("deny")?, &cases, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_fails_alone_before_and_after_the_thing_was_made() -> Result<()> {
    let trap = |how: &str, when: &str| json!({ "do": "trap", "how": how, "when": when });
    let trapped = |name, how: &str, word| fails(name, trap(how, "before"), "PROVIDER_TRAPPED", word);
    let cases = [
        trapped("panic", "panic", "trapped in `create`"),
        trapped("abort", "abort", "trapped in `create`"),
        trapped("stack", "stack", "stack"),
        trapped("waiting", "wait-for-nothing", "wait-any"),
        trapped("exit", "exit", "exited with status 0"),
        // The answer is lost: the thing is found again by the id it told, by its owner tag, by its name, by its token.
        fails("lost", trap("panic", "after"), "PROVIDER_TRAPPED", "trapped"),
        fails("quiet", json!(["keep-quiet", trap("panic", "after")]), "PROVIDER_TRAPPED", "trapped"),
        Case {
            kind: "named",
            ..fails("named", json!(["keep-quiet", trap("exit", "after")]), "PROVIDER_TRAPPED", "exited")
        },
        Case {
            kind: "token",
            ..fails("token", json!(["keep-quiet", trap("abort", "after")]), "PROVIDER_TRAPPED", "trapped")
        },
    ];
    let site = Site::new("trap")?;
    // What was made without a word is pending in the journal, without an id.
    let quiet = ["scripted.thing.quiet", "scripted.named.named", "scripted.token.token"];
    alone(&site, &cases, &quiet).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_grows_without_measure_fails_alone() -> Result<()> {
    let grow = |what: &str| json!({ "do": "overgrow", "what": what });
    let grow_to = |what: &str, times: u32| json!({ "do": "overgrow", "what": what, "times": times });
    let cases = [
        fails("memory", grow("memory"), "PROVIDER_OUT_OF_MEMORY", "256 MiB"),
        fails("table", grow("table"), "PROVIDER_TRAPPED", "trapped in `create`"),
        fails("document", grow_to("document", 2), "PROVIDER_BAD_ANSWER", "at most 1048576 are read"),
        fails("endless", grow("document"), "PROVIDER_TRAPPED", "trapped in `create`"),
        fails("remote-id", grow_to("remote-id", 1), "PROVIDER_BAD_ANSWER", "remote id"),
        fails("operation", grow_to("operation", 1), "PROVIDER_BAD_ANSWER", "at most 16384 are read"),
        case("request", grow_to("request", 16), None),
        case("in-flight", grow_to("in-flight", 100), None),
        case("log", grow_to("log", 8), None),
        case("print", grow_to("print", 4), None),
    ];
    let mut site = Site::new("overgrow")?;
    site.workspace.env("NIC_LOG", "trace");
    alone(&site, &cases, &[]).await?;
    Ok(())
}

/// What is refused while a guest goes on is told to it, and what it says is cut.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_takes_and_says_is_bounded() -> Result<()> {
    let grow = |what: &str, times: u32| json!({ "do": "overgrow", "what": what, "times": times });
    let on = |what: &str, times: u32| json!({ "name": what, "on": { "create": grow(what, times) } });
    let mut site = Site::new("bounded")?;
    site.workspace.env("NIC_LOG", "trace");
    site.config(json!({ "resources": [on("in-flight", 100), on("request", 16), on("log", 8), on("print", 4)] }))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 0, "{}", ran.said());
    // Eight MiB of log, and eight of output: a quarter of a MiB is kept of each call.
    ensure!(ran.said().len() < 2 * 1024 * 1024, "{} bytes were said", ran.said().len());
    ensure!(ran.stderr.contains("left out"), "it is not said that something was left out");
    let found = |name: &str| -> Result<String> {
        Ok(site.record(&format!("scripted.thing.{name}"))?["findings"][0].as_str().unwrap_or_default().to_owned())
    };
    let in_flight = found("in-flight")?;
    ensure!(in_flight.contains("took 32,") && in_flight.contains("TOO_MANY_REQUESTS_IN_FLIGHT"), "{in_flight}");
    let request = found("request")?;
    ensure!(request.contains("at most 4194304 are sent"), "{request}");
    Ok(())
}

/// Thirty seconds of computing are what a call has. Others are not held up: they are done while two calls spin on two cores.
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_ends_at_its_limit_and_holds_nobody_up() -> Result<()> {
    let site = Site::new("loop")?;
    let spin = |how: &str| json!({ "do": "loop", "how": how });
    let cases = [
        fails("computing", spin("computing"), "PROVIDER_OUT_OF_CPU", "more than 30 s in `create`"),
        fails("calling", spin("calling"), "PROVIDER_OUT_OF_CPU", "more than 30 s in `create`"),
    ];
    let began = Instant::now();
    let running = alone(&site, &cases, &[]);
    let look = async {
        while site.things.made()?.len() < 2 {
            ensure!(began.elapsed() < Duration::from_secs(15), "the others wait for the loops");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    let (ended, seen) = tokio::join!(running, look);
    seen?;
    ended?;
    ensure!(began.elapsed() < Duration::from_secs(80), "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pends_is_waited_for_and_what_fails_late_fails_alone() -> Result<()> {
    let late = |error: &str| json!({ "do": "fail-late", "polls": 2, "error": error });
    let cases = [
        case("pends", json!({ "do": "pend", "polls": 3, "after_ms": 20 }), None),
        case("pends-quietly", json!({ "do": "pend", "polls": 2, "without_id": true }), None),
        // It failed, and it exists: it is recorded under the id it told, and never made again.
        fails("late", late("remote"), "REMOTE_ERROR", "the script says to fail"),
        fails("late-denied", late("denied"), "DENIED", "the script says to fail"),
        fails("late-other", late("other"), "SCRIPTED", "the script says to fail"),
        fails("at-once", json!({ "do": "fail-late", "error": "remote" }), "REMOTE_ERROR", "the script says to fail"),
        fails("lost", json!(["keep-quiet", { "do": "fail-late", "remote_id": false }]), "REMOTE_ERROR", "the script"),
        fails("nothing", json!({ "do": "fail-late", "effect": false, "error": "denied" }), "DENIED", "the script"),
        // What may pass by itself is tried again, after a look: it is there.
        case("conflict", json!({ "do": "fail-late", "error": "conflict", "remote_id": false }), None),
        case("timed-out", json!(["keep-quiet", { "do": "fail-late", "error": "timed-out", "remote_id": false }]), None),
    ];
    // Refused outright, as far as the provider says, and there all the same: nothing in the state knows of it.
    alone(&Site::new("late")?, &cases, &["scripted.thing.lost"]).await
}
