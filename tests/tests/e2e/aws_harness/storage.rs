//! File systems and registries.

use anyhow::Result;
use nic_tests::aws::{AwsCloud, Emulator, Pace, Wait};
use serde_json::json;

use super::{BASE, shows};

on_both! {
    file_systems_take_their_time
    mount_targets_keep_what_they_use
    repositories_are_named_and_kept
}

async fn file_systems_take_their_time(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.pace(Pace::all(Wait::Reads(1))).await;
    let shown = aws
        .boto3(
            r#"
efs = client("efs")
def make(**more):
    return efs.create_file_system(**{**dict(CreationToken="t", Encrypted=True, Tags=[dict(Key="a", Value="1"), dict(Key="b", Value="2")]), **more})
made = make()
id = made["FileSystemId"]
def state():
    return efs.describe_file_systems(FileSystemId=id)["FileSystems"][0]["LifeCycleState"]
try:
    make()
except ClientError as failure:
    again = [failure.response["Error"]["Code"], failure.response["FileSystemId"] == id]
states = [made["LifeCycleState"], state(), state()]
efs.update_file_system(FileSystemId=id, ThroughputMode="elastic")
states += [error(efs.update_file_system, FileSystemId=id, ThroughputMode="bursting"), state(), state()]
mode = efs.describe_file_systems(CreationToken="t")["FileSystems"][0]["ThroughputMode"]
efs.untag_resource(ResourceId=id, TagKeys=["a", "b"])
backup = [efs.put_backup_policy(FileSystemId=id, BackupPolicy=dict(Status="ENABLED"))["BackupPolicy"]["Status"], efs.describe_backup_policy(FileSystemId=id)["BackupPolicy"]["Status"]]
tags = efs.list_tags_for_resource(ResourceId=id)["Tags"]
efs.delete_file_system(FileSystemId=id)
states += [state(), error(state)]
show(dict(again=again, states=states, mode=mode, tags=tags, backup=backup))
"#,
        )
        .await?;
    let expected = json!({
        "again": ["FileSystemAlreadyExists", true], "mode": "elastic", "tags": [], "backup": ["ENABLED", "ENABLED"],
        "states": ["creating", "creating", "available", "IncorrectFileSystemLifeCycleState", "updating", "available", "deleting", "FileSystemNotFound"],
    });
    assert_eq!(shown, expected, "{emulator:?}");
    Ok(())
}

async fn mount_targets_keep_what_they_use(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.pace(Pace::all(Wait::Reads(2))).await;
    let script = r#"
efs = client("efs")
sg = ec2.create_security_group(GroupName="s", Description="s", VpcId=vpc)["GroupId"]
id = efs.create_file_system(CreationToken="t")["FileSystemId"]
def make(subnet=0):
    return efs.create_mount_target(FileSystemId=id, SubnetId=subnets[subnet], SecurityGroups=[sg])["MountTargetId"]
early = error(make)
until(lambda: efs.describe_file_systems(FileSystemId=id)["FileSystems"][0]["LifeCycleState"], "available")
target = make()
def look():
    return [one["LifeCycleState"] for one in efs.describe_mount_targets(FileSystemId=id)["MountTargets"]]
until(look, ["available"])
used = [error(make), error(ec2.delete_subnet, SubnetId=subnets[0]), error(ec2.delete_security_group, GroupId=sg), error(efs.delete_file_system, FileSystemId=id)]
efs.delete_mount_target(MountTargetId=target)
used += [look(), error(efs.delete_file_system, FileSystemId=id), error(ec2.delete_subnet, SubnetId=subnets[0])]
until(look, [])
show([early, used, error(ec2.delete_subnet, SubnetId=subnets[0]), error(ec2.delete_security_group, GroupId=sg), error(efs.delete_file_system, FileSystemId=id)])
"#;
    let (dependency, in_use) = ("DependencyViolation", "FileSystemInUse");
    let expected = json!([
        "IncorrectFileSystemLifeCycleState",
        ["MountTargetConflict", dependency, dependency, in_use, ["deleting"], in_use, dependency],
        null,
        null,
        null,
    ]);
    assert_eq!(aws.boto3(&format!("{BASE}{script}")).await?, expected, "{emulator:?}");
    Ok(())
}

async fn repositories_are_named_and_kept(emulator: Emulator) -> Result<()> {
    let script = r#"
ecr = client("ecr")
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}
ecr.create_repository(repositoryName="a-b_c/d.e")
ecr.put_image(repositoryName="a-b_c/d.e", imageTag="t", imageManifest=json.dumps(manifest))
show([error(ecr.create_repository, repositoryName=name) for name in ("Capital", "a--b", "-a", "a-b_c/d.e")]
     + [error(ecr.delete_repository, repositoryName="a-b_c/d.e"), error(ecr.delete_repository, repositoryName="a-b_c/d.e", force=True), error(ecr.delete_repository, repositoryName="a-b_c/d.e")])
"#;
    let invalid = "InvalidParameterException";
    let expected = json!([
        invalid,
        invalid,
        invalid,
        "RepositoryAlreadyExistsException",
        "RepositoryNotEmptyException",
        null,
        "RepositoryNotFoundException"
    ]);
    shows(emulator, script, expected).await
}
