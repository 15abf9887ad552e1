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
    assert_eq!(code("project_name: abc\nprevent_deploy: yes"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\ndigital_ocean: {}"), "CONFIG_PROVIDER_REMOVED");
    assert_eq!(code("project_name: 1abc\nprovider: aws"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\nnamespace: dev1"), "CONFIG_INVALID_VALUE");
    assert_eq!(code("project_name: abc\nprovider: do"), "CONFIG_PROVIDER_REMOVED");
    assert_eq!(code("project_name: abc\namazon_web_services: {}\nazure: {}"), "CONFIG_PROVIDER_UNCLEAR");
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
