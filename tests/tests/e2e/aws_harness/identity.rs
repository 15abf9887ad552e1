//! Roles, policies, OIDC providers and resource groups.

use anyhow::Result;
use nic_tests::aws::Emulator;
use serde_json::json;

use super::shows;

on_both! {
    identities_keep_tags_and_clients
    policies_go_without_their_versions
    resource_groups_go_by_name_and_arn
}

async fn identities_keep_tags_and_clients(emulator: Emulator) -> Result<()> {
    let script = r#"
url = "https://oidc.eks.us-east-1.amazonaws.com/id/ABC"
def create(url=url):
    return iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"], Tags=[dict(Key="a", Value="1")])["OpenIDConnectProviderArn"]
arn = create()
name = dict(OpenIDConnectProviderArn=arn)
iam.tag_open_id_connect_provider(**name, Tags=[dict(Key="b", Value="2"), dict(Key="c", Value="3")])
iam.untag_open_id_connect_provider(**name, TagKeys=["a", "b"])
iam.add_client_id_to_open_id_connect_provider(**name, ClientID="other")
iam.remove_client_id_from_open_id_connect_provider(**name, ClientID="sts.amazonaws.com")
found = iam.get_open_id_connect_provider(**name)
shown = [found["Url"], found["ClientIDList"], found["Tags"], iam.list_open_id_connect_provider_tags(**name)["Tags"], len(found["ThumbprintList"])]
refused = [error(create), error(create, "http://x")]
iam.delete_open_id_connect_provider(**name)
show([shown, refused, error(iam.get_open_id_connect_provider, **name), error(iam.tag_open_id_connect_provider, **name, Tags=[])])
"#;
    let tags = json!([{ "Key": "c", "Value": "3" }]);
    let expected = json!([
        ["oidc.eks.us-east-1.amazonaws.com/id/ABC", ["other"], tags, tags, 1],
        ["EntityAlreadyExists", "ValidationError"],
        "NoSuchEntity",
        "NoSuchEntity",
    ]);
    shows(emulator, script, expected).await
}

async fn policies_go_without_their_versions(emulator: Emulator) -> Result<()> {
    let script = r#"
text = json.dumps(dict(Version="2012-10-17", Statement=[dict(Effect="Allow", Action="s3:*", Resource="*")]))
arn = iam.create_policy(PolicyName="p", PolicyDocument=text)["Policy"]["Arn"]
iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
versions = error(iam.delete_policy, PolicyArn=arn)
iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
iam.attach_role_policy(RoleName="nodes", PolicyArn=arn)
attached = error(iam.delete_policy, PolicyArn=arn)
iam.detach_role_policy(RoleName="nodes", PolicyArn=arn)
show([versions, attached, error(iam.delete_policy, PolicyArn=arn), error(iam.get_policy, PolicyArn=arn)])
"#;
    shows(emulator, script, json!(["DeleteConflict", "DeleteConflict", null, "NoSuchEntity"])).await
}

async fn resource_groups_go_by_name_and_arn(emulator: Emulator) -> Result<()> {
    let script = r#"
groups = client("resource-groups")
def make(name):
    query = json.dumps(dict(ResourceTypeFilters=["AWS::AllSupported"], TagFilters=[dict(Key="Project", Values=["p"])]))
    return groups.create_group(Name=name, Description="d", ResourceQuery=dict(Type="TAG_FILTERS_1_0", Query=query), Tags=dict(a="1"))["Group"]["GroupArn"]
arn = make("p")
groups.update_group(Group=arn, Description="e"); groups.tag(Arn=arn, Tags=dict(b="2")); groups.untag(Arn=arn, Keys=["a"])
shown = [groups.get_group(Group=one)["Group"]["Description"] for one in ("p", arn)]
tags = groups.get_tags(Arn=arn)["Tags"]
refused = [error(make, "p"), error(make, "awsome"), error(groups.get_group, Group="q"), error(groups.get_tags, Arn=arn + "q"), error(groups.get_group_query, Group="q")]
groups.delete_group(Group=arn)
show([shown, tags, refused, error(groups.get_group, Group=arn)])
"#;
    let (bad, missing) = ("BadRequestException", "NotFoundException");
    shows(emulator, script, json!([["e", "e"], { "b": "2" }, [bad, bad, missing, missing, missing], missing])).await
}
