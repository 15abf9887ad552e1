//! Secrets are edited, drift, are cut short and taken back; their fingerprints lose their key. No value ever shows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hmac::{Hmac, Mac};
use nic_core::diff::DifferenceCause;
use nic_core::document::{hex, hidden, hidden_words, secret_name};
use nic_core::plan::{Action, Reason};
use nic_core::ports::Change;
use nic_core::resource::Desired;
use nic_core::secret::{Fingerprint, Fingerprints};
use nic_core::state::format_v1;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::faults::{Crash, Side};
use crate::platform::{at, edited, platform, resource};
use crate::world::{How, Ran, World};

/// What a read shows where a secret stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shows {
    /// Nothing, as most clouds.
    #[default]
    Nothing,
    /// The value itself, as careless ones.
    Values,
    /// Whether it is the wanted one, as the host does for Kubernetes.
    Whether,
}

/// The values of the config's secrets, and the key of their fingerprints.
#[derive(Debug, Clone, Default)]
pub struct Vault(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    values: BTreeMap<String, String>,
    key: u8,
    shows: Shows,
}

fn hmac(key: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

impl Vault {
    pub fn set(&self, name: &str, value: &str) {
        self.0.lock().unwrap().values.insert(name.to_owned(), value.to_owned());
    }

    fn lose_key(&self) {
        self.0.lock().unwrap().key += 1;
    }

    pub fn fingerprints(&self) -> Fingerprints {
        let held = self.0.lock().unwrap();
        let of = |(name, value): (&String, &String)| {
            let fingerprint = Fingerprint::new(&hex(&[held.key]), &hmac(&[held.key, 7], &format!("{name}\0{value}")));
            (name.clone(), fingerprint.unwrap())
        };
        held.values.iter().map(of).collect()
    }

    /// The change as it leaves the host.
    pub fn put_in(&self, change: &Change) -> Change {
        Change { document: self.revealed(&change.document), ..change.clone() }
    }

    fn revealed(&self, document: &Value) -> Value {
        match document {
            Value::Object(members) => match secret_name(document) {
                Some(name) => json!(self.0.lock().unwrap().values[name]),
                None => Value::Object(members.iter().map(|(k, v)| (k.clone(), self.revealed(v))).collect()),
            },
            Value::Array(elements) => elements.iter().map(|e| self.revealed(e)).collect(),
            leaf => leaf.clone(),
        }
    }

    /// What the cloud has, as a read shows it to who wants `wanted`.
    pub fn shown(&self, mut there: Value, wanted: &Value) -> Value {
        let shows = self.0.lock().unwrap().shows;
        let Some(members) = wanted.as_object().filter(|_| there.is_object()) else { return there };
        for (key, wanted) in members {
            let Some(now) = there.get(key).cloned() else { continue };
            if secret_name(wanted).is_none() {
                there[key] = self.shown(now, wanted);
                continue;
            }
            match shows {
                Shows::Nothing => drop(there.as_object_mut().unwrap().remove(key)),
                Shows::Values => {}
                Shows::Whether if now == self.revealed(wanted) => there[key] = wanted.clone(),
                Shows::Whether => there[key] = hidden("differs"),
            }
        }
        there
    }
}

/// A queue and an address with secrets beside the small platform: one that can be changed in place, one that cannot.
fn wanted() -> Vec<Desired> {
    let mut wanted = edited(platform(), "sim.vpc.main", |d| d["tags"]["token"] = json!({"$secret": "a"}));
    wanted.push(resource("sim.queue.jobs", json!({"tags": {"password": {"$secret": "b"}, "plain": "x"}})));
    wanted
}

fn world(shows: Shows) -> World {
    let world = World::new();
    world.vault.set("a", "first-a");
    world.vault.set("b", "first-b");
    world.vault.0.lock().unwrap().shows = shows;
    let ran = world.deploy(wanted());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    world.assert_settled(wanted());
    world
}

fn in_cloud(world: &World, address: &str, pointer: &str) -> Value {
    let id = world.disk.state().unwrap().records[&at(address)].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things[&id].document.pointer(pointer).cloned().unwrap_or_default()
}

fn password(world: &World) -> Value {
    in_cloud(world, "sim.queue.jobs", "/tags/password")
}

fn changed(ran: &Ran) -> Vec<(String, Action, Reason)> {
    let changes = ran.plan.changes.iter().filter(|c| c.action.is_change());
    changes.map(|c| (c.address.to_string(), c.action, c.reason)).collect()
}

fn updated(address: &str, reason: Reason) -> Vec<(String, Action, Reason)> {
    vec![(address.to_owned(), Action::Update, reason)]
}

fn words(ran: &Ran) -> Vec<String> {
    let differences = ran.plan.changes.iter().flat_map(|c| &c.differences);
    differences.filter_map(|d| Some(format!("{} {}", d.pointer, hidden_words(&d.new)?))).collect()
}

#[test]
fn a_plan_tells_what_it_makes_and_no_secret() {
    let world = World::new();
    world.vault.set("a", "first-a");
    world.vault.set("b", "first-b");
    let ran = world.deploy(wanted());
    let values = |address: &str| {
        let change = ran.plan.changes.iter().find(|change| change.address == at(address));
        change.and_then(|change| change.values.clone()).unwrap()
    };
    assert_eq!(values("sim.queue.jobs"), json!({"tags": {"password": {"$secret": "b"}, "plain": "x"}}));
    assert_eq!(
        values("sim.node-group.user"),
        json!({
            "cluster": "sim-dev", "instance_type": "m5.xlarge", "subnet_ids": [{"$unknown": "sim.subnet.a#/id"}],
            "scaling": {"max": 5, "desired": 1}, "labels": {"pool": "user"},
        })
    );
    assert!(!serde_json::to_string(&ran.plan).unwrap().contains("first-"));
    let bigger = edited(wanted(), "sim.node-group.user", |d| d["scaling"]["max"] = json!(6));
    let ran = world.deploy(edited(bigger, "sim.node-group.worker", |d| d["instance_type"] = json!("m5.2xlarge")));
    let told: Vec<(Action, bool)> =
        ran.plan.changes.iter().map(|change| (change.action, change.values.is_some())).collect();
    assert!(told.contains(&(Action::Replace, true)) && told.contains(&(Action::Update, false)), "{told:?}");
    assert!(!told.contains(&(Action::NoOp, true)), "{told:?}");
}

#[test]
fn an_edited_value_is_one_update_and_then_nothing() {
    for shows in [Shows::Nothing, Shows::Values, Shows::Whether] {
        let world = world(shows);
        world.vault.set("b", "second-b");
        let ran = world.deploy(wanted());
        assert!(ran.complete(), "{:?}", ran.report);
        assert_eq!(changed(&ran), updated("sim.queue.jobs", Reason::Edited), "{shows:?}");
        assert_eq!(words(&ran), ["/tags/password secret value changed"]);
        let plan = serde_json::to_string(&ran.plan).unwrap();
        let state = String::from_utf8(world.disk.bytes.lock().unwrap().clone().unwrap()).unwrap();
        for value in ["first-a", "first-b", "second-b"] {
            assert!(!plan.contains(value) && !state.contains(value), "{plan}\n{state}");
        }
        assert_eq!((world.count("update"), password(&world)), (1, json!("second-b")));
        world.assert_settled(wanted());
    }
}

#[test]
fn drift_is_repaired_where_it_can_be_seen() {
    let world = world(Shows::Whether);
    let id = world.disk.state().unwrap().records[&at("sim.queue.jobs")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&id).unwrap().document["tags"]["password"] = json!("theirs");
    let ran = world.deploy(wanted());
    assert!(ran.complete(), "{:?}", ran.report);
    assert_eq!(changed(&ran), updated("sim.queue.jobs", Reason::Drift));
    assert!(
        ran.plan
            .changes
            .iter()
            .flat_map(|c| &c.differences)
            .all(|d| d.origin == DifferenceCause::Drift && d.old.is_null())
    );
    assert_eq!(password(&world), json!("first-b"));
    world.assert_settled(wanted());
}

#[test]
fn an_edit_that_the_cloud_already_has_is_recorded() {
    let world = world(Shows::Whether);
    let id = world.disk.state().unwrap().records[&at("sim.queue.jobs")].remote_id.clone().unwrap();
    world.cloud.lock().unwrap().things.get_mut(&id).unwrap().document["tags"]["password"] = json!("second-b");
    world.vault.set("b", "second-b");
    let ran = world.deploy(wanted());
    assert_eq!((changed(&ran), world.count("update")), (Vec::new(), 0));
    let recorded = world.disk.state().unwrap().records[&at("sim.queue.jobs")].secrets["b"].clone();
    assert_eq!(recorded.as_ref(), world.vault.fingerprints().get("b"));
    world.assert_settled(wanted());
}

/// Kills a deploy of a second value everywhere, then either goes on or takes the edit back.
#[test]
fn an_edit_that_was_cut_short_is_neither_lost_nor_left_behind() {
    for crash in [Crash::Write as fn(usize, Side) -> Crash, Crash::Call] {
        for (side, last) in
            [(Side::Before, "second-b"), (Side::After, "second-b"), (Side::Before, "first-b"), (Side::After, "first-b")]
        {
            let mut crashes = 0;
            for number in 1.. {
                let world = world(Shows::Nothing);
                world.vault.set("b", "second-b");
                let how = How { crash: Some(crash(number, side)), ..How::default() };
                if !world.go(world.provider(wanted()), &how).crashed {
                    break;
                }
                crashes += 1;
                world.vault.set("b", last);
                // Taken back and cut short once more: what was sent before still counts.
                world.go(world.provider(wanted()), &how);
                let ran = world.deploy(wanted());
                assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
                assert_eq!(password(&world), json!(last), "{:?}", crash(number, side));
                world.assert_nothing_doubled();
                world.assert_settled(wanted());
            }
            assert!(crashes > 2, "{crashes} crashes");
        }
    }
}

/// The same for a first deploy: what an earlier run made with another value is found, and brought to the new one.
#[test]
fn what_was_made_with_another_value_is_found_and_changed() {
    let mut crashes = 0;
    for side in [Side::Before, Side::After] {
        for number in 1.. {
            let world = World::new();
            world.vault.set("b", "first-b");
            let one = || vec![resource("sim.queue.jobs", json!({"tags": {"password": {"$secret": "b"}}}))];
            let how = How { crash: Some(Crash::Call(number, side)), ..How::default() };
            if !world.go(world.provider(one()), &how).crashed {
                break;
            }
            crashes += 1;
            world.vault.set("b", "second-b");
            let ran = world.deploy(one());
            assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
            assert_eq!(password(&world), json!("second-b"), "call {number} {side:?}");
            world.assert_nothing_doubled();
            world.assert_settled(one());
        }
    }
    assert!(crashes > 2, "{crashes} crashes");
}

#[test]
fn without_its_key_everything_is_applied_once_more_and_told() {
    let world = world(Shows::Nothing);
    world.vault.lose_key();
    let ran = world.deploy(wanted());
    assert!(ran.complete(), "{:?}", ran.report);
    assert_eq!(
        words(&ran),
        ["/tags/password secret value may have changed", "/tags/token secret value may have changed"]
    );
    assert_eq!(ran.plan.notes.iter().map(|n| n.code.as_str()).collect::<Vec<_>>(), ["SECRETS_NOT_COMPARABLE"]);
    assert_eq!(world.count("update"), 2);
    world.assert_settled(wanted());
}

#[test]
fn without_its_key_nothing_happens_where_the_host_can_compare() {
    let world = world(Shows::Whether);
    world.vault.lose_key();
    let ran = world.deploy(wanted());
    assert_eq!((changed(&ran), ran.plan.notes.len(), world.count("update")), (Vec::new(), 0, 0));
    world.assert_settled(wanted());
}

#[test]
fn nothing_is_replaced_because_a_key_is_gone() {
    let one = || vec![resource("sim.address.nat", json!({"size": {"$secret": "a"}, "tags": {}}))];
    let world = World::new();
    world.vault.set("a", "small");
    assert!(world.deploy(one()).complete());
    world.vault.lose_key();
    let ran = world.deploy(one());
    assert_eq!((changed(&ran), ran.plan.notes.len()), (Vec::new(), 1));
    world.assert_settled(one());
    // A value that is known to be another one does replace it.
    world.vault.set("a", "large");
    let ran = world.deploy(one());
    assert!(ran.complete(), "{:?} {:?}", ran.refused, ran.report);
    assert_eq!(ran.action("sim.address.nat"), Action::Replace);
    world.assert_settled(one());
}

#[test]
fn an_edit_is_no_drift_and_is_not_brought_in_by_bringing_back() {
    for shows in [Shows::Nothing, Shows::Values, Shows::Whether] {
        let world = world(shows);
        world.vault.set("b", "second-b");
        assert_eq!(world.drifted(), [], "{shows:?}");
        world.meddle("sim.queue.jobs", "/tags/plain", json!("theirs"));
        assert_eq!(world.drifted(), [("sim.queue.jobs".to_owned(), "/tags/plain".to_owned())]);
        assert_eq!(world.fix().unwrap(), 1);
        // Who compares by itself sees that what is sent whole brings the value of now along.
        let whole = shows == Shows::Whether;
        let now = if whole { "second-b" } else { "first-b" };
        assert_eq!((world.drifted(), password(&world)), (Vec::new(), json!(now)));
        // Elsewhere the edit is still one.
        let ran = world.deploy(wanted());
        let expected = if whole { Vec::new() } else { updated("sim.queue.jobs", Reason::Edited) };
        assert_eq!(changed(&ran), expected, "{shows:?}");
        assert_eq!(password(&world), json!("second-b"));
        world.assert_settled(wanted());
    }
    let world = world(Shows::Whether);
    world.meddle("sim.queue.jobs", "/tags/password", json!("theirs"));
    assert_eq!(world.drifted(), [("sim.queue.jobs".to_owned(), "/tags/password".to_owned())]);
    assert_eq!((world.fix().unwrap(), password(&world)), (1, json!("first-b")));
    world.assert_settled(wanted());
}

#[test]
fn what_is_in_doubt_is_not_brought_in_by_bringing_back_either() {
    let world = world(Shows::Nothing);
    world.vault.set("b", "second-b");
    let mut state = world.disk.state().unwrap();
    state.records.get_mut(&at("sim.queue.jobs")).unwrap().secrets.insert("b".to_owned(), None);
    *world.disk.bytes.lock().unwrap() = Some(format_v1::encode(&state).unwrap());
    world.meddle("sim.queue.jobs", "/tags/plain", json!("theirs"));
    // The step changes what the plan showed, and no more.
    assert_eq!((world.fix().unwrap(), password(&world)), (1, json!("first-b")));
    assert_eq!(changed(&world.deploy(wanted())), updated("sim.queue.jobs", Reason::Edited));
    assert_eq!(password(&world), json!("second-b"));
}

#[test]
fn a_state_without_fingerprints_makes_no_edit_and_gains_them() {
    let world = world(Shows::Nothing);
    let before = world.disk.state().unwrap();
    let mut old = before.clone();
    old.records.values_mut().for_each(|record| record.secrets.clear());
    let bytes = format_v1::encode(&old).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("\"secrets\""));
    *world.disk.bytes.lock().unwrap() = Some(bytes);
    let ran = world.deploy(wanted());
    assert_eq!((changed(&ran), ran.plan.notes.len()), (Vec::new(), 0));
    assert!(ran.plan.changes.iter().all(|c| c.reason == Reason::UpToDate));
    assert_eq!(world.disk.state().unwrap().records, before.records);
    world.assert_settled(wanted());
}

#[test]
fn imported_things_are_not_touched_on_a_doubt() {
    let world = world(Shows::Nothing);
    let mut state = world.disk.state().unwrap();
    state.records.values_mut().for_each(|record| record.imported = true);
    *world.disk.bytes.lock().unwrap() = Some(format_v1::encode(&state).unwrap());
    world.vault.lose_key();
    assert_eq!(changed(&world.deploy(wanted())), Vec::new());
    world.vault.set("b", "second-b");
    assert_eq!(changed(&world.deploy(wanted())), updated("sim.queue.jobs", Reason::Edited));
    assert_eq!(password(&world), json!("second-b"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_refers_to_a_changed_value_changes_and_the_state_tells_nothing(
        values in prop::collection::vec("[a-z0-9]{8,12}", 4),
        uses in prop::collection::vec(0..4_usize, 1..8),
        edit in 0..4_usize,
        other in "[A-Z]{8,12}",
    ) {
        let wanted = || uses.iter().enumerate().map(|(index, used)| {
            let document = json!({"tags": {"list": {"deep": {"$secret": format!("s/{used}")}}}});
            resource(&format!("sim.queue.q{index}"), document)
        }).collect::<Vec<_>>();
        let world = World::new();
        for (index, value) in values.iter().enumerate() {
            world.vault.set(&format!("s/{index}"), value);
        }
        prop_assert!(world.deploy(wanted()).complete());
        world.assert_settled(wanted());

        let before = String::from_utf8(world.disk.bytes.lock().unwrap().clone().unwrap()).unwrap();
        world.vault.set(&format!("s/{edit}"), &other);
        let ran = world.deploy(wanted());
        prop_assert!(ran.complete());
        let touched: Vec<String> = changed(&ran).into_iter().map(|(address, action, _)| {
            assert_eq!(action, Action::Update);
            address
        }).collect();
        let expected: Vec<String> =
            (0..uses.len()).filter(|index| uses[*index] == edit).map(|index| format!("sim.queue.q{index}")).collect();
        prop_assert_eq!(touched, expected);
        world.assert_settled(wanted());

        let after = String::from_utf8(world.disk.bytes.lock().unwrap().clone().unwrap()).unwrap();
        let plan = serde_json::to_string(&ran.plan).unwrap();
        for value in values.iter().chain([&other]) {
            let guessed = [
                value.clone(),
                hex(&Sha256::digest(value.as_bytes())),
                hmac(b"", value),
                hmac(b"lineage-1", value),
            ];
            for guess in guessed {
                prop_assert!(!before.contains(&guess) && !after.contains(&guess) && !plan.contains(&guess), "{}", guess);
            }
        }
    }

    #[test]
    fn equal_values_under_two_names_do_not_show_that_they_are_equal(value in "\\PC{1,12}") {
        let vault = Vault::default();
        vault.set("a", &value);
        vault.set("b", &value);
        let fingerprints = vault.fingerprints();
        prop_assert_ne!(&fingerprints["a"], &fingerprints["b"]);
    }
}
