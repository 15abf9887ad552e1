//! Add-ons against a scripted EKS.

use crate::answers::{addon, update};
use crate::calls::{MARK, change, create, delete, done, pending, poll, read, target, update_of};
use nic_sdk::Error;
use nic_sdk::testing::{FakeCloud, Reply, with_report};
use nic_sdk::types::{Change, Status};
use serde_json::{Value, json};

const PATH: &str = "/clusters/demo-dev/addons/coredns";
const LACKS: &str = "InsufficientNumberOfReplicas: no nodes";
const VALUES: &str = r#"{"nodeSelector":{"eks.amazonaws.com/nodegroup":"general"}}"#;

const GENERAL: &str = "GET /clusters/demo-dev/node-groups/general";

/// The group `general`, which is to have so many nodes.
fn nodes(count: i32) -> Reply {
    let scaling = json!({ "minSize": 0, "maxSize": 3, "desiredSize": count });
    Reply::json(200, &json!({ "nodegroup": { "nodegroupName": "general", "scalingConfig": scaling } }))
}

fn addon_change(remote_id: Option<&str>) -> Change {
    let document = json!({ "name": "coredns", "cluster_name": "demo-dev", "configuration_values": VALUES, "tags": {} });
    change("aws.eks-addon.coredns", "aws.eks-addon", remote_id, document)
}

fn shown(status: &str) -> Reply {
    addon(status, VALUES, &json!({ MARK: "l-1@us-west-2/aws.eks-addon.coredns" }))
}

#[test]
fn an_addon_overwrites_what_is_there_and_is_pending_until_it_is_made() {
    let cloud = FakeCloud::new().on("eks", "POST /clusters/demo-dev/addons", shown("CREATING"));
    let (progress, reported) = with_report(|| create(&cloud, addon_change(None)));
    let (operation, message) = pending(progress);
    assert_eq!((reported.created, message.as_str()), (vec!["demo-dev:coredns".to_owned()], "CREATING"));
    let sent: Value = serde_json::from_slice(&cloud.requests()[0].body).unwrap();
    assert_eq!((&sent["resolveConflicts"], &sent["configurationValues"]), (&json!("OVERWRITE"), &json!(VALUES)));
    assert_eq!(sent["tags"][MARK], "l-1@us-west-2/aws.eks-addon.coredns");
    assert!(sent.get("addonVersion").is_none() && sent.get("serviceAccountRoleArn").is_none(), "{sent}");

    let asked = |status, operation: Value| {
        let cloud = FakeCloud::new().on("eks", &format!("GET {PATH}"), shown(status)).on("eks", GENERAL, nodes(1));
        poll(&cloud, addon_change(Some("demo-dev:coredns")), operation)
    };
    assert_eq!(pending(asked("CREATING", operation.clone())).1, "CREATING");
    assert_eq!(done(asked("ACTIVE", operation.clone())).document["version"], "v1.12.1-eksbuild.2");
    // Its pods have to come up first: it is made, and says itself what it lacks until they have.
    let degraded = done(asked("DEGRADED", operation)).document;
    assert_eq!((&degraded["status"], &degraded["health_issues"][0]), (&json!("DEGRADED"), &json!(LACKS)));
    let failure = asked("CREATE_FAILED", json!({ "phase": "create" })).unwrap_err();
    assert!(matches!(failure.error, Error::Other { code, .. } if code == "ADDON_FAILED"));
}

#[test]
fn an_addon_that_was_there_may_be_degraded_and_one_without_our_mark_is_foreign() {
    let seen = |reply, remote_id| {
        let cloud = FakeCloud::new().on("eks", &format!("GET {PATH}"), reply).on("eks", GENERAL, nodes(1));
        read(&cloud, target("aws.eks-addon.coredns", "aws.eks-addon", remote_id, addon_change(None).document))
    };
    let degraded = seen(shown("DEGRADED"), Some("demo-dev:coredns"));
    assert_eq!(degraded.status, Status::Present);
    assert_eq!(degraded.document["health_issues"], json!([LACKS]));
    assert_eq!(seen(shown("UPDATING"), None).status, Status::InProgress("UPDATING".into()));
    assert!(matches!(seen(shown("CREATE_FAILED"), None).status, Status::Failed(_)));
    assert!(matches!(seen(addon("ACTIVE", VALUES, &json!({})), None).status, Status::Foreign(_)));
    let missing = Reply::json_error(404, "ResourceNotFoundException", "none");
    assert_eq!(seen(missing, None).status, Status::Absent);
}

#[test]
fn pods_without_a_place_say_which_group_has_no_node() {
    let issues = |general: Reply| {
        let cloud = FakeCloud::new().on("eks", &format!("GET {PATH}"), shown("DEGRADED")).on("eks", GENERAL, general);
        read(&cloud, target("aws.eks-addon.coredns", "aws.eks-addon", None, addon_change(None).document)).document
            ["health_issues"]
            .take()
    };
    assert_eq!(issues(nodes(0)), json!([LACKS, "no node: general has 0, and the pods are placed on it"]));
    assert_eq!(issues(nodes(1)), json!([LACKS]));
    // Who may not look has EKS's words alone.
    assert_eq!(issues(Reply::json_error(403, "AccessDeniedException", "no")), json!([LACKS]));
    // One that is well is not looked into.
    let cloud = FakeCloud::new().on("eks", &format!("GET {PATH}"), shown("ACTIVE"));
    let well = read(&cloud, target("aws.eks-addon.coredns", "aws.eks-addon", None, addon_change(None).document));
    assert_eq!(well.status, Status::Present);
}

#[test]
fn an_addon_is_updated_when_its_configuration_means_something_else() {
    let there = |configuration: &str| {
        FakeCloud::new().on("eks", &format!("GET {PATH}"), addon("ACTIVE", configuration, &json!({}))).on(
            "eks",
            &format!("POST {PATH}/update"),
            update("InProgress"),
        )
    };
    let cloud = there("{ \"nodeSelector\": { \"eks.amazonaws.com/nodegroup\": \"general\" } }");
    done(update_of(&cloud, addon_change(Some("demo-dev:coredns"))));
    assert_eq!(cloud.actions(), [format!("GET {PATH}")]);

    let cloud = there("{}");
    let edit = addon_change(Some("demo-dev:coredns")).paths(vec!["/configuration_values".into()]);
    let (operation, _) = pending(update_of(&cloud, edit.clone()));
    let sent: Value = serde_json::from_slice(&cloud.requests_for(&format!("POST {PATH}/update"))[0].body).unwrap();
    assert_eq!((&sent["configurationValues"], &sent["resolveConflicts"]), (&json!(VALUES), &json!("OVERWRITE")));
    // The version that EKS chose stays.
    assert_eq!(sent["addonVersion"], "v1.12.1-eksbuild.2");

    let asked = |status| {
        let cloud = FakeCloud::new().on("eks", "GET /clusters/demo-dev/updates/u-1", update(status)).on(
            "eks",
            &format!("GET {PATH}"),
            shown("ACTIVE"),
        );
        let progress = poll(&cloud, edit.clone(), operation.clone());
        assert!(cloud.requests()[0].url.contains("addonName=coredns"), "{}", cloud.requests()[0].url);
        progress
    };
    pending(asked("InProgress"));
    done(asked("Successful"));
    assert!(asked("Failed").is_err());
}

/// Somebody may have moved it since the plan was made.
#[test]
fn an_addon_never_goes_back() {
    let there = || {
        let shown = addon("ACTIVE", VALUES, &json!({}));
        FakeCloud::new().on("eks", &format!("GET {PATH}"), shown).on(
            "eks",
            &format!("POST {PATH}/update"),
            update("InProgress"),
        )
    };
    let to = |version: &str| {
        let mut edit = addon_change(Some("demo-dev:coredns")).paths(vec!["/version".into()]);
        edit.document["version"] = version.into();
        edit
    };
    let cloud = there();
    pending(update_of(&cloud, to("v1.12.1-eksbuild.10")));
    let sent: Value = serde_json::from_slice(&cloud.requests_for(&format!("POST {PATH}/update"))[0].body).unwrap();
    assert_eq!(sent["addonVersion"], "v1.12.1-eksbuild.10");
    for earlier in ["v1.12.1-eksbuild.2", "v1.12.1-eksbuild.1", "v1.9.3-eksbuild.7"] {
        let cloud = there();
        done(update_of(&cloud, to(earlier)));
        assert_eq!(cloud.actions(), [format!("GET {PATH}")], "{earlier}");
    }
}

#[test]
fn an_addon_is_gone_when_eks_or_its_cluster_says_so() {
    let missing = Reply::json_error(404, "ResourceNotFoundException", "none");
    let cloud = FakeCloud::new().on("eks", &format!("DELETE {PATH}"), shown("DELETING"));
    let (operation, _) = pending(delete(&cloud, addon_change(Some("demo-dev:coredns"))));
    let cloud = FakeCloud::new().on("eks", "*", missing.clone());
    assert_eq!(done(poll(&cloud, addon_change(Some("demo-dev:coredns")), operation)).status, Status::Absent);
    let cloud = FakeCloud::new().on("eks", "*", missing);
    assert_eq!(done(delete(&cloud, addon_change(Some("demo-dev:coredns")))).status, Status::Absent);
    let busy = Reply::json_error(409, "ResourceInUseException", "deleting");
    let cloud = FakeCloud::new().on("eks", &format!("DELETE {PATH}"), busy).on(
        "eks",
        &format!("GET {PATH}"),
        shown("DELETING"),
    );
    assert_eq!(pending(delete(&cloud, addon_change(Some("demo-dev:coredns")))).1, "DELETING");
}
