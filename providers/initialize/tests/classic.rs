//! The objects of Nebari's stage 03, held by golden files.

use std::collections::BTreeSet;

use nic_kubernetes_initialize::classic::{self, Autoscaler, GpuGroup, NodesOf, Site};
use nic_kubernetes_initialize::registry;
use nic_sdk::types::{Resource, reference};
use serde_json::{Value, json};

const CLUSTER: &str = "aws.cluster.main";
const GENERAL: &str = "aws.node-group.general";
const LABEL: &str = "eks.amazonaws.com/nodegroup";

fn on_site<T>(make: impl FnOnce(&Site<'_>) -> T) -> T {
    let (cluster, nodes) = ([CLUSTER.to_owned()], [GENERAL.to_owned()]);
    make(&Site { provider: "aws", namespace: "dev", cluster: &cluster, nodes: &nodes })
}

fn shown(resources: &[Resource]) -> Value {
    let entries = resources.iter().map(|resource| {
        let Resource { address, depends_on, deleted_before, document, .. } = resource;
        json!({ "address": address, "depends_on": depends_on, "deleted_before": deleted_before, "document": document })
    });
    entries.collect()
}

fn autoscaler(site: &Site<'_>) -> Vec<Resource> {
    let role_arn = reference("aws.iam-role.cluster-autoscaler", "/arn");
    let nodes = NodesOf { label: LABEL, group: "general" };
    classic::cluster_autoscaler(
        site,
        &Autoscaler { cluster_name: "my-nebari-dev", region: "us-west-2", role_arn, nodes: Some(nodes) },
    )
}

fn external_registry(site: &Site<'_>) -> Vec<Resource> {
    let secret = |key: &str| json!({ "$secret": format!("external_container_reg/{key}") });
    let (read, found) = registry::read(&json!({ "external_container_reg": {
        "enabled": true,
        "access_key_id": secret("access_key_id"),
        "secret_access_key": secret("secret_access_key"),
        "extcr_account": secret("extcr_account"),
        "extcr_region": secret("extcr_region"),
    } }));
    assert_eq!(found, []);
    classic::external_registry(site, &read.expect("the section is whole"), "amazonaws.com")
}

#[test]
fn the_namespace_bears_no_labels_and_goes_before_its_nodes() {
    let namespace = on_site(classic::namespace);
    assert_eq!(namespace.document, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "dev" } }));
    assert_eq!(
        (namespace.depends_on.as_slice(), namespace.deleted_before.as_slice()),
        (&[CLUSTER.to_owned()][..], &[GENERAL.to_owned()][..])
    );
}

#[test]
fn the_autoscaler_is_what_the_chart_renders() {
    insta::assert_json_snapshot!("autoscaler", shown(&on_site(autoscaler)));
}

#[test]
fn the_external_registry() {
    insta::assert_json_snapshot!("external_registry", shown(&on_site(external_registry)));
}

#[test]
fn gpus() {
    let groups = ["gpu-1", "gpu-2"].map(|name| GpuGroup { name, address: format!("aws.node-group.{name}") });
    let aws = on_site(|site| classic::aws_device_plugin(site, LABEL, &groups)).expect("there are groups");
    assert_eq!(on_site(|site| classic::aws_device_plugin(site, LABEL, &[])), None);
    let gcp = on_site(|site| classic::gcp_driver_installer(site, &["gcp.node-pool.gpu".to_owned()]));
    insta::assert_json_snapshot!("gpus", shown(&[aws, gcp]));
}

#[test]
fn traefiks_definitions_need_the_cluster_alone() {
    let definitions = on_site(classic::traefik_definitions);
    let plural: Vec<&str> =
        definitions.iter().filter_map(|one| one.document["spec"]["names"]["plural"].as_str()).collect();
    assert_eq!(
        plural,
        [
            "ingressroutes",
            "ingressroutetcps",
            "ingressrouteudps",
            "middlewares",
            "middlewaretcps",
            "serverstransports",
            "tlsoptions",
            "tlsstores",
            "traefikservices",
        ]
    );
    assert!(definitions.iter().all(|one| one.depends_on == [CLUSTER]));
    insta::assert_json_snapshot!("traefik", shown(&definitions));
}

/// What the API server demands of structural schemas: a type everywhere, but where anything or a number or text goes.
#[test]
fn traefiks_schemas_are_structural() {
    fn check(schema: &Value, place: &str) {
        let open =
            schema["x-kubernetes-preserve-unknown-fields"] == true || schema["x-kubernetes-int-or-string"] == true;
        assert!(schema["type"].is_string() || open, "{place} has no type");
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            check(member, &format!("{place}.{name}"));
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            assert!(schema["properties"].get(name).is_some(), "{place} requires `{name}`, which it does not know");
        }
        for key in ["items", "additionalProperties"] {
            if let Some(below) = schema.get(key) {
                check(below, &format!("{place}[]"));
            }
        }
    }
    for definition in on_site(classic::traefik_definitions) {
        let schema = &definition.document["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        check(schema, &definition.address);
    }
}

#[test]
fn every_dependency_is_declared_and_everything_in_the_namespace_comes_after_it() {
    let resources = on_site(|site| {
        let mut all = vec![classic::namespace(site)];
        all.extend(classic::traefik_definitions(site));
        all.extend(autoscaler(site));
        all.extend(external_registry(site));
        all
    });
    let addresses: BTreeSet<&str> = resources.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses.len(), resources.len(), "an address stands twice");
    for one in &resources {
        for need in &one.depends_on {
            assert!(addresses.contains(need.as_str()) || [CLUSTER, GENERAL].contains(&need.as_str()), "{need}");
        }
        if one.document["metadata"]["namespace"] == "dev" {
            assert!(one.depends_on.contains(&"aws.namespace.dev".to_owned()), "{}", one.address);
        }
    }
}
