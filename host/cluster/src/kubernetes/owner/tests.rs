use nic_core::resource::Pending;
use serde_json::json;

use super::*;

const MADE: &str = "2026-01-01T00:00:00Z";

fn context() -> Context {
    Context {
        lineage: "a".repeat(32),
        project: "my-nebari".to_owned(),
        namespace: "dev".to_owned(),
        ..Context::default()
    }
}

fn address() -> Address {
    "existing.namespace.dev".parse().unwrap()
}

fn object(name: &str) -> ObjectName {
    ObjectName { api_version: "v1".to_owned(), kind: "Namespace".to_owned(), namespace: None, name: name.to_owned() }
}

/// What state can say of the address.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Nothing,
    /// A create was begun; whether its answer was recorded.
    Creating {
        told: bool,
    },
    /// Accepted with the uid that is there, or with another one.
    Accepted {
        same: bool,
    },
    /// The same, and it is being made anew.
    Remaking {
        same: bool,
    },
    Shared,
    /// It was shared, is gone, and one of ours is being made.
    SharedRemaking,
    External,
}

/// What the object can bear.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bears {
    Nothing,
    OurMark,
    /// Ours, put on later than it was made.
    OurMarkLater,
    OtherAddress,
    OtherLineage,
    OtherPlatform,
    Nonsense,
}

fn record(said: Said) -> Option<Record> {
    let creating = Pending {
        action: PendingAction::Create,
        document: json!({}),
        operation: None,
        started_at: MADE.to_owned(),
        token: String::new(),
    };
    let uid = |same: bool| json!({ "uid": if same { "there" } else { "gone" } });
    let fresh = Record::unmade(address(), "kubernetes.object".to_owned());
    let accepted = |same| Record { baseline: json!({}), attributes: uid(same), ..fresh.clone() };
    Some(match said {
        Said::Nothing => return None,
        Said::Creating { told } => {
            Record { pending: Some(creating), remote_id: told.then(|| "Namespace.v1/dev".to_owned()), ..fresh }
        }
        Said::Accepted { same } => accepted(same),
        Said::Remaking { same } => Record { pending: Some(creating), ..accepted(same) },
        Said::Shared => Record { shared: true, ..accepted(false) },
        Said::SharedRemaking => Record { shared: true, pending: Some(creating), ..accepted(false) },
        Said::External => Record { external: true, ..accepted(false) },
    })
}

fn live(bears: Bears) -> Value {
    let (ours, other) = ("a".repeat(32), "b".repeat(32));
    let mark = match bears {
        Bears::Nothing => None,
        Bears::OurMark | Bears::OurMarkLater => Some(format!("{ours}/my-nebari/dev/existing.namespace.dev")),
        Bears::OtherAddress => Some(format!("{ours}/my-nebari/dev/existing.namespace.other")),
        Bears::OtherLineage => Some(format!("{other}/my-nebari/dev/existing.namespace.dev")),
        Bears::OtherPlatform => Some(format!("{other}/your-nebari/prod/existing.namespace.dev")),
        Bears::Nonsense => Some("mine".to_owned()),
    };
    let applied = if bears == Bears::OurMarkLater { "2026-01-01T00:00:05Z" } else { "2026-01-01T00:00:01Z" };
    let mut live = json!({ "metadata": { "name": "dev", "uid": "there", "creationTimestamp": MADE, "managedFields": [
        { "manager": "kubectl", "operation": "Update", "time": MADE },
        { "manager": "nic-aaaaaaaa", "operation": "Apply", "time": applied },
    ] } });
    if let Some(mark) = mark {
        live["metadata"]["annotations"] = json!({ MARK: mark });
    }
    live
}

/// The answer in one letter, for a table: ours, shared, foreign, that of another state.
fn letter(said: Said, bears: Bears) -> char {
    match owner(&context(), &address(), record(said).as_ref(), &object("dev"), &live(bears)) {
        Ownership::Ours => 'o',
        Ownership::Shared => 's',
        Ownership::Foreign(words) => {
            assert!(words.contains("somebody else at 2026-01-01T00:00:00Z"), "{words}");
            'f'
        }
        Ownership::OtherState(other) => {
            assert_eq!(other, OtherLineage { lineage: "b".repeat(32), since: Some(MADE.to_owned()) });
            'l'
        }
    }
}

#[test]
fn what_state_says_comes_first_and_then_what_the_object_bears() {
    let bears = [
        Bears::Nothing,
        Bears::OurMark,
        Bears::OurMarkLater,
        Bears::OtherAddress,
        Bears::OtherLineage,
        Bears::OtherPlatform,
        Bears::Nonsense,
    ];
    for (said, expected) in [
        (Said::Nothing, "sooslss"),
        (Said::Creating { told: false }, "sosslss"),
        (Said::Creating { told: true }, "sooslss"),
        (Said::Accepted { same: true }, "ooooooo"),
        (Said::Accepted { same: false }, "fffffff"),
        (Said::Remaking { same: true }, "ooooooo"),
        (Said::Remaking { same: false }, "fosffff"),
        (Said::Shared, "sssssss"),
        (Said::SharedRemaking, "sosssss"),
        (Said::External, "sssssss"),
    ] {
        let found: String = bears.iter().map(|bears| letter(said, *bears)).collect();
        assert_eq!(found, expected, "{said:?}");
    }
}

#[test]
fn what_comes_with_the_cluster_is_shared_whatever_was_recorded() {
    for name in BUILT_IN_NAMESPACES {
        for said in [Said::Nothing, Said::Accepted { same: true }, Said::Accepted { same: false }] {
            let found = owner(&context(), &address(), record(said).as_ref(), &object(name), &live(Bears::OurMark));
            assert_eq!(found, Ownership::Shared, "{name} {said:?}");
        }
    }
}

#[test]
fn a_record_without_uid_and_one_that_was_deposed_are_ours() {
    let accepted = record(Said::Accepted { same: true }).unwrap();
    let bare = Record { attributes: json!({}), ..accepted.clone() };
    let found = |record: &Record, bears| owner(&context(), &record.address, Some(record), &object("dev"), &live(bears));
    assert_eq!(found(&bare, Bears::Nothing), Ownership::Ours);
    let deposed =
        Record { address: address().deposed("0a1b2c"), deposed: Some(address()), baseline: Value::Null, ..accepted };
    assert_eq!(found(&deposed, Bears::OurMark), Ownership::Ours);
}

#[test]
fn the_mark_comes_and_goes_without_a_trace() {
    for metadata in [json!({"name": "a"}), json!({"name": "a", "annotations": {"x": "y"}})] {
        let document = json!({ "kind": "Namespace", "metadata": metadata });
        let marked = marked(document.clone(), &context(), &address());
        let text = marked["metadata"]["annotations"][MARK].as_str().unwrap();
        assert_eq!(text, format!("{}/my-nebari/dev/existing.namespace.dev", "a".repeat(32)));
        assert_eq!(unmarked(marked), document);
        assert_eq!(unmarked(document.clone()), document);
    }
    // Annotations that are empty without us stay what they are.
    let empty = json!({ "metadata": { "annotations": {} } });
    assert_eq!(unmarked(empty.clone()), empty);
}

#[test]
fn two_platforms_are_two_field_managers() {
    assert_eq!(field_manager(&context()), "nic-aaaaaaaa");
    assert_eq!(shared_field_manager(&context()), "nic-aaaaaaaa-shared");
    assert_eq!(field_manager(&Context::default()), "nic-");
}

#[test]
fn who_uses_an_object_of_another_platform_says_so_on_it() {
    let document = json!({ "metadata": { "name": "a" } });
    assert_eq!(using(document.clone(), &context(), &live(Bears::Nothing)), document);
    let said = using(document.clone(), &context(), &live(Bears::OtherPlatform));
    assert_eq!(said["metadata"]["annotations"]["nic.nebari.dev/used-by.aaaaaaaa"], "my-nebari/dev");
    assert_eq!(used_by(&said), ["my-nebari/dev"]);
    // Once the other platform is gone it is still said.
    assert_eq!(using(document.clone(), &context(), &said), said);
    assert_eq!(unmarked(said), document);
}
