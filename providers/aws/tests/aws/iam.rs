//! Policies and identity providers against a scripted IAM.

use crate::answers::{iam_done, oidc_provider, oidc_providers, policies, policy, policy_version, policy_versions};
use crate::calls::{MARK, change, create, delete, done, read, target, update_of};
use nic_sdk::Error;
use nic_sdk::testing::{FakeCloud, Reply, form, with_report};
use nic_sdk::types::{Change, Status};
use serde_json::{Value, json};

const POLICY: &str = "aws.iam-policy.worker-autoscaling";
const ARN: &str = "arn:aws:iam::1:policy/eks-worker-autoscaling-demo-dev";
const TEXT: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

fn policy_document() -> Value {
    json!({ "name_prefix": "eks-worker-autoscaling-demo-dev", "policy": TEXT, "tags": {} })
}

fn policy_change(remote_id: Option<&str>) -> Change {
    change(POLICY, "aws.iam-policy", remote_id, policy_document())
}

fn marked(name: &str) -> Reply {
    policy(name, &[(MARK, "l-1@us-west-2/aws.iam-policy.worker-autoscaling")])
}

#[test]
fn a_policy_is_called_by_its_bare_prefix_and_marked() {
    let created = format!(
        "<CreatePolicyResponse><CreatePolicyResult><Policy><Arn>{ARN}</Arn></Policy></CreatePolicyResult></CreatePolicyResponse>"
    );
    let cloud = FakeCloud::new()
        .on("iam", "CreatePolicy", Reply::xml(200, created))
        .on("iam", "GetPolicy", marked("eks-worker-autoscaling-demo-dev"))
        .on("iam", "GetPolicyVersion", policy_version(TEXT));
    let (progress, reported) = with_report(|| create(&cloud, policy_change(None)));
    assert_eq!(reported.created, [ARN]);
    let shown = done(progress).document;
    assert_eq!((&shown["name_prefix"], &shown["arn"]), (&json!("eks-worker-autoscaling-demo-dev"), &json!(ARN)));
    let sent = form(&cloud.requests_for("CreatePolicy")[0]);
    assert_eq!(sent["PolicyName"], "eks-worker-autoscaling-demo-dev");
    assert_eq!(sent["Tags.member.1.Value"], "l-1@us-west-2/aws.iam-policy.worker-autoscaling");
}

#[test]
fn a_policy_is_found_by_its_name_and_one_of_terraforms_by_its_arn() {
    let seen = |shown: Reply, names: &[&str], remote_id: Option<&str>| {
        let cloud = FakeCloud::new().on("iam", "ListPolicies", policies(names)).on("iam", "GetPolicy", shown).on(
            "iam",
            "GetPolicyVersion",
            policy_version(TEXT),
        );
        read(&cloud, target(POLICY, "aws.iam-policy", remote_id, policy_document()))
    };
    let name = "eks-worker-autoscaling-demo-dev";
    assert_eq!(seen(marked(name), &[name], None).status, Status::Present);
    assert!(matches!(seen(policy(name, &[]), &[name], None).status, Status::Foreign(_)));
    // A random end is somebody else's until an import records it.
    let terraforms = "eks-worker-autoscaling-demo-dev20240405123456789000000001";
    assert_eq!(seen(policy(terraforms, &[]), &[terraforms], None).status, Status::Absent);
    let imported = seen(policy(terraforms, &[]), &[], Some("arn:aws:iam::1:policy/x"));
    assert_eq!(imported.status, Status::Present);
    assert_eq!(imported.document["name_prefix"], name);
    assert_eq!(imported.document["name"], terraforms);
}

#[test]
fn a_new_text_is_a_new_default_version_and_the_oldest_makes_room() {
    let mut text = r#"{"Statement":[{"Effect":"Deny"}]}"#;
    let cloud = FakeCloud::new()
        .on("iam", "GetPolicy", marked("eks-worker-autoscaling-demo-dev"))
        .on("iam", "ListPolicyVersions", policy_versions(&["v7", "v6", "v5", "v4", "v3"]))
        .on("iam", "DeletePolicyVersion", iam_done("DeletePolicyVersion"))
        .on("iam", "CreatePolicyVersion", iam_done("CreatePolicyVersion"))
        .on_request("iam", "GetPolicyVersion", move |_| {
            let shown = text;
            // As if the second look came after the change.
            text = "{ \"Statement\": [], \"Version\": \"2012-10-17\" }";
            policy_version(shown)
        });
    let edit = policy_change(Some(ARN)).paths(vec!["/policy".into()]);
    done(update_of(&cloud, edit));
    assert_eq!(form(&cloud.requests_for("DeletePolicyVersion")[0])["VersionId"], "v3");
    let sent = form(&cloud.requests_for("CreatePolicyVersion")[0]);
    assert_eq!((sent["SetAsDefault"].as_str(), sent["PolicyDocument"].as_str()), ("true", TEXT));
}

#[test]
fn white_space_in_a_policy_changes_nothing() {
    let cloud = FakeCloud::new().on("iam", "GetPolicy", marked("eks-worker-autoscaling-demo-dev")).on(
        "iam",
        "GetPolicyVersion",
        policy_version("{ \"Statement\": [],\n \"Version\": \"2012-10-17\" }"),
    );
    done(update_of(&cloud, policy_change(Some(ARN))));
    assert_eq!(cloud.actions(), ["GetPolicy", "GetPolicyVersion"]);
}

#[test]
fn a_policy_loses_its_versions_before_it_goes() {
    let cloud = FakeCloud::new()
        .on("iam", "ListPolicyVersions", policy_versions(&["v3", "v2", "v1"]))
        .on("iam", "DeletePolicyVersion", iam_done("DeletePolicyVersion"))
        .on("iam", "DeletePolicy", iam_done("DeletePolicy"));
    assert_eq!(done(delete(&cloud, policy_change(Some(ARN)))).status, Status::Absent);
    let deleted = cloud.requests_for("DeletePolicyVersion");
    let versions: Vec<_> = deleted.iter().map(|sent| form(sent)["VersionId"].clone()).collect();
    assert_eq!(versions, ["v2", "v1"]);
    let gone = Reply::query_error(404, "NoSuchEntity", "gone");
    let cloud = FakeCloud::new().on("iam", "*", gone);
    assert_eq!(done(delete(&cloud, policy_change(Some(ARN)))).status, Status::Absent);
    let attached = Reply::query_error(409, "DeleteConflict", "attached");
    let cloud = FakeCloud::new().on("iam", "ListPolicyVersions", policy_versions(&["v1"])).on("iam", "*", attached);
    assert!(matches!(delete(&cloud, policy_change(Some(ARN))).unwrap_err().error, Error::Conflict(_)));
}

const ISSUER: &str = "oidc.eks.us-west-2.amazonaws.com/id/ABC";

fn provider_change(remote_id: Option<&str>, clients: &[&str]) -> Change {
    let document = json!({ "url": format!("https://{ISSUER}"), "client_ids": clients, "tags": { "Name": "n" } });
    change("aws.iam-oidc-provider.main", "aws.iam-oidc-provider", remote_id, document)
}

fn provider_arn() -> String {
    format!("arn:aws:iam::1:oidc-provider/{ISSUER}")
}

#[test]
fn an_issuer_is_made_without_thumbprints_and_shown_with_and_without_its_scheme() {
    let arn = provider_arn();
    let created = format!(
        "<CreateOpenIDConnectProviderResponse><CreateOpenIDConnectProviderResult><OpenIDConnectProviderArn>{arn}\
         </OpenIDConnectProviderArn></CreateOpenIDConnectProviderResult></CreateOpenIDConnectProviderResponse>"
    );
    let cloud = FakeCloud::new().on("iam", "CreateOpenIDConnectProvider", Reply::xml(200, created)).on(
        "iam",
        "GetOpenIDConnectProvider",
        oidc_provider(ISSUER, &[("Name", "n")]),
    );
    let shown = done(create(&cloud, provider_change(None, &["sts.amazonaws.com"]))).document;
    assert_eq!((&shown["issuer"], &shown["url"]), (&json!(ISSUER), &json!(format!("https://{ISSUER}"))));
    let sent = form(&cloud.requests_for("CreateOpenIDConnectProvider")[0]);
    assert_eq!(sent["Url"], format!("https://{ISSUER}"));
    assert!(!sent.keys().any(|key| key.starts_with("Thumbprint")), "{sent:?}");
    assert!(sent.values().any(|value| value == "l-1@us-west-2/aws.iam-oidc-provider.main"), "{sent:?}");
}

#[test]
fn an_issuer_is_found_by_its_url_once_that_is_known() {
    let arn = provider_arn();
    let cloud = FakeCloud::new()
        .on("iam", "ListOpenIDConnectProviders", oidc_providers(&["arn:aws:iam::1:oidc-provider/other", &arn]))
        .on(
            "iam",
            "GetOpenIDConnectProvider",
            oidc_provider(ISSUER, &[(MARK, "l-1@us-west-2/aws.iam-oidc-provider.main")]),
        );
    let sought = |document| target("aws.iam-oidc-provider.main", "aws.iam-oidc-provider", None, document);
    let found = read(&cloud, sought(json!({ "url": format!("https://{ISSUER}") })));
    assert_eq!((found.status, found.remote_id), (Status::Present, Some(arn)));
    assert_eq!(read(&FakeCloud::new(), sought(json!({ "client_ids": [] }))).status, Status::Absent);
}

#[test]
fn clients_of_an_issuer_change_one_by_one() {
    let arn = provider_arn();
    let mut looks = 0;
    let cloud = FakeCloud::new()
        .on("iam", "AddClientIDToOpenIDConnectProvider", iam_done("AddClientIDToOpenIDConnectProvider"))
        .on("iam", "RemoveClientIDFromOpenIDConnectProvider", iam_done("RemoveClientIDFromOpenIDConnectProvider"))
        .on_request("iam", "GetOpenIDConnectProvider", move |_| {
            looks += 1;
            let shown = if looks == 1 { "sts.amazonaws.com" } else { "sts.amazonaws.com.cn" };
            Reply::xml(
                200,
                format!(
                    "<GetOpenIDConnectProviderResponse><GetOpenIDConnectProviderResult><Url>{ISSUER}</Url><ClientIDList>\
                     <member>{shown}</member></ClientIDList></GetOpenIDConnectProviderResult>\
                     </GetOpenIDConnectProviderResponse>"
                ),
            )
        });
    let edit = provider_change(Some(&arn), &["sts.amazonaws.com.cn"]).paths(vec!["/client_ids".into()]);
    done(update_of(&cloud, edit));
    assert_eq!(
        cloud.actions(),
        [
            "GetOpenIDConnectProvider",
            "AddClientIDToOpenIDConnectProvider",
            "RemoveClientIDFromOpenIDConnectProvider",
            "GetOpenIDConnectProvider"
        ]
    );
}
