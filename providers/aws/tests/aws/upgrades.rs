//! Which version a new platform gets, what it costs, and what there has to be before a control plane moves.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::answers::{addon, addon_versions, cluster, cluster_versions};
use crate::calls::{MARK, context, preflight};
use crate::preflight::{codes, config, everything, sound};
use nic_provider_aws::Aws;
use nic_sdk::Error;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, Reply, with_cloud};
use nic_sdk::types::{Answer, Diagnostic, Query, Severity};
use serde_json::{Value, json};

const ADDONS: &str = "GET /addons/supported-versions";

/// The end of extended support of 1.34.
const END: u32 = 1_827_532_800;

/// The version that a new platform gets, and what the preflight says of it.
fn unnamed(offers: Reply) -> (Value, Vec<Diagnostic>) {
    let mut config = config();
    config["amazon_web_services"].as_object_mut().unwrap().remove("kubernetes_version");
    let cloud = sound(FakeCloud::new().on("eks", "GET /cluster-versions", offers));
    let query = Query::new("kubernetes_version", "kubernetes-version", json!({ "cluster": "demo-dev" }));
    let facts = with_cloud(&cloud, || block_on(Aws::lookup(&context(), vec![query]))).unwrap();
    (facts[0].value.clone(), preflight(&cloud, &config, &everything()).unwrap())
}

#[test]
fn nobody_pays_for_extended_support_without_having_asked() {
    let (standard, extended) = ("STANDARD_SUPPORT", "EXTENDED_SUPPORT");
    let (version, told) = unnamed(cluster_versions(&[("1.36", standard), ("1.35", standard), ("1.34", extended)]));
    assert_eq!((version, codes(&told)), (json!("1.35"), vec![(Severity::Warning, "KUBERNETES_VERSION_UNTRIED")]));
    // One that NIC was tried with comes first as long as it has the usual price, though another one be newer.
    let (version, told) = unnamed(cluster_versions(&[("1.35", standard), ("1.34", standard), ("1.33", standard)]));
    assert_eq!((version, told), (json!("1.34"), vec![]));
    let (version, told) = unnamed(cluster_versions(&[("1.35", standard), ("1.34", extended), ("1.33", standard)]));
    assert_eq!((version, told), (json!("1.33"), vec![]));
}

#[test]
fn extended_support_is_told_with_its_price_and_its_end() {
    let offer =
        json!({ "clusterVersion": "1.34", "versionStatus": "EXTENDED_SUPPORT", "endOfExtendedSupportDate": END });
    let (version, told) = unnamed(Reply::json(200, &json!({ "clusterVersions": [offer] })));
    assert_eq!((version, codes(&told)), (json!("1.34"), vec![(Severity::Warning, "KUBERNETES_VERSION_OLD")]));
    assert!(
        told[0].detail.contains("is in extended support until 2027-11-30: AWS then charges 0.60 US dollars"),
        "{}",
        told[0].detail
    );
    assert_eq!(told[0].hints, [""; 0]);
    let offers = cluster_versions(&[("1.34", "STANDARD_SUPPORT"), ("1.33", "EXTENDED_SUPPORT")]);
    let mut named = config();
    named["amazon_web_services"]["kubernetes_version"] = json!("1.33");
    let told = preflight(&sound(FakeCloud::new().on("eks", "GET /cluster-versions", offers)), &named, &everything());
    let told = told.unwrap();
    assert_eq!(codes(&told), [(Severity::Warning, "KUBERNETES_VERSION_OLD")]);
    assert_eq!(told[0].hints, ["longer in standard support are 1.34"]);
}

#[test]
fn the_end_of_standard_support_counts_by_its_date() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let days = |days: u64| now + days * 24 * 60 * 60;
    let offers = |end: u64| {
        let of = |version: &str, end: u64| json!({ "clusterVersion": version, "versionStatus": "STANDARD_SUPPORT", "endOfStandardSupportDate": end });
        Reply::json(200, &json!({ "clusterVersions": [of("1.35", days(300)), of("1.34", end)] }))
    };
    let old = (Severity::Warning, "KUBERNETES_VERSION_OLD");
    assert_eq!(unnamed(offers(days(61))), (json!("1.34"), vec![]));
    let (version, told) = unnamed(offers(days(2)));
    assert_eq!((version, codes(&told)), (json!("1.34"), vec![old]));
    assert!(told[0].detail.starts_with("version 1.34 leaves standard support on 20"), "{}", told[0].detail);
    assert_eq!(told[0].hints, ["longer in standard support are 1.35"]);
    // It is over, whatever EKS still calls it.
    let (version, told) = unnamed(offers(now - 1));
    assert_eq!((version, codes(&told)), (json!("1.35"), vec![(Severity::Warning, "KUBERNETES_VERSION_UNTRIED")]));
}

/// What is said of a move from 1.33 to 1.34, of a cluster that has this `coredns` alone.
fn moving(offers: Reply) -> Vec<Diagnostic> {
    let cloud = sound(
        FakeCloud::new()
            .on("eks", ADDONS, offers)
            .on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", "1.33"))
            .on("eks", "GET /clusters/demo-dev/node-groups", Reply::json(200, &json!({ "nodegroups": [] })))
            .on("eks", "GET /clusters/demo-dev/addons/coredns", addon("ACTIVE", "", &json!({}))),
    );
    let summary = json!({ "update": ["aws.cluster.main"], "differences": { "aws.cluster.main": ["/version"] } });
    preflight(&cloud, &config(), &summary).unwrap()
}

#[test]
fn add_ons_are_there_before_a_control_plane_moves() {
    assert_eq!(moving(addon_versions(&[("v1.13.0-eksbuild.1", "1.34"), ("v1.12.1-eksbuild.2", "1.34")])), []);
    let told = moving(addon_versions(&[]));
    assert_eq!(codes(&told), [(Severity::Error, "ADDON_NOT_OFFERED"); 2]);
    let words = "EKS offers no version of the add-on `coredns` for Kubernetes 1.34 in `us-west-2`";
    assert!(told.iter().any(|told| told.detail == words), "{told:?}");
    // What is offered for another version is not offered.
    assert_eq!(
        codes(&moving(addon_versions(&[("v1.12.1-eksbuild.2", "1.33")]))),
        [(Severity::Error, "ADDON_NOT_OFFERED"); 2]
    );
    // What it becomes is in the plan. It never goes back.
    assert_eq!(moving(addon_versions(&[("v1.13.0-eksbuild.1", "1.34")])), []);
    let told = moving(addon_versions(&[("v1.11.3-eksbuild.1", "1.34")]));
    assert_eq!(codes(&told), [(Severity::Warning, "ADDON_VERSION_OLD")]);
    assert!(told[0].detail.contains("`coredns` runs as v1.12.1-eksbuild.2, which is newer"), "{}", told[0].detail);
    let denied = Reply::json_error(403, "AccessDeniedException", "no");
    assert_eq!(codes(&moving(denied)), [(Severity::Warning, "PREFLIGHT_INCOMPLETE"); 2]);
}

/// The versions that the add-ons of a cluster get with 1.34; `coredns` alone is there.
fn with_1_34(cluster_at: &str, offers: Reply) -> Result<Value, Error> {
    let cloud = FakeCloud::new()
        .on("eks", ADDONS, offers)
        .on("eks", "GET /clusters/demo-dev", cluster("ACTIVE", cluster_at))
        .on("eks", "GET /clusters/demo-dev/addons/coredns", addon("ACTIVE", "", &json!({})))
        .on("eks", "*", Reply::json_error(404, "ResourceNotFoundException", "none"));
    let arguments = json!({ "cluster": "demo-dev", "version": "1.34", "addons": ["aws-ebs-csi-driver", "coredns"] });
    let query = Query::new("addon_versions_for_1.34", "addon-versions", arguments);
    let facts = with_cloud(&cloud, || block_on(Aws::lookup(&context(), vec![query])))?;
    Ok(facts[0].value.clone())
}

#[test]
fn add_ons_move_with_the_control_plane_and_at_no_other_time() {
    let newer = || addon_versions(&[("v1.13.0-eksbuild.1", "1.34")]);
    assert_eq!(with_1_34("1.33", newer()).unwrap(), json!({ "coredns": "v1.13.0-eksbuild.1" }));
    // It is there already, or would go down.
    assert_eq!(with_1_34("1.34", newer()).unwrap(), json!({}));
    assert_eq!(with_1_34("1.35", newer()).unwrap(), json!({}));
    // None is offered, or none that is newer.
    assert_eq!(with_1_34("1.33", addon_versions(&[])).unwrap(), json!({}));
    assert_eq!(with_1_34("1.33", addon_versions(&[("v1.12.1-eksbuild.2", "1.34")])).unwrap(), json!({}));
    assert_eq!(with_1_34("1.33", addon_versions(&[("v1.11.3-eksbuild.1", "1.34")])).unwrap(), json!({}));
    // Who may not ask deploys all the same, and is told by the preflight.
    let denied = Reply::json_error(403, "AccessDeniedException", "no");
    assert_eq!(with_1_34("1.33", denied).unwrap(), json!({}));
    assert!(with_1_34("1.33", Reply::json_error(500, "ServerException", "later")).is_err());
}

#[test]
fn the_version_of_an_add_on_is_asked_for_once_for_each_kubernetes_version() {
    for (topology, addons) in
        [("classic", vec!["aws-ebs-csi-driver", "coredns"]), ("design", vec!["aws-ebs-csi-driver"])]
    {
        let desired = |facts: Facts| Aws::desired(&context().topology(topology), &config(), &facts).unwrap();
        let Answer::Need(queries) = desired(Facts::default()) else { panic!("nothing is known") };
        assert_eq!(queries.len(), 1, "{queries:?}");
        assert_eq!((queries[0].name.as_str(), &queries[0].arguments["addons"]), ("addon-versions", &json!(addons)));
        let known = json!({ "aws-ebs-csi-driver": "v1.52.0-eksbuild.1" });
        let Answer::Ready(resources) = desired([(queries[0].key.clone(), known)].into_iter().collect()) else {
            panic!("everything is known")
        };
        let version = |addon: &str| {
            let address = format!("aws.eks-addon.{addon}");
            resources.iter().find(|one| one.address == address).map(|one| one.document.get("version").cloned())
        };
        assert_eq!(version("aws-ebs-csi-driver"), Some(Some(json!("v1.52.0-eksbuild.1"))));
        assert_eq!(version("coredns").flatten(), None);
    }
}

/// A platform that stands is told too, whatever else changes.
#[test]
fn a_cluster_that_entered_extended_support_is_told_at_the_next_change() {
    let told = |versions: &[(&str, &str)], config: &Value| {
        let cloud = sound(FakeCloud::new().on("eks", "GET /cluster-versions", cluster_versions(versions)).on(
            "eks",
            "GET /clusters/demo-dev",
            cluster("ACTIVE", "1.33"),
        ));
        let summary = json!({ "update": ["aws.vpc.main"], "differences": { "aws.vpc.main": ["/tags/a"] } });
        preflight(&cloud, config, &summary).unwrap()
    };
    let (standard, extended) = ("STANDARD_SUPPORT", "EXTENDED_SUPPORT");
    let mut written = config();
    written["amazon_web_services"]["kubernetes_version"] = json!("1.33");
    let mut unwritten = config();
    unwritten["amazon_web_services"].as_object_mut().unwrap().remove("kubernetes_version");
    for config in [&written, &unwritten] {
        let found = told(&[("1.34", standard), ("1.33", extended)], config);
        assert_eq!(codes(&found), [(Severity::Warning, "KUBERNETES_VERSION_OLD")]);
        assert_eq!(found[0].hints, ["longer in standard support are 1.34"]);
        assert_eq!(told(&[("1.34", standard), ("1.33", standard)], config), []);
    }
}

#[test]
fn a_platform_is_made_only_where_its_add_ons_are() {
    let made =
        |offers| preflight(&sound(FakeCloud::new().on("eks", ADDONS, offers)), &config(), &everything()).unwrap();
    assert_eq!(codes(&made(addon_versions(&[]))), [(Severity::Error, "ADDON_NOT_OFFERED"); 2]);
    // Of a version that there is not, that alone is told.
    let mut newer = config();
    newer["amazon_web_services"]["kubernetes_version"] = json!("1.99");
    let cloud = sound(FakeCloud::new().on("eks", ADDONS, addon_versions(&[])));
    let told = preflight(&cloud, &newer, &everything()).unwrap();
    assert_eq!(codes(&told), [(Severity::Error, "KUBERNETES_VERSION_NOT_OFFERED")]);
}

#[test]
fn nodes_that_a_lower_maximum_ends_are_counted() {
    let with = |nodes: i32, differences: &str| {
        let scaling = json!({ "minSize": 0, "maxSize": 8, "desiredSize": nodes });
        let group = json!({ "nodegroup": {
            "nodegroupName": "gpu", "clusterName": "demo-dev", "status": "ACTIVE", "scalingConfig": scaling, "tags": { MARK: "l-1@us-west-2/aws.node-group.gpu" },
        } });
        let path = "GET /clusters/demo-dev/node-groups/gpu";
        let cloud = sound(FakeCloud::new().on("eks", path, Reply::json(200, &group)));
        let mut config = config();
        config["amazon_web_services"]["node_groups"]["gpu"] =
            json!({ "instance": "g4dn.xlarge", "gpu": true, "max_nodes": 2 });
        let address = "aws.node-group.gpu";
        let summary = json!({ "update": [address], "differences": { address: [differences] } });
        (preflight(&cloud, &config, &summary).unwrap(), cloud.requests_for(path).len())
    };
    assert_eq!(with(2, "/scaling_config/max_size"), (vec![], 1));
    assert_eq!(with(5, "/tags/a"), (vec![], 0));
    let (told, _) = with(5, "/scaling_config/max_size");
    assert_eq!(codes(&told), [(Severity::Warning, "NODES_END")]);
    let words = "`gpu` has 5 nodes and may have 2: up to 3 of them end, and the pods on them with them";
    assert_eq!(
        (told[0].detail.as_str(), told[0].pointer.as_deref()),
        (words, Some("/amazon_web_services/node_groups/gpu"))
    );
}
