//! The checks before the first mutation, and the look-up of versions, against a scripted cloud.

use crate::answers::{addon_versions, cluster, cluster_versions, policies};
use crate::calls::{context, preflight, settled};
use nic_provider_aws::Aws;
use nic_sdk::Error;
use nic_sdk::provider::Provider;
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, with_cloud};
use nic_sdk::types::{Answer, Diagnostic, Query, Severity};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub fn config() -> Value {
    json!({ "amazon_web_services": {
        "region": "us-west-2", "kubernetes_version": "1.34", "eks_kms_arn": KEY,
        "availability_zones": ["us-west-2a", "us-west-2b"],
        "node_groups": { "general": { "instance": "m5.xlarge" }, "gpu": { "instance": "g4dn.xlarge" } },
    } })
}

fn caller() -> Reply {
    let arn = "arn:aws:iam::123456789012:user/me";
    Reply::xml(
        200,
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    )
}

fn region(status: &str) -> Reply {
    Reply::xml(
        200,
        format!(
            "<DescribeRegionsResponse><regionInfo><item><regionName>us-west-2</regionName><optInStatus>{status}</optInStatus>\
             </item></regionInfo></DescribeRegionsResponse>"
        ),
    )
}

fn offerings(found: &[(&str, &str)]) -> Reply {
    let items = found.iter().fold(String::new(), |all, (of, zone)| {
        all + &format!("<item><instanceType>{of}</instanceType><location>{zone}</location></item>")
    });
    Reply::xml(
        200,
        format!(
            "<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>\
             </DescribeInstanceTypeOfferingsResponse>"
        ),
    )
}

fn key(state: &str, manager: &str) -> Reply {
    Reply::json(
        200,
        &json!({ "KeyMetadata": { "KeyState": state, "KeyManager": manager, "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT" } }),
    )
}

fn quota(limit: f64) -> Reply {
    Reply::json(200, &json!({ "Quota": { "Value": limit } }))
}

/// Zones of us-west-2, each with its id and sort.
pub fn zones(shown: &[(&str, &str, &str)]) -> Reply {
    let items = shown.iter().fold(String::new(), |all, (name, id, sort)| {
        all + &format!("<item><zoneName>{name}</zoneName><zoneId>{id}</zoneId><zoneType>{sort}</zoneType></item>")
    });
    Reply::xml(
        200,
        format!(
            "<DescribeAvailabilityZonesResponse><availabilityZoneInfo>{items}</availabilityZoneInfo>\
             </DescribeAvailabilityZonesResponse>"
        ),
    )
}

/// Rules in front of a cloud in which everything is well.
pub fn sound(first: FakeCloud) -> FakeCloud {
    let missing = Reply::json_error(404, "ResourceNotFoundException", "none");
    first
        .on("sts", "GetCallerIdentity", caller())
        .on("ec2", "DescribeRegions", region("opt-in-not-required"))
        .on(
            "ec2",
            "DescribeAvailabilityZones",
            zones(&[("us-west-2a", "usw2-az1", "availability-zone"), ("us-west-2b", "usw2-az2", "availability-zone")]),
        )
        .on("ec2", "DescribeVpcs", crate::answers::describe_vpcs(&[("vpc-1", "available", &[])]))
        .on(
            "ec2",
            "DescribeInstanceTypeOfferings",
            offerings(&[
                ("m5.xlarge", "us-west-2a"),
                ("m5.xlarge", "us-west-2b"),
                ("g4dn.xlarge", "us-west-2a"),
                ("g4dn.xlarge", "us-west-2b"),
            ]),
        )
        .on("kms", "DescribeKey", key("Enabled", "CUSTOMER"))
        .on("servicequotas", "GetServiceQuota", quota(5.0))
        .on("iam", "GetRole", Reply::query_error(404, "NoSuchEntity", "none"))
        .on("iam", "ListPolicies", policies(&[]))
        .on(
            "eks",
            "GET /cluster-versions",
            cluster_versions(&[("1.34", "STANDARD_SUPPORT"), ("1.31", "EXTENDED_SUPPORT")]),
        )
        .on_request("eks", "GET /addons/supported-versions", |asked| {
            let version = asked.url.split("kubernetesVersion=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
            addon_versions(&[("v1.12.1-eksbuild.2", version)])
        })
        .on("eks", "GET /clusters/**", missing)
}

pub fn everything() -> Value {
    json!({ "create": [
        "aws.vpc.main", "aws.cluster.main", "aws.iam-role.cluster", "aws.iam-policy.worker-autoscaling",
        "aws.node-group.general", "aws.node-group.gpu",
    ] })
}

pub fn codes(found: &[Diagnostic]) -> Vec<(Severity, &str)> {
    found.iter().map(|d| (d.severity, d.code.as_str())).collect()
}

fn found_with(first: FakeCloud, config: &Value) -> Vec<Diagnostic> {
    preflight(&sound(first), config, &everything()).unwrap()
}

#[test]
fn a_sound_account_has_nothing_to_say() {
    let cloud = sound(FakeCloud::new());
    assert_eq!(preflight(&cloud, &config(), &everything()).unwrap(), []);
    assert!(cloud.elapsed() <= 1, "one round of requests: {:?}", cloud.actions());
    // Deletions need no checks.
    let cloud = FakeCloud::new();
    assert_eq!(preflight(&cloud, &config(), &json!({ "delete": ["aws.vpc.main"] })).unwrap(), []);
}

#[test]
fn names_that_are_taken_stop_a_deploy_before_it_begins() {
    let found = found_with(FakeCloud::new().on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", "1.30")), &config());
    assert_eq!(codes(&found), [(Severity::Error, "NAME_TAKEN")]);
    let taken = FakeCloud::new()
        .on("iam", "ListPolicies", policies(&["eks-worker-autoscaling-demo-dev"]))
        .on("iam", "GetPolicy", crate::answers::policy("eks-worker-autoscaling-demo-dev", &[]))
        .on("iam", "GetPolicyVersion", crate::answers::policy_version("{}"));
    assert_eq!(codes(&found_with(taken, &config())), [(Severity::Error, "NAME_TAKEN")]);
}

#[test]
fn who_acts_and_where_is_checked() {
    let refused = Reply::query_error(403, "InvalidClientTokenId", "no such key");
    let found = found_with(FakeCloud::new().on("sts", "GetCallerIdentity", refused), &config());
    assert_eq!(codes(&found), [(Severity::Error, "CREDENTIALS_REFUSED")]);
    let mut elsewhere = config();
    elsewhere["amazon_web_services"]["permissions_boundary"] = json!("arn:aws:iam::999999999999:policy/b");
    assert_eq!(codes(&found_with(FakeCloud::new(), &elsewhere)), [(Severity::Error, "BOUNDARY_IN_ANOTHER_ACCOUNT")]);
    let found = found_with(FakeCloud::new().on("ec2", "DescribeRegions", region("not-opted-in")), &config());
    assert_eq!(codes(&found), [(Severity::Error, "REGION_NOT_ENABLED")]);
    let denied = Reply::ec2_error(403, "UnauthorizedOperation", "no");
    let found = found_with(FakeCloud::new().on("ec2", "DescribeRegions", denied), &config());
    assert_eq!(codes(&found), [(Severity::Warning, "PREFLIGHT_INCOMPLETE")]);
    // What may pass by itself says so.
    for reply in [Reply::ec2_error(400, "RequestLimitExceeded", "slow"), Reply::ec2_error(503, "Unavailable", "down")] {
        let found = found_with(FakeCloud::new().on("ec2", "DescribeRegions", reply), &config());
        assert_eq!(codes(&found), [(Severity::Warning, "PREFLIGHT_UNANSWERED")]);
    }
}

#[test]
fn machines_must_be_had_where_they_are_to_stand() {
    let offered = |zones: &[(&str, &str)]| {
        let mut all = vec![("m5.xlarge", "us-west-2a"), ("m5.xlarge", "us-west-2b")];
        all.extend(zones);
        found_with(FakeCloud::new().on("ec2", "DescribeInstanceTypeOfferings", offerings(&all)), &config())
    };
    let found = offered(&[]);
    assert_eq!(codes(&found), [(Severity::Error, "INSTANCE_NOT_OFFERED")]);
    assert_eq!(found[0].pointer.as_deref(), Some("/amazon_web_services/node_groups/gpu"));
    let found = offered(&[("g4dn.xlarge", "us-west-2a")]);
    assert_eq!(codes(&found), [(Severity::Warning, "INSTANCE_NOT_OFFERED")]);
    assert!(found[0].detail.contains("us-west-2b"), "{}", found[0].detail);
}

#[test]
fn versions_must_be_on_offer() {
    let with = |version: &str| {
        let mut config = config();
        config["amazon_web_services"]["kubernetes_version"] = json!(version);
        found_with(FakeCloud::new(), &config)
    };
    let found = with("1.99");
    assert_eq!(codes(&found), [(Severity::Error, "KUBERNETES_VERSION_NOT_OFFERED")]);
    assert_eq!(found[0].hints, ["EKS offers 1.31, 1.34"]);
    assert_eq!(codes(&with("1.31")), [(Severity::Warning, "KUBERNETES_VERSION_OLD")]);
}

#[test]
fn a_version_that_nic_was_not_tried_with_is_told() {
    let offers = cluster_versions(&[("1.35", "STANDARD_SUPPORT"), ("1.34", "STANDARD_SUPPORT")]);
    let with = |version: &str| {
        let mut config = config();
        config["amazon_web_services"]["kubernetes_version"] = json!(version);
        found_with(FakeCloud::new().on("eks", "GET /cluster-versions", offers.clone()), &config)
    };
    let found = with("1.35");
    assert_eq!(codes(&found), [(Severity::Warning, "KUBERNETES_VERSION_UNTRIED")]);
    assert_eq!(found[0].pointer.as_deref(), Some("/amazon_web_services/kubernetes_version"));
    assert_eq!(with("1.34"), []);
}

#[test]
fn a_version_must_be_reachable_from_the_one_there_is() {
    let moving = |from: &str, nodes: &str, to: &str| {
        let group = |version: &str| Reply::json(200, &json!({ "nodegroup": { "version": version } }));
        // One is a replacement, which the config does not name.
        let groups = json!({ "nodegroups": ["general", "user-0a1b2c"] });
        let cloud = sound(
            FakeCloud::new()
                .on("eks", "GET /cluster-versions", cluster_versions(&[(to, "STANDARD_SUPPORT")]))
                .on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", from))
                .on("eks", "GET /clusters/demo-dev/node-groups", Reply::json(200, &groups))
                .on("eks", "GET /clusters/demo-dev/node-groups/general", group(from))
                .on("eks", "GET /clusters/demo-dev/node-groups/user-0a1b2c", group(nodes)),
        );
        let mut config = config();
        config["amazon_web_services"]["kubernetes_version"] = json!(to);
        let summary = json!({ "update": ["aws.cluster.main"], "differences": { "aws.cluster.main": ["/version"] } });
        preflight(&cloud, &config, &summary).unwrap()
    };
    assert_eq!(moving("1.32", "1.31", "1.34"), []);
    assert_eq!(codes(&moving("1.34", "1.34", "1.33")), [(Severity::Error, "KUBERNETES_VERSION_DOWNGRADE")]);
    let found = moving("1.32", "1.30", "1.34");
    assert_eq!(codes(&found), [(Severity::Error, "KUBERNETES_VERSION_TOO_FAR")]);
    assert!(found[0].hints[0].contains("\"1.33\""), "{:?}", found[0].hints);
    assert!(found[0].detail.contains("user-0a1b2c"), "{}", found[0].detail);
    // A change of something else is not about the version.
    let cloud = sound(FakeCloud::new().on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", "1.35")));
    let summary = json!({ "update": ["aws.cluster.main"], "differences": { "aws.cluster.main": ["/tags/a"] } });
    assert_eq!(preflight(&cloud, &config(), &summary).unwrap(), []);
}

#[test]
fn a_key_must_be_usable_and_an_account_must_have_room() {
    for reply in [
        key("PendingDeletion", "CUSTOMER"),
        key("Enabled", "AWS"),
        Reply::json_error(400, "NotFoundException", "no key"),
    ] {
        let found = found_with(FakeCloud::new().on("kms", "DescribeKey", reply), &config());
        assert_eq!(codes(&found), [(Severity::Error, "KMS_KEY_UNUSABLE")]);
    }
    let denied = Reply::json_error(400, "AccessDeniedException", "no");
    let found = found_with(FakeCloud::new().on("kms", "DescribeKey", denied.clone()), &config());
    assert_eq!(codes(&found), [(Severity::Warning, "PREFLIGHT_INCOMPLETE")]);
    let found = found_with(FakeCloud::new().on("servicequotas", "GetServiceQuota", quota(1.0)), &config());
    assert_eq!(codes(&found), [(Severity::Error, "QUOTA_TOO_SMALL")]);
    assert_eq!(found_with(FakeCloud::new().on("servicequotas", "GetServiceQuota", denied), &config()), []);
}

#[test]
fn a_key_is_set_once_and_stays() {
    let moving = |from: Option<&str>, to: Option<&str>| {
        let encryption = from.map(|key| json!([{ "resources": ["secrets"], "provider": { "keyArn": key } }]));
        let shown = json!({ "cluster": { "name": "demo-dev", "status": "ACTIVE", "encryptionConfig": encryption } });
        let cloud = sound(FakeCloud::new().on("eks", "GET /clusters/demo-dev", Reply::json(200, &shown)));
        let mut config = config();
        config["amazon_web_services"]["eks_kms_arn"] = json!(to);
        let summary =
            json!({ "update": ["aws.cluster.main"], "differences": { "aws.cluster.main": ["/kms_key_arn"] } });
        preflight(&cloud, &config, &summary).unwrap()
    };
    assert_eq!(moving(None, Some(KEY)), []);
    assert_eq!(moving(Some(KEY), Some(KEY)), []);
    for to in [None, Some(KEY)] {
        let found = moving(Some("arn:aws:kms:us-west-2:123456789012:key/old"), to);
        assert_eq!(codes(&found), [(Severity::Error, "KMS_KEY_CANNOT_CHANGE")]);
        assert_eq!(found[0].pointer.as_deref(), Some("/amazon_web_services/eks_kms_arn"));
        assert!(found[0].hints[0].contains("key/old"), "{:?}", found[0].hints);
    }
}

#[test]
fn the_cluster_is_asked_for_once_for_all_that_changes() {
    let groups = json!({ "nodegroups": [] });
    let cloud = sound(FakeCloud::new().on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", "1.33")).on(
        "eks",
        "GET /clusters/demo-dev/node-groups",
        Reply::json(200, &groups),
    ));
    let differences = json!({ "aws.cluster.main": ["/version", "/kms_key_arn"] });
    let summary = json!({ "update": ["aws.cluster.main"], "differences": differences });
    assert_eq!(preflight(&cloud, &config(), &summary).unwrap(), []);
    assert_eq!(cloud.requests_for("GET /clusters/demo-dev").len(), 1);
    // Without it neither check can be made, and each says so.
    let denied = Reply::json_error(403, "AccessDeniedException", "no");
    let cloud = sound(FakeCloud::new().on("eks", "GET /clusters/demo-dev", denied));
    let found = preflight(&cloud, &config(), &summary).unwrap();
    assert_eq!(codes(&found), [(Severity::Warning, "PREFLIGHT_INCOMPLETE"); 2]);
}

#[test]
fn a_volume_does_not_shrink() {
    let sized = |wanted: i32, differences: &str| {
        let marked = "<tagSet><item><key>nic.nebari.dev/owner</key><value>l-1@us-west-2/aws.ebs-volume.main</value></item></tagSet>";
        let volume = format!("<item><volumeId>vol-1</volumeId><size>500</size><status>in-use</status>{marked}</item>");
        let set = format!("<volumeSet>{volume}</volumeSet>");
        let shown = Reply::xml(200, format!("<DescribeVolumesResponse>{set}</DescribeVolumesResponse>"));
        let cloud = sound(FakeCloud::new().on("ec2", "DescribeVolumes", shown));
        let mut config = config();
        config["amazon_web_services"]["storage"] = json!({ "type": "ebs", "size": wanted });
        let address = "aws.ebs-volume.main";
        let summary = json!({ "update": [address], "differences": { address: [differences] } });
        let context = context().topology("design");
        let found = with_cloud(&cloud, || block_on(Aws::preflight(&context, &config, &summary))).unwrap();
        (found, cloud.requests_for("DescribeVolumes").len())
    };
    assert_eq!(sized(600, "/size"), (vec![], 1));
    assert_eq!(sized(100, "/tags/a"), (vec![], 0));
    let (found, _) = sized(100, "/size");
    assert_eq!(codes(&found), [(Severity::Error, "VOLUME_CANNOT_SHRINK")]);
    assert_eq!(found[0].pointer.as_deref(), Some("/amazon_web_services/storage/size"));
    assert!(found[0].detail.contains("vol-1") && found[0].hints[0].contains("500"), "{found:?}");
}

fn version_of(cloud: &FakeCloud) -> Result<Value, Error> {
    let query = Query::new("kubernetes_version", "kubernetes-version", json!({ "cluster": "demo-dev" }));
    let facts = with_cloud(cloud, || block_on(Aws::lookup(&context(), vec![query])))?;
    Ok(facts[0].value.clone())
}

#[test]
fn the_newest_version_is_looked_up_unless_a_cluster_is_there() {
    let missing = || Reply::json_error(404, "ResourceNotFoundException", "none");
    let offers = [
        ("1.9", "STANDARD_SUPPORT"),
        ("1.36", "UNSUPPORTED"),
        ("1.34", "STANDARD_SUPPORT"),
        ("1.35", "EXTENDED_SUPPORT"),
    ];
    let cloud =
        FakeCloud::new().on("eks", "GET /cluster-versions", cluster_versions(&offers)).on("eks", "*", missing());
    // One that NIC was not tried with is for the user to ask for.
    assert_eq!(version_of(&cloud).unwrap(), "1.34");
    let none = FakeCloud::new().on("eks", "GET /cluster-versions", cluster_versions(&[])).on("eks", "*", missing());
    let refused = version_of(&none).unwrap_err();
    assert!(matches!(&refused, Error::Other { code, .. } if code == "KUBERNETES_VERSION_NOT_OFFERED"), "{refused}");
    let cloud = FakeCloud::new().on("eks", "GET /cluster-versions", cluster_versions(&offers)).on(
        "eks",
        "GET /clusters/demo-dev",
        cluster("ACTIVE", "1.32"),
    );
    assert_eq!(version_of(&cloud).unwrap(), "1.32");
}

/// The autoscaler is built for one version, so a newer image of it means that newer clusters can be made.
#[test]
fn without_a_version_the_cluster_gets_that_of_the_autoscaler() {
    let answer = Aws::desired(&context(), &config(), &settled()).unwrap();
    let Answer::Ready(resources) = answer else { panic!("zones and version are in the config") };
    let deployment = resources.iter().find(|resource| resource.address == "aws.deployment.cluster-autoscaler").unwrap();
    let image = deployment.document["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
    let (_, version) = image.rsplit_once(":v").unwrap();
    let (minor, _) = version.rsplit_once('.').unwrap();
    let offers = (30..60).map(|minor| (format!("1.{minor}"), "STANDARD_SUPPORT")).collect::<Vec<_>>();
    let offers: Vec<(&str, &str)> = offers.iter().map(|(version, status)| (version.as_str(), *status)).collect();
    let cloud = FakeCloud::new().on("eks", "GET /cluster-versions", cluster_versions(&offers)).on(
        "eks",
        "*",
        Reply::json_error(404, "ResourceNotFoundException", "none"),
    );
    assert_eq!(version_of(&cloud).unwrap(), minor);
}

#[test]
fn add_ons_tell_the_versions_to_who_may_not_ask_for_them() {
    let with = |version: &str| json!({ "clusterVersion": version });
    let addons = json!({ "addons": [{ "addonName": "coredns", "addonVersions": [
        { "compatibilities": [with("1.33"), with("1.34")] }, { "compatibilities": [with("1.32")] },
    ] }] });
    let cloud = FakeCloud::new()
        .on("eks", "GET /cluster-versions", Reply::json_error(403, "AccessDeniedException", "no"))
        .on("eks", "GET /addons/supported-versions", Reply::json(200, &addons))
        .on("eks", "*", Reply::json_error(404, "ResourceNotFoundException", "none"));
    assert_eq!(version_of(&cloud).unwrap(), "1.34");
    let broken = Reply::json_error(500, "ServerException", "later");
    let cloud = FakeCloud::new().on("eks", "GET /cluster-versions", broken).on(
        "eks",
        "*",
        Reply::json_error(404, "ResourceNotFoundException", "none"),
    );
    assert!(version_of(&cloud).is_err());
}
