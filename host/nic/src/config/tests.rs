use std::collections::BTreeMap;

use serde_json::json;

use nic_core::diagnostic::Diagnostic;

use super::overrides::Override;
use super::{Config, ConfigError};

fn load(text: &str, overrides: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nebari-config.yaml");
    std::fs::write(&path, text).unwrap();
    let variables = overrides.iter().map(|(name, value)| (name.into(), value.into()));
    super::load::load(&path, &Override::all(variables).unwrap())
}

fn code(text: &str) -> String {
    load(text, &[]).unwrap_err().error.diagnostics[0].code.clone()
}

#[test]
fn what_is_wrong_is_told_by_code() {
    assert_eq!(code("a: [1"), "CONFIG_NOT_YAML");
    assert_eq!(code("- 1"), "CONFIG_NOT_A_MAP");
    assert_eq!(code("provider: aws"), "CONFIG_MISSING_KEY");
    assert_eq!(code(""), "CONFIG_MISSING_KEY");
    assert_eq!(code("project_name: abc\nprovider: aws"), "SECTION_MISSING");
    assert_eq!(code("project_name: abc\namazon_web_services:"), "SECTION_MISSING");
    assert_eq!(code("project_name: abc\nprovider: [aws]"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\nprovider: amazon_web_services"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\nprevent_deploy: maybe"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\ndigital_ocean: {}"), "CONFIG_PROVIDER_REMOVED");
    assert_eq!(code("project_name: 1abc\nprovider: aws"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\nnamespace: dev1"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\nprovider: do"), "CONFIG_PROVIDER_REMOVED");
    assert_eq!(code("project_name: abc\namazon_web_services: {}\nazure: {}"), "CONFIG_PROVIDER_UNCLEAR");
}

#[test]
fn a_lock_is_what_nebari_takes_for_one() {
    let locked =
        |said: &str| load(&format!("project_name: abc\nprevent_deploy: {said}\n"), &[]).unwrap().prevents_deploy();
    assert!(locked("true") && locked("yes") && locked("'on'") && locked("1"));
    assert!(!locked("false") && !locked("no") && !locked("null"));
    let set = load("project_name: abc\n", &[("NEBARI_SECRET__prevent_deploy", "true")]).unwrap();
    assert!(set.prevents_deploy());
}

#[test]
fn what_nothing_here_makes_is_told_before_what_it_would_need() {
    assert_eq!(load("project_name: abc\nprovider: gcp\n", &[]).unwrap().provider, "gcp");
    assert_eq!(load("project_name: abc\nazure:\n", &[]).unwrap().provider, "azure");
}

#[test]
fn storage_that_is_not_to_be_had_is_refused() {
    let with = |provider: &str, kind: &str| {
        let text = format!(
            "project_name: abc\nprovider: {provider}\nstorage: {{type: {kind}}}\namazon_web_services: {{region: r}}\n"
        );
        load(&text, &[]).map_err(|error| {
            error
                .error
                .diagnostics
                .iter()
                .find(|d| d.pointer.as_deref() == Some("/storage/type"))
                .cloned()
                .unwrap()
                .code
        })
    };
    for (provider, kind) in
        [("existing", "efs"), ("local", "cephfs"), ("local", "[nfs]"), ("existing", "zfs"), ("gcp", "efs")]
    {
        assert_eq!(with(provider, kind).unwrap_err(), "STORAGE_TYPE_INVALID", "{provider} {kind}");
    }
    // What else AWS has its component says.
    for (provider, kind) in [
        ("existing", "nfs"),
        ("existing", "null"),
        ("local", "'nfs'"),
        ("aws", "efs"),
        ("aws", "zfs"),
        ("theirs", "efs"),
    ] {
        assert!(with(provider, kind).is_ok(), "{provider} {kind}");
    }
}

#[test]
fn of_two_sections_of_one_component_that_of_the_provider_is_used() {
    let schemas = BTreeMap::from(["existing", "local"].map(|name| (name.to_owned(), json!({}))));
    let seen = |text: &str| {
        let config = load(&format!("project_name: abc\n{text}"), &[]).unwrap();
        (config.sections(&schemas, true).0, config.warnings.iter().map(|told| told.code.clone()).collect::<Vec<_>>())
    };
    let (sections, told) = seen("provider: existing\nexisting: {kube_context: a}\nlocal: {kube_context: b}\n");
    assert_eq!(
        (sections, told),
        (json!({"existing": {"kube_context": "a"}}), vec!["CONFIG_SECTION_UNUSED".to_owned()])
    );
    let (sections, told) = seen("provider: local\nexisting: {kube_context: a}\nlocal:\n");
    assert_eq!((sections, told), (json!({"existing": {"kube_context": "a"}, "local": null}), vec![]));
}

#[test]
fn what_is_not_what_it_looks_like_is_told_where_nic_reads_it() {
    let text = "project_name: abc\nn\u{430}mespace: prod\namazon_web_services:\n  region: r\u{200b}\n  tags: {a\u{a0}b: Команда, c: d\u{2013}e}\ntheme: {welcome: a\u{a0}b}\n";
    let config = load(text, &[]).unwrap();
    let told: Vec<_> = config.warnings.iter().map(|d| (d.code.as_str(), d.pointer.as_deref().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("CONFIG_MISLEADING_KEY", "/n\u{430}mespace"),
            ("CONFIG_MISLEADING_VALUE", "/amazon_web_services/region"),
            ("CONFIG_MISLEADING_KEY", "/amazon_web_services/tags/a\u{a0}b"),
            ("CONFIG_MISLEADING_VALUE", "/amazon_web_services/tags/c"),
        ]
    );
    assert!(config.unclaimed(&BTreeMap::new()).is_empty());
    assert_eq!(
        (config.warnings[0].details["line"].clone(), config.warnings[2].details["column"].clone()),
        (json!(2), json!(10))
    );
}

#[test]
fn a_file_is_read_as_editors_write_it() {
    for text in [
        "\u{feff}project_name: abc\n",
        "---\n\u{feff}project_name: abc\n",
        "project_name: abc\r\nnamespace: dev\r",
        "project_name: abc\n...\n",
    ] {
        assert_eq!(load(text, &[]).unwrap().project_name, "abc");
    }
    let told = |text: &str| load(text, &[]).unwrap_err().error.diagnostics[0].clone();
    for (text, why) in [("project_name: a\0bc\n", "NUL"), ("a: 1\nproject_name: \u{feff}abc\n", "byte order mark")] {
        assert!(told(text).code == "CONFIG_NOT_YAML" && told(text).detail.contains(why), "{:?}", told(text));
    }
    assert_eq!(told("a: 1\nproject_name: \u{feff}abc\n").details["line"], 2);
}

#[test]
fn a_key_that_only_a_variable_names_is_told_where_nobody_reads_it() {
    let told = |variable: &str| {
        let config = load("project_name: abc\nprovider: theirs\n", &[(variable, "hunter2")]).unwrap();
        assert!(config.unclaimed(&BTreeMap::new()).is_empty());
        config.warnings
    };
    let [colour] = told("NEBARI_SECRET__colour__of").try_into().unwrap();
    assert_eq!((colour.code.as_str(), colour.pointer.as_deref()), ("CONFIG_UNKNOWN_KEY", Some("/colour")));
    assert!(colour.hints.iter().any(|hint| hint.contains("`NEBARI_SECRET__colour__of`")), "{colour:?}");
    assert!(told("NEBARI_SECRET__theirs__token").is_empty() && told("NEBARI_SECRET__security__keycloak__a").is_empty());
}

#[test]
fn an_empty_variable_is_an_empty_text() {
    let error = load("project_name: abc\n", &[("NEBARI_SECRET__namespace", "")]).unwrap_err().error;
    assert_eq!(error.diagnostics[0].details, json!({"variable": "NEBARI_SECRET__namespace"}));
}

#[test]
fn a_problem_has_its_place() {
    let error = load("provider: aws\nproject_name: 1abc\n", &[]).unwrap_err().error;
    assert_eq!(error.diagnostics[0].details["line"], 2);
    assert_eq!(error.diagnostics[0].details["column"], 15);
}

#[test]
fn provider_is_inferred_and_the_dialect_is_seen() {
    let config = load("project_name: abc\namazon_web_services:\n  region: us-west-2\n  node_groups: {general: {instance_type: m5.xlarge}}\n", &[]).unwrap();
    assert_eq!((config.provider.as_str(), config.namespace.as_str(), config.spelling), ("aws", "dev", "design"));
    assert_eq!(config.region().as_deref(), Some("us-west-2"));
    let config = load("project_name: abc\n", &[]).unwrap();
    assert_eq!((config.provider.as_str(), config.spelling), ("local", "classic"));
}

#[test]
fn the_dialect_is_that_of_the_keys_and_classic_when_they_say_nothing_or_both() {
    let spelling =
        |section: &str| load(&format!("project_name: abc\namazon_web_services: {section}\n"), &[]).unwrap().spelling;
    for design in [
        "{vpc_cidr: 10.0.0.0/16}",
        "{storage: {type: ebs}}",
        "{node_pools: {general: {}}}",
        "{node_groups: {general: {min_size: 1}}}",
    ] {
        assert_eq!(spelling(design), "design", "{design}");
    }
    for classic in [
        "{region: us-west-2}",
        "{node_groups: {general: {instance: m5.xlarge, disk_size: 100}}}",
        "{vpc_cidr_block: 10.0.0.0/16, node_groups: {general: {instance_type: m5.xlarge}}}",
        "{node_groups: {disk_size: {labels: {instance_type: x}, taints: []}}, tags: {vpc_cidr: x}}",
    ] {
        assert_eq!(spelling(classic), "classic", "{classic}");
    }
    // A section that only the design's topology has says the same, also where the provider's section has one spelling.
    let with_section = |text: &str| load(&format!("project_name: abc\n{text}"), &[]).unwrap().spelling;
    let section = "kubernetes: {namespaces: {dev: {quota: {pods: 100}}}}\n";
    assert_eq!(with_section(&format!("existing: {{kube_context: a}}\n{section}")), "design");
    assert_eq!(with_section(section), "design");
    assert_eq!(with_section("existing: {kube_context: a}\nkubernetes:\n"), "classic");
    let groups = "amazon_web_services: {region: r, node_groups: {general: {instance: m5.xlarge}}}\n";
    assert_eq!(with_section(&format!("{groups}{section}")), "classic");
}

#[test]
fn a_variable_is_named_where_its_value_is_wrong_and_others_are_left_alone() {
    let schema = json!({"properties": {"region": {"type": "string"}, "nodes": {"type": "integer"}, "password": {
        "type": "string", "x-nic": {"sensitive": true},
    }}});
    let text = "project_name: abc\nexisting: {region: r}\n";
    let variables = [
        ("NEBARI_SECRET__existing__region", "elsewhere"),
        ("NEBARI_SECRET__existing__nodes", "3"),
        ("NEBARI_SECRET__existing__password", "hunter2"),
    ];
    let config = load(text, &variables).unwrap();
    let (sections, secrets) = config.sections(&BTreeMap::from([("existing".to_owned(), schema)]), true);
    // As if it stood in the file; only what is secret there is secret here.
    assert_eq!(sections["existing"]["region"], "elsewhere");
    assert_eq!((&sections["existing"]["nodes"], secrets.len()), (&json!(3), 1));

    let wrong = Diagnostic::error("VALUE_TYPE", "A value has the wrong type", "expected text, found a map");
    let told = config.locate(Diagnostic { pointer: Some("/existing/region".to_owned()), ..wrong });
    assert_eq!(told.details, json!({"variable": "NEBARI_SECRET__existing__region"}));
    assert!(told.hints[0].contains("`NEBARI_SECRET__existing__region`") && !told.detail.contains("a map"), "{told:?}");

    let error = load("project_name: abc\n", &[("NEBARI_SECRET__project_name", "1x")]).unwrap_err().error;
    assert_eq!(error.diagnostics[0].details, json!({"variable": "NEBARI_SECRET__project_name"}));
}

#[test]
fn overrides_are_secret_and_near_misses_are_told() {
    let text =
        "project_name: abc\nprovider: aws\namazon_web_services: {region: r, tags: [a, b]}\nprevent_deplo: true\n";
    let config = load(text, &[("NEBARI_SECRET__amazon_web_services__tags__1", "s3cret")]).unwrap();
    let schemas = BTreeMap::from([("amazon_web_services".to_owned(), json!({}))]);
    let (sections, secrets) = config.sections(&schemas, true);
    assert_eq!(sections["amazon_web_services"]["tags"], json!(["a", {"$secret": "amazon_web_services/tags/1"}]));
    assert_eq!(secrets[0].1, "s3cret");
    assert_eq!(config.warnings[0].code, "CONFIG_UNKNOWN_KEY");
    assert!(config.warnings[0].hints[0].contains("prevent_deploy"));
    assert_eq!(config.unclaimed(&schemas), []);
    let config = load("project_name: abc\nexisting: {}\nof_a_plugin: 1\nhello: {}\n", &[]).unwrap();
    assert!(config.warnings.is_empty());
    let owned = BTreeMap::from([("hello".to_owned(), json!({}))]);
    let [unknown] = config.unclaimed(&owned).try_into().unwrap();
    assert_eq!((unknown.code.as_str(), unknown.pointer.as_deref()), ("CONFIG_UNKNOWN_KEY", Some("/of_a_plugin")));
}
