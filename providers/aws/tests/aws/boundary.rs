//! The permissions boundary: on every role, changed in place, and taken away again.

use crate::answers::iam_done;
use crate::calls::{change, context, create, done, settled, update_of};
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::testing::{FakeCloud, Reply, form};
use nic_sdk::types::{Answer, Change};
use serde_json::{Value, json};

const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/site/DeveloperBoundary";
const OTHER: &str = "arn:aws:iam::111122223333:policy/site/Other";

/// Where an account refuses roles without it, one that lacks it ends the deploy half way.
#[test]
fn every_role_bears_it() {
    for (topology, roles) in [("classic", 4), ("design", 6)] {
        let section = json!({
            "region": "us-west-2", "kubernetes_version": "1.34", "availability_zones": ["us-west-2a", "us-west-2b"],
            "permissions_boundary": BOUNDARY,
        });
        let config = json!({ "amazon_web_services": section });
        let Answer::Ready(resources) = Aws::desired(&context().topology(topology), &config, &settled()).unwrap() else {
            panic!("the config says everything")
        };
        let found: Vec<_> = resources.into_iter().filter(|resource| resource.kind == "aws.iam-role").collect();
        assert_eq!(found.len(), roles, "{topology}");
        for role in found {
            assert_eq!(role.document["permissions_boundary"], BOUNDARY, "{}", role.address);
        }
    }
}

fn document(boundary: Option<&str>) -> Value {
    let mut document = json!({ "name": "demo-dev-ebs-csi-driver", "assume_role_policy": "{}", "tags": {} });
    if let Some(boundary) = boundary {
        document["permissions_boundary"] = boundary.into();
    }
    document
}

fn edit(boundary: Option<&str>) -> Change {
    change("aws.iam-role.ebs-csi-driver", "aws.iam-role", Some("demo-dev-ebs-csi-driver"), document(boundary))
        .paths(vec!["/permissions_boundary".into()])
}

/// The role as IAM shows it.
fn shown(boundary: Option<&str>) -> Reply {
    let boundary = boundary.map_or_else(String::new, |arn| {
        format!(
            "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>{arn}\
             </PermissionsBoundaryArn></PermissionsBoundary>"
        )
    });
    Reply::xml(
        200,
        format!(
            "<GetRoleResponse><GetRoleResult><Role><Path>/</Path><RoleName>demo-dev-ebs-csi-driver</RoleName><RoleId>AROA1</RoleId>\
             <Arn>arn:aws:iam::1:role/demo-dev-ebs-csi-driver</Arn><CreateDate>2026-01-02T03:04:05Z</CreateDate>\
             <AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument>{boundary}</Role></GetRoleResult></GetRoleResponse>"
        ),
    )
}

#[test]
fn it_is_there_from_the_first_request_on() {
    let made = "<CreateRoleResponse><CreateRoleResult><Role><Path>/</Path><RoleName>demo-dev-ebs-csi-driver</RoleName>\
                <RoleId>AROA1</RoleId><Arn>arn:aws:iam::1:role/demo-dev-ebs-csi-driver</Arn>\
                <CreateDate>2026-01-02T03:04:05Z</CreateDate></Role></CreateRoleResult></CreateRoleResponse>";
    let cloud = FakeCloud::new().on("iam", "CreateRole", Reply::xml(200, made));
    let role = change("aws.iam-role.ebs-csi-driver", "aws.iam-role", None, document(Some(BOUNDARY)));
    assert_eq!(done(create(&cloud, role)).document["permissions_boundary"], BOUNDARY);
    assert_eq!(form(&cloud.requests_for("CreateRole")[0])["PermissionsBoundary"], BOUNDARY);
    assert_eq!(cloud.actions(), ["CreateRole"]);
}

#[test]
fn another_one_takes_its_place() {
    let cloud = FakeCloud::new().on_sequence("iam", "GetRole", [shown(Some(BOUNDARY)), shown(Some(OTHER))]).on(
        "iam",
        "PutRolePermissionsBoundary",
        iam_done("PutRolePermissionsBoundary"),
    );
    assert_eq!(done(update_of(&cloud, edit(Some(OTHER)))).document["permissions_boundary"], OTHER);
    assert_eq!(form(&cloud.requests_for("PutRolePermissionsBoundary")[0])["PermissionsBoundary"], OTHER);
    assert_eq!(cloud.actions(), ["GetRole", "PutRolePermissionsBoundary", "GetRole"]);
}

/// As those of service accounts did, before every role had it.
#[test]
fn a_role_that_had_none_gets_it() {
    let cloud = FakeCloud::new().on_sequence("iam", "GetRole", [shown(None), shown(Some(BOUNDARY))]).on(
        "iam",
        "PutRolePermissionsBoundary",
        iam_done("PutRolePermissionsBoundary"),
    );
    assert_eq!(done(update_of(&cloud, edit(Some(BOUNDARY)))).document["permissions_boundary"], BOUNDARY);
}

#[test]
fn without_the_key_it_is_taken_away_and_somebody_elses_stays() {
    let cloud = FakeCloud::new().on_sequence("iam", "GetRole", [shown(Some(BOUNDARY)), shown(None)]).on(
        "iam",
        "DeleteRolePermissionsBoundary",
        iam_done("DeleteRolePermissionsBoundary"),
    );
    assert_eq!(done(update_of(&cloud, edit(None))).document.get("permissions_boundary"), None);
    assert_eq!(cloud.actions(), ["GetRole", "DeleteRolePermissionsBoundary", "GetRole"]);
    // The plan names what was ours: without that it may be what the account's owner insists on.
    let cloud = FakeCloud::new().on("iam", "GetRole", shown(Some(OTHER)));
    let other = edit(None).paths(vec!["/assume_role_policy".into()]);
    assert_eq!(done(update_of(&cloud, other)).document["permissions_boundary"], OTHER);
    assert_eq!(cloud.actions(), ["GetRole"]);
}
