//! Names that are too long for AWS, and tags that are too many: told by `validate`, of whatever the graph makes.

use std::collections::BTreeSet;

use crate::calls::{context, settled};
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::types::{Answer, Diagnostic, Resource, Severity};
use serde_json::{Value, json};

fn section() -> Value {
    json!({ "region": "us-west-2", "kubernetes_version": "1.34", "availability_zones": ["us-west-2a", "us-west-2b"] })
}

fn validate(topology: &str, (project, namespace): (&str, &str), section: &Value) -> Vec<Diagnostic> {
    let context = context().project(project).namespace(namespace).topology(topology);
    let found = Aws::validate(&context, &json!({ "amazon_web_services": section })).unwrap();
    found.into_iter().filter(|one| one.severity == Severity::Error).collect()
}

#[test]
fn a_role_of_64_characters_is_made_and_one_of_65_is_not() {
    let project = "climate-models-x";
    assert_eq!(validate("classic", (project, "integration-environment-two"), &section()), []);
    let found = validate("classic", (project, "integration-environment-twos"), &section());
    let [long] = found.as_slice() else { panic!("one name is too long: {found:?}") };
    assert_eq!((long.code.as_str(), long.pointer.as_deref()), ("NAME_TOO_LONG", Some("/namespace")));
    assert_eq!(
        long.detail,
        "`climate-models-x-integration-environment-twos-eks-node-group-role` has 65 characters, and the name of a role has at \
         most 64: 1 too many for `aws.iam-role.node-group`"
    );
    assert!(long.hints[0].starts_with("shorten `project_name` or `namespace` by 1;"), "{:?}", long.hints);
}

#[test]
fn a_creation_token_counts_too() {
    let found = validate("classic", ("climate-models-x", "integration-environment-twentyone"), &section());
    let told = |address: &str| found.iter().any(|one| one.detail.contains(address));
    assert!(
        told("aws.efs-file-system.shared") && told("aws.iam-role.cluster") && !told("aws.cluster.main"),
        "{found:?}"
    );
    // Where no file system is made, its name is nobody's business.
    let context = context().project("climate-models-x").namespace("integration-environment-twentyone");
    let config = json!({ "amazon_web_services": section(), "storage": { "type": "nfs" } });
    let found = Aws::validate(&context, &config).unwrap();
    assert!(found.iter().all(|one| !one.detail.contains("aws.efs-file-system.shared")), "{found:?}");
}

#[test]
fn what_else_is_wrong_hides_no_name() {
    let mut section = section();
    section["tags"] = json!({ "a": "yes!" });
    let found = validate("classic", ("climate-models-x", "integration-environment-twos"), &section);
    let codes: Vec<&str> = found.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["TAG_INVALID", "NAME_TOO_LONG"]);
}

fn desired(topology: &str, project: &str, namespace: &str) -> Vec<Resource> {
    let context = context().project(project).namespace(namespace).topology(topology);
    let config = json!({ "amazon_web_services": section() });
    let Answer::Ready(resources) = Aws::desired(&context, &config, &settled()).unwrap() else {
        panic!("the config says everything")
    };
    resources
}

/// Whatever AWS calls by a name that is made of the project's or the namespace's: with names that no service takes, each is told.
#[test]
fn no_name_is_without_a_limit() {
    let (project, namespace) = ("p".repeat(1100), "n".repeat(1100));
    for topology in ["classic", "design"] {
        let found = validate(topology, (&project, &namespace), &section());
        let told: BTreeSet<String> = desired(topology, &project, &namespace)
            .into_iter()
            .filter(|one| found.iter().any(|told| told.detail.ends_with(&format!("for `{}`", one.address))))
            .map(|one| one.address)
            .collect();
        let named = desired(topology, &project, &namespace).into_iter().filter(|one| {
            let members = ["name", "name_prefix", "creation_token", "description"].map(|member| &one.document[member]);
            let made = |text: &str| text.contains(&project) || text.contains(&namespace);
            members.into_iter().any(|member| member.as_str().is_some_and(made))
        });
        let missing: Vec<String> = named.map(|one| one.address).filter(|address| !told.contains(address)).collect();
        assert_eq!(missing, [""; 0], "{topology}");
        assert!(told.len() > 5, "{topology}: {told:?}");
    }
    let design = validate("design", (&project, "dev"), &section());
    assert!(design.iter().any(|told| told.detail.contains("the value of a label")), "{design:?}");
}

#[test]
fn names_of_security_groups_do_not_look_like_ids() {
    let codes = |topology: &str| {
        let found = validate(topology, ("sg-team", "dev"), &section()).into_iter();
        found.map(|one| (one.code, one.pointer)).collect::<BTreeSet<_>>()
    };
    let told = BTreeSet::from([("NAME_RESERVED".to_owned(), Some("/project_name".to_owned()))]);
    assert_eq!((codes("classic"), codes("design")), (told.clone(), told));
}

#[test]
fn a_group_says_how_much_of_its_name_has_to_go() {
    let name = "memory-optimised-for-the-hydrology-department-and-its-many-guests";
    let mut section = section();
    section["node_groups"] = json!({
        "general": { "instance": "m5.2xlarge", "min_nodes": 1, "max_nodes": 1 },
        name: { "instance": "r5.xlarge", "min_nodes": 0, "max_nodes": 1 },
    });
    let excess = name.len() - 63;
    let found = validate("classic", ("demo-site", "dev"), &section);
    let [long] = found.as_slice() else { panic!("one name is too long: {found:?}") };
    let pointer = format!("/amazon_web_services/node_groups/{name}");
    assert_eq!((long.code.as_str(), long.pointer.as_ref()), ("NODE_GROUP_NAME", Some(&pointer)));
    assert!(long.detail.contains(&format!("has {} characters, and node groups have at most 63", name.len())));
    assert_eq!(long.hints, [format!("call the group by a name that is {excess} shorter")]);
    // It is the value of a label, too.
    for (name, good) in [("user-", false), ("user_", false), ("user-1", true)] {
        section["node_groups"] =
            json!({ "general": { "instance": "m5.2xlarge", "min_nodes": 1 }, name: { "instance": "m5.large" } });
        assert_eq!(validate("classic", ("demo-site", "dev"), &section).is_empty(), good, "{name}");
    }
}

#[test]
fn tags_of_ours_count_among_the_fifty() {
    let with = |topology: &str, count: usize| {
        let mut section = section();
        section["tags"] = (0..count).map(|index| (format!("team-{index}"), Value::from("x"))).collect();
        validate(topology, ("demo", "dev"), &section)
    };
    // A node group of Classic has five of ours and NIC's own, a subnet of the design six.
    for (topology, most) in [("classic", 44), ("design", 43)] {
        assert_eq!(with(topology, most), [], "{topology}");
        let found = with(topology, most + 2);
        let [many] = found.as_slice() else { panic!("too many tags: {found:?}") };
        let pointer = Some("/amazon_web_services/tags");
        assert_eq!((many.code.as_str(), many.pointer.as_deref()), ("TAG_INVALID", pointer), "{topology}");
        assert_eq!(many.hints, ["remove 2 of them"], "{topology}: {}", many.detail);
    }
}
