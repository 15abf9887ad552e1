//! Shared storage, registry, resource group and Auto Scaling tags against a scripted cloud.

use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, form, with_cloud, with_report};
use nic_sdk::types::{Change, Context, Observation, Progress, Recorded, Status, Target};
use nic_sdk::{Error, Failure};
use serde_json::{Value, json};

const MARK: &str = "nic.nebari.dev/owner";
const TOKEN: &str = "demo-dev-jupyterhub-shared";
const FILE_SYSTEM: &str = "aws.efs-file-system.shared";
const REGISTRY: &str = "aws.ecr-repository.jupyterlab";
const REPOSITORY_ARN: &str = "arn:aws:ecr:us-west-2:1:repository/demo-dev-jupyterlab";
const GROUP: &str = "aws.resource-group.main";
const GROUP_ARN: &str = "arn:aws:resource-groups:us-west-2:1:group/demo";
const LABEL: &str = "k8s.io/cluster-autoscaler/node-template/label/dedicated";

fn context() -> Context {
    Context::new("demo", "dev").region("us-west-2".to_owned()).topology("classic").lineage("l-1")
}

fn kind_of(address: &str) -> String {
    address.rsplit_once('.').unwrap().0.to_owned()
}

fn target(address: &str, remote_id: Option<&str>, document: Value) -> Target {
    Target::new(address, kind_of(address), document).remote_id(remote_id.map(Into::into))
}

fn change(address: &str, remote_id: Option<&str>, paths: &[&str], document: Value) -> Change {
    Change::new(address, kind_of(address), document)
        .remote_id(remote_id.map(Into::into))
        .paths(paths.iter().map(|&path| path.to_owned()).collect())
        .token("0123456789abcdef0123456789abcdef")
}

fn read(cloud: &FakeCloud, target: Target) -> Observation {
    with_cloud(cloud, || block_on(Aws::read(&context(), vec![target]))).unwrap().remove(0)
}

/// A create and the names it reported.
fn create(cloud: &FakeCloud, change: Change) -> (Result<Progress, Failure>, Vec<String>) {
    let (progress, reported) = with_report(|| with_cloud(cloud, || block_on(Aws::create(&context(), change))));
    (progress, reported.created)
}

fn update(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::update(&context(), change)))
}

fn delete(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::delete(&context(), change)))
}

fn poll(cloud: &FakeCloud, change: Change, operation: Value) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::poll(&context(), change, operation)))
}

fn done(progress: Result<Progress, Failure>) -> Observation {
    match progress {
        Ok(Progress::Done(observation)) => observation,
        other => panic!("expected it to be done: {other:?}"),
    }
}

fn pending(progress: Result<Progress, Failure>) -> (Value, String) {
    match progress {
        Ok(Progress::Pending(waiting)) => (waiting.operation, waiting.message),
        other => panic!("expected it to be pending: {other:?}"),
    }
}

/// The JSON body of the one request for this action.
fn sent(cloud: &FakeCloud, action: &str) -> Value {
    let requests = cloud.requests_for(action);
    assert_eq!(requests.len(), 1, "{action} in {:?}", cloud.actions());
    serde_json::from_slice(&requests[0].body).unwrap()
}

fn tag_list(tags: &[(&str, &str)]) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

// ---- EFS ----

const FILE_SYSTEMS: &str = "/2015-02-01/file-systems";
const MOUNT_TARGETS: &str = "/2015-02-01/mount-targets";

fn file_system(state: &str, mode: &str, tags: &[(&str, &str)]) -> Value {
    json!({
        "FileSystemId": "fs-1", "FileSystemArn": "arn:fs", "CreationToken": TOKEN, "OwnerId": "1", "LifeCycleState": state,
        "CreationTime": 1_767_323_045, "NumberOfMountTargets": 0, "SizeInBytes": { "Value": 6144 }, "Encrypted": true,
        "KmsKeyId": "arn:key", "PerformanceMode": "generalPurpose", "ThroughputMode": mode, "Tags": tag_list(tags),
    })
}

fn file_systems(shown: &[Value]) -> Reply {
    Reply::json(200, &json!({ "FileSystems": shown }))
}

fn no_file_system() -> Reply {
    Reply::json(404, &json!({ "ErrorCode": "FileSystemNotFound", "Message": "gone" }))
        .header("x-amzn-errortype", "FileSystemNotFound")
}

fn file_system_document() -> Value {
    json!({ "creation_token": TOKEN, "encrypted": true, "throughput_mode": "bursting", "tags": { "Project": "demo" } })
}

fn describe_file_systems() -> String {
    format!("GET {FILE_SYSTEMS}")
}

#[test]
fn a_file_system_is_made_with_its_token_and_waited_for() {
    let cloud = FakeCloud::new().on(
        "EFS",
        &format!("POST {FILE_SYSTEMS}"),
        Reply::json(201, &file_system("creating", "bursting", &[])),
    );
    let (progress, created) = create(&cloud, change(FILE_SYSTEM, None, &[], file_system_document()));
    let (operation, _) = pending(progress);
    assert_eq!((created, &operation), (vec!["fs-1".to_owned()], &json!({ "phase": "available" })));
    let body = sent(&cloud, &format!("POST {FILE_SYSTEMS}"));
    assert_eq!(
        (&body["CreationToken"], &body["Encrypted"], &body["ThroughputMode"]),
        (&json!(TOKEN), &json!(true), &json!("bursting"))
    );
    let mark = json!({ "Key": MARK, "Value": format!("l-1@us-west-2/{FILE_SYSTEM}") });
    assert!(body["Tags"].as_array().unwrap().contains(&mark), "{body}");
    assert_eq!(body.get("PerformanceMode"), None, "{body}");

    let asked = |reply| {
        let cloud = FakeCloud::new().on("EFS", &describe_file_systems(), reply);
        poll(&cloud, change(FILE_SYSTEM, Some("fs-1"), &[], file_system_document()), operation.clone())
    };
    // Neither a read that lags behind nor one that shows it in the making is the end.
    pending(asked(no_file_system()));
    assert_eq!(pending(asked(file_systems(&[file_system("creating", "bursting", &[])]))).1, "creating");
    let ready = done(asked(file_systems(&[file_system("available", "bursting", &[("Name", "n"), (MARK, "x")])])));
    assert_eq!(ready.document["dns_name"], "fs-1.efs.us-west-2.amazonaws.com");
    assert_eq!((&ready.document["name"], &ready.document["tags"]), (&json!("n"), &json!({ "Name": "n" })));
    assert_eq!(ready.document["created_at"], "2026-01-02T03:04:05Z");
    let broken = asked(file_systems(&[file_system("error", "bursting", &[])])).unwrap_err();
    assert!(matches!(broken.error, Error::Other { code, .. } if code == "FILE_SYSTEM_FAILED"));
    assert_eq!(broken.remote_id.as_deref(), Some("fs-1"));
}

#[test]
fn a_token_that_was_used_gives_the_file_system_back_if_it_is_ours() {
    let used = Reply::json(
        409,
        &json!({ "ErrorCode": "FileSystemAlreadyExists", "Message": "it exists", "FileSystemId": "fs-1" }),
    )
    .header("x-amzn-errortype", "FileSystemAlreadyExists");
    let made = |mark: &str| {
        let cloud = FakeCloud::new().on("EFS", &format!("POST {FILE_SYSTEMS}"), used.clone()).on(
            "EFS",
            &describe_file_systems(),
            file_systems(&[file_system("available", "bursting", &[(MARK, mark)])]),
        );
        create(&cloud, change(FILE_SYSTEM, None, &[], file_system_document()))
    };
    let (progress, created) = made(&format!("l-1@us-west-2/{FILE_SYSTEM}"));
    pending(progress);
    assert_eq!(created, ["fs-1"]);
    let (progress, created) = made("l-1@us-west-2/aws.efs-file-system.other");
    let refused = progress.unwrap_err();
    assert!(matches!(&refused.error, Error::Conflict(text) if text.contains("FileSystemAlreadyExists")), "{refused:?}");
    assert_eq!((created, refused.remote_id), (vec![], None));
}

#[test]
fn a_file_system_is_read_by_its_token_and_a_strangers_is_foreign() {
    let seen = |shown: &[Value], remote_id: Option<&str>| {
        let cloud = FakeCloud::new().on("EFS", &describe_file_systems(), file_systems(shown));
        let observation = read(&cloud, target(FILE_SYSTEM, remote_id, json!({ "creation_token": TOKEN })));
        let wanted = if remote_id.is_some() { "FileSystemId=fs-1" } else { "CreationToken=demo" };
        assert!(cloud.requests()[0].url.contains(wanted), "{}", cloud.requests()[0].url);
        observation.status
    };
    let ours = [(MARK, "l-1@us-west-2/aws.efs-file-system.shared")];
    assert_eq!(seen(&[file_system("available", "bursting", &ours)], None), Status::Present);
    let others = [(MARK, "l-0/aws.efs-file-system.shared")];
    let status = seen(&[file_system("available", "bursting", &others)], None);
    assert!(matches!(&status, Status::Foreign(text) if text.contains("lineage l-0")), "{status:?}");
    assert_eq!(seen(&[file_system("updating", "bursting", &[])], Some("fs-1")), Status::InProgress("updating".into()));
    assert_eq!(seen(&[file_system("deleted", "bursting", &[])], Some("fs-1")), Status::Absent);
    assert!(matches!(seen(&[file_system("error", "bursting", &[])], Some("fs-1")), Status::Failed(_)));
    assert!(matches!(seen(&[file_system("available", "bursting", &[])], None), Status::Foreign(_)));
    assert_eq!(seen(&[], None), Status::Absent);
    let cloud = FakeCloud::new().on("EFS", &describe_file_systems(), no_file_system());
    assert_eq!(read(&cloud, target(FILE_SYSTEM, Some("fs-1"), json!({}))).status, Status::Absent);
    let cloud =
        FakeCloud::new().on("EFS", &describe_file_systems(), Reply::json_error(403, "AccessDeniedException", "no"));
    assert!(matches!(
        read(&cloud, target(FILE_SYSTEM, Some("fs-1"), json!({}))).status,
        Status::Unreadable(Error::Denied { .. })
    ));
}

#[test]
fn a_file_systems_tags_and_mode_change_in_place() {
    let shown =
        file_systems(&[file_system("available", "bursting", &[("Project", "demo"), ("gone", "1"), ("theirs", "2")])]);
    let cloud = FakeCloud::new()
        .on("EFS", &describe_file_systems(), shown)
        .on("EFS", "POST /2015-02-01/resource-tags/fs-1", Reply::json(200, &json!({})))
        .on("EFS", "DELETE /2015-02-01/resource-tags/fs-1", Reply::json(200, &json!({})))
        .on("EFS", &format!("PUT {FILE_SYSTEMS}/fs-1"), Reply::json(202, &file_system("updating", "elastic", &[])));
    let mut document = file_system_document();
    document["tags"] = json!({ "Project": "other" });
    document["throughput_mode"] = json!("elastic");
    let paths = ["/tags/Project", "/tags/gone", "/throughput_mode"];
    let (operation, _) = pending(update(&cloud, change(FILE_SYSTEM, Some("fs-1"), &paths, document)));
    assert_eq!(operation, json!({ "phase": "available" }));
    assert_eq!(sent(&cloud, "POST /2015-02-01/resource-tags/fs-1")["Tags"], tag_list(&[("Project", "other")]));
    let untagged = &cloud.requests_for("DELETE /2015-02-01/resource-tags/fs-1")[0].url;
    assert!(untagged.ends_with("?tagKeys=gone"), "{untagged}");
    assert_eq!(sent(&cloud, &format!("PUT {FILE_SYSTEMS}/fs-1"))["ThroughputMode"], "elastic");
}

#[test]
fn a_file_system_is_gone_when_efs_says_so() {
    let gone = change(FILE_SYSTEM, Some("fs-1"), &[], json!({}));
    let cloud = FakeCloud::new().on("EFS", &format!("DELETE {FILE_SYSTEMS}/fs-1"), Reply::new(204, ""));
    let (operation, _) = pending(delete(&cloud, gone.clone()));
    let asked =
        |reply| poll(&FakeCloud::new().on("EFS", &describe_file_systems(), reply), gone.clone(), operation.clone());
    assert_eq!(pending(asked(file_systems(&[file_system("deleting", "bursting", &[])]))).1, "deleting");
    assert_eq!(done(asked(no_file_system())).status, Status::Absent);

    let cloud = FakeCloud::new().on("EFS", &format!("DELETE {FILE_SYSTEMS}/fs-1"), no_file_system());
    assert_eq!(done(delete(&cloud, gone.clone())).status, Status::Absent);
    let busy = Reply::json_error(409, "FileSystemInUse", "it has mount targets");
    let cloud = FakeCloud::new().on("EFS", &format!("DELETE {FILE_SYSTEMS}/fs-1"), busy);
    let refused = delete(&cloud, gone).unwrap_err();
    assert!(matches!(refused.error, Error::Conflict(_)) && refused.remote_id.as_deref() == Some("fs-1"));
}

fn mount_target(id: &str, subnet: &str, state: &str) -> Value {
    json!({
        "MountTargetId": id, "FileSystemId": "fs-1", "SubnetId": subnet, "LifeCycleState": state, "IpAddress": "10.10.0.4",
        "AvailabilityZoneName": "us-west-2a", "NetworkInterfaceId": "eni-1", "VpcId": "vpc-1",
    })
}

fn mount_targets(shown: &[Value]) -> Reply {
    Reply::json(200, &json!({ "MountTargets": shown }))
}

fn mount_target_document(groups: &[&str]) -> Value {
    json!({ "file_system_id": "fs-1", "subnet_id": "subnet-1", "security_group_ids": groups })
}

fn security_groups(groups: &[&str]) -> Reply {
    Reply::json(200, &json!({ "SecurityGroups": groups }))
}

#[test]
fn mount_targets_of_one_file_system_are_read_in_one_round() {
    let cloud =
        FakeCloud::new().on("EFS", &format!("GET {MOUNT_TARGETS}/*/security-groups"), security_groups(&["sg-1"])).on(
            "EFS",
            &format!("GET {MOUNT_TARGETS}"),
            mount_targets(&[
                mount_target("fsmt-1", "subnet-1", "available"),
                mount_target("fsmt-2", "subnet-2", "creating"),
            ]),
        );
    let of = |index: usize, remote_id: Option<&str>, subnet: &str| {
        let mut document = mount_target_document(&["sg-1"]);
        document["subnet_id"] = json!(subnet);
        target(&format!("aws.efs-mount-target.{index}"), remote_id, document)
    };
    let targets =
        vec![of(0, Some("fsmt-1"), "subnet-1"), of(1, Some("fsmt-2"), "subnet-2"), of(2, Some("fsmt-3"), "subnet-3")];
    let seen = with_cloud(&cloud, || block_on(Aws::read(&context(), targets))).unwrap();
    assert_eq!(cloud.elapsed(), 1, "{:?}", cloud.actions());
    assert_eq!(cloud.requests_for(&format!("GET {MOUNT_TARGETS}")).len(), 1);
    let statuses: Vec<_> = seen.iter().map(|observation| observation.status.clone()).collect();
    assert_eq!(statuses, [Status::Present, Status::InProgress("creating".into()), Status::Absent]);
    assert_eq!(seen[0].document["security_group_ids"], json!(["sg-1"]));
    // Without its id it is known by its subnet.
    let found = read(&cloud, of(1, None, "subnet-2"));
    assert_eq!(found.remote_id.as_deref(), Some("fsmt-2"));
    assert_eq!(read(&cloud, target("aws.efs-mount-target.0", None, json!({}))).status, Status::Absent);
}

#[test]
fn a_mount_target_is_made_changed_and_taken_away() {
    let address = "aws.efs-mount-target.0";
    let groups = format!("GET {MOUNT_TARGETS}/fsmt-1/security-groups");
    let cloud = FakeCloud::new().on(
        "EFS",
        &format!("POST {MOUNT_TARGETS}"),
        Reply::json(200, &mount_target("fsmt-1", "subnet-1", "creating")),
    );
    let (progress, created) = create(&cloud, change(address, None, &[], mount_target_document(&["sg-1"])));
    let (operation, _) = pending(progress);
    assert_eq!(created, ["fsmt-1"]);
    assert_eq!(
        sent(&cloud, &format!("POST {MOUNT_TARGETS}")),
        json!({ "FileSystemId": "fs-1", "SubnetId": "subnet-1", "SecurityGroups": ["sg-1"] })
    );
    let asked = |state: &str| {
        // EFS shows no security groups of one that is in the making.
        let told = if state == "creating" {
            Reply::json_error(409, "IncorrectMountTargetState", "not yet")
        } else {
            security_groups(&["sg-1"])
        };
        let cloud = FakeCloud::new().on("EFS", &groups, told).on(
            "EFS",
            &format!("GET {MOUNT_TARGETS}"),
            mount_targets(&[mount_target("fsmt-1", "subnet-1", state)]),
        );
        poll(&cloud, change(address, Some("fsmt-1"), &[], mount_target_document(&["sg-1"])), operation.clone())
    };
    assert_eq!(pending(asked("creating")).1, "creating");
    assert_eq!(done(asked("available")).document["ip_address"], "10.10.0.4");

    let conflict = Reply::json_error(409, "MountTargetConflict", "there is one");
    let cloud = FakeCloud::new().on("EFS", &format!("POST {MOUNT_TARGETS}"), conflict);
    let refused = create(&cloud, change(address, None, &[], mount_target_document(&["sg-1"]))).0.unwrap_err();
    assert!(matches!(refused.error, Error::Conflict(_)), "the host looks before it goes on: {refused:?}");

    let cloud = FakeCloud::new()
        .on_sequence("EFS", &groups, [security_groups(&["sg-1"]), security_groups(&["sg-2"])])
        .on("EFS", &format!("PUT {MOUNT_TARGETS}/fsmt-1/security-groups"), Reply::new(204, ""))
        .on("EFS", &format!("GET {MOUNT_TARGETS}"), mount_targets(&[mount_target("fsmt-1", "subnet-1", "available")]));
    let moved = change(address, Some("fsmt-1"), &["/security_group_ids"], mount_target_document(&["sg-2"]));
    assert_eq!(done(update(&cloud, moved)).document["security_group_ids"], json!(["sg-2"]));
    assert_eq!(
        sent(&cloud, &format!("PUT {MOUNT_TARGETS}/fsmt-1/security-groups")),
        json!({ "SecurityGroups": ["sg-2"] })
    );

    let gone = change(address, Some("fsmt-1"), &[], mount_target_document(&["sg-1"]));
    let cloud = FakeCloud::new().on("EFS", &format!("DELETE {MOUNT_TARGETS}/fsmt-1"), Reply::new(204, ""));
    let (operation, _) = pending(delete(&cloud, gone.clone()));
    let missing = || Reply::json_error(404, "MountTargetNotFound", "gone");
    let cloud = FakeCloud::new().on("EFS", &groups, missing()).on("EFS", &format!("GET {MOUNT_TARGETS}"), missing());
    assert_eq!(done(poll(&cloud, gone.clone(), operation)).status, Status::Absent);
    let cloud = FakeCloud::new().on("EFS", &format!("DELETE {MOUNT_TARGETS}/fsmt-1"), missing());
    assert_eq!(done(delete(&cloud, gone)).status, Status::Absent);
}

// ---- ECR ----

fn repository(scan: bool) -> Value {
    json!({
        "repositoryName": "demo-dev-jupyterlab", "repositoryArn": REPOSITORY_ARN, "registryId": "1",
        "repositoryUri": "1.dkr.ecr.us-west-2.amazonaws.com/demo-dev-jupyterlab",
        "imageScanningConfiguration": { "scanOnPush": scan },
    })
}

fn ecr(scan: bool, tags: &[(&str, &str)]) -> FakeCloud {
    FakeCloud::new()
        .on("ecr", "DescribeRepositories", Reply::json(200, &json!({ "repositories": [repository(scan)] })))
        .on("ecr", "ListTagsForResource", Reply::json(200, &json!({ "tags": tag_list(tags) })))
}

fn repository_document() -> Value {
    json!({ "name": "demo-dev-jupyterlab", "scan_on_push": true, "tags": { "Name": "demo-dev-jupyterlab" } })
}

fn no_repository() -> Reply {
    Reply::json_error(400, "RepositoryNotFoundException", "no such repository")
}

#[test]
fn a_repository_is_made_and_read_in_one_round() {
    let made = Reply::json(200, &json!({ "repository": repository(true) }));
    let cloud = ecr(true, &[("Name", "demo-dev-jupyterlab"), (MARK, "x")]).on("ecr", "CreateRepository", made);
    let (progress, created) = create(&cloud, change(REGISTRY, None, &[], repository_document()));
    let observation = done(progress);
    assert_eq!(created, [REPOSITORY_ARN]);
    assert_eq!(observation.document["url"], "1.dkr.ecr.us-west-2.amazonaws.com/demo-dev-jupyterlab");
    let body = sent(&cloud, "CreateRepository");
    assert_eq!(body["imageScanningConfiguration"]["scanOnPush"], true);
    let mark = json!({ "Key": MARK, "Value": format!("l-1@us-west-2/{REGISTRY}") });
    assert!(body["tags"].as_array().unwrap().contains(&mark), "{body}");

    let cloud = ecr(true, &[]);
    assert_eq!(read(&cloud, target(REGISTRY, Some(REPOSITORY_ARN), json!({}))).status, Status::Present);
    assert_eq!(cloud.elapsed(), 1, "{:?}", cloud.actions());
    let sought = || target(REGISTRY, None, repository_document());
    assert!(matches!(read(&cloud, sought()).status, Status::Foreign(_)));
    let ours = ecr(true, &[(MARK, "l-1@us-west-2/aws.ecr-repository.jupyterlab")]);
    assert_eq!(read(&ours, sought()).status, Status::Present);
    let others = read(&ecr(true, &[(MARK, "l-0/aws.ecr-repository.jupyterlab")]), sought());
    assert_eq!(others.other_lineage.map(|other| other.lineage).as_deref(), Some("l-0"));
    let none = FakeCloud::new().on("ecr", "*", no_repository());
    assert_eq!(read(&none, sought()).status, Status::Absent);
    assert_eq!(read(&none, target(REGISTRY, Some(REPOSITORY_ARN), json!({}))).status, Status::Absent);
}

#[test]
fn a_repositorys_scanning_and_tags_change_in_place() {
    let cloud = FakeCloud::new()
        .on_sequence(
            "ecr",
            "DescribeRepositories",
            [false, true].map(|scan| Reply::json(200, &json!({ "repositories": [repository(scan)] }))),
        )
        .on_sequence(
            "ecr",
            "ListTagsForResource",
            [tag_list(&[("gone", "1")]), tag_list(&[("Name", "demo-dev-jupyterlab")])]
                .map(|tags| Reply::json(200, &json!({ "tags": tags }))),
        )
        .on("ecr", "*", Reply::json(200, &json!({})));
    let paths = ["/scan_on_push", "/tags/Name", "/tags/gone"];
    let changed = done(update(&cloud, change(REGISTRY, Some(REPOSITORY_ARN), &paths, repository_document())));
    assert_eq!(changed.document["scan_on_push"], true);
    assert_eq!(
        sent(&cloud, "PutImageScanningConfiguration"),
        json!({ "repositoryName": "demo-dev-jupyterlab", "imageScanningConfiguration": { "scanOnPush": true } })
    );
    assert_eq!(sent(&cloud, "TagResource")["tags"], tag_list(&[("Name", "demo-dev-jupyterlab")]));
    assert_eq!(sent(&cloud, "UntagResource")["tagKeys"], json!(["gone"]));
}

#[test]
fn a_repository_with_images_is_kept_and_the_user_told_what_to_do() {
    let gone = || change(REGISTRY, Some(REPOSITORY_ARN), &[], repository_document());
    let full = Reply::json_error(400, "RepositoryNotEmptyException", "it holds images");
    let cloud = FakeCloud::new().on("ecr", "DeleteRepository", full);
    let refused = delete(&cloud, gone()).unwrap_err();
    let Error::Other { code, message, detail } = refused.error else { panic!("{:?}", refused.error) };
    assert_eq!((code.as_str(), refused.remote_id.as_deref()), ("REPOSITORY_NOT_EMPTY", Some(REPOSITORY_ARN)));
    assert!(message.contains("demo-dev-jupyterlab"), "{message}");
    assert!(detail["hints"][1].as_str().unwrap().contains("--force"), "{detail}");
    assert_eq!(sent(&cloud, "DeleteRepository"), json!({ "repositoryName": "demo-dev-jupyterlab" }), "never by force");
    let cloud = FakeCloud::new().on("ecr", "DeleteRepository", no_repository());
    assert_eq!(done(delete(&cloud, gone())).status, Status::Absent);
}

// ---- Resource group ----

const QUERY: &str = r#"{"TagFilters":[{"Key":"Project","Values":["demo"]}]}"#;

fn group(description: &str, query: &str, tags: &Value) -> FakeCloud {
    let query = json!({ "Type": "TAG_FILTERS_1_0", "Query": query });
    let shown = json!({ "GroupArn": GROUP_ARN, "Name": "demo", "Description": description });
    FakeCloud::new()
        .on("resource-groups", "POST /get-group", Reply::json(200, &json!({ "Group": shown })))
        .on(
            "resource-groups",
            "POST /get-group-query",
            Reply::json(200, &json!({ "GroupQuery": { "GroupName": "demo", "ResourceQuery": query } })),
        )
        .on("resource-groups", "GET /resources/*/tags", Reply::json(200, &json!({ "Arn": GROUP_ARN, "Tags": tags })))
}

fn group_document() -> Value {
    json!({
        "name": "demo", "description": "project demo - environment dev", "tag_filter_query": QUERY,
        "tags": { "Description": "d" },
    })
}

#[test]
fn a_resource_group_is_made_and_read_in_one_round() {
    let made = json!({ "Group": { "GroupArn": GROUP_ARN, "Name": "demo" } });
    let cloud = group("project demo - environment dev", QUERY, &json!({ "Description": "d" })).on(
        "resource-groups",
        "POST /groups",
        Reply::json(200, &made),
    );
    let (progress, created) = create(&cloud, change(GROUP, None, &[], group_document()));
    assert_eq!(created, [GROUP_ARN]);
    assert_eq!(done(progress).document["tag_filter_query"], QUERY);
    let body = sent(&cloud, "POST /groups");
    assert_eq!(body["ResourceQuery"], json!({ "Type": "TAG_FILTERS_1_0", "Query": QUERY }));
    assert_eq!(body["Tags"], json!({ "Description": "d", MARK: format!("l-1@us-west-2/{GROUP}") }));

    let cloud = group("x", QUERY, &json!({}));
    assert_eq!(read(&cloud, target(GROUP, Some(GROUP_ARN), json!({}))).status, Status::Present);
    assert_eq!(cloud.elapsed(), 1, "{:?}", cloud.actions());
}

/// Two platforms of one project want a group of the same name.
#[test]
fn a_group_of_another_environment_or_of_nobody_is_foreign() {
    let seen = |lineage: &str, environment: &str| {
        let mut tags = json!({ "Project": "demo", "Environment": environment });
        if !lineage.is_empty() {
            tags[MARK] = format!("{lineage}/{GROUP}").into();
        }
        read(&group("edited by hand", QUERY, &tags), target(GROUP, None, group_document())).status
    };
    assert_eq!(seen("l-1@us-west-2", "dev"), Status::Present);
    let status = seen("l-0@us-west-2", "dev");
    assert!(matches!(&status, Status::Foreign(text) if text.contains("lineage l-0")), "{status:?}");
    for (lineage, environment) in [("l-0@us-west-2", "prod"), ("l-0@eu-west-1", "dev")] {
        let status = seen(lineage, environment);
        assert!(matches!(&status, Status::Foreign(text) if text.contains("another platform")), "{status:?}");
    }
    assert!(matches!(seen("", "dev"), Status::Foreign(_)));
    let none = FakeCloud::new().on("resource-groups", "*", Reply::json_error(404, "NotFoundException", "none"));
    assert_eq!(read(&none, target(GROUP, None, group_document())).status, Status::Absent);
}

#[test]
fn a_resource_group_changes_in_place_and_goes() {
    let paths = ["/description", "/tag_filter_query", "/tags/Description", "/tags/gone"];
    let cloud = group("old", r#"{"TagFilters":[]}"#, &json!({ "gone": "1" })).on(
        "resource-groups",
        "*",
        Reply::json(200, &json!({})),
    );
    // The fake goes on showing the old one, so it is waited for.
    pending(update(&cloud, change(GROUP, Some(GROUP_ARN), &paths, group_document())));
    assert_eq!(sent(&cloud, "POST /update-group")["Description"], "project demo - environment dev");
    assert_eq!(sent(&cloud, "POST /update-group-query")["ResourceQuery"]["Query"], QUERY);
    assert_eq!(sent(&cloud, "PUT /resources/*/tags")["Tags"], json!({ "Description": "d" }));
    assert_eq!(sent(&cloud, "PATCH /resources/*/tags")["Keys"], json!(["gone"]));

    // White space is no difference.
    let spaced = QUERY.replace(':', " : ");
    let cloud = group("project demo - environment dev", &spaced, &json!({ "Description": "d" }));
    done(update(&cloud, change(GROUP, Some(GROUP_ARN), &[], group_document())));

    let gone = || change(GROUP, Some(GROUP_ARN), &[], group_document());
    for reply in [Reply::json(200, &json!({})), Reply::json_error(404, "NotFoundException", "none")] {
        let cloud = FakeCloud::new().on("resource-groups", "POST /delete-group", reply);
        assert_eq!(done(delete(&cloud, gone())).status, Status::Absent);
        assert_eq!(sent(&cloud, "POST /delete-group"), json!({ "Group": GROUP_ARN }));
    }
}

/// A poll may change nothing: what was not told yet is left to the update that follows.
#[test]
fn polls_only_look() {
    let cloud = group("old", QUERY, &json!({}));
    let asked = |told: bool, attempt: u32| {
        let operation = json!({ "attempt": attempt, "paths": ["/description"], "told": told });
        poll(&cloud, change(GROUP, Some(GROUP_ARN), &[], group_document()), operation)
    };
    assert_eq!(done(asked(false, 1)).document["description"], "old");
    assert_eq!(pending(asked(true, 1)).0["attempt"], 2);
    assert_eq!(done(asked(true, 15)).document["description"], "old");
}

// ---- Auto Scaling tags ----

fn auto_scaling_tags(shown: &[(&str, &str, &str, bool)]) -> Reply {
    let members = shown.iter().map(|(group, key, value, propagate)| {
        format!(
            "<member><ResourceId>{group}</ResourceId><ResourceType>auto-scaling-group</ResourceType><Key>{key}</Key>\
             <Value>{value}</Value><PropagateAtLaunch>{propagate}</PropagateAtLaunch></member>"
        )
    });
    let members: String = members.collect();
    Reply::xml(
        200,
        format!(
            "<DescribeTagsResponse><DescribeTagsResult><Tags>{members}</Tags></DescribeTagsResult></DescribeTagsResponse>"
        ),
    )
}

fn auto_scaling_document(group: &str) -> Value {
    json!({
        "cluster_name": "demo-dev", "node_group": group, "autoscaling_groups": [format!("eks-{group}-1")],
        "tags": { LABEL: group }, "propagate_at_launch": true,
    })
}

fn address(group: &str) -> String {
    format!("aws.auto-scaling-tags.{group}")
}

#[test]
fn tags_of_all_groups_are_read_by_one_request() {
    let cloud = FakeCloud::new().on(
        "autoscaling",
        "DescribeTags",
        auto_scaling_tags(&[
            ("eks-user-1", LABEL, "user", true),
            ("eks-user-1", "eks:nodegroup-name", "user", true),
            ("eks-worker-1", "eks:nodegroup-name", "worker", true),
            ("eks-gpu-1", LABEL, "gpu", false),
        ]),
    );
    let targets = ["user", "worker", "gpu"]
        .map(|group| target(&address(group), Some(&format!("demo-dev:{group}")), auto_scaling_document(group)));
    let seen = with_cloud(&cloud, || block_on(Aws::read(&context(), targets.to_vec()))).unwrap();
    assert_eq!(cloud.actions(), ["DescribeTags"]);
    let asked = form(&cloud.requests()[0]);
    assert_eq!(asked["Filters.member.1.Name"], "auto-scaling-group");
    assert_eq!(asked["Filters.member.1.Values.member.2"], "eks-worker-1");
    assert_eq!(seen[0].document, auto_scaling_document("user"), "EKS's own tags are not shown");
    assert_eq!(seen[1].status, Status::Absent);
    assert_eq!((&seen[2].status, &seen[2].document["propagate_at_launch"]), (&Status::Present, &json!(false)));
    // A node group that is not there yet has no group to ask about.
    let nothing = FakeCloud::new();
    let early = target(&address("user"), None, json!({ "tags": { LABEL: "user" } }));
    assert_eq!(read(&nothing, early).status, Status::Absent);
}

#[test]
fn tags_are_written_and_taken_away() {
    let ok = |action: &str| Reply::xml(200, format!("<{action}Response/>"));
    let cloud = FakeCloud::new().on("autoscaling", "CreateOrUpdateTags", ok("CreateOrUpdateTags"));
    let made = change(&address("user"), None, &[], auto_scaling_document("user"));
    let (progress, created) = create(&cloud, made.clone());
    assert_eq!(created, ["demo-dev:user"]);
    assert_eq!(done(progress).document, auto_scaling_document("user"));
    let made = made.remote_id("demo-dev:user".to_owned());
    let sent = form(&cloud.requests_for("CreateOrUpdateTags")[0]);
    let member = |name: &str| sent[&format!("Tags.member.1.{name}")].as_str();
    assert_eq!(
        (member("ResourceId"), member("Key"), member("Value"), member("PropagateAtLaunch")),
        ("eks-user-1", LABEL, "user", "true")
    );

    let cloud = FakeCloud::new().on("autoscaling", "DeleteTags", ok("DeleteTags"));
    assert_eq!(done(delete(&cloud, made.clone())).status, Status::Absent);
    let sent = form(&cloud.requests_for("DeleteTags")[0]);
    assert_eq!((sent["Tags.member.1.Key"].as_str(), sent.get("Tags.member.2.Key")), (LABEL, None));
    let words = "AutoScalingGroup name not found - AutoScalingGroup eks-user-1 not found";
    let gone = FakeCloud::new().on("autoscaling", "DeleteTags", Reply::query_error(400, "ValidationError", words));
    assert_eq!(done(delete(&gone, made.clone())).status, Status::Absent);
    let wrong = Reply::query_error(400, "ValidationError", "the key is too long");
    let wrong = FakeCloud::new().on("autoscaling", "DeleteTags", wrong);
    assert!(matches!(delete(&wrong, made).unwrap_err().error, Error::Remote { status: 400, .. }));
}

#[test]
fn tags_without_a_group_to_bear_them_are_refused() {
    let mut document = auto_scaling_document("user");
    document["autoscaling_groups"] = json!([]);
    let refused = create(&FakeCloud::new(), change(&address("user"), None, &[], document)).0.unwrap_err();
    assert!(matches!(refused.error, Error::Other { code, .. } if code == "AUTO_SCALING_GROUP_UNKNOWN"));
}

#[test]
fn only_what_differs_of_the_tags_is_written() {
    let cloud = FakeCloud::new()
        .on("autoscaling", "CreateOrUpdateTags", Reply::xml(200, "<CreateOrUpdateTagsResponse/>"))
        .on("autoscaling", "DeleteTags", Reply::xml(200, "<DeleteTagsResponse/>"))
        .on(
            "autoscaling",
            "DescribeTags",
            auto_scaling_tags(&[("eks-user-1", LABEL, "user", true), ("eks-user-1", "b", "2", true)]),
        );
    let mut document = auto_scaling_document("user");
    document["tags"]["b"] = json!("2");
    let paths = ["/tags/b", "/tags/gone"];
    done(update(&cloud, change(&address("user"), Some("demo-dev:user"), &paths, document.clone())));
    let written = form(&cloud.requests_for("CreateOrUpdateTags")[0]);
    assert_eq!((written["Tags.member.1.Key"].as_str(), written.get("Tags.member.2.Key")), ("b", None));
    assert_eq!(form(&cloud.requests_for("DeleteTags")[0])["Tags.member.1.Key"], "gone");
    // A new group, or another rule about new nodes, concerns every tag.
    done(update(&cloud, change(&address("user"), Some("demo-dev:user"), &["/propagate_at_launch"], document)));
    assert!(form(&cloud.requests_for("CreateOrUpdateTags")[1]).contains_key("Tags.member.2.Key"));
}

// ---- All of them ----

/// What a difference of each attribute leads to: AWS changes it, makes it anew, or fills it in by itself.
#[test]
fn every_attribute_says_what_a_change_of_it_does() {
    let expected = [
        (
            "aws.efs-file-system",
            "creation_token:replace encrypted:replace kms_key_id:replace performance_mode:replace tags:update \
             throughput_mode:update",
        ),
        ("aws.efs-mount-target", "file_system_id:replace security_group_ids:update subnet_id:replace"),
        ("aws.ecr-repository", "name:replace scan_on_push:update tags:update"),
        ("aws.resource-group", "description:update name:replace tag_filter_query:update tags:update"),
        (
            "aws.auto-scaling-tags",
            "autoscaling_groups:update cluster_name:replace node_group:replace propagate_at_launch:update tags:update",
        ),
    ];
    let description = Aws::describe();
    for (name, expected) in expected {
        let kind = description.kinds.iter().find(|kind| kind.kind == name).unwrap();
        let properties = kind.schema["properties"].as_object().unwrap();
        let actions =
            properties.iter().filter(|(_, schema)| schema["x-nic"]["computed"] != true).map(|(key, schema)| {
                let action = if schema["x-nic"]["immutable"] == true { "replace" } else { "update" };
                format!("{key}:{action}")
            });
        let mut actions: Vec<String> = actions.collect();
        actions.sort();
        assert_eq!(actions.join(" "), expected, "{name}");
    }
    let protected: Vec<&str> =
        description.kinds.iter().filter(|kind| kind.protected).map(|kind| kind.kind.as_str()).collect();
    assert!(protected.contains(&"aws.efs-file-system") && protected.contains(&"aws.ecr-repository"), "{protected:?}");
}

/// What is changed for a kind is granted with it, and no login is.
#[test]
fn the_manifest_grants_no_login_and_no_service_twice() {
    let manifest: Value = serde_json::from_str(include_str!("../../src/manifest.json")).unwrap();
    let grants = manifest["grants"].as_array().unwrap();
    let of = |capability: &'static str| grants.iter().filter(move |grant| grant["capability"] == capability);
    let services: Vec<&str> = of("cloud-http")
        .flat_map(|grant| grant["services"].as_array().unwrap())
        .map(|one| one.as_str().unwrap())
        .collect();
    let distinct: std::collections::BTreeSet<&str> = services.iter().copied().collect();
    assert_eq!(distinct.len(), services.len());
    for (kind, actions) in of("kinds").flat_map(|grant| grant["kinds"].as_object().unwrap()) {
        for action in actions.as_array().unwrap() {
            let (service, _) = action.as_str().unwrap().split_once(':').unwrap();
            assert!(distinct.contains(service), "{kind} asks {service}, which is not granted");
        }
    }
    assert!(!manifest.to_string().contains("GetAuthorizationToken"), "that is a login");
}

#[test]
fn lost_storage_registry_and_group_are_discovered() {
    let missing = || Reply::json_error(404, "ResourceNotFoundException", "none");
    let cloud = ecr(true, &[(MARK, "l-1@us-west-2/aws.ecr-repository.jupyterlab")])
        .on(
            "EFS",
            &describe_file_systems(),
            file_systems(&[file_system("available", "bursting", &[(MARK, "l-1@us-west-2/aws.efs-file-system.shared")])]),
        )
        .on("resource-groups", "*", Reply::json_error(404, "NotFoundException", "none"))
        .on("iam", "GetRole", Reply::query_error(404, "NoSuchEntity", "none"))
        .on("iam", "ListPolicies", Reply::xml(200, "<ListPoliciesResponse><ListPoliciesResult><Policies/></ListPoliciesResult></ListPoliciesResponse>"))
        .on(
            "iam",
            "ListOpenIDConnectProviders",
            Reply::xml(200, "<ListOpenIDConnectProvidersResponse><ListOpenIDConnectProvidersResult/></ListOpenIDConnectProvidersResponse>"),
        )
        .on("eks", "*", missing());
    let cloud = crate::leftovers::none(cloud);
    let recorded = Recorded::new(REGISTRY, "aws.ecr-repository", json!({})).remote_id(REPOSITORY_ARN.to_owned());
    let found = with_cloud(&cloud, || block_on(Aws::discover(&context(), vec![recorded]))).unwrap();
    let found: Vec<_> = found.iter().map(|o| (o.address.as_str(), o.remote_id.as_deref())).collect();
    assert_eq!(found, [(FILE_SYSTEM, Some("fs-1"))]);
}
